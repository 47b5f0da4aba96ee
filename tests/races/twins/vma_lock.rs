//! Twins of `per-vma-lock`: a semaphore in each VMA, which writers take only to mark the VMA as
//! theirs, and the checks of a fault after it has the semaphore.

use faultstorm::machine::{LINE_WORDS, Line, LineName, Machine, Ordering, RwNames, Waited, Word};
use faultstorm::mm::fault::{self, End, Fallback, FaultRequest, Outcome, Stop};
use faultstorm::mm::hooks::Hooks;
use faultstorm::mm::kernel::{Layout, Linux7_2};
use faultstorm::mm::locked::{self, Held};
use faultstorm::mm::vma::{VmaFields, VmaRef};
use faultstorm::mm::{Config, Core, Mm, point};
use faultstorm::strategy::{PerVma, Space, Strategy, Words};
use faultstorm::sync::rwsem::{Home, QueueWords, RwSem, WaitQueue};
use faultstorm::sync::spinlock::{LockWords, Waiters};

static WORDS: LineName = LineName {
    name: "twin.vm_lock",
    words: ["count", "owner", "osq", "osq.tail", "wait_lock", "wait_lock.tail", "", ""],
};

/// No step is missing.
pub const SOUND: u32 = 0;
/// After the semaphore is taken, it is not checked again if a writer has the VMA.
pub const NO_SEQ_CHECK: u32 = 1;
/// Nor, in this twin, if it is detached.
pub const NO_DETACHED_CHECK: u32 = 2;
/// Nor, in this twin, its bounds.
pub const NO_BOUNDS_CHECK: u32 = 3;

/// Locks of VMAs, with one step missing.
pub struct VmaLocked<const STEP: u32>;

/// The semaphores of VMAs.
pub struct TwinLocks<M: Machine>(PerVma<TwinLock<M>>);

/// The semaphore of a VMA.
struct TwinLock<M: Machine> {
    line: M::Line,
    queue: WaitQueue,
}

struct VmaLock<'a, M: Machine> {
    words: &'a TwinLock<M>,
    waiters: &'a Waiters<M>,
}

impl<M: Machine> TwinLocks<M> {
    fn lock<'a, L: Layout>(&'a self, mm: &'a Mm<M>, vma: VmaRef<'_, M, L>) -> VmaLock<'a, M> {
        VmaLock { words: &self.0[vma.id], waiters: Home::waiters(mm) }
    }
}

impl<M: Machine> Home for VmaLock<'_, M> {
    type Machine = M;

    fn names(&self) -> RwNames {
        RwNames::VMA_LOCK
    }

    fn queue_words(&self) -> QueueWords {
        QueueWords {
            osq: LockWords { name: Waited::Osq, locked: 2, tail: 3 },
            wait_lock: LockWords { name: Waited::WaitLock, locked: 4, tail: 5 },
        }
    }

    fn count(&self) -> Word<'_, M::Line> {
        Word::new(&self.words.line, 0)
    }
    fn owner(&self) -> Word<'_, M::Line> {
        Word::new(&self.words.line, 1)
    }
    fn queue_line(&self) -> &M::Line {
        &self.words.line
    }
    fn queue(&self) -> &WaitQueue {
        &self.words.queue
    }
    fn waiters(&self) -> &Waiters<M> {
        self.waiters
    }
}

fn mm_lock_seq<M: Machine>(mm: &Mm<M>) -> Word<'_, M::Line> {
    mm.field(mm.kernel().mm.mm_lock_seq)
}

impl<M: Machine> Words<M> for TwinLocks<M> {
    const VMA_BYTES: usize = size_of::<M::Line>();

    fn new(config: &Config) -> Self {
        Self(PerVma::new(config, || {
            let line = M::Line::new(&WORDS, [0; LINE_WORDS]);
            TwinLock { line, queue: WaitQueue::new(config.cores) }
        }))
    }
}

impl<M: Machine> Hooks<M> for TwinLocks<M> {
    fn start_write(&self, mm: &Mm<M>, vma: VmaRef<'_, M>) {
        let seq = mm_lock_seq(mm).load(Ordering::Relaxed);
        if vma.vm_lock_seq().load(Ordering::Relaxed) != seq {
            let lock = self.lock(mm, vma);
            let _alone = RwSem::new(&lock).write();
            vma.vm_lock_seq().store(seq, Ordering::Relaxed);
        }
    }

    fn attach(&self, mm: &Mm<M>, vma: VmaRef<'_, M>) {
        vma.detached().store(0, Ordering::Relaxed);
        self.start_write(mm, vma);
    }

    fn detach(&self, _: &Mm<M>, vma: VmaRef<'_, M>) {
        vma.detached().store(1, Ordering::Relaxed);
    }

    fn end(&self, mm: &Mm<M>) {
        let seq = mm_lock_seq(mm);
        seq.store(seq.load(Ordering::Relaxed) + 1, Ordering::Release);
    }
}

impl<M: Machine, const STEP: u32> Strategy<M> for VmaLocked<STEP> {
    type Layout = Linux7_2;
    type Words = TwinLocks<M>;

    fn attempt(
        space: &Space<M, Self>,
        core: &mut Core<M>,
        request: FaultRequest,
    ) -> Result<Outcome, Stop> {
        let _section = core.read_section();
        let vma = space.find_vma(request.addr).ok_or(Fallback::VmaLockAbort)?;
        let (mm_seq, seq) = (mm_lock_seq(space), vma.vm_lock_seq());
        if seq.load(Ordering::Relaxed) == mm_seq.load(Ordering::Relaxed) {
            return Err(Fallback::VmaLockAbort.into());
        }
        M::point(point::BEFORE_VMA_LOCK);
        let lock = space.words.lock(space, vma);
        let _guard = RwSem::new(&lock).try_read().ok_or(Fallback::VmaLockAbort)?;
        let locked = seq.load(Ordering::Relaxed) == mm_seq.load(Ordering::Acquire);
        if STEP != NO_SEQ_CHECK && locked {
            return Err(Fallback::VmaLockAbort.into());
        }
        if STEP != NO_DETACHED_CHECK && vma.detached().load(Ordering::Relaxed) != 0 {
            return Err(Fallback::VmaLockMiss.into());
        }
        if STEP != NO_BOUNDS_CHECK && !vma.contains(request.addr) {
            return Err(Fallback::VmaLockAbort.into());
        }
        if !fault::allows(&vma, request.access()) {
            return Ok(locked::failed(request, End::Segv));
        }
        fault::handle(space, core, request, &Held::by_its_lock(vma))
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
