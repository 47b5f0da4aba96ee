//! Work of cores that is not charged.

use super::multicore::{Multicore, current};

/// Runs code of the storming program. It takes its time, but what it waits for lines and locks is
/// not added to the [times](super::CoreTimes) of the running core.
pub fn in_program<R>(what: impl FnOnce() -> R) -> R {
    current().in_program(what)
}

impl Multicore {
    /// Pauses or resumes charging of the running core.
    pub(super) fn pause(&self, paused: bool) {
        if paused {
            self.drain();
        }
        self.charge(!paused);
    }

    /// Runs `what`, and leaves the running core's times of waiting as they were.
    pub(super) fn in_program<R>(&self, what: impl FnOnce() -> R) -> R {
        let before = self.engine.borrow().cores[self.core()].times;
        let result = what();
        let core = self.core();
        self.engine.borrow_mut().cores[core].times = before;
        result
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
