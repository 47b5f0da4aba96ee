//! A trace of one fault, access by access.

use super::directory::Found;
use super::multicore::Multicore;
use super::parameters::Ps;
use crate::{FAULT, LineName, Work};
use std::cell::{Cell, RefCell};

/// Kind of step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A load.
    Load,
    /// A plain store.
    Store,
    /// A read-modify-write.
    Rmw,
    /// A request for ownership without waiting.
    Prefetch,
    /// A spin that ended with a change.
    Spin,
    /// Private work.
    Work(Work),
}

/// An access of a traced fault, or its private work.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Traced {
    /// Kind of step.
    pub step: Step,
    /// The line, and its word; `None` for private work.
    pub at: Option<(&'static LineName, usize)>,
    /// State in which the line was found, if the core had to request it.
    pub found: Option<Found>,
    /// Start time.
    pub from_ps: Ps,
    /// Time that the core was busy with it.
    pub ps: Ps,
}

/// Recorder of one fault of one core.
#[derive(Default)]
pub(super) struct Tracer {
    core: Cell<Option<usize>>,
    /// A fault of that core is in progress.
    on: Cell<bool>,
    steps: RefCell<Vec<Traced>>,
}

impl Tracer {
    /// Starts recording the faults of `core`.
    pub fn arm(&self, core: usize) {
        self.core.set(Some(core));
    }

    /// True if `core` is in a recorded fault.
    #[inline]
    pub fn is_on(&self, core: usize) -> bool {
        self.on.get() && self.core.get() == Some(core)
    }

    /// Marks the beginning of a fault of `core`.
    pub fn begin(&self, core: usize) {
        if self.core.get() == Some(core) {
            self.steps.borrow_mut().clear();
            self.on.set(true);
        }
    }

    /// Marks the end of a fault of `core`, and keeps its trace if it is `wanted`.
    pub fn end(&self, core: usize, wanted: bool) {
        if self.core.get() == Some(core) {
            self.on.set(false);
            if wanted {
                self.core.set(None);
            }
        }
    }

    pub fn push(&self, step: Traced) {
        self.steps.borrow_mut().push(step);
    }

    /// Returns the kept fault; empty if there is none.
    pub fn kept(&self) -> Vec<Traced> {
        if self.core.get().is_some() { Vec::new() } else { self.steps.borrow().clone() }
    }
}

impl Multicore {
    /// Records faults of `core` until a wanted one is found.
    pub fn trace(&self, core: usize) {
        self.tracer.arm(core);
    }

    /// Returns the wanted fault, access by access; empty if there was none.
    pub fn traced_fault(&self) -> Vec<Traced> {
        self.tracer.kept()
    }

    /// Marks the beginning of a fault of the running core.
    pub(super) fn begin_fault(&self) {
        self.begin_activity(FAULT);
        self.tracer.begin(self.core());
        if self.tracer.is_on(self.core()) {
            self.look_again();
        }
    }

    /// Marks the end of a fault of the running core; `wanted`: the fault may be traced.
    pub(super) fn end_fault(&self, wanted: bool) {
        self.note_progress();
        self.end_activity();
        self.tracer.end(self.core(), wanted);
    }
}
