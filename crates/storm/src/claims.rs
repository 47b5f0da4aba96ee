//! Counters of the storming program, from which threads claim parts of a pass.
//!
//! They are lines of the program and not of the kernel: what threads wait for them is time between
//! faults, as other work of the program is. No table of lines has them.

use super::steps::TouchPlan;
use super::target::StormTarget;
use super::worker::{Leg, Worker};
use crossbeam_utils::CachePadded;
use machine::Ordering;
use std::sync::atomic::AtomicU64;

/// A counter that threads add to while they storm.
pub trait ClaimCounter: Send + Sync {
    /// Creates a counter at 0.
    fn new() -> Self;
    /// Adds to the counter, and returns what it was.
    fn claim(&self, touches: u64) -> u64;
    /// Sets the counter to 0; no thread storms.
    fn restart(&self);
}

/// Threads publish nothing else by it, so its accesses are `Relaxed`.
impl ClaimCounter for CachePadded<AtomicU64> {
    fn new() -> Self {
        Self::default()
    }

    fn claim(&self, touches: u64) -> u64 {
        self.fetch_add(touches, Ordering::Relaxed)
    }

    fn restart(&self) {
        self.store(0, Ordering::Relaxed);
    }
}

impl<T: StormTarget> Worker<'_, T> {
    /// Claims touches of a pass and makes them, until all of the pass are claimed.
    pub(super) fn touch_claimed(&mut self, touch: &TouchPlan, leg: &mut Leg) {
        let Some(claims) = touch.claims else { return };
        let counter = &self.shared.claim_counters[claims.counter];
        while self.may_touch(leg) {
            let first = counter.claim(claims.touches);
            if first >= touch.pages.len() {
                return;
            }
            let most = claims.touches.min(touch.pages.len() - first);
            self.touch_some(touch, touch.pages.iter_from(first), most, leg);
        }
        leg.is_cut = true;
    }

    /// Sets all counters to 0, by one thread, before a gate that all pass.
    pub(super) fn restart_claims(&self) {
        if self.thread == 0 {
            self.shared.claim_counters.iter().for_each(ClaimCounter::restart);
        }
    }
}
