//! Cores that a test holds at points of the code, so that the order of a race is the
//! test's: one that is held runs again when another releases it.

use super::engine::Status;
use super::world::World;
use std::cell::{Cell, RefCell};

/// What is to be held.
#[derive(Default)]
pub(super) struct Holds {
    /// Whether any core is to be: all that a point looks at else.
    is_armed: Cell<bool>,
    /// Cores, and the point at which each stops next.
    armed: RefCell<Vec<(usize, usize)>>,
}

impl World {
    /// `core` stops when it comes to `point` next.
    pub(super) fn hold(&self, core: usize, point: usize) {
        self.holds.armed.borrow_mut().push((core, point));
        self.holds.is_armed.set(true);
    }

    /// The running core is at a point.
    #[inline(always)]
    pub(super) fn at_point(&self, point: usize) {
        if self.holds.is_armed.get() {
            self.stop_at(point);
        }
    }

    #[cold]
    fn stop_at(&self, point: usize) {
        let core = self.core();
        if !self.holds.armed.borrow().contains(&(core, point)) {
            return;
        }
        self.disarm(core);
        // What it has stored is seen: the order is that of the code.
        self.drain();
        self.take_exact_turn();
        self.wait(Status::Held { point });
    }

    /// Whether `core` is held.
    pub(super) fn is_held(&self, core: usize) -> bool {
        self.take_exact_turn();
        matches!(self.engine.borrow().cores[core].status, Status::Held { .. })
    }

    /// Lets `core` go on, or no longer stops it where it has not come to its point.
    pub(super) fn release(&self, core: usize) {
        self.drain();
        self.take_exact_turn();
        self.disarm(core);
        let status = self.engine.borrow().cores[core].status;
        if matches!(status, Status::Held { .. }) {
            // Later than the running core by a hair, so that it stays the first.
            self.engine.borrow_mut().answered(core, status, self.clock() + 1);
        }
        self.look_again();
    }

    /// Forgets where `core` was to be held.
    fn disarm(&self, core: usize) {
        let mut armed = self.holds.armed.borrow_mut();
        armed.retain(|(other, _)| *other != core);
        self.holds.is_armed.set(!armed.is_empty());
    }
}
