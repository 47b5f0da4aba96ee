//! Loops of threads: those that were begun, those that were done as a whole, and operations that
//! no thread came to.

use super::steps::{ThreadPlan, ThreadStep};
use workload::{Action, Loops};

/// Loops of one thread, or of all threads of a storm, that consist of several steps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LoopTally {
    /// Loops that were begun.
    pub begun: u64,
    /// Loops that were done from the first step to the last.
    pub whole: u64,
    /// Most touches of a whole loop.
    pub touches: u64,
    /// Operations of these loops, by [`Action::NAMES`].
    pub planned: [bool; Action::NAMES.len()],
    /// Operations that a thread came to.
    pub reached: [bool; Action::NAMES.len()],
}

impl LoopTally {
    /// Creates the tally of a thread that has done nothing; `None` if parts of its loops are as
    /// good as whole ones: it has a single kind of step, or loops until others are done.
    pub(super) fn of(plan: &ThreadPlan) -> Option<Self> {
        if plan.loops == Loops::UntilDone || plan.phases.iter().all(|steps| steps.len() < 2) {
            return None;
        }
        let touches = plan.steps().filter_map(ThreadStep::touch);
        let once = touches.map(|touch| touch.touches.saturating_mul(touch.repeat));
        let mut tally = Self { touches: once.fold(0, u64::saturating_add), ..Self::default() };
        for change in plan.steps().filter_map(ThreadStep::change) {
            tally.planned[change.action] = true;
        }
        Some(tally)
    }

    /// Drops the counts of the warm-up.
    pub(super) fn forget(&mut self) {
        *self = Self { planned: self.planned, touches: self.touches, ..Self::default() };
    }

    /// Adds another thread's loops.
    pub(super) fn add(&mut self, other: &Self) {
        self.begun += other.begun;
        self.whole += other.whole;
        self.touches = self.touches.max(other.touches);
        self.planned.iter_mut().zip(other.planned).for_each(|(sum, own)| *sum |= own);
        self.reached.iter_mut().zip(other.reached).for_each(|(sum, own)| *sum |= own);
    }

    /// Returns the operations that no thread came to.
    pub fn never(&self) -> impl Iterator<Item = &'static str> {
        let (planned, reached) = (self.planned, self.reached);
        let names = Action::NAMES.into_iter().enumerate();
        names.filter(move |(at, _)| planned[*at] && !reached[*at]).map(|(_, name)| name)
    }
}
