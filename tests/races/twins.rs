//! Broken twins: speculation under a sequence count of the space, as shipped, but for one
//! step. The sound one shows that it is that step which matters.

use faultstorm::machine::model::{Model, ModelLine};
use faultstorm::machine::{LINE_WORDS, Line, LineName, Machine, Ordering, Word, Work};
use faultstorm::mm::fault::{self, Fallback, Outcome, Protection, PteSlot, Request, Stop, Walk};
use faultstorm::mm::layout::{Layout, Linux7_2};
use faultstorm::mm::vma::{VmaCopy, VmaRef};
use faultstorm::mm::{Config, Core, Mm, locked};
use faultstorm::strategy::{Space, Strategy};
use faultstorm::sync::seqcount::SeqCount;

static SEQ: LineName = LineName { name: "twin.seq", words: ["seq", "", "", "", "", "", "", ""] };

/// No step is missing.
pub const SOUND: u32 = 0;
/// The count is not looked at under ptl.
pub const NO_SECOND_CHECK: u32 = 1;
/// The pmd entry is not looked at under ptl.
pub const NO_PMD_CHECK: u32 = 2;
/// The walk is in no read section.
pub const NO_SECTION: u32 = 3;
/// Interrupts are off from before ptl is tried until it is held; otherwise sound.
pub const INTERRUPTS_OFF: u32 = 4;
/// The same, but ptl is waited for.
pub const SPINS: u32 = 5;
/// Page tables are allocated, and nothing is asked before they are published.
pub const NO_TABLE_CHECK: u32 = 6;
/// They are, and the count is looked at under the lock of the parent.
pub const TABLE_CHECK: u32 = 7;

/// Speculation with a step that is missing or added.
pub struct Twin<const STEP: u32>;

/// The same where page tables may be allocated.
struct Attempt<'a, M: Machine, const STEP: u32, const TABLES: bool> {
    vma: VmaCopy,
    seq: SeqCount<'a, M>,
    at: u64,
}

impl<M: Machine, const STEP: u32, const TABLES: bool> Attempt<'_, M, STEP, TABLES> {
    fn check(&self, reason: Fallback) -> Result<(), Fallback> {
        if self.seq.is_current(self.at) { Ok(()) } else { Err(reason) }
    }

    fn lock<'a, L: Layout>(
        mm: &'a Mm<M, L>,
        walk: Walk<'a, M>,
    ) -> Result<PteSlot<'a, M>, Fallback> {
        if STEP == NO_PMD_CHECK {
            return walk.lock_stable(mm).ok_or(Fallback::Pmd);
        }
        if STEP != INTERRUPTS_OFF && STEP != SPINS {
            return walk.try_lock(mm);
        }
        M::interrupts_off();
        let waits = STEP == SPINS;
        let slot = if waits { walk.lock(mm).ok_or(Fallback::Pmd) } else { walk.try_lock(mm) };
        M::interrupts_on();
        slot
    }
}

impl<M: Machine, L: Layout, const STEP: u32, const TABLES: bool> Protection<M, L>
    for Attempt<'_, M, STEP, TABLES>
{
    type Vma = VmaCopy;
    const ALLOCATES_TABLES: bool = TABLES;
    const WAITS: bool = false;

    fn vma(&self) -> &VmaCopy {
        &self.vma
    }

    fn check_table(&self) -> Result<(), Fallback> {
        if STEP == NO_TABLE_CHECK { Ok(()) } else { self.check(Fallback::Pmd) }
    }

    fn check_file(&self) -> Result<(), Fallback> {
        self.check(Fallback::Fault)
    }

    fn prepare_anon_vma(&self, _: &Mm<M, L>) -> Result<(), Fallback> {
        Err(Fallback::AnonVma)
    }

    fn lock_pte<'a>(
        &self,
        mm: &'a Mm<M, L>,
        walk: Walk<'a, M>,
    ) -> Result<Option<PteSlot<'a, M>>, Fallback> {
        self.check(Fallback::PteMapLockSeq1)?;
        let slot = Self::lock(mm, walk)?;
        if STEP != NO_SECOND_CHECK {
            self.check(Fallback::PteMapLockSeq2)?;
        }
        Ok(Some(slot))
    }
}

impl<const STEP: u32> Twin<STEP> {
    fn attempt<M: Machine<Line = ModelLine>, const TABLES: bool>(
        space: &Space<M, Self>,
        core: &mut Core<M>,
        request: Request,
    ) -> Result<Outcome, Stop> {
        let seq = SeqCount::<M>::new(Word::new(&space.words, 0));
        let at = seq.begin().ok_or(Fallback::Odd)?;
        let _section = (STEP != NO_SECTION).then(|| core.read_section());
        let vma = space.find_vma(request.addr).ok_or(Fallback::Unmapped)?;
        let attempt = Attempt::<M, STEP, TABLES> { vma: VmaCopy::of(vma.vma), seq, at };
        attempt.check(Fallback::VmaCopy)?;
        if !fault::allows(&attempt.vma, request.access()) {
            return Err(Fallback::AccessError.into());
        }
        fault::handle(space, core, request, &attempt)
    }
}

impl<M: Machine<Line = ModelLine>, const STEP: u32> Strategy<M> for Twin<STEP> {
    type Layout = Linux7_2;
    type MmWords = ModelLine;
    type VmaWords = ();
    const LOCKS_TABLES: bool = true;

    fn mm_words(_: &Config) -> ModelLine {
        ModelLine::new(&SEQ, [0; LINE_WORDS])
    }

    fn vma_words(_: &Config) {}

    fn fault(space: &Space<M, Self>, core: &mut Core<M>, request: Request) -> Outcome {
        core.note_attempt();
        let tables = STEP == NO_TABLE_CHECK || STEP == TABLE_CHECK;
        let result = if tables {
            Self::attempt::<M, true>(space, core, request)
        } else {
            Self::attempt::<M, false>(space, core, request)
        };
        result.unwrap_or_else(|stop| {
            locked::after(space, core, request, stop).expect("it waits for nothing")
        })
    }

    fn begin(space: &Space<M, Self>) {
        SeqCount::<M>::new(Word::new(&space.words, 0)).write_begin();
    }

    fn attach(_: &Space<M, Self>, _: VmaRef<'_, M>) {}

    fn end(space: &Space<M, Self>) {
        SeqCount::<M>::new(Word::new(&space.words, 0)).write_end();
    }
}

/// The model, but a shootdown reaches nobody.
pub struct Deaf;

impl Machine for Deaf {
    type Line = ModelLine;
    const IS_OF_ALL_THREADS: bool = false;
    const HAS_TLB: bool = true;
    const HAS_MEMORY: bool = false;

    fn core() -> usize {
        Model::core()
    }
    fn fence(order: Ordering) {
        Model::fence(order);
    }
    fn work(work: Work) {
        Model::work(work);
    }
    fn relax() {
        Model::relax();
    }
    fn sleep_ns(ns: u64) {
        Model::sleep_ns(ns);
    }
    fn park() {
        Model::park();
    }
    fn unpark(core: usize) {
        Model::unpark(core);
    }
    fn now_ns() -> u64 {
        Model::now_ns()
    }
    fn shootdown() {}
    fn point(point: usize) {
        Model::point(point);
    }
    fn mark(_: usize) {}
}
