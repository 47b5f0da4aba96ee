//! mmap_lock held for read over the whole fault: Linux before 6.4.
//!
//! *Fault:* the rwsem of the space is taken for read (count, then owner: two writes
//! of lines that every core writes), the VMA is looked up and the fault done under
//! it, the count is written again. For I/O the file is pinned, the lock dropped, and
//! the fault done again. *Writers* take the rwsem for write. *Collision:* whoever
//! comes second sleeps.
//!
//! `mmap-lock:6.2` is the same in the layout of that kernel, with the prefetch of its fault
//! entry: for comparing with that kernel's published figures only.

use super::{Scheme, Space, Strategy};
use crate::machine::Machine;
use crate::mm::fault::{Outcome, Request};
use crate::mm::layout::{Layout, Linux6_2, Linux7_2};
use crate::mm::{Config, Core, locked};
use std::marker::PhantomData;

/// See the module.
pub struct MmapLock<L>(PhantomData<L>);

impl Scheme for MmapLock<Linux7_2> {
    const NAME: &'static str = "mmap-lock";
    const SUMMARY: &'static str = "rwsem of the space held for read over the whole fault";
    const WHO: &'static str = "Linux before 6.4";
}

impl Scheme for MmapLock<Linux6_2> {
    const NAME: &'static str = "mmap-lock:6.2";
    const SUMMARY: &'static str = "the same in the layout and with the prefetch of that kernel";
    const WHO: &'static str = "Linux 6.2, for its published figures";
}

impl<M: Machine, L: Layout> Strategy<M> for MmapLock<L> {
    type Layout = L;
    type MmWords = ();
    type VmaWords = ();

    fn mm_words(_: &Config) {}
    fn vma_words() {}

    #[inline]
    fn fault(space: &Space<M, Self>, core: &mut Core<M>, request: Request) -> Outcome {
        space.enter_fault();
        locked::fault(space, core, request)
    }
}
