//! Speculation on `mm_lock_seq`, over VMAs whose memory stays VMAs: what Linux has offered since
//! 6.14 (`include/linux/mmap_lock.h`, `mmap_lock_speculate_try_begin` and
//! `mmap_lock_speculate_retry`; VMAs are `SLAB_TYPESAFE_BY_RCU` since 6.15), here for faults.
//! In the kernel uprobes, futexes and the reader of `/proc/PID/maps` use it, faults do not.
//!
//! *Fault:* under RCU `mm_lock_seq` is sampled, the VMA looked up and copied; no reference is
//! taken. The count is checked after the copy, before the file is called, before ptl and under
//! it. A VMA that was freed and used again, even by another space, was taken out of this space
//! by a writer first, so the count has changed. *Writers* make the count odd as long as they
//! hold mmap_lock for writing, as they do since 6.14 for locks of VMAs. A VMA is freed at once.
//! *Collision:* any writer of the space aborts all speculation; the fault is done again under
//! mmap_lock, as it is without a page table or an `anon_vma`, for pages that are not cached, and
//! if the file system forbids it. (A kernel might try the lock of the VMA first.)
//!
//! Compared with the speculation of 2021, VMAs need no grace period, the count is not on a line
//! that the fault entry prefetches for writing, and ptl is waited for. The series of 2021 only
//! tried it. Page tables are freed after a grace period (x86: `MMU_GATHER_RCU_TABLE_FREE`,
//! always since 6.14), so RCU keeps the table of a fault that waits, and the entry of the table
//! is checked again under ptl.

use super::{Scheme, Space, Speculation, Strategy, Traits, Words};
use machine::Machine;
use mm::fault::{Fallback, FaultRequest, Outcome, Stop};
use mm::hooks::Hooks;
use mm::kernel::{Kernel, Linux6_18};
use mm::vma::{VmaCopy, VmaRef};
use mm::{Config, Core, Mm, point, stage};
use sync::seqcount::SeqCount;

/// See the module.
pub struct MmSeq;

/// `mm_lock_seq` is a field of `mm_struct`; nothing is added.
pub struct MmSeqWords;

#[inline(always)]
fn mm_lock_seq<'a, M: Machine>(mm: &'a Mm<M>, kernel: &Kernel) -> SeqCount<'a, M> {
    SeqCount::new(mm.field(kernel.mm.mm_lock_seq))
}

impl Scheme for MmSeq {
    const NAME: &'static str = "mm-seq";
    const SUMMARY: &'static str = "mm_lock_seq, RCU, a copy of a type-safe VMA, checks under ptl";
    const WHO: &'static str = "Linux 6.14 offers it; not for faults";
    const TRAITS: Traits = Traits {
        shared_writes: "0",
        sleeps: "no",
        allocates_tables: "no",
        falls_back: "any writer of the space; no table, page or anon_vma",
        writers_pay: "two stores to the count",
    };
}

impl<M: Machine> Words<M> for MmSeqWords {
    const VMA_BYTES: usize = 0;

    fn new(_: &Config) -> Self {
        Self
    }
}

impl<M: Machine> Hooks<M> for MmSeqWords {
    fn begin(&self, mm: &Mm<M>) {
        mm_lock_seq(mm, mm.kernel()).write_begin();
    }

    fn end(&self, mm: &Mm<M>) {
        mm_lock_seq(mm, mm.kernel()).write_end();
    }

    /// At once: a fault that still reads the VMA finds that the count has changed.
    fn free(&self, mm: &Mm<M>, core: &mut Core<M>, vma: VmaRef<'_, M>) {
        core.free_vma_now(mm, vma.id);
    }
}

impl<M: Machine> Strategy<M> for MmSeq {
    type Layout = Linux6_18;
    type Words = MmSeqWords;

    #[inline(always)]
    fn attempt(
        space: &Space<M, Self>,
        core: &mut Core<M>,
        request: FaultRequest,
    ) -> Result<Outcome, Stop> {
        let _section = core.read_section();
        let seq = mm_lock_seq(space, space.kernel());
        let at = seq.begin().ok_or(Fallback::Odd)?;
        M::mark(stage::LOCK);
        let vma = space.find_vma(request.addr).ok_or(Fallback::Unmapped)?;
        let copy = VmaCopy::of(&vma);
        M::point(point::AFTER_COPY);
        Speculation::<M, _, true>::new(&copy, seq, at).handle(space, core, request)
    }
}
