//! What a thread does for each touch: the access, the fault, its count, its sample.
//!
//! Between the gates a thread writes only what is its own.

use super::Counts;
use super::round::Shared;
use super::samples::Samples;
use super::world::{Clock, World};
use crate::machine::{Ordering, Work};
use crate::mm::addr::{Pfn, Vaddr};
use crate::mm::books::touched_word;
use crate::mm::fault::{Access, End, Kind, Outcome, Request};
use crate::mm::{Core, Trap, stage};
use crate::strategy::{Space, Strategy};
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// What a thread touches with, and counts by.
pub struct Hands<W: World> {
    pub(super) core: Core<W>,
    pub(super) counts: Counts,
    pub(super) latency: [Samples; Kind::ALL.len()],
    clock: W::Clock,
    sample_period: u64,
    until_sample: u64,
    /// Pages may go while they are accessed.
    guards: bool,
    random: Pcg64Mcg,
}

impl<W: World> Hands<W> {
    pub(super) fn new(shared: &Shared<W>, thread: usize, core: Core<W>) -> Self {
        let mut hands = Self {
            core,
            counts: Counts::default(),
            latency: Kind::ALL.map(|_| Samples::new::<W>()),
            clock: shared.clock,
            sample_period: shared.sample_period,
            until_sample: 0,
            guards: shared.has_changes,
            random: Pcg64Mcg::seed_from_u64(shared.seed ^ thread as u64 ^ 0x73_616d),
        };
        hands.until_sample = hands.draw_sample();
        hands
    }

    /// Forgets what was counted in the warm-up.
    pub(super) fn forget(&mut self) {
        self.counts = Counts::default();
        self.latency.iter_mut().for_each(Samples::forget);
        self.core.attempts = Default::default();
        self.core.shootdowns = Default::default();
        self.core.grace_periods = Default::default();
    }

    /// What it counted, the passes through handlers included.
    pub(super) fn counts(&self) -> Counts {
        let attempts = &self.core.attempts;
        Counts { attempts: attempts.attempts, fallbacks: attempts.fallbacks, ..self.counts }
    }

    /// One access, executed again as long as it traps.
    #[inline(always)]
    pub(super) fn touch<S: Strategy<W>>(
        &mut self,
        space: &Space<W, S>,
        addr: Vaddr,
        access: Access,
    ) {
        if self.execute(space, addr, access) {
            self.touch_again(space, addr, access);
        }
    }

    /// Apart from the first time, whose walk is the better for being alone.
    #[inline(never)]
    fn touch_again<S: Strategy<W>>(&mut self, space: &Space<W, S>, addr: Vaddr, access: Access) {
        while self.execute(space, addr, access) {}
    }

    /// What the processor does, and where it traps what the kernel does; true where the
    /// instruction is to be executed again.
    #[inline(always)]
    fn execute<S: Strategy<W>>(
        &mut self,
        space: &Space<W, S>,
        addr: Vaddr,
        access: Access,
    ) -> bool {
        let guard = self.guards.then(W::begin_access);
        let translated = space.translate(&mut self.core, addr, access);
        if let Ok(frame) = translated {
            reach(space, frame, addr, access);
        }
        guard.inspect(|()| W::end_access());
        match translated {
            Ok(_) => false,
            Err(Trap) => {
                let outcome = self.fault(space, Request::new(addr, access));
                self.count(outcome);
                match outcome.end() {
                    // Without content it would do nothing.
                    End::Mapped(_) => space.frames().has_content(),
                    End::Raced(_) => true,
                    End::Sigbus | End::Segv | End::Oom => false,
                }
            }
        }
    }

    #[inline(always)]
    fn fault<S: Strategy<W>>(&mut self, space: &Space<W, S>, request: Request) -> Outcome {
        W::mark(stage::OUTSIDE);
        W::begin_fault();
        W::work(Work::Trap);
        if self.until_sample > 0 {
            self.until_sample -= 1;
            return S::fault(space, &mut self.core, request);
        }
        self.sampled_fault(space, request)
    }

    #[inline(never)]
    fn sampled_fault<S: Strategy<W>>(&mut self, space: &Space<W, S>, request: Request) -> Outcome {
        let clock = self.clock;
        let start = clock.start();
        let outcome = S::fault(space, &mut self.core, request);
        let ns = clock.delta_ns(start, clock.end());
        W::end_fault(outcome.kind(), self.counts.faults);
        self.latency[outcome.kind() as usize].record(ns as u64);
        self.until_sample = self.draw_sample();
        outcome
    }

    /// Faults until the next sample: 0 to 2 (period - 1), evenly, so that samples do not
    /// march in step with tables, windows or batches.
    fn draw_sample(&mut self) -> u64 {
        match self.sample_period {
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
}

/// What an access does to the page that it reaches.
#[inline(always)]
fn reach<W: World, S: Strategy<W>>(
    space: &Space<W, S>,
    frame: Option<Pfn>,
    addr: Vaddr,
    access: Access,
) {
    let frames = space.frames();
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
