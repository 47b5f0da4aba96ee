//! What a thread does for each touch: the access, the fault, its count, its sample.
//!
//! Between the gates a thread writes only what is its own.

use super::Counts;
use super::gate::Broken;
use super::order::PagesIter;
use super::round::Shared;
use super::samples::Samples;
use super::steps::{Edit, TouchPlan};
use super::stormed::{Faults, Stormed};
use super::tally::Tally;
use super::world::{Clock, Counting, Ground, Meeting, Simulated};
use machine::{Ordering, Work};
use mm::addr::{Pfn, Vaddr};
use mm::books::touched_word;
use mm::fault::{Access, End, Outcome, Request};
use mm::{Core, Mm, Trap, stage};
use workload::Reset;

/// What a thread touches with, and counts by.
pub struct Hands<W: Simulated> {
    pub(super) core: Core<W>,
    pub(super) tally: Tally,
    clock: W::Clock,
    /// Pages may go while they are accessed.
    guards: bool,
}

impl<W: Simulated> Ground for W {
    type Space = dyn Stormed<W>;
    type Hands = Hands<W>;
    const TOUCHES_PER_CHECK: u64 = 64;

    fn hands(shared: &Shared<W>, thread: usize) -> Hands<W> {
        // A read misses at most once for each page, and for each touch.
        let reads_max = shared.plan.file_pages.iter().flatten().map(|r| r.end - r.start).sum();
        let core =
            Core::new(shared.space.mm(), shared.plan.touches(thread).min(reads_max) as usize);
        let tally = Tally::new::<W>(shared.sample_period, shared.seed, thread);
        Hands { core, tally, clock: shared.clock, guards: shared.has_changes }
    }

    #[inline(always)]
    fn touch(
        space: &dyn Stormed<W>,
        hands: &mut Hands<W>,
        touch: &TouchPlan,
        pages: &mut PagesIter,
        count: u64,
    ) {
        space.touch(hands, touch, pages, count);
    }

    fn edit(space: &dyn Stormed<W>, hands: &mut Hands<W>, edit: &Edit) -> bool {
        space.edit(&mut hands.core, edit)
    }

    /// For the sleeps of a round alone the core has room.
    fn take_io(hands: &mut Hands<W>, achieved_ns: &mut Samples) -> u64 {
        let slept = &mut hands.core.io;
        slept.achieved_ns.drain(..).for_each(|ns| achieved_ns.record(ns));
        std::mem::take(&mut slept.asked_ns)
    }

    fn put_back(shared: &Shared<W>, hands: &mut Hands<W>, thread: usize) -> Result<(), Broken> {
        let threads = shared.plan.threads.len();
        let (mm, core) = (shared.space.mm(), &mut hands.core);
        core.rest(mm);
        if shared.has_changes {
            core.flush_deferred();
            shared.gate.wait()?;
        }
        mm.zap_share(core, thread, threads);
        shared.gate.wait()?;
        mm.evict_read_in(core);
        shared.gate.wait()?;
        if thread == 0 {
            if shared.has_changes {
                shared.space.remap(core, &shared.plan.mappings);
            }
            if shared.has_changes || shared.contents.wear() {
                shared.contents.fill(mm, core);
            }
            if shared.reset == Reset::Remap {
                mm.forget_tables(core);
            }
        }
        shared.gate.wait()
    }
}

impl<W: Simulated> Counting for Hands<W> {
    fn tally(&self) -> &Tally {
        &self.tally
    }

    fn tally_mut(&mut self) -> &mut Tally {
        &mut self.tally
    }

    fn forget(&mut self) {
        self.tally.forget();
        self.core.attempts = Default::default();
        self.core.shootdowns = Default::default();
        self.core.grace_periods = Default::default();
    }
}

impl<W: Simulated> Hands<W> {
    /// What it counted, the passes through handlers included.
    pub(super) fn counts(&self) -> Counts {
        let attempts = &self.core.attempts;
        Counts { attempts: attempts.attempts, fallbacks: attempts.fallbacks, ..self.tally.counts }
    }

    /// Touches the next `count` pages.
    #[inline(always)]
    pub(super) fn touch_all<F: Faults<W> + ?Sized>(
        &mut self,
        space: &F,
        touch: &TouchPlan,
        pages: &mut PagesIter,
        count: u64,
    ) {
        for page in pages.take(count as usize) {
            self.touch(space, touch.extent.address(page), touch.access);
            if touch.think_ns > 0 {
                W::work(Work::ThinkNs(touch.think_ns));
            }
        }
    }

    /// One access, executed again as long as it traps.
    #[inline(always)]
    fn touch<F: Faults<W> + ?Sized>(&mut self, space: &F, addr: Vaddr, access: Access) {
        if self.execute(space, addr, access) {
            self.touch_again(space, addr, access);
        }
    }

    /// Apart from the first time, whose walk is the better for being alone.
    #[inline(never)]
    fn touch_again<F: Faults<W> + ?Sized>(&mut self, space: &F, addr: Vaddr, access: Access) {
        while self.execute(space, addr, access) {}
    }

    /// What the processor does, and where it traps what the kernel does; true where the
    /// instruction is to be executed again.
    #[inline(always)]
    fn execute<F: Faults<W> + ?Sized>(&mut self, space: &F, addr: Vaddr, access: Access) -> bool {
        let mm = space.mm();
        let guard = self.guards.then(W::begin_access);
        let translated = mm.translate(&mut self.core, addr, access);
        if let Ok(frame) = translated {
            reach(mm, frame, addr, access);
        }
        guard.inspect(|()| W::end_access());
        match translated {
            Ok(_) => false,
            Err(Trap) => {
                let outcome = self.fault(space, Request::new(addr, access));
                self.count(outcome);
                match outcome.end() {
                    // Without content it would do nothing.
                    End::Mapped(_) => mm.frames().has_content(),
                    End::Raced(_) => true,
                    End::Sigbus | End::Segv | End::Oom => false,
                }
            }
        }
    }

    #[inline(always)]
    fn fault<F: Faults<W> + ?Sized>(&mut self, space: &F, request: Request) -> Outcome {
        W::mark(stage::OUTSIDE);
        W::begin_fault();
        W::work(Work::Trap);
        if self.tally.until_sample > 0 {
            self.tally.until_sample -= 1;
            return space.fault(&mut self.core, request);
        }
        self.sampled_fault(space, request)
    }

    #[inline(never)]
    fn sampled_fault<F: Faults<W> + ?Sized>(&mut self, space: &F, request: Request) -> Outcome {
        let clock = self.clock;
        let start = clock.start();
        let outcome = space.fault(&mut self.core, request);
        let ns = clock.delta_ns(start, clock.end());
        W::end_fault(outcome.kind(), self.tally.counts.faults);
        self.tally.record(outcome.kind(), ns);
        self.tally.draw_sample();
        outcome
    }

    #[inline(always)]
    fn count(&mut self, outcome: Outcome) {
        let counts = &mut self.tally.counts;
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
fn reach<W: Simulated>(mm: &Mm<W>, frame: Option<Pfn>, addr: Vaddr, access: Access) {
    let frames = mm.frames();
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
