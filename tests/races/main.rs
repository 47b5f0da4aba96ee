//! Races between faults and writers, one by one, on the cores of the model: cores are held
//! at points of the code, so the order is the test's. Each race is played under every
//! strategy, and in broken twins that the books must catch.
//!
//! Numbers are those of the catalogue in docs/internals/races.md.

mod catalogue;
mod fields;
mod files;
mod leaks;
// The scheme alone: its `main` is for users.
#[allow(dead_code)]
#[path = "../../examples/own_strategy.rs"]
mod own_strategy;
mod play;
mod reclaim;
mod script;
mod shipped;
mod tables;
mod twins;
mod vmas;

use faultstorm::machine::model::Model;
use faultstorm::strategy::Strategy;
use play::play;
use script::Script;

/// The twin `S` is caught, and what catches it says `what`.
#[track_caller]
fn caught<S: Strategy<Model>>(script: &Script, what: &str) {
    let said = play::<Model, S>(script).expect_err("a broken twin is caught");
    assert!(said.contains(what), "{said}");
}

/// The twin `S` stands, but its writer, core 1, waits as long as this at least.
#[track_caller]
fn is_late<S: Strategy<Model>>(script: &Script, wait_ns: u64) {
    let played = play::<Model, S>(script).unwrap_or_else(|wrong| panic!("{wrong}"));
    assert!(played.ns[1] >= wait_ns, "{:?}", played.ns);
}

/// The twin `S` stands, though what it asks again keeps it from some of the points.
#[track_caller]
fn balances<S: Strategy<Model>>(script: &Script) {
    play::<Model, S>(script).unwrap_or_else(|wrong| panic!("{wrong}"));
}

/// The twin `S` comes to the points, and stands.
#[track_caller]
fn stands<S: Strategy<Model>>(script: &Script) {
    let played = play::<Model, S>(script).unwrap_or_else(|wrong| panic!("{wrong}"));
    assert!(played.held, "nobody comes to {:?}", script.turns);
}
