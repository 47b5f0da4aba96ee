//! One thread of a storm: touches, faults, counts, samples.
//!
//! Between the gates a thread writes only what is its own; the one thing that it
//! publishes while it storms, its progress, stands on a line that no other storming
//! thread reads.

use super::plan::TouchPlan;
use super::round::Shared;
use super::world::{Clock, World};
use super::{Counts, Io};
use crate::machine::{Ordering, Work};
use crate::mm::addr::{Pfn, Vaddr};
use crate::mm::books::touched_word;
use crate::mm::fault::{Access, End, Kind, Outcome, Request};
use crate::mm::{Core, Trap, stage};
use crate::strategy::Strategy;
use hdrhistogram::Histogram;
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// Touches between two looks at the clock.
const TOUCHES_PER_CHECK: u64 = 64;
/// Looks at the clock between two looks at the CPU that the thread is on.
const CHECKS_PER_PLACEMENT: u64 = 64;
/// Longest latency that a histogram tells from longer ones.
const LATENCY_MAX_NS: u64 = 60_000_000_000;

/// An empty histogram of latencies: 1 ns to 60 s, three digits.
pub(super) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_MAX_NS, 3).expect("the bounds are in order")
}

/// A thread's own state.
pub(super) struct Worker<'a, W: World, S: Strategy<W>> {
    pub shared: &'a Shared<W, S>,
    pub thread: usize,
    pub core: Core<W>,
    pub counts: Counts,
    pub latency: Vec<Histogram<u64>>,
    pub io: Io,
    pub strayed: u64,
    /// Touches that it may still make.
    pub touches_left: u64,
    /// Faults at which it stops.
    pub faults_end: u64,
    /// Time and faults so far, at each look at the clock in this leg.
    pub checks: Vec<(u64, u64)>,
    until_sample: u64,
    random: Pcg64Mcg,
}

impl<'a, W: World, S: Strategy<W>> Worker<'a, W, S> {
    pub fn new(shared: &'a Shared<W, S>, thread: usize) -> Self {
        let touches = shared.plan.touches(thread);
        let phases = &shared.plan.threads[thread].phases;
        let ops = phases.iter().map(Vec::len).max().unwrap_or(0);
        // Each operation ends with a batch that may be short; then first and last look.
        let checks_max = (touches / TOUCHES_PER_CHECK) as usize + ops + 2;
        // A read misses at most once for each page, and for each touch.
        let reads_max = shared.plan.file_pages.iter().flatten().map(|r| r.end - r.start).sum();
        let mut worker = Self {
            shared,
            thread,
            core: Core::new(&shared.mm, touches.min(reads_max) as usize),
            counts: Counts::default(),
            latency: Kind::ALL.map(|_| histogram()).into(),
            io: Io { achieved_ns: histogram(), asked_ns: 0 },
            strayed: 0,
            touches_left: u64::MAX,
            faults_end: u64::MAX,
            checks: Vec::with_capacity(checks_max),
            until_sample: 0,
            random: Pcg64Mcg::seed_from_u64(shared.seed ^ thread as u64 ^ 0x73_616d),
        };
        worker.until_sample = worker.draw_sample();
        worker
    }

    /// Forgets what was counted in the warm-up.
    pub fn forget(&mut self) {
        self.counts = Counts::default();
        // To clear an empty one would touch all its memory.
        let used = self.latency.iter_mut().filter(|histogram| !histogram.is_empty());
        used.for_each(Histogram::reset);
        self.core.attempts = Default::default();
        self.io = Io { achieved_ns: histogram(), asked_ns: 0 };
        self.strayed = 0;
    }

    /// Does the operations of a phase until they are done or `deadline` has passed.
    /// Returns when it began and ended, in ticks.
    pub fn storm(&mut self, phase: &[TouchPlan], deadline: u64) -> (u64, u64) {
        let clock = self.shared.clock;
        self.checks.clear();
        let start = clock.start();
        self.checks.push((start, self.counts.faults));
        let mut now = start;
        for touch in phase {
            let mut pages = touch.pages.iter();
            let mut left = touch.touches.min(self.touches_left);
            self.touches_left -= left;
            while left > 0 && now < deadline && self.counts.faults < self.faults_end {
                // A touch faults once, so that no batch goes far past the end.
                let faults_left = self.faults_end - self.counts.faults;
                let batch = left.min(TOUCHES_PER_CHECK).min(faults_left);
                for page in pages.by_ref().take(batch as usize) {
                    self.touch(touch.extent.address(page), touch.access);
                    if touch.think_ns > 0 {
                        W::work(Work::ThinkNs(touch.think_ns));
                    }
                }
                left -= batch;
                self.counts.touches += batch;
                now = clock.unordered();
                self.check();
                // Close to the last fault batches are short, and would fill the notes.
                if batch == TOUCHES_PER_CHECK || left == 0 {
                    self.checks.push((now, self.counts.faults));
                }
            }
            self.touches_left = self.touches_left.saturating_add(left);
        }
        let end = clock.end();
        self.checks.push((end, self.counts.faults));
        (start, end)
    }

    /// Takes over the sleeps of a round, for which alone the core has room.
    pub fn take_io(&mut self) {
        let slept = &mut self.core.io;
        for ns in slept.achieved_ns.drain(..) {
            self.io.achieved_ns.saturating_record(ns.max(1));
        }
        self.io.asked_ns += std::mem::take(&mut slept.asked_ns);
    }

    /// Whether it has had all that it may.
    pub fn is_done(&self) -> bool {
        self.touches_left == 0 || self.counts.faults >= self.faults_end
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

    /// One access, executed again as long as it traps.
    #[inline(always)]
    fn touch(&mut self, addr: Vaddr, access: Access) {
        if self.execute(addr, access) {
            self.touch_again(addr, access);
        }
    }

    /// Apart from the first time, whose walk is the better for being alone.
    #[inline(never)]
    fn touch_again(&mut self, addr: Vaddr, access: Access) {
        while self.execute(addr, access) {}
    }

    /// What the processor does, and where it traps what the kernel does; true where the
    /// instruction is to be executed again.
    #[inline(always)]
    fn execute(&mut self, addr: Vaddr, access: Access) -> bool {
        match self.shared.mm.translate(addr, access) {
            Ok(frame) => {
                self.access(frame, addr, access);
                false
            }
            Err(Trap) => {
                let outcome = self.fault(Request::new(addr, access));
                self.count(outcome);
                match outcome.end() {
                    // Without content it would do nothing.
                    End::Mapped(_) => self.shared.mm.frames().has_content(),
                    End::Raced(_) => true,
                    End::Sigbus | End::Segv | End::Oom => false,
                }
            }
        }
    }

    /// What an access does to the page that it reaches.
    #[inline(always)]
    fn access(&self, frame: Option<Pfn>, addr: Vaddr, access: Access) {
        let frames = self.shared.mm.frames();
        let Some(frame) = frame.filter(|_| frames.has_content()) else { return };
        match access {
            Access::Read => {
                std::hint::black_box(frames.word(frame, 0).load(Ordering::Relaxed));
            }
            Access::Write => {
                let word = frames.word(frame, touched_word(addr.page()));
                word.store(addr.page(), Ordering::Relaxed);
            }
        }
    }

    #[inline(always)]
    fn fault(&mut self, request: Request) -> Outcome {
        W::mark(stage::OUTSIDE);
        W::begin_fault();
        W::work(Work::Trap);
        if self.until_sample > 0 {
            self.until_sample -= 1;
            return S::fault(&self.shared.mm, &mut self.core, request);
        }
        self.sampled_fault(request)
    }

    #[inline(never)]
    fn sampled_fault(&mut self, request: Request) -> Outcome {
        let clock = self.shared.clock;
        let start = clock.start();
        let outcome = S::fault(&self.shared.mm, &mut self.core, request);
        let ns = clock.delta_ns(start, clock.end());
        W::end_fault(outcome.kind(), self.counts.faults);
        self.latency[outcome.kind() as usize].saturating_record((ns as u64).max(1));
        self.until_sample = self.draw_sample();
        outcome
    }

    /// Faults until the next sample: 0 to 2 (period - 1), evenly, so that samples do not
    /// march in step with tables, windows or batches.
    fn draw_sample(&mut self) -> u64 {
        match self.shared.sample_period {
            0 => u64::MAX,
            period => self.random.next_u64() % (2 * period - 1),
        }
    }

    #[inline(always)]
    fn count(&mut self, outcome: Outcome) {
        let counts = &mut self.counts;
        counts.faults += 1;
        counts.by_kind[outcome.kind() as usize] += 1;
        match outcome.end() {
            End::Mapped(pages) => {
                counts.mapped += 1;
                counts.pages_mapped += u64::from(pages);
            }
            End::Raced(pages) => {
                counts.raced += 1;
                counts.pages_mapped += u64::from(pages);
            }
            End::Sigbus => counts.sigbus += 1,
            End::Segv => counts.segv += 1,
            End::Oom => counts.oom += 1,
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
