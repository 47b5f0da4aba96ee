//! What cores do without being charged.

use super::world::World;

impl World {
    /// Stops or resumes charging the running core.
    pub(super) fn pause(&self, paused: bool) {
        if paused {
            self.drain();
        }
        self.charge(!paused);
    }

    /// Does what touches only lines that are never charged for, at the instant at which the
    /// running core is.
    pub(super) fn for_nothing<R>(&self, what: impl FnOnce() -> R) -> R {
        if self.is_direct() {
            return what();
        }
        self.take_exact_turn();
        self.charge(false);
        let done = what();
        self.charge(true);
        done
    }
}
