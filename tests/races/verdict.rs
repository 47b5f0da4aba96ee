//! How a race under a twin has to end.

use crate::play::play;
use crate::script::Script;
use faultstorm::machine::Machine;
use faultstorm::machine::model::{Model, ModelLine};
use faultstorm::strategy::Strategy;

/// The broken twins that a race has caught so far: for each what it lacks, and what caught it.
#[derive(Default)]
pub struct Twins(Vec<&'static str>);

impl Twins {
    /// The twin `S` is caught, and what catches it says `what`.
    #[track_caller]
    pub fn caught<S: Strategy<Model>>(&mut self, twin: &'static str, script: &Script, what: &str) {
        self.caught_in::<Model, S>(twin, script, what);
    }

    /// The same in another machine; returns all that is said.
    #[track_caller]
    pub fn caught_in<M: Machine<Line = ModelLine>, S: Strategy<M>>(
        &mut self,
        twin: &'static str,
        script: &Script,
        what: &str,
    ) -> String {
        let said = play::<M, S>(script).expect_err("a broken twin is caught");
        assert!(said.contains(what), "{said}");
        self.found(twin);
        said
    }

    /// The twin `S` balances, but its writer, core 1, waits as long as this at least.
    #[track_caller]
    pub fn is_late<S: Strategy<Model>>(
        &mut self,
        twin: &'static str,
        script: &Script,
        wait_ns: u64,
    ) {
        let played = play::<Model, S>(script).unwrap_or_else(|wrong| panic!("{wrong}"));
        assert!(played.ns[1] >= wait_ns, "{:?}", played.ns);
        self.found(twin);
    }

    /// A twin was caught by the race itself.
    pub fn found(&mut self, twin: &'static str) {
        self.0.push(twin);
    }

    /// Returns what was caught.
    pub fn into_names(self) -> Vec<&'static str> {
        self.0
    }
}

/// The books of the twin `S` balance, though what it asks again keeps it from some of the points.
#[track_caller]
pub fn balances<S: Strategy<Model>>(script: &Script) {
    play::<Model, S>(script).unwrap_or_else(|wrong| panic!("{wrong}"));
}

/// The twin `S` reaches the points of the script, and its books balance.
#[track_caller]
pub fn stands<S: Strategy<Model>>(script: &Script) {
    let played = play::<Model, S>(script).unwrap_or_else(|wrong| panic!("{wrong}"));
    assert!(played.held, "nobody reaches {:?}", script.turns);
}
