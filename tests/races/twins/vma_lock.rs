//! Twins of `per-vma-lock`: a semaphore in each VMA, which writers take only to say that the
//! VMA is theirs, and what a fault asks again when it has it.

use faultstorm::machine::{LINE_WORDS, Line, LineName, Machine, Ordering, Word};
use faultstorm::mm::fault::{self, End, Fallback, Outcome, Request, Stop};
use faultstorm::mm::kernel::Linux7_2;
use faultstorm::mm::locked::{self, Held};
use faultstorm::mm::vma::{VmaFields, VmaRef};
use faultstorm::mm::{Config, Core, point};
use faultstorm::strategy::{Space, Strategy};
use faultstorm::sync::rwsem::{Home, QueueWords, RwSem, WaitQueue};
use faultstorm::sync::spinlock::{LockWords, Waiters};

static WORDS: LineName = LineName {
    name: "twin.vm_lock",
    words: ["count", "owner", "osq", "osq.tail", "wait_lock", "wait_lock.tail", "", ""],
};

/// No step is missing.
pub const SOUND: u32 = 0;
/// Who has the semaphore does not ask again whether a writer has the VMA.
pub const NO_SEQ_CHECK: u32 = 1;
/// Nor, in this twin, whether it is detached.
pub const NO_DETACHED_CHECK: u32 = 2;
/// Nor, in this twin, whether it still reaches so far.
pub const NO_BOUNDS_CHECK: u32 = 3;

/// Locks of VMAs with a step that is missing.
pub struct VmaLocked<const STEP: u32>;

/// The semaphore of a VMA.
pub struct Words<M: Machine> {
    line: M::Line,
    queue: WaitQueue,
}

struct VmaLock<'a, M: Machine> {
    words: &'a Words<M>,
    waiters: &'a Waiters<M>,
}

impl<'a, M: Machine> VmaLock<'a, M> {
    fn of<const STEP: u32>(space: &'a Space<M, VmaLocked<STEP>>, vma: VmaRef<'_, M>) -> Self {
        Self { words: space.words_of(vma.id), waiters: Home::waiters(&**space) }
    }
}

impl<M: Machine> Home for VmaLock<'_, M> {
    type Machine = M;

    fn queue_words(&self) -> QueueWords {
        QueueWords {
            osq: LockWords { locked: 2, tail: 3 },
            wait_lock: LockWords { locked: 4, tail: 5 },
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

impl<const STEP: u32> VmaLocked<STEP> {
    fn mm_lock_seq<M: Machine>(space: &Space<M, Self>) -> Word<'_, M::Line> {
        space.field(space.kernel().mm.mm_lock_seq)
    }

    fn attempt<M: Machine>(
        space: &Space<M, Self>,
        core: &mut Core<M>,
        request: Request,
    ) -> Result<Outcome, Stop> {
        let _section = core.read_section();
        let vma = space.find_vma(request.addr).ok_or(Fallback::VmaLockAbort)?;
        let (mm_seq, seq) = (Self::mm_lock_seq(space), vma.vm_lock_seq());
        if seq.load(Ordering::Relaxed) == mm_seq.load(Ordering::Relaxed) {
            return Err(Fallback::VmaLockAbort.into());
        }
        M::point(point::BEFORE_VMA_LOCK);
        let lock = VmaLock::of(space, vma.loaded());
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
}

impl<M: Machine, const STEP: u32> Strategy<M> for VmaLocked<STEP> {
    type Layout = Linux7_2;
    type MmWords = ();
    type VmaWords = Words<M>;

    fn mm_words(_: &Config) {}

    fn vma_words(config: &Config) -> Words<M> {
        let line = M::Line::new(&WORDS, [0; LINE_WORDS]);
        Words { line, queue: WaitQueue::new(config.cores) }
    }

    fn fault(space: &Space<M, Self>, core: &mut Core<M>, request: Request) -> Outcome {
        loop {
            core.note_attempt();
            let done = match Self::attempt(space, core, request) {
                Ok(outcome) => Some(outcome),
                Err(stop) => locked::after_vma_lock(space, core, request, stop),
            };
            if let Some(outcome) = done {
                return outcome;
            }
        }
    }

    fn start_write(space: &Space<M, Self>, vma: VmaRef<'_, M>) {
        let seq = Self::mm_lock_seq(space).load(Ordering::Relaxed);
        if vma.vm_lock_seq().load(Ordering::Relaxed) != seq {
            let lock = VmaLock::of(space, vma.loaded());
            let _alone = RwSem::new(&lock).write();
            vma.vm_lock_seq().store(seq, Ordering::Relaxed);
        }
    }

    fn attach(space: &Space<M, Self>, vma: VmaRef<'_, M>) {
        vma.detached().store(0, Ordering::Relaxed);
        Self::start_write(space, vma);
    }

    fn detach(_: &Space<M, Self>, vma: VmaRef<'_, M>) {
        vma.detached().store(1, Ordering::Relaxed);
    }

    fn end(space: &Space<M, Self>) {
        let seq = Self::mm_lock_seq(space);
        seq.store(seq.load(Ordering::Relaxed) + 1, Ordering::Release);
    }
}
