//! Twins of `speculative`: a sequence count of the space, a copy of the VMA, checks under ptl.

use faultstorm::machine::{LINE_WORDS, Line, LineName, Machine, Word};
use faultstorm::mm::addr::{PAGE_BYTES, Vaddr};
use faultstorm::mm::fault::{self, Fallback, Outcome, Protection, PteSlot, Request, Stop, Walk};
use faultstorm::mm::kernel::Linux7_2;
use faultstorm::mm::vma::{VmaCopy, VmaFields, VmaRef};
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
/// The count is sampled when the copy is made, not before.
pub const LATE_SAMPLE: u32 = 8;
/// Fault-around does not stop at the end of the VMA.
pub const UNCLAMPED: u32 = 9;

/// Speculation with a step that is missing or added.
pub struct Twin<const STEP: u32>;

/// A copy of a VMA; `WIDE`: it says that it ends 16 pages further on.
struct Copied<const WIDE: bool>(VmaCopy);

impl<const WIDE: bool> VmaFields for Copied<WIDE> {
    fn range(&self) -> (Vaddr, Vaddr) {
        let (start, end) = self.0.range();
        (start, Vaddr(end.0 + if WIDE { 16 * PAGE_BYTES } else { 0 }))
    }
    fn flags(&self) -> u64 {
        self.0.flags()
    }
    fn has_anon_vma(&self) -> bool {
        self.0.has_anon_vma()
    }
    fn file(&self) -> Option<usize> {
        self.0.file()
    }
    fn pgoff(&self) -> u64 {
        self.0.pgoff()
    }
    fn fault_around_order(&self) -> u8 {
        self.0.fault_around_order()
    }
}

/// An attempt; `TABLES`: page tables may be allocated. `WIDE`: see [`Copied`].
struct Attempt<'a, M: Machine, const STEP: u32, const TABLES: bool, const WIDE: bool> {
    vma: Copied<WIDE>,
    seq: SeqCount<'a, M>,
    at: u64,
}

impl<M: Machine, const STEP: u32, const TABLES: bool, const WIDE: bool>
    Attempt<'_, M, STEP, TABLES, WIDE>
{
    fn check(&self, reason: Fallback) -> Result<(), Fallback> {
        if self.seq.is_current(self.at) { Ok(()) } else { Err(reason) }
    }

    fn lock<'a>(mm: &'a Mm<M>, walk: Walk<'a, M>) -> Result<PteSlot<'a, M>, Fallback> {
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

impl<M: Machine, const STEP: u32, const TABLES: bool, const WIDE: bool> Protection<M>
    for Attempt<'_, M, STEP, TABLES, WIDE>
{
    type Vma = Copied<WIDE>;

    #[inline(always)]
    fn allocates_tables(&self) -> bool {
        TABLES
    }

    #[inline(always)]
    fn waits(&self) -> bool {
        false
    }

    fn vma(&self) -> &Copied<WIDE> {
        &self.vma
    }

    fn check_table(&self) -> Result<(), Fallback> {
        if STEP == NO_TABLE_CHECK { Ok(()) } else { self.check(Fallback::Pmd) }
    }

    fn check_file(&self) -> Result<(), Fallback> {
        self.check(Fallback::Fault)
    }

    fn prepare_anon_vma(&self, _: &Mm<M>) -> Result<(), Fallback> {
        Err(Fallback::AnonVma)
    }

    fn lock_pte<'a>(
        &self,
        mm: &'a Mm<M>,
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
    fn attempt<M: Machine, const TABLES: bool, const WIDE: bool>(
        space: &Space<M, Self>,
        core: &mut Core<M>,
        request: Request,
    ) -> Result<Outcome, Stop> {
        let seq = SeqCount::<M>::new(Word::new(&space.words, 0));
        let early = seq.begin().ok_or(Fallback::Odd)?;
        let _section = (STEP != NO_SECTION).then(|| core.read_section());
        let vma = space.find_vma(request.addr).ok_or(Fallback::Unmapped)?;
        let vma = Copied(VmaCopy::of(&vma));
        let at = if STEP == LATE_SAMPLE { seq.begin().ok_or(Fallback::Odd)? } else { early };
        let attempt = Attempt::<M, STEP, TABLES, WIDE> { vma, seq, at };
        attempt.check(Fallback::VmaCopy)?;
        if !fault::allows(&attempt.vma, request.access()) {
            return Err(Fallback::AccessError.into());
        }
        fault::handle(space, core, request, &attempt)
    }
}

impl<M: Machine, const STEP: u32> Strategy<M> for Twin<STEP> {
    type Layout = Linux7_2;
    type MmWords = M::Line;
    type VmaWords = ();
    const LOCKS_TABLES: bool = true;

    fn mm_words(_: &Config) -> M::Line {
        M::Line::new(&SEQ, [0; LINE_WORDS])
    }

    fn vma_words(_: &Config) {}

    fn fault(space: &Space<M, Self>, core: &mut Core<M>, request: Request) -> Outcome {
        core.note_attempt();
        let result = match STEP {
            NO_TABLE_CHECK | TABLE_CHECK => Self::attempt::<M, true, false>(space, core, request),
            UNCLAMPED => Self::attempt::<M, false, true>(space, core, request),
            _ => Self::attempt::<M, false, false>(space, core, request),
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
