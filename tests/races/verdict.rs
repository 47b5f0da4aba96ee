//! Required results of a race under a twin.

use crate::play::play;
use crate::script::Script;
use faultstorm::machine::Machine;
use faultstorm::machine::model::{Model, ModelLine};
use faultstorm::strategy::Strategy;

/// Broken twins that a race has caught so far: the missing step of each, and the check that caught
/// it.
#[derive(Default)]
pub struct Twins(Vec<&'static str>);

impl Twins {
    /// Asserts that the twin `S` is caught, with a message that contains `what`.
    #[track_caller]
    pub fn caught<S: Strategy<Model>>(&mut self, twin: &'static str, script: &Script, what: &str) {
        self.caught_in::<Model, S>(twin, script, what);
    }

    /// As `caught`, in another machine; returns the whole message.
    #[track_caller]
    pub fn caught_in<M: Machine<Line = ModelLine>, S: Strategy<M>>(
        &mut self,
        twin: &'static str,
        script: &Script,
        what: &str,
    ) -> String {
        let error = play::<M, S>(script).expect_err("a broken twin is caught");
        assert!(error.contains(what), "{error}");
        self.found(twin);
        error
    }

    /// Asserts that the books of the twin `S` balance, but its writer, core 1, waits at least this
    /// long.
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

    /// Records a twin that the race itself has caught.
    pub fn found(&mut self, twin: &'static str) {
        self.0.push(twin);
    }

    /// Returns the twins that were caught.
    pub fn into_names(self) -> Vec<&'static str> {
        self.0
    }
}

/// Asserts that the books of the twin `S` balance, although its checks keep it from some of the
/// points.
#[track_caller]
pub fn balances<S: Strategy<Model>>(script: &Script) {
    play::<Model, S>(script).unwrap_or_else(|wrong| panic!("{wrong}"));
}

/// Asserts that the twin `S` reaches the points of the script, and that its books balance.
#[track_caller]
pub fn stands<S: Strategy<Model>>(script: &Script) {
    let played = play::<Model, S>(script).unwrap_or_else(|wrong| panic!("{wrong}"));
    assert!(played.held, "nobody reaches {:?}", script.turns);
}
