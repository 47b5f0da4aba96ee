//! Work of cores that is not charged.

use super::multicore::Multicore;

impl Multicore {
    /// Pauses or resumes charging of the running core.
    pub(super) fn pause(&self, paused: bool) {
        if paused {
            self.drain();
        }
        self.charge(!paused);
    }

    /// Runs `what` at the running core's time without charging it. `what` touches only lines that
    /// are never charged.
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
