//! mmap_lock held for read over the whole fault: Linux before 6.4.
//!
//! *Fault:* the rwsem of the space is taken for read (count, then owner: two writes
//! of lines that every core writes), the VMA is looked up and the fault done under
//! it, the count is written again. For I/O the file is pinned, the lock dropped, and
//! the fault done again. *Writers* take the rwsem for write. *Collision:* whoever
//! comes second sleeps.

use super::{Scheme, Strategy};
use crate::machine::Machine;
use crate::mm::fault::{Outcome, Request};
use crate::mm::{Core, Mm, locked};

/// See the module.
pub struct MmapLock;

impl Scheme for MmapLock {
    const NAME: &'static str = "mmap-lock";
    const SUMMARY: &'static str = "rwsem of the space held for read over the whole fault";
    const WHO: &'static str = "Linux before 6.4";
}

impl<M: Machine> Strategy<M> for MmapLock {
    type MmWords = ();
    type VmaWords = ();

    fn mm_words() {}
    fn vma_words() {}

    #[inline]
    fn fault(mm: &Mm<M, Self>, core: &mut Core<M>, request: Request) -> Outcome {
        mm.enter_fault();
        locked::fault(mm, core, request)
    }
}
