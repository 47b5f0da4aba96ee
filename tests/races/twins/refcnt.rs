//! Twins of `vm-refcnt`: a count in the VMA that writers can close, and VMAs that are reused at
//! once.

use faultstorm::machine::{LINE_WORDS, Line, LineName, Machine, Ordering, Word};
use faultstorm::mm::fault::{
    self, Fallback, FaultRequest, Outcome, Protection, PteSlot, Stop, Waits, Walk,
};
use faultstorm::mm::hooks::Hooks;
use faultstorm::mm::kernel::Linux7_2;
use faultstorm::mm::vma::{VmaCopy, VmaFields, VmaId, VmaRef};
use faultstorm::mm::{Config, Core, Mm, locked, point};
use faultstorm::strategy::{PerVma, Space, Strategy, Words};
use faultstorm::sync::ref_lock::{RefLock, Refused};
use faultstorm::sync::seqcount::SeqCount;

static WORDS: LineName =
    LineName { name: "twin.vm_refcnt", words: ["vm_refcnt", "", "", "", "", "", "", ""] };

/// No step is missing.
pub const SOUND: u32 = 0;
/// After the reference is taken, the bounds of the VMA are not checked again.
pub const NO_BOUNDS_CHECK: u32 = 1;
/// Fields are read before the reference is taken, not after.
pub const FIELDS_FIRST: u32 = 2;
/// A VMA that is not in the tree yet is not locked.
pub const NEW_UNLOCKED: u32 = 3;
/// All VMAs are released as soon as the tree is changed.
pub const UNLOCKS_EARLY: u32 = 4;
/// A core that detaches a VMA does not wait for a reader that is about to find that out.
pub const DETACHES_AT_ONCE: u32 = 5;
/// A writer does not wait for readers.
pub const DOES_NOT_WAIT: u32 = 6;
/// The reference is kept while a page is waited for.
pub const SLEEPS: u32 = 7;
/// An attempt that ends before the fault does keeps its reference.
pub const LEAKS: u32 = 8;
/// Such an attempt drops its reference twice.
pub const PUTS_TWICE: u32 = 9;
/// After the reference is taken, it is not checked again if a writer has the VMA.
pub const NO_SEQ_CHECK: u32 = 10;

/// References with one step missing.
pub struct Refcnt<const STEP: u32>;

/// Fields of a VMA on which the fault has a reference.
struct Locked(VmaCopy);

impl<M: Machine> Protection<M> for Locked {
    type Vma = VmaCopy;

    #[inline(always)]
    fn allocates_tables(&self) -> bool {
        true
    }

    #[inline(always)]
    fn waits(&self) -> Waits {
        Waits::Unprotected
    }

    fn vma(&self) -> &VmaCopy {
        &self.0
    }

    fn prepare_anon_vma(&self, _: &Mm<M>) -> Result<(), Fallback> {
        Err(Fallback::AnonVma)
    }

    fn lock_pte<'a>(
        &self,
        mm: &'a Mm<M>,
        walk: Walk<'a, M>,
    ) -> Result<Option<PteSlot<'a, M>>, Fallback> {
        Ok(walk.lock(mm))
    }
}

struct Reference<'a, M: Machine>(RefLock<'a, M>);

impl<M: Machine> Drop for Reference<'_, M> {
    fn drop(&mut self) {
        self.0.put();
    }
}

/// The count of each VMA.
pub struct RefcntWords<M: Machine, const STEP: u32>(PerVma<M::Line>);

impl<M: Machine, const STEP: u32> RefcntWords<M, STEP> {
    fn count<'a>(&'a self, mm: &'a Mm<M>, vma: VmaId) -> RefLock<'a, M> {
        RefLock::new(Word::new(&self.0[vma], 0), mm.field(mm.kernel().mm.vma_writer_wait))
    }
}

fn mm_lock_seq<M: Machine>(mm: &Mm<M>) -> Word<'_, M::Line> {
    mm.field(mm.kernel().mm.mm_lock_seq)
}

impl<M: Machine, const STEP: u32> Words<M> for RefcntWords<M, STEP> {
    const VMA_BYTES: usize = size_of::<M::Line>();

    fn new(config: &Config) -> Self {
        Self(PerVma::new(config, || M::Line::new(&WORDS, [0; LINE_WORDS])))
    }
}

impl<M: Machine, const STEP: u32> Hooks<M> for RefcntWords<M, STEP> {
    fn begin(&self, mm: &Mm<M>) {
        SeqCount::<M>::new(mm_lock_seq(mm)).write_begin();
    }

    fn start_write(&self, mm: &Mm<M>, vma: VmaRef<'_, M>) {
        let found = mm.find_vma(vma.range().0);
        let new = found.is_none_or(|found| found.id != vma.id);
        let seq = mm_lock_seq(mm).load(Ordering::Relaxed);
        if STEP == NEW_UNLOCKED && new || vma.vm_lock_seq().load(Ordering::Relaxed) == seq {
            return;
        }
        let count = self.count(mm, vma.id);
        let closed = STEP != DOES_NOT_WAIT && count.close();
        vma.vm_lock_seq().store(seq, Ordering::Relaxed);
        if closed {
            count.open();
        }
    }

    fn attach(&self, mm: &Mm<M>, vma: VmaRef<'_, M>) {
        self.start_write(mm, vma);
        self.count(mm, vma.id).attach();
    }

    fn detach(&self, mm: &Mm<M>, vma: VmaRef<'_, M>) {
        match STEP {
            DETACHES_AT_ONCE => {
                Word::new(&self.0[vma.id], 0).fetch_sub(1, Ordering::AcqRel);
            }
            _ => self.count(mm, vma.id).detach(),
        }
    }

    fn end_tree(&self, mm: &Mm<M>) {
        if STEP == UNLOCKS_EARLY {
            let seq = SeqCount::<M>::new(mm_lock_seq(mm));
            seq.write_end();
            seq.write_begin();
        }
    }

    fn end(&self, mm: &Mm<M>) {
        SeqCount::<M>::new(mm_lock_seq(mm)).write_end();
    }

    fn free(&self, mm: &Mm<M>, core: &mut Core<M>, vma: VmaRef<'_, M>) {
        core.free_vma_now(mm, vma.id);
    }
}

impl<M: Machine, const STEP: u32> Strategy<M> for Refcnt<STEP> {
    type Layout = Linux7_2;
    type Words = RefcntWords<M, STEP>;

    fn attempt(
        space: &Space<M, Self>,
        core: &mut Core<M>,
        request: FaultRequest,
    ) -> Result<Outcome, Stop> {
        let section = core.read_section();
        let vma = space.find_vma(request.addr).ok_or(Fallback::VmaLockAbort)?;
        let early = VmaCopy::of(&vma);
        let (mm_seq, seq) = (mm_lock_seq(space), vma.vm_lock_seq());
        if seq.load(Ordering::Relaxed) == mm_seq.load(Ordering::Relaxed) {
            return Err(Fallback::VmaLockAbort.into());
        }
        M::point(point::BEFORE_VMA_LOCK);
        let count = space.words.count(space, vma.id);
        count.get().map_err(|refused| match refused {
            Refused::Detached => Fallback::VmaLockMiss,
            Refused::Closed => Fallback::VmaLockAbort,
        })?;
        let reference = Reference(count);
        M::point(point::VMA_LOCKED);
        let fields = if STEP == FIELDS_FIRST { early } else { VmaCopy::of(&vma) };
        let locked = seq.load(Ordering::Relaxed) == mm_seq.load(Ordering::Acquire);
        let is_locked = STEP != NO_SEQ_CHECK && locked;
        let is_other = STEP != NO_BOUNDS_CHECK && !fields.contains(request.addr);
        if !vma.is_alive() || is_locked || is_other {
            return Err(Fallback::VmaLockAbort.into());
        }
        if !fault::allows(&fields, request.access()) {
            return Err(Fallback::AccessError.into());
        }
        let result = fault::handle(space, core, request, &Locked(fields));
        drop(section);
        match result {
            Err(Stop::Wait) if STEP == SLEEPS => {
                space.wait(core).expect("a frame is left");
                Err(Fallback::VmaLockRetry.into())
            }
            Err(stop) => {
                match STEP {
                    LEAKS => std::mem::forget(reference),
                    PUTS_TWICE => reference.0.put(),
                    _ => {}
                }
                Err(stop)
            }
            ended => ended,
        }
    }

    fn after(
        space: &Space<M, Self>,
        core: &mut Core<M>,
        request: FaultRequest,
        stop: Stop,
    ) -> Result<Outcome, FaultRequest> {
        locked::after_vma_lock(space, core, request, stop)
    }
}
