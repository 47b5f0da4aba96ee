//! Twins of `speculative`: a sequence count of the space, a copy of the VMA, checks under ptl.

use faultstorm::machine::{LINE_WORDS, Line, LineName, Machine, Word};
use faultstorm::mm::addr::{PAGE_BYTES, Vaddr};
use faultstorm::mm::fault::{
    self, Fallback, FaultRequest, Outcome, Protection, PteSlot, Stop, Waits, Walk,
};
use faultstorm::mm::hooks::Hooks;
use faultstorm::mm::kernel::Linux7_2;
use faultstorm::mm::vma::{VmaCopy, VmaFields};
use faultstorm::mm::{Config, Core, Mm};
use faultstorm::strategy::{Space, Strategy, Words};
use faultstorm::sync::seqcount::SeqCount;

static SEQ: LineName = LineName { name: "twin.seq", words: ["seq", "", "", "", "", "", "", ""] };

/// No step is missing.
pub const SOUND: u32 = 0;
/// The count is not checked under ptl.
pub const NO_SECOND_CHECK: u32 = 1;
/// The pmd entry is not checked under ptl.
pub const NO_PMD_CHECK: u32 = 2;
/// The walk is not in a read section.
pub const NO_SECTION: u32 = 3;
/// Interrupts are off from before the try for ptl until it is held; otherwise sound.
pub const INTERRUPTS_OFF: u32 = 4;
/// As [`INTERRUPTS_OFF`], but the fault waits for ptl.
pub const SPINS: u32 = 5;
/// Page tables are allocated, and nothing is checked before they are published.
pub const NO_TABLE_CHECK: u32 = 6;
/// Page tables are allocated, and the count is checked under the lock of the parent.
pub const TABLE_CHECK: u32 = 7;
/// The count is sampled with the copy, not before.
pub const LATE_SAMPLE: u32 = 8;
/// Fault-around does not stop at the end of the VMA.
pub const UNCLAMPED: u32 = 9;

/// Speculation with one step missing or added.
pub struct Twin<const STEP: u32>;

/// A copy of a VMA; `WIDE`: with an end that is 16 pages too high.
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

/// An attempt; `TABLES`: page tables may be allocated; `WIDE`: see [`Copied`].
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
    fn waits(&self) -> Waits {
        Waits::Never
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

/// The count of the space.
pub struct TwinWords<M: Machine>(M::Line);

impl<M: Machine> TwinWords<M> {
    fn seq(&self) -> SeqCount<'_, M> {
        SeqCount::new(Word::new(&self.0, 0))
    }
}

impl<M: Machine> Words<M> for TwinWords<M> {
    const VMA_BYTES: usize = 0;

    fn new(_: &Config) -> Self {
        Self(M::Line::new(&SEQ, [0; LINE_WORDS]))
    }
}

impl<M: Machine> Hooks<M> for TwinWords<M> {
    fn begin(&self, _: &Mm<M>) {
        self.seq().write_begin();
    }

    fn end(&self, _: &Mm<M>) {
        self.seq().write_end();
    }

    fn locks_tables(&self) -> bool {
        true
    }
}

impl<const STEP: u32> Twin<STEP> {
    fn speculate<M: Machine, const TABLES: bool, const WIDE: bool>(
        space: &Space<M, Self>,
        core: &mut Core<M>,
        request: FaultRequest,
    ) -> Result<Outcome, Stop> {
        let seq = space.words.seq();
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
    type Words = TwinWords<M>;

    fn attempt(
        space: &Space<M, Self>,
        core: &mut Core<M>,
        request: FaultRequest,
    ) -> Result<Outcome, Stop> {
        match STEP {
            NO_TABLE_CHECK | TABLE_CHECK => Self::speculate::<M, true, false>(space, core, request),
            UNCLAMPED => Self::speculate::<M, false, true>(space, core, request),
            _ => Self::speculate::<M, false, false>(space, core, request),
        }
    }
}
