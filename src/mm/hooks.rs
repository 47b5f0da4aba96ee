//! What writers tell a strategy, so that its faults notice them.

use super::vma::VmaRef;
use crate::machine::Machine;

/// What a strategy does for its writers.
///
/// Called with mmap_lock held for writing, unless they say otherwise. A writer calls
/// through a pointer, so that the operations are compiled once and not for each strategy.
pub trait Hooks<M: Machine> {
    /// mmap_lock has been taken.
    fn begin(&self);
    /// mmap_lock is about to be released, or to let readers in.
    fn end(&self);
    /// This VMA is about to be changed.
    fn start_write(&self, vma: VmaRef<'_, M>);
    /// This VMA is filled in, and about to be linked into the tree.
    fn attach(&self, vma: VmaRef<'_, M>);
    /// This VMA is out of the tree, and about to go.
    fn detach(&self, vma: VmaRef<'_, M>);
    /// Pages are about to be zapped; mmap_lock is held at least for reading.
    fn before_zap(&self);
}
