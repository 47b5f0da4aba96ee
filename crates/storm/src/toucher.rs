//! A touch of a simulated space: the access, the fault, its count, its sample.
//!
//! Between the gates a thread writes only its own memory.

use super::gate::GateBroken;
use super::order::PagesIter;
use super::plan::Plan;
use super::platform::{Platform, TickClock};
use super::samples::Samples;
use super::simulated_space::SimulatedSpace;
use super::steps::{TouchPlan, WriterOp};
use super::target::{CoreEnd, Shared, StormTarget, Toucher};
use machine::{Machine, Ordering, Work};
use mm::addr::{Pfn, Vaddr};
use mm::books::touched_word;
use mm::fault::{Access, End, FaultRequest, Outcome};
use mm::{Core, Mm, Trap, stage};
use workload::Reset;

/// Returns the most reads of a thread that miss the page cache: one for each page, and for each
/// touch or populated page.
pub(super) fn reads_max(plan: &Plan, thread: usize) -> u64 {
    let pages = plan.file_pages.iter().flatten().map(|range| range.end - range.start).sum();
    plan.touches(thread).saturating_add(plan.pages_populated(thread)).min(pages)
}

/// Touches of a simulated space between two looks at the clock.
pub(super) const TOUCHES_PER_CHECK: u64 = 64;

impl<W: Platform + Machine> StormTarget for W {
    type Space = dyn SimulatedSpace<W>;
    type Core = Core<W>;
    const TOUCHES_PER_CHECK: u64 = TOUCHES_PER_CHECK;

    fn core(shared: &Shared<W>, thread: usize) -> Core<W> {
        Core::new(shared.space.mm(), reads_max(&shared.plan, thread) as usize)
    }

    #[inline(always)]
    fn touch(
        space: &dyn SimulatedSpace<W>,
        toucher: &mut Toucher<W>,
        touch: &TouchPlan,
        pages: &mut PagesIter,
        count: u64,
    ) {
        space.touch(toucher, touch, pages, count);
    }

    fn edit(space: &dyn SimulatedSpace<W>, core: &mut Core<W>, edit: &WriterOp) -> bool {
        space.edit(core, edit)
    }

    fn forget(core: &mut Core<W>) {
        core.attempts = Default::default();
        core.shootdowns = Default::default();
        core.grace_periods = Default::default();
    }

    /// For the sleeps of a round alone the core has room.
    fn take_io(core: &mut Core<W>, achieved_ns: &mut Samples) -> u64 {
        core.io.achieved_ns.drain(..).for_each(|ns| achieved_ns.record(ns));
        std::mem::take(&mut core.io.asked_ns)
    }

    fn put_back(shared: &Shared<W>, core: &mut Core<W>, thread: usize) -> Result<(), GateBroken> {
        let threads = shared.plan.threads.len();
        let mm = shared.space.mm();
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

    /// Returns the other threads have reached the end of the storm: no table changes any more.
    fn retire(space: &dyn SimulatedSpace<W>, mut core: Core<W>) -> CoreEnd {
        let mm = space.mm();
        let translations = mm.check_translations(&mut core);
        core.rest(mm);
        core.retire(mm);
        CoreEnd {
            attempts: core.attempts,
            shootdowns: core.shootdowns,
            grace_periods: space.waits_by_srcu().then_some(core.grace_periods),
            translations,
        }
    }
}

impl<W: Platform + Machine> Toucher<W> {
    /// Touches the next `count` pages.
    #[inline(always)]
    pub(super) fn touch_all<F: SimulatedSpace<W> + ?Sized>(
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
    fn touch<F: SimulatedSpace<W> + ?Sized>(&mut self, space: &F, addr: Vaddr, access: Access) {
        if self.execute(space, addr, access) {
            self.touch_again(space, addr, access);
        }
    }

    /// Apart from the first time, whose walk is the better for being alone.
    #[inline(never)]
    fn touch_again<F: SimulatedSpace<W> + ?Sized>(
        &mut self,
        space: &F,
        addr: Vaddr,
        access: Access,
    ) {
        while self.execute(space, addr, access) {}
    }

    /// Executes an access as the processor does and, if it traps, as the kernel does; true if the
    /// instruction is to be executed again.
    #[inline(always)]
    fn execute<F: SimulatedSpace<W> + ?Sized>(
        &mut self,
        space: &F,
        addr: Vaddr,
        access: Access,
    ) -> bool {
        let mm = space.mm();
        let guard = self.pages_may_go.then(W::begin_access);
        let translated = mm.translate(&mut self.core, addr, access);
        if let Ok(frame) = translated {
            access_page(mm, frame, addr, access);
        }
        guard.inspect(|()| W::end_access());
        match translated {
            Ok(_) => false,
            Err(Trap) => {
                let outcome = self.fault(space, FaultRequest::new(addr, access));
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
    fn fault<F: SimulatedSpace<W> + ?Sized>(
        &mut self,
        space: &F,
        request: FaultRequest,
    ) -> Outcome {
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
    fn sampled_fault<F: SimulatedSpace<W> + ?Sized>(
        &mut self,
        space: &F,
        request: FaultRequest,
    ) -> Outcome {
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

/// Reads or writes the page that an access reaches.
#[inline(always)]
fn access_page<W: Machine>(mm: &Mm<W>, frame: Option<Pfn>, addr: Vaddr, access: Access) {
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
