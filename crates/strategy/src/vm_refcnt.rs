//! A reference count with a writer's bit in each VMA: Linux 6.15 and later, as of 7.2.
//!
//! *Fault:* the VMA is found under RCU; a writer has it if its `vm_lock_seq` equals `mm_lock_seq`
//! of the space. A reference is taken, unless the count is 0 or has the writer's bit; then space,
//! sequence and bounds are checked, since a VMA is freed without a grace period and may be another
//! one by now. Then the VMA is stable until the reference is dropped, and the fault may sleep for a
//! table or a frame. *Writers* make `mm_lock_seq` odd; they set the bit, sleep until no reader is
//! left, set `vm_lock_seq`, and clear the bit; at the end `mm_lock_seq` is made even, which unlocks
//! all VMAs. A writer that detaches a VMA waits for readers that are about to find that they came
//! too late. *Collision:* as with a semaphore in each VMA: the fault is done again under mmap_lock,
//! or the tree is walked again if the VMA is detached.
//!
//! The count is on a line of its own after the fields that a fault reads. A fault writes it
//! twice, so it costs what a plain reference costs. The reader that lowers the count to the
//! writer's bit wakes the writer. It must know the space before it lowers the count, since
//! after that the VMA may be another's (in the kernel the space too; here spaces are not freed
//! while cores fault).

use super::{Reference, Scheme, Space, Strategy, Traits, Words};
use machine::{Machine, Ordering, Word};
use mm::fault::{self, End, Fallback, FaultRequest, Outcome, Stop};
use mm::hooks::Hooks;
use mm::kernel::{Kernel, Layout, Linux7_2};
use mm::locked::{self, Held};
use mm::vma::{VmaFields, VmaRef};
use mm::{Config, Core, Mm, point, stage};
use sync::ref_lock::{RefLock, Refused};
use sync::seqcount::SeqCount;

/// See the module.
pub struct VmRefcnt;

/// The count of a VMA, which is a field of it since 6.15; nothing is added.
pub struct VmRefcntWords;

#[inline(always)]
fn count<'a, M: Machine, L: Layout>(
    mm: &'a Mm<M>,
    kernel: &Kernel,
    vma: VmaRef<'a, M, L>,
) -> RefLock<'a, M> {
    RefLock::new(vma.vm_refcnt(), mm.field(kernel.mm.vma_writer_wait))
}

#[inline(always)]
fn mm_lock_seq<'a, M: Machine>(mm: &'a Mm<M>, kernel: &Kernel) -> Word<'a, M::Line> {
    mm.field(kernel.mm.mm_lock_seq)
}

/// `vma_start_read`.
#[inline(always)]
fn lock<'a, M: Machine, L: Layout>(
    mm: &'a Mm<M>,
    kernel: &Kernel,
    vma: VmaRef<'a, M, L>,
) -> Result<Reference<RefLock<'a, M>>, Fallback> {
    let (mm_seq, seq) = (mm_lock_seq(mm, kernel), vma.vm_lock_seq());
    // A hint alone: a wrong answer is found below, or costs a fallback.
    if seq.load(Ordering::Relaxed) == mm_seq.load(Ordering::Relaxed) {
        return Err(Fallback::VmaLockAbort);
    }
    M::point(point::BEFORE_VMA_LOCK);
    let count = count(mm, kernel, vma);
    count.get().map_err(|refused| match refused {
        Refused::Detached => Fallback::VmaLockMiss,
        Refused::Closed => Fallback::VmaLockAbort,
    })?;
    let reference = Reference::new(count);
    M::point(point::VMA_LOCKED);
    // `vm_mm`: freed, or another's. Acquire: pairs with the Release of `end`. A fault that sees
    // the new count sees all that the writer has done to the VMA.
    if !vma.is_alive() || seq.load(Ordering::Relaxed) == mm_seq.load(Ordering::Acquire) {
        return Err(Fallback::VmaLockAbort);
    }
    Ok(reference)
}

impl Scheme for VmRefcnt {
    const NAME: &'static str = "vm-refcnt";
    const SUMMARY: &'static str = "RCU lookup, then a count of the VMA that writers can close";
    const WHO: &'static str = "Linux 6.15 on";
    const TRAITS: Traits = Traits {
        shared_writes: "2: the reference, twice",
        sleeps: "no: drops the reference, ends under mmap_lock",
        allocates_tables: "yes",
        falls_back: "writer of the VMA, I/O",
        writers_pay: "closing the count of each VMA that changes",
    };
}

impl<M: Machine> Words<M> for VmRefcntWords {
    const VMA_BYTES: usize = 0;

    fn new(_: &Config) -> Self {
        Self
    }
}

impl<M: Machine> Hooks<M> for VmRefcntWords {
    fn begin(&self, mm: &Mm<M>) {
        SeqCount::<M>::new(mm_lock_seq(mm, mm.kernel())).write_begin();
    }

    fn start_write(&self, mm: &Mm<M>, vma: VmaRef<'_, M>) {
        let seq = mm_lock_seq(mm, mm.kernel()).load(Ordering::Relaxed);
        if vma.vm_lock_seq().load(Ordering::Relaxed) == seq {
            return;
        }
        let count = count(mm, mm.kernel(), vma);
        let closed = count.close();
        vma.vm_lock_seq().store(seq, Ordering::Relaxed);
        if closed {
            count.open();
        }
    }

    fn attach(&self, mm: &Mm<M>, vma: VmaRef<'_, M>) {
        self.start_write(mm, vma);
        count(mm, mm.kernel(), vma).attach();
    }

    fn detach(&self, mm: &Mm<M>, vma: VmaRef<'_, M>) {
        count(mm, mm.kernel(), vma).detach();
    }

    fn end(&self, mm: &Mm<M>) {
        SeqCount::<M>::new(mm_lock_seq(mm, mm.kernel())).write_end();
    }

    fn lock_to_zap(&self, mm: &Mm<M>, vma: VmaRef<'_, M>) -> bool {
        lock(mm, mm.kernel(), vma).map(std::mem::forget).is_ok()
    }

    fn unlock_zapped(&self, mm: &Mm<M>, vma: VmaRef<'_, M>) {
        count(mm, mm.kernel(), vma).put();
    }

    /// At once: a fault that still finds the VMA gets no reference, or one of the VMA that is
    /// there then.
    fn free(&self, mm: &Mm<M>, core: &mut Core<M>, vma: VmaRef<'_, M>) {
        core.free_vma_now(mm, vma.id);
    }
}

impl<M: Machine> Strategy<M> for VmRefcnt {
    type Layout = Linux7_2;
    type Words = VmRefcntWords;

    #[inline(always)]
    fn attempt(
        space: &Space<M, Self>,
        core: &mut Core<M>,
        request: FaultRequest,
    ) -> Result<Outcome, Stop> {
        let _section = core.read_section();
        let vma = space.find_vma(request.addr).ok_or(Fallback::VmaLockAbort)?;
        M::mark(stage::LOOKUP);
        locked::may_lock(vma)?;
        let reference = lock(space, space.kernel(), vma)?;
        // Bounds last: only now the VMA does not change.
        if !vma.contains(request.addr) {
            return Err(Fallback::VmaLockAbort.into());
        }
        M::mark(stage::LOCK);
        M::point(point::AFTER_LOOKUP);
        let result = if fault::allows(&vma, request.access()) {
            fault::handle(space, core, request, &Held::by_its_lock(vma))
        } else if space.kernel().rules.vma_lock_segv {
            Ok(locked::failed(request, End::Segv))
        } else {
            Err(Fallback::AccessError.into())
        };
        drop(reference);
        result
    }

    #[inline]
    fn after(
        space: &Space<M, Self>,
        core: &mut Core<M>,
        request: FaultRequest,
        stop: Stop,
    ) -> Result<Outcome, FaultRequest> {
        locked::after_vma_lock(space, core, request, stop)
    }
}
