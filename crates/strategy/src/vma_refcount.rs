//! A reference on the VMA for every fault: "a total loss" (Zijlstra, linux-mm,
//! 2021-04-08).
//!
//! *Fault:* the VMA is found under RCU; then its reference count is raised, and
//! lowered when the fault is over: two writes of one line of the VMA, the same for
//! all cores that fault in one huge VMA. The reference keeps the VMA in memory but
//! excludes no writer, so `detached` is checked again before a table is published
//! (under the lock of its parent) and before a pte is (under the page-table lock).
//! *Writers* never change a VMA, since a fault may be reading it: they put a new one in
//! its place, so that `detached` covers `mprotect` and splits as it covers `munmap`. They
//! mark the old one before they take any lock of its pages, and drop the tree's reference.
//! They free tables under the lock of the parent. *Collision:* the fault falls back to
//! mmap_lock.
//!
//! A missing `anon_vma` is set under mmap_lock, which is tried, as by per-VMA locks since
//! Linux 6.10.
//!
//! For I/O the reference is dropped, the file pinned, and the fault done again: else
//! as complete as the fault under mmap_lock.

use super::{Attached, ByReference, CountedVmas, Scheme, Space, Strategy, Traits};
use machine::Machine;
use mm::fault::{self, Fallback, FaultRequest, Outcome, Stop};
use mm::kernel::Linux5_12;
use mm::{Core, point, stage};

/// See the module.
pub struct VmaRefcount;

impl Scheme for VmaRefcount {
    const NAME: &'static str = "vma-refcount";
    const SUMMARY: &'static str = "RCU lookup, then a reference on the VMA for every fault";
    const WHO: &'static str = "\"a total loss\" (Zijlstra 2021)";
    const TRAITS: Traits = Traits {
        shared_writes: "2: the reference, twice",
        sleeps: "no: drops the reference for I/O",
        allocates_tables: "yes",
        falls_back: "writer of the VMA",
        writers_pay: "a new VMA for each change",
    };
}

impl<M: Machine> Strategy<M> for VmaRefcount {
    type Layout = Linux5_12;
    type Words = CountedVmas<M>;

    #[inline(always)]
    fn attempt(
        space: &Space<M, Self>,
        core: &mut Core<M>,
        request: FaultRequest,
    ) -> Result<Outcome, Stop> {
        // The read section lasts as long as the attempt: tables are freed under RCU too.
        let _section = core.read_section();
        let vma = space.find_vma(request.addr).ok_or(Fallback::Unmapped)?;
        M::mark(stage::LOOKUP);
        let _reference = space.words.get(vma.id).ok_or(Fallback::VmaLockMiss)?;
        M::mark(stage::LOCK);
        M::point(point::AFTER_LOOKUP);
        if !fault::allows(&vma, request.access()) {
            return Err(Fallback::AccessError.into());
        }
        fault::handle(space, core, request, &Attached::<M, _, ByReference>::new(vma))
    }
}
