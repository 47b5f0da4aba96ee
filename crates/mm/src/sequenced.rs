//! A fault that excludes no writer of its VMA, but notices each by the VMA's sequence count: it
//! copies fields, and checks the count again before it publishes anything.

use super::fault::{Fallback, NoticesWriters, PteSlot, Walk};
use super::vma::{VmaCopy, VmaFields};
use super::{Mm, point};
use machine::{Machine, Waited};
use sync::seq_writers::SeqWriters;

/// A VMA's fields, and the count at which they were read. Something else keeps the VMA from being
/// freed.
pub struct Sequenced<'a, M: Machine> {
    vma: VmaCopy,
    sequence: SeqWriters<'a, M>,
    at: u64,
}

impl<'a, M: Machine> Sequenced<'a, M> {
    /// Copies the fields of `vma`.
    ///
    /// # Errors
    /// If a writer is changing it.
    #[inline(always)]
    pub fn copy(vma: &impl VmaFields, sequence: SeqWriters<'a, M>) -> Result<Self, Fallback> {
        let at = sequence.read().ok_or(Fallback::Odd)?;
        let sequenced = Self { vma: VmaCopy::of(vma), sequence, at };
        M::point(point::AFTER_COPY);
        sequenced.check(Fallback::VmaCopy)?;
        Ok(sequenced)
    }

    /// Interrupts are off from the check to the lock, so that no table is freed in between. The
    /// core never waits for ptl then: its holder may wait for this core to answer a shootdown (the
    /// deadlock of the first versions of the series of 2017).
    fn try_commit<'b>(&self, mm: &'b Mm<M>, walk: Walk<'b, M>) -> Result<PteSlot<'b, M>, Fallback> {
        M::interrupts_off();
        let slot = self.check(Fallback::PteMapLockSeq1).and_then(|()| walk.try_lock(mm));
        let slot = slot.and_then(|slot| {
            self.check(Fallback::PteMapLockSeq2)?;
            M::point(point::AFTER_SECOND_CHECK);
            Ok(slot)
        });
        M::interrupts_on();
        slot
    }
}

impl<M: Machine> NoticesWriters<M> for Sequenced<'_, M> {
    type Vma = VmaCopy;

    #[inline(always)]
    fn vma(&self) -> &VmaCopy {
        &self.vma
    }

    #[inline(always)]
    fn check(&self, reason: Fallback) -> Result<(), Fallback> {
        if self.sequence.is_current(self.at) { Ok(()) } else { Err(reason) }
    }

    #[inline(always)]
    fn lock_checked_pte<'b>(
        &self,
        mm: &'b Mm<M>,
        walk: Walk<'b, M>,
    ) -> Result<Option<PteSlot<'b, M>>, Fallback> {
        loop {
            match self.try_commit(mm, walk) {
                Err(Fallback::PteMapLockPtl) => {
                    M::begin_wait(Waited::Ptl, 0);
                    M::relax();
                    M::end_wait();
                }
                result => return result.map(Some),
            }
        }
    }
}
