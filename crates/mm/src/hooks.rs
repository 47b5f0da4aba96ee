//! What writers tell a strategy, so that its faults notice them.

use super::Core;
use super::vma::VmaRef;
use machine::Machine;

/// What a strategy does for its writers; see the trait `Strategy` for
/// what each hook means.
///
/// A writer calls through a pointer, so that the operations are compiled once and not for
/// each strategy.
pub trait Hooks<M: Machine> {
    /// mmap_lock has been taken for writing.
    fn begin(&self);
    /// mmap_lock is about to be released, or to let readers in.
    fn end(&self);
    /// The tree is about to change.
    fn begin_tree(&self);
    /// The tree has changed.
    fn end_tree(&self);
    /// This VMA is about to be changed, or to go.
    fn start_write(&self, vma: VmaRef<'_, M>);
    /// This VMA has been changed.
    fn end_write(&self, vma: VmaRef<'_, M>);
    /// This VMA is filled in, and about to be linked into the tree.
    fn attach(&self, vma: VmaRef<'_, M>);
    /// This VMA will be out of the tree at once.
    fn detach(&self, vma: VmaRef<'_, M>);
    /// Pages of this VMA are about to be zapped.
    fn begin_zap(&self, vma: VmaRef<'_, M>);
    /// They have been.
    fn end_zap(&self, vma: VmaRef<'_, M>);
    /// Nobody finds this VMA any more: frees it when no fault can still use it.
    fn free(&self, core: &mut Core<M>, vma: VmaRef<'_, M>);
    /// A writer waits for memory: frees what no fault can use any more.
    fn reclaim(&self, core: &mut Core<M>);
    /// No core faults any more: frees what waits for faults to end.
    fn drain(&self, core: &mut Core<M>);
    /// Whether VMAs are replaced instead of changed.
    fn replaces_vmas(&self) -> bool;
    /// Whether a table is freed under the lock of its parent, since faults allocate
    /// tables that exclude no writer.
    fn locks_tables(&self) -> bool;
    /// Whether the file of a VMA is put when the VMA is freed, not before munmap returns.
    fn defers_fput(&self) -> bool;
}
