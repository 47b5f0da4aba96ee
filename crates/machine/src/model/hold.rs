//! Cores that a test holds at points of the code, so that the test decides the order of a race: a
//! held core continues after another core releases it.

use super::engine::CoreActivity;
use super::multicore::Multicore;
use std::cell::{Cell, RefCell};

/// Cores to hold.
#[derive(Default)]
pub(super) struct Holds {
    /// True if any core is to be held; a point checks only this otherwise.
    is_armed: Cell<bool>,
    /// Cores, each with the point at which it stops next.
    armed: RefCell<Vec<(usize, usize)>>,
}

impl Multicore {
    /// Stops `core` when it next reaches `point`.
    pub(super) fn hold(&self, core: usize, point: usize) {
        self.holds.armed.borrow_mut().push((core, point));
        self.holds.is_armed.set(true);
    }

    /// Tells that the running core is at a point.
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
        // Its earlier stores become visible: the order is that of the code.
        self.drain();
        self.take_exact_turn();
        self.wait(CoreActivity::Held { point });
    }

    /// True if `core` is held.
    pub(super) fn is_held(&self, core: usize) -> bool {
        self.take_exact_turn();
        matches!(self.engine.borrow().cores[core].status, CoreActivity::Held { .. })
    }

    /// Lets `core` continue, or cancels its hold if it has not reached the point.
    pub(super) fn release(&self, core: usize) {
        self.drain();
        self.take_exact_turn();
        self.disarm(core);
        let status = self.engine.borrow().cores[core].status;
        if matches!(status, CoreActivity::Held { .. }) {
            // Just later than the running core, so that the running core stays the first.
            self.engine.borrow_mut().answered(core, status, self.clock() + 1);
        }
        self.look_again();
    }

    /// Cancels the hold of `core`.
    fn disarm(&self, core: usize) {
        let mut armed = self.holds.armed.borrow_mut();
        armed.retain(|(other, _)| *other != core);
        self.holds.is_armed.set(!armed.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use crate::Machine;
    use crate::model::multicore::current;
    use crate::model::run::Halt;
    use crate::model::tests::{MACHINE, places};
    use crate::model::{Model, Multicore, hold, is_held, release};

    #[test]
    fn a_core_is_held_until_it_is_released_and_a_deadlock_names_its_point() {
        let run = |releases: bool| {
            let multicore = Multicore::new(&MACHINE, &places(2));
            let _here = multicore.enter();
            multicore.run(move |core| match core {
                0 => {
                    hold(0, 7);
                    Model::point(6);
                    Model::point(7);
                    Model::point(7);
                    Model::now_ns()
                }
                _ => {
                    current().advance(1_000);
                    Model::sleep_ns(5_000);
                    assert!(is_held(0), "it has come to its point");
                    if releases {
                        release(0);
                    }
                    Model::now_ns()
                }
            })
        };
        assert!(matches!(run(true).as_deref(), Ok([released, now]) if released == now));
        let Err(Halt::Deadlock(cores)) = run(false) else { panic!("nobody releases it") };
        assert!(cores[0].ends_with("is held at point 7"), "{cores:?}");
    }
}
