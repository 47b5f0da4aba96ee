//! What schemes with a reference count and `detached` in the VMA share: the line of the
//! two words, and a fault's protection by them.
//!
//! Neither word excludes a writer. VMAs are never changed but replaced, so that the fields
//! of one belong together for as long as it is in memory; and `detached` is set from when a
//! writer begins with a VMA until it is done, which for one that goes is for good. It is
//! asked again before a table is published (under the lock of its parent) and before a pte
//! is (under ptl). A writer sets it before it takes either lock, so who finds it clear
//! there comes first, and what it publishes is found and undone.

use super::{Space, Strategy};
use machine::{LINE_WORDS, Line, LineName, Machine, Ordering, Word};
use mm::fault::{Fallback, Protection, PteSlot, Walk};
use mm::kernel::Layout;
use mm::vma::VmaRef;
use mm::{Mm, point, stage};
use sync::refcount::RefCount;

static VM_REFCNT: LineName =
    LineName { name: "vma.vm_refcnt", words: ["vm_refcnt", "detached", "", "", "", "", "", ""] };

/// The line that such a scheme adds to a VMA, apart from what a fault reads of it, as in
/// Linux 6.15.
pub struct CountedWords<M: Machine>(M::Line);

impl<M: Machine> CountedWords<M> {
    pub(super) fn new() -> Self {
        Self(M::Line::new(&VM_REFCNT, [0; LINE_WORDS]))
    }

    pub(super) fn line(&self) -> &M::Line {
        &self.0
    }

    /// References: one of the tree, and those of faults. 0: gone.
    #[inline(always)]
    fn refs(&self) -> RefCount<'_, M> {
        RefCount::new(Word::new(&self.0, 0))
    }

    /// Takes a reference for a fault, unless the VMA is gone.
    #[inline(always)]
    pub(super) fn get(&self) -> Option<Reference<'_, M>> {
        let refs = self.refs();
        // Lazily: a reference that is made is dropped.
        refs.get_unless_zero().then(|| Reference(refs))
    }

    #[inline(always)]
    fn detached(&self) -> Word<'_, M::Line> {
        Word::new(&self.0, 1)
    }

    pub(super) fn attach(&self) {
        self.detached().store(0, Ordering::Relaxed);
        self.0.store(0, 1, Ordering::Release);
    }

    /// Release, and before any lock of what the writer does then: see the module.
    pub(super) fn start_write(&self) {
        self.detached().store(1, Ordering::Release);
    }

    /// Release: who finds the VMA in use again sees what was done to its pages.
    pub(super) fn end_write(&self) {
        self.detached().store(0, Ordering::Release);
    }

    /// Drops the reference of the tree.
    pub(super) fn detach(&self) {
        self.refs().put();
    }
}

/// A reference of a fault.
#[must_use]
pub(super) struct Reference<'a, M: Machine>(RefCount<'a, M>);

impl<M: Machine> Drop for Reference<'_, M> {
    #[inline(always)]
    fn drop(&mut self) {
        M::point(point::BEFORE_EXIT_PUT);
        // The VMA is freed after a grace period, whoever drops the last reference.
        self.0.put();
        M::mark(stage::UNLOCK);
    }
}

/// A VMA that a fault has found, and asks about again. `REFERENCED`: the fault has a
/// reference on it, so it may do what could sleep.
pub(super) struct Attached<'a, M: Machine, L: Layout, const REFERENCED: bool> {
    vma: VmaRef<'a, M, L>,
    words: &'a CountedWords<M>,
}

impl<'a, M: Machine, L: Layout, const R: bool> Attached<'a, M, L, R> {
    #[inline(always)]
    pub(super) fn new<S>(space: &'a Space<M, S>, vma: VmaRef<'a, M, L>) -> Self
    where
        S: Strategy<M, Layout = L, VmaWords = CountedWords<M>>,
    {
        Self { vma, words: space.words_of(vma.id) }
    }

    /// Acquire: pairs with the Release store of the writer.
    #[inline(always)]
    fn check(&self) -> Result<(), Fallback> {
        match self.words.detached().load(Ordering::Acquire) {
            0 => Ok(()),
            _ => Err(Fallback::VmaLockAbort),
        }
    }
}

impl<'v, M: Machine, L: Layout, const R: bool> Protection<M> for Attached<'v, M, L, R> {
    type Vma = VmaRef<'v, M, L>;

    #[inline(always)]
    fn allocates_tables(&self) -> bool {
        true
    }

    #[inline(always)]
    fn waits(&self) -> bool {
        R
    }

    #[inline(always)]
    fn vma(&self) -> &VmaRef<'v, M, L> {
        &self.vma
    }

    fn check_table(&self) -> Result<(), Fallback> {
        self.check()
    }

    #[inline(always)]
    fn check_copy(&self) -> Result<(), Fallback> {
        if R { Ok(()) } else { Err(Fallback::Fault) }
    }

    /// mmap_lock is tried for it: else a writer may have read that there is none, and put
    /// a VMA without one in the place of this.
    #[cold]
    fn prepare_anon_vma(&self, mm: &Mm<M>) -> Result<(), Fallback> {
        let lock = R.then(|| mm.mmap_lock().try_read()).flatten();
        if lock.is_none() {
            return Err(Fallback::AnonVma);
        }
        self.check()?;
        mm.prepare_anon_vma(self.vma);
        Ok(())
    }

    #[inline(always)]
    fn lock_pte<'a>(
        &self,
        mm: &'a Mm<M>,
        walk: Walk<'a, M>,
    ) -> Result<Option<PteSlot<'a, M>>, Fallback> {
        let slot = walk.lock(mm);
        self.check()?;
        Ok(slot)
    }
}
