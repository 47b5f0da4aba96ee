//! A fault that excludes no writer, but notices any writer of the space by one sequence count.
//!
//! Nothing is held and nothing shared is written before the pte. What the fault knows of its VMA
//! is true as long as the count is what it was when the VMA was looked up, and the count is
//! checked before anything follows from it: before the file is called, before ptl and under it.
//! A writer makes the count odd before it takes any lock of its zap.

use super::{Space, Strategy};
use machine::Machine;
use mm::fault::{
    self, Access, Fallback, FaultRequest, NoticesWriters, Noticing, Outcome, PteSlot, Stop, Walk,
};
use mm::vma::{VmaFields, flag};
use mm::{Mm, stage};
use sync::seqcount::SeqCount;

/// A VMA or a copy of it, and the count at which it was found. `WAITS_FOR_PTL`: a page-table
/// lock that is busy is waited for, with interrupts on; else the fault falls back.
pub(super) struct Speculation<'a, M: Machine, F, const WAITS_FOR_PTL: bool> {
    vma: &'a F,
    seq: SeqCount<'a, M>,
    at: u64,
}

impl<'a, M: Machine, F: VmaFields, const W: bool> Speculation<'a, M, F, W> {
    #[inline(always)]
    pub(super) fn new(vma: &'a F, seq: SeqCount<'a, M>, at: u64) -> Self {
        Self { vma, seq, at }
    }

    /// Handles the fault, if the VMA may be speculated on and is what was looked up.
    #[inline(always)]
    pub(super) fn handle<S: Strategy<M>>(
        &self,
        space: &Space<M, S>,
        core: &mut mm::Core<M>,
        request: FaultRequest,
    ) -> Result<Outcome, Stop> {
        M::mark(stage::LOOKUP);
        if !can_speculate(self.vma, request.access()) {
            return Err(Fallback::NoSpeculate.into());
        }
        self.check(Fallback::VmaCopy)?;
        if !fault::allows(self.vma, request.access()) {
            return Err(Fallback::AccessError.into());
        }
        fault::handle(space, core, request, &Noticing(self))
    }
}

/// `vma_can_speculate` of the series of 2021: the file system may be called without a lock, and
/// need not be notified of a write.
#[inline(always)]
fn can_speculate(vma: &impl VmaFields, access: Access) -> bool {
    let flags = vma.flags();
    let tells = access == Access::Write && flags & flag::SHARED != 0;
    vma.file().is_none() || (flags & flag::SPECULATE != 0 && !tells)
}

impl<M: Machine, F: VmaFields, const WAITS_FOR_PTL: bool> NoticesWriters<M>
    for Speculation<'_, M, F, WAITS_FOR_PTL>
{
    type Vma = F;

    #[inline(always)]
    fn vma(&self) -> &F {
        self.vma
    }

    #[inline(always)]
    fn check(&self, reason: Fallback) -> Result<(), Fallback> {
        if self.seq.is_current(self.at) { Ok(()) } else { Err(reason) }
    }

    #[inline(always)]
    fn lock_checked_pte<'a>(
        &self,
        mm: &'a Mm<M>,
        walk: Walk<'a, M>,
    ) -> Result<Option<PteSlot<'a, M>>, Fallback> {
        self.check(Fallback::PteMapLockSeq1)?;
        let slot = if WAITS_FOR_PTL { walk.lock(mm) } else { Some(walk.try_lock(mm)?) };
        self.check(Fallback::PteMapLockSeq2)?;
        Ok(slot)
    }
}
