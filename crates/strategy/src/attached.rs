//! The common part of schemes with a reference count and `detached` in the VMA: the line of the
//! count, what writers do to the two words, and a fault's protection by them.
//!
//! `detached` is among the fields that a lookup reads, as in Linux 6.4 to 6.14 (offset 40 in
//! 6.12). Beside the count, a fault that loads it again would have to fetch the line once more
//! from the last writer of the count.
//!
//! Neither word excludes a writer. VMAs are never changed but replaced, so that the fields
//! of a VMA belong together for as long as it is in memory. `detached` is set from when a
//! writer begins with a VMA until the writer is done; for a VMA that goes that is for good.
//! The fault checks it again before a table is published (under the lock of its parent) and
//! before a pte is (under ptl). A writer sets `detached` before it takes either lock: if the
//! fault finds it clear there, the writer comes later, and undoes what the fault publishes.

use super::{PerVma, Reference, Words};
use machine::{LINE_WORDS, Line, LineName, Machine, Ordering, Word};
use mm::fault::{Fallback, MapPages, Protection, PteSlot, Waits, Walk};
use mm::hooks::Hooks;
use mm::kernel::Layout;
use mm::vma::{VmaFields, VmaId, VmaRef};
use mm::{Config, Core, Mm, point};
use std::marker::PhantomData;
use sync::refcount::RefCount;

static VM_REFCNT: LineName =
    LineName { name: "vma.vm_refcnt", words: ["vm_refcnt", "", "", "", "", "", "", ""] };

/// The line that such a scheme adds to each VMA, apart from the fields that a fault reads, as in
/// Linux 6.15. `LAST_FREES`: the core that drops the last reference frees the VMA and puts its
/// file, so that a fault may sleep with a reference. Else no fault does, and a grace period after
/// the VMA has left the tree is enough.
pub struct CountedVmas<M: Machine, const LAST_FREES: bool = false>(PerVma<M::Line>);

impl<M: Machine, const LAST_FREES: bool> CountedVmas<M, LAST_FREES> {
    /// References: one of the tree, and those of faults. 0: the VMA is gone.
    #[inline(always)]
    fn refs(&self, vma: VmaId) -> RefCount<'_, M> {
        RefCount::new(Word::new(&self.0[vma], 0))
    }

    /// Takes a reference for a fault, unless the VMA is gone.
    #[inline(always)]
    pub(super) fn get(&self, vma: VmaId) -> Option<Reference<RefCount<'_, M>>> {
        let refs = self.refs(vma);
        // Lazily: a reference that is made is dropped.
        refs.get_unless_zero().then(|| Reference::new(refs))
    }

    /// Drops the reference of a fault.
    #[inline(always)]
    pub(super) fn put(
        &self,
        mm: &Mm<M>,
        core: &mut Core<M>,
        vma: VmaRef<'_, M>,
        reference: Reference<RefCount<'_, M>>,
    ) {
        if !LAST_FREES {
            return drop(reference);
        }
        M::point(point::BEFORE_EXIT_PUT);
        // It is dropped as the tree's is, perhaps as the last.
        std::mem::forget(reference);
        self.put_or_free(mm, core, vma);
    }

    /// Drops a reference, and with the last one frees the VMA, after a grace period: a lookup
    /// may have found it.
    fn put_or_free(&self, mm: &Mm<M>, core: &mut Core<M>, vma: VmaRef<'_, M>) {
        if !self.refs(vma.id).put() {
            return;
        }
        if let Some(file) = vma.file() {
            let last = mm.files()[file].refs().put();
            assert!(!last, "the opener keeps the file open");
        }
        core.free_vma(mm, vma.id);
    }
}

impl<M: Machine, const LAST_FREES: bool> Words<M> for CountedVmas<M, LAST_FREES> {
    const VMA_BYTES: usize = size_of::<M::Line>();

    fn new(config: &Config) -> Self {
        Self(PerVma::new(config, || M::Line::new(&VM_REFCNT, [0; LINE_WORDS])))
    }

    fn third_line(&self, vma: VmaId) -> Option<&M::Line> {
        Some(&self.0[vma])
    }
}

impl<M: Machine, const LAST_FREES: bool> Hooks<M> for CountedVmas<M, LAST_FREES> {
    /// Release, and before any lock that the writer takes later: see the module.
    fn start_write(&self, _: &Mm<M>, vma: VmaRef<'_, M>) {
        vma.detached().store(1, Ordering::Release);
    }

    /// Release: a fault that finds the VMA in use again sees what was done to its pages.
    fn end_write(&self, _: &Mm<M>, vma: VmaRef<'_, M>) {
        vma.detached().store(0, Ordering::Release);
    }

    fn attach(&self, _: &Mm<M>, vma: VmaRef<'_, M>) {
        vma.detached().store(0, Ordering::Relaxed);
        self.0[vma.id].store(0, 1, Ordering::Release);
    }

    /// Drops the reference of the tree, unless `free` does.
    fn detach(&self, _: &Mm<M>, vma: VmaRef<'_, M>) {
        if !LAST_FREES {
            self.refs(vma.id).put();
        }
    }

    fn free(&self, mm: &Mm<M>, core: &mut Core<M>, vma: VmaRef<'_, M>) {
        if LAST_FREES { self.put_or_free(mm, core, vma) } else { core.free_vma(mm, vma.id) }
    }

    fn defers_fput(&self) -> bool {
        LAST_FREES
    }

    fn replaces_vmas(&self) -> bool {
        true
    }

    fn locks_tables(&self) -> bool {
        true
    }
}

/// The means that keeps the VMA of a fault in memory.
pub(super) trait Kept {
    /// See [`Protection::waits`]. Only a reference lets the fault do what could sleep.
    const WAITS: Waits;
    /// See [`Protection::map_pages`].
    const MAP_PAGES: MapPages;
}

/// RCU alone.
pub(super) struct ByRcu;

impl Kept for ByRcu {
    const WAITS: Waits = Waits::Never;
    const MAP_PAGES: MapPages = MapPages::Only;
}

/// A reference, since RCU alone did not do. `HOLDS`: the fault keeps it while it waits.
pub(super) struct AfterRcu<const HOLDS: bool>;

impl<const HOLDS: bool> Kept for AfterRcu<HOLDS> {
    const WAITS: Waits = if HOLDS { Waits::Protected } else { Waits::Unprotected };
    const MAP_PAGES: MapPages = MapPages::Never;
}

/// A reference, over the whole fault.
pub(super) struct ByReference;

impl Kept for ByReference {
    const WAITS: Waits = Waits::Unprotected;
    const MAP_PAGES: MapPages = MapPages::Around;
}

/// A VMA that a fault has found, and checks again.
pub(super) struct Attached<'a, M: Machine, L: Layout, K: Kept> {
    vma: VmaRef<'a, M, L>,
    kept: PhantomData<K>,
}

impl<'a, M: Machine, L: Layout, K: Kept> Attached<'a, M, L, K> {
    #[inline(always)]
    pub(super) fn new(vma: VmaRef<'a, M, L>) -> Self {
        Self { vma, kept: PhantomData }
    }

    /// Acquire: pairs with the Release store of the writer.
    #[inline(always)]
    fn check(&self) -> Result<(), Fallback> {
        match self.vma.detached().load(Ordering::Acquire) {
            0 => Ok(()),
            _ => Err(Fallback::VmaLockAbort),
        }
    }
}

impl<'v, M: Machine, L: Layout, K: Kept> Protection<M> for Attached<'v, M, L, K> {
    type Vma = VmaRef<'v, M, L>;

    #[inline(always)]
    fn allocates_tables(&self) -> bool {
        true
    }

    #[inline(always)]
    fn waits(&self) -> Waits {
        K::WAITS
    }

    #[inline(always)]
    fn map_pages(&self) -> MapPages {
        K::MAP_PAGES
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
        if K::WAITS == Waits::Never { Err(Fallback::Fault) } else { Ok(()) }
    }

    /// mmap_lock is tried for it: else a writer may have read that there is none, and put
    /// a VMA without one in the place of this.
    #[cold]
    fn prepare_anon_vma(&self, mm: &Mm<M>) -> Result<(), Fallback> {
        let lock = (K::WAITS != Waits::Never).then(|| mm.mmap_lock().try_read()).flatten();
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
