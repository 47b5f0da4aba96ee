//! mmap_lock held for read over the whole fault: Linux before 6.4.
//!
//! *Fault:* the rwsem of the space is taken for read (count, then owner: two writes
//! of lines that every core writes), the VMA is looked up and the fault done under
//! it, the count is written again. For I/O the file is pinned, the lock dropped, and
//! the fault done again. *Writers* take the rwsem for write. *Collision:* the
//! second to come sleeps.
//!
//! Its kernel is 6.2, the last but one without locks of VMAs. The kernel of
//! `mmap-lock:blind-cas` is 5.12; it takes the rwsem as kernels before November 2021 did: by a
//! compare-exchange that guesses that it is free, without a look at it first.

use super::{Scheme, Space, Strategy, Traits};
use machine::Machine;
use mm::fault::{FaultRequest, Outcome, Stop};
use mm::kernel::{Layout, Linux5_12, Linux6_2};
use mm::{Core, locked};
use std::marker::PhantomData;

/// See the module.
pub struct MmapLock<L, const BLIND: bool = false>(PhantomData<L>);

const TRAITS: Traits = Traits {
    shared_writes: "3: count twice, owner",
    sleeps: "no: drops the lock for I/O",
    allocates_tables: "yes",
    falls_back: "nothing",
    writers_pay: "nothing",
};

impl Scheme for MmapLock<Linux6_2> {
    const NAME: &'static str = "mmap-lock";
    const SUMMARY: &'static str = "rwsem of the space held for read over the whole fault";
    const WHO: &'static str = "Linux before 6.4";
    const TRAITS: Traits = TRAITS;
}

impl Scheme for MmapLock<Linux5_12, true> {
    const NAME: &'static str = "mmap-lock:blind-cas";
    const SUMMARY: &'static str = "the same, the rwsem taken without a look at it first";
    const WHO: &'static str = "Linux before November 2021";
    const TRAITS: Traits = TRAITS;
}

impl<M: Machine, L: Layout, const BLIND: bool> Strategy<M> for MmapLock<L, BLIND> {
    type Layout = L;
    type Words = ();

    #[inline(always)]
    fn attempt(
        space: &Space<M, Self>,
        core: &mut Core<M>,
        request: FaultRequest,
    ) -> Result<Outcome, Stop> {
        locked::attempt::<M, L, BLIND>(space, core, request)
    }
}
