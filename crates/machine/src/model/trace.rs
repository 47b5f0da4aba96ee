//! One fault, access by access.

use super::directory::Found;
use super::parameters::Ps;
use super::world::World;
use crate::{LineName, Work};
use std::cell::{Cell, RefCell};

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A load.
    Load,
    /// A plain store.
    Store,
    /// A read-modify-write.
    Rmw,
    /// A request for ownership that nobody waits for.
    Prefetch,
    /// A spinning core has waited for a change.
    Spin,
    /// Private work.
    Work(Work),
}

/// An access of a traced fault, or its private work.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Traced {
    /// What was done.
    pub step: Step,
    /// The line, and its word; `None` for private work.
    pub at: Option<(&'static LineName, usize)>,
    /// In which state the line was found, where the core had to ask for it.
    pub found: Option<Found>,
    /// When it began.
    pub from_ps: Ps,
    /// How long the core was busy with it.
    pub ps: Ps,
}

/// Records one fault of one core.
#[derive(Default)]
pub(super) struct Tracer {
    core: Cell<Option<usize>>,
    /// A fault of that core is under way.
    on: Cell<bool>,
    steps: RefCell<Vec<Traced>>,
}

impl Tracer {
    /// Faults of `core` are recorded from now on.
    pub fn arm(&self, core: usize) {
        self.core.set(Some(core));
    }

    /// Whether `core` is in a fault that is recorded.
    #[inline]
    pub fn is_on(&self, core: usize) -> bool {
        self.on.get() && self.core.get() == Some(core)
    }

    /// A fault of `core` begins.
    pub fn begin(&self, core: usize) {
        if self.core.get() == Some(core) {
            self.steps.borrow_mut().clear();
            self.on.set(true);
        }
    }

    /// A fault of `core` ends. Where it is `wanted`, it is the one that is kept.
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

    /// The fault that was kept; empty where none was.
    pub fn kept(&self) -> Vec<Traced> {
        if self.core.get().is_some() { Vec::new() } else { self.steps.borrow().clone() }
    }
}

impl World {
    /// A fault of the running core begins.
    pub(super) fn begin_fault(&self) {
        self.tracer.begin(self.core());
        if self.tracer.is_on(self.core()) {
            self.look_again();
        }
    }

    /// A fault of the running core ends; `wanted`: it is one of those to be traced.
    pub(super) fn end_fault(&self, wanted: bool) {
        self.tracer.end(self.core(), wanted);
    }
}
