//! One thread of a storm: its operations, its looks at the clock.
//!
//! The one thing that it publishes while it storms, its progress, stands on a line that
//! no other storming thread reads.

use super::Io;
use super::plan::TouchPlan;
use super::round::Shared;
use super::touch::{Hands, histogram};
use super::world::{Clock, World};
use crate::machine::Ordering;

/// Touches between two looks at the clock.
const TOUCHES_PER_CHECK: u64 = 64;
/// Looks at the clock between two looks at the CPU that the thread is on.
const CHECKS_PER_PLACEMENT: u64 = 64;

/// A thread's own state.
pub(super) struct Worker<'a, W: World> {
    pub shared: &'a Shared<W>,
    pub thread: usize,
    pub hands: Hands<W>,
    pub io: Io,
    pub strayed: u64,
    /// Touches that it may still make.
    pub touches_left: u64,
    /// Faults at which it stops.
    pub faults_end: u64,
    /// Time and faults so far, at each look at the clock in this leg.
    pub checks: Vec<(u64, u64)>,
}

impl<'a, W: World> Worker<'a, W> {
    pub fn new(shared: &'a Shared<W>, thread: usize) -> Self {
        let touches = shared.plan.touches(thread);
        let phases = &shared.plan.threads[thread].phases;
        let ops = phases.iter().map(Vec::len).max().unwrap_or(0);
        // Each operation ends with a batch that may be short; then first and last look.
        let checks_max = (touches / TOUCHES_PER_CHECK) as usize + ops + 2;
        // A read misses at most once for each page, and for each touch.
        let reads_max = shared.plan.file_pages.iter().flatten().map(|r| r.end - r.start).sum();
        let core = shared.space.mm().core(touches.min(reads_max) as usize);
        Self {
            shared,
            thread,
            hands: Hands::new(shared, thread, core),
            io: Io { achieved_ns: histogram(), asked_ns: 0 },
            strayed: 0,
            touches_left: u64::MAX,
            faults_end: u64::MAX,
            checks: Vec::with_capacity(checks_max),
        }
    }

    /// Forgets what was counted in the warm-up.
    pub fn forget(&mut self) {
        self.hands.forget();
        self.io = Io { achieved_ns: histogram(), asked_ns: 0 };
        self.strayed = 0;
    }

    /// Does the operations of a phase until they are done or `deadline` has passed.
    /// Returns when it began and ended, in ticks.
    pub fn storm(&mut self, phase: &[TouchPlan], deadline: u64) -> (u64, u64) {
        let clock = self.shared.clock;
        self.checks.clear();
        let start = clock.start();
        self.checks.push((start, self.hands.counts.faults));
        let mut now = start;
        for touch in phase {
            let mut pages = touch.pages.iter();
            let mut left = touch.touches.min(self.touches_left);
            self.touches_left -= left;
            while left > 0 && now < deadline && self.hands.counts.faults < self.faults_end {
                // A touch faults once, so that no batch goes far past the end.
                let faults_left = self.faults_end - self.hands.counts.faults;
                let batch = left.min(TOUCHES_PER_CHECK).min(faults_left);
                self.shared.space.touch(&mut self.hands, touch, &mut pages, batch);
                left -= batch;
                self.hands.counts.touches += batch;
                now = clock.unordered();
                self.check();
                // Close to the last fault batches are short, and would fill the notes.
                if batch == TOUCHES_PER_CHECK || left == 0 {
                    self.checks.push((now, self.hands.counts.faults));
                }
            }
            self.touches_left = self.touches_left.saturating_add(left);
        }
        let end = clock.end();
        self.checks.push((end, self.hands.counts.faults));
        (start, end)
    }

    /// Takes over the sleeps of a round, for which alone the core has room.
    pub fn take_io(&mut self) {
        let slept = &mut self.hands.core.io;
        for ns in slept.achieved_ns.drain(..) {
            self.io.achieved_ns.saturating_record(ns.max(1));
        }
        self.io.asked_ns += std::mem::take(&mut slept.asked_ns);
    }

    /// Whether it has had all that it may.
    pub fn is_done(&self) -> bool {
        self.touches_left == 0 || self.hands.counts.faults >= self.faults_end
    }

    /// Shows that the thread goes on, and looks from time to time where it is.
    fn check(&mut self) {
        let progress = &self.shared.progress[self.thread];
        let checks = progress.load(Ordering::Relaxed) + 1;
        progress.store(checks, Ordering::Relaxed);
        if checks.is_multiple_of(CHECKS_PER_PLACEMENT) {
            self.strayed += u64::from(!W::is_on(self.shared.cpus[self.thread]));
        }
    }

    /// Faults that this thread had by `time`, between two looks at the clock by
    /// proportion.
    pub fn faults_by(&self, time: u64) -> f64 {
        let after = self.checks.partition_point(|(at, _)| *at < time);
        let faults = |index: usize| self.checks[index].1 as f64;
        if after == 0 {
            return faults(0);
        }
        if after == self.checks.len() {
            return faults(after - 1);
        }
        let ((from, _), (to, _)) = (self.checks[after - 1], self.checks[after]);
        let share = (time - from) as f64 / (to - from) as f64;
        faults(after - 1) + share * (faults(after) - faults(after - 1))
    }
}
