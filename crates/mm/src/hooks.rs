//! Hooks that writers call, so that the faults of a scheme notice them.

use super::vma::VmaRef;
use super::{Core, Mm};
use machine::Machine;

/// The writers' part of a scheme, over the words that the scheme adds to a space. Each hook
/// does nothing unless a scheme says otherwise.
///
/// mmap_lock is held for writing, unless a hook says otherwise. A writer calls hooks through a
/// pointer, so that operations are compiled once, not once for each scheme.
pub trait Hooks<M: Machine> {
    /// A writer has taken mmap_lock.
    fn begin(&self, _mm: &Mm<M>) {}
    /// A writer is about to release mmap_lock, or to let readers in.
    fn end(&self, _mm: &Mm<M>) {}
    /// The VMA tree is about to change.
    fn begin_tree(&self, _mm: &Mm<M>) {}
    /// The VMA tree has changed.
    fn end_tree(&self, _mm: &Mm<M>) {}
    /// This VMA is about to be changed or taken out: from here to
    /// [`end_write`](Hooks::end_write) or [`end`](Hooks::end) no fault without mmap_lock may
    /// publish anything in it.
    fn start_write(&self, _mm: &Mm<M>, _vma: VmaRef<'_, M>) {}
    /// This VMA has been changed. Not called for a VMA that was taken out.
    fn end_write(&self, _mm: &Mm<M>, _vma: VmaRef<'_, M>) {}
    /// This VMA is filled in, and about to be linked into the tree.
    fn attach(&self, _mm: &Mm<M>, _vma: VmaRef<'_, M>) {}
    /// This VMA is about to leave the tree; [`start_write`](Hooks::start_write) has been
    /// called.
    fn detach(&self, _mm: &Mm<M>, _vma: VmaRef<'_, M>) {}
    /// Locks a VMA that was found under RCU as a fault does, for a writer that zaps and changes
    /// nothing; false if the scheme has no such lock, or it is held.
    fn lock_to_zap(&self, _mm: &Mm<M>, _vma: VmaRef<'_, M>) -> bool {
        false
    }
    /// Unlocks a VMA that [`lock_to_zap`](Hooks::lock_to_zap) has locked.
    fn unlock_zapped(&self, _mm: &Mm<M>, _vma: VmaRef<'_, M>) {}
    /// Pages of this VMA are about to be zapped. mmap_lock is held at least for reading, or the
    /// VMA is [locked](Hooks::lock_to_zap), or by truncate the `i_mmap_rwsem` of its file: two
    /// writers may zap at once.
    fn begin_zap(&self, _mm: &Mm<M>, _vma: VmaRef<'_, M>) {}
    /// Pages of this VMA have been zapped.
    fn end_zap(&self, _mm: &Mm<M>, _vma: VmaRef<'_, M>) {}
    /// No fault finds this VMA any more: frees it as soon as no fault can still use it. The default
    /// is after a grace period of RCU.
    fn free(&self, mm: &Mm<M>, core: &mut Core<M>, vma: VmaRef<'_, M>) {
        core.free_vma(mm, vma.id);
    }
    /// A writer waits for memory and holds nothing: frees what [`free`](Hooks::free) kept and no
    /// fault can use any more.
    fn reclaim(&self, _mm: &Mm<M>, _core: &mut Core<M>) {}
    /// No core faults any more: frees what [`free`](Hooks::free) kept.
    fn drain(&self, _mm: &Mm<M>, _core: &mut Core<M>) {}

    /// Returns true if VMAs are never changed: a writer puts a new VMA in the place of the old one.
    fn replaces_vmas(&self) -> bool {
        false
    }
    /// Returns true if writers free a table under the lock of its parent, since faults allocate
    /// tables without excluding writers, and check under that lock.
    fn locks_tables(&self) -> bool {
        false
    }
    /// Returns true if the file of a VMA is put when the VMA is freed, perhaps after munmap
    /// returns.
    fn defers_fput(&self) -> bool {
        false
    }
    /// Returns true if VMAs are freed after grace periods of SRCU, whose costs each core counts.
    fn waits_by_srcu(&self) -> bool {
        false
    }
}

/// A scheme whose faults need not notice writers.
impl<M: Machine> Hooks<M> for () {}
