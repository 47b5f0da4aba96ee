//! Signals at drawn moments.

use std::time::Duration;

use rustix::process::Signal;

use super::Row;
use super::victim::{AFTER_A_SIGNAL, Victim, expect, is_whole};
use crate::place::Place;
use crate::random::Draw;

pub const ATTACKS: &[Row] = &[
    ("signal", 4, one_signal),
    ("kill", 2, kill),
    ("signal-twice", 1, twice),
    ("signal-to-others", 1, others),
];

/// Runs of some seconds, in each world.
const RUNS: [&str; 4] = [
    "run small.toml --on host --threads 1,2 --time 100ms --warmup 0s --repeats 50 --body none",
    "run small.toml --on kernel --threads 2 --time 3s --warmup 0s --repeats 9",
    "run huge-anon mprotect-storm --on model:xeon-icelake-2s --threads 1..=128x2",
    "run --on model:epyc-genoa-2s --threads 96 --faults 1000000 --strategy mmap-lock",
];

fn started(place: &Place, draw: &mut Draw) -> Victim {
    let line = format!("{} --json run.json --force", draw.pick(&RUNS));
    let victim = Victim::start(place, "", &line, "");
    std::thread::sleep(Duration::from_millis(draw.below(2500)));
    victim
}

/// The document is whole; if it was too early for one, there is none.
fn is_whole_if_there(place: &Place) -> Result<(), String> {
    let path = place.path("run.json");
    if path.exists() { is_whole(&path) } else { Ok(()) }
}

fn one_signal(place: &Place, draw: &mut Draw) -> Result<(), String> {
    let victim = started(place, draw);
    victim.signal(draw.pick(&[Signal::INT, Signal::TERM, Signal::HUP]));
    match victim.wait(place, AFTER_A_SIGNAL)?.code {
        // Before the handler is there, the system ends the process.
        Some(0 | 5) | None => is_whole_if_there(place),
        code => Err(format!("exit {code:?} after a signal")),
    }
}

fn kill(place: &Place, draw: &mut Draw) -> Result<(), String> {
    let victim = started(place, draw);
    victim.signal(Signal::KILL);
    victim.wait(place, AFTER_A_SIGNAL)?;
    is_whole_if_there(place)
}

fn twice(place: &Place, draw: &mut Draw) -> Result<(), String> {
    let victim = started(place, draw);
    victim.signal(Signal::INT);
    std::thread::sleep(Duration::from_millis(draw.below(200)));
    victim.signal(Signal::INT);
    expect(&victim.wait(place, AFTER_A_SIGNAL)?, &[0, 5], "two signals")?;
    is_whole_if_there(place)
}

/// Commands that have nothing to save end at once.
fn others(place: &Place, draw: &mut Draw) -> Result<(), String> {
    let line = draw.pick(&["check", "validate --published", "calibrate --output a.toml", "list"]);
    let victim = Victim::start(place, "", line, "");
    std::thread::sleep(Duration::from_millis(500 + draw.below(1500)));
    victim.signal(Signal::TERM);
    expect(&victim.wait(place, AFTER_A_SIGNAL)?, &[0, 4, 5], line)
}
