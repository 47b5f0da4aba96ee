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
        if !self.disarm(|armed| *armed == (core, point)) {
            return;
        }
        // What it has stored is seen: the order is that of the code.
        self.drain();
        self.take_exact_turn();
        self.answer_watchers(core);
        self.wait(Status::Held { point });
    }

    /// Waits until `core` is held; false where it has ended, or is released first.
    pub(super) fn wait_until_held(&self, core: usize) -> bool {
        let is_armed = || self.holds.armed.borrow().iter().any(|(armed, _)| *armed == core);
        self.take_exact_turn();
        if is_armed() {
            self.wait(Status::Watching { core });
        }
        matches!(self.engine.borrow().cores[core].status, Status::Held { .. })
    }

    /// Lets `core` go on, or no longer stops it where it has not come to its point.
    pub(super) fn release(&self, core: usize) {
        self.drain();
        self.take_exact_turn();
        self.disarm(|(armed, _)| *armed == core);
        self.answer_watchers(core);
        let status = self.engine.borrow().cores[core].status;
        if matches!(status, Status::Held { .. }) {
            // Later than the running core by a hair, so that it stays the first.
            self.engine.borrow_mut().answered(core, status, self.clock() + 1);
        }
        self.look_again();
    }

    /// Lets those go on that wait for `core` to be held.
    pub(super) fn answer_watchers(&self, core: usize) {
        // Later than the running core by a hair, so that it stays the first.
        let now = self.clock() + 1;
        let mut engine = self.engine.borrow_mut();
        for watcher in 0..engine.cores.len() {
            engine.answered(watcher, Status::Watching { core }, now);
        }
    }

    /// Forgets what was to be held; false where nothing was.
    fn disarm(&self, which: impl Fn(&(usize, usize)) -> bool) -> bool {
        let mut armed = self.holds.armed.borrow_mut();
        let before = armed.len();
        armed.retain(|hold| !which(hold));
        self.holds.is_armed.set(!armed.is_empty());
        armed.len() < before
    }

    /// A core ends: it comes to no point any more.
    pub(super) fn forget_holds(&self, core: usize) {
        if self.holds.is_armed.get() && self.disarm(|(armed, _)| *armed == core) {
            self.answer_watchers(core);
        }
    }
}
