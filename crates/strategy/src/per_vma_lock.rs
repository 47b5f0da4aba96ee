//! A reader-writer semaphore in each VMA: Linux 6.4 to 6.14, as of 6.12.
//!
//! *Fault:* the VMA is found under RCU; a writer has it if its `vm_lock_seq` equals `mm_lock_seq`
//! of the space. Else its semaphore is tried for reading (count, then owner), and sequence,
//! `detached` and bounds are checked. Then the VMA is stable, and the fault may sleep for a table
//! or a frame. *Writers* hold mmap_lock; they take the semaphore for writing only to set
//! `vm_lock_seq`, and unlock all VMAs at once by raising `mm_lock_seq`. *Collision:* a fault that
//! does not get the semaphore at once is done again under mmap_lock. So is one that had to wait for
//! a page, after the wait; one that finds its VMA detached walks the tree again. For a missing
//! `anon_vma` mmap_lock is tried too.
//!
//! The semaphores are objects of 40 bytes in a slab of their own (`vma_lock_cache`), so
//! those of different VMAs share lines: count and owner are at the exact offsets, as the kernel's
//! file has them.
//! `osq`, `wait_lock` and the list of waiters, which no fault writes, are elsewhere. A fault
//! reads the address of the semaphore from the VMA. Here object and VMA have the same number,
//! as if both slabs had been handed out in step. One read section lasts as long as the attempt;
//! the kernel's ends when the lock is held. Nothing in it sleeps.
//!
//! `per-vma-lock:embedded` has count and owner beside what a lookup reads, as the first
//! form of the patches, until "mm: separate vma->lock from vm_area_struct" (February 2023).
//! Its kernel is 6.2, on which the patches were based. Which VMAs may be locked is a rule of the
//! kernel: in 6.4 anonymous VMAs that have an `anon_vma`, nothing else.

use super::{PerVma, Scheme, Space, Strategy, Traits, Words};
use machine::{LINE_WORDS, Line, LineName, Machine, Ordering, RwNames, Waited, Word, pair_up};
use mm::fault::{self, End, Fallback, FaultRequest, Outcome, Stop};
use mm::hooks::Hooks;
use mm::kernel::{Kernel, Layout, Linux6_2, Linux6_12, VmaLockLayout, VmaLockObject};
use mm::locked::{self, Held};
use mm::vma::{VmaFields, VmaRef};
use mm::{Config, Core, Mm, point, stage};
use std::marker::PhantomData;
use sync::rwsem::{Home, QueueWords, ReadGuard, RwSem, WaitQueue};
use sync::spinlock::{LockWords, Waiters};

/// See the module.
pub struct PerVmaLock<F>(PhantomData<F>);

/// A form of the scheme.
pub trait LockForm: Send + Sync + 'static {
    /// The kernel in whose layout `mm_struct` is.
    type Layout: Layout;
    /// The semaphore is in the VMA.
    const IS_EMBEDDED: bool = false;
}

/// The semaphore is an object of its own.
pub struct LockApart;

impl LockForm for LockApart {
    type Layout = Linux6_12;
}

/// It is in the VMA, beside what a lookup reads.
pub struct LockEmbedded;

impl LockForm for LockEmbedded {
    type Layout = Linux6_2;
    const IS_EMBEDDED: bool = true;
}

/// Words of a page of the slab.
const PAGE_WORDS: usize = 512;
const PAGE_LINES: usize = PAGE_WORDS / LINE_WORDS;

/// The semaphores of all VMAs.
pub struct LockSlab<M: Machine>(Box<[M::Line]>);

impl<M: Machine> LockSlab<M> {
    fn new(objects: usize, at: &'static VmaLockLayout) -> Self {
        let pages = objects.div_ceil(PAGE_WORDS / at.words);
        let name = |line: usize| &at.lines[line % PAGE_LINES % at.words];
        let lines: Box<[_]> =
            (0..pages * PAGE_LINES).map(|line| M::Line::new(name(line), [0; LINE_WORDS])).collect();
        // SAFETY: they are on the heap, and a space outlives the cores that fault in it.
        unsafe { pair_up(&lines) };
        Self(lines)
    }

    /// Count and owner of an object.
    #[inline(always)]
    fn words(&self, at: &VmaLockLayout, object: usize) -> [Word<'_, M::Line>; 2] {
        let in_page = PAGE_WORDS / at.words;
        let first = object / in_page * PAGE_WORDS + object % in_page * at.words;
        [at.count, at.owner].map(|word| {
            let at = first + word;
            Word::new(&self.0[at / LINE_WORDS], at % LINE_WORDS)
        })
    }
}

static QUEUE: LineName = LineName {
    name: "vma_lock.wait_lock",
    words: ["osq", "osq.tail", "wait_lock", "wait_lock.tail", "", "", "", ""],
};

/// Waiters for the semaphore of a VMA.
pub struct LockQueue<M: Machine> {
    line: M::Line,
    queue: WaitQueue,
}

/// The semaphore of each VMA.
pub struct VmaLocks<M: Machine, F: LockForm> {
    slab: LockSlab<M>,
    queues: PerVma<LockQueue<M>>,
    form: PhantomData<F>,
}

impl<M: Machine, F: LockForm> VmaLocks<M, F> {
    #[inline(always)]
    fn lock<'a, L: Layout>(&'a self, mm: &'a Mm<M>, vma: VmaRef<'a, M, L>) -> VmaLock<'a, M> {
        let [count, owner] = if F::IS_EMBEDDED {
            [vma.vm_lock(), vma.vm_lock_owner()]
        } else {
            let at = &F::Layout::known::<M>(mm.kernel()).vma_lock;
            self.slab.words(at, vma.vm_lock().load(Ordering::Relaxed) as usize)
        };
        VmaLock { mm, queue: &self.queues[vma.id], count, owner }
    }
}

/// The semaphore of a VMA.
struct VmaLock<'a, M: Machine> {
    mm: &'a Mm<M>,
    queue: &'a LockQueue<M>,
    count: Word<'a, M::Line>,
    owner: Word<'a, M::Line>,
}

impl<M: Machine> VmaLock<'_, M> {
    /// Tries the semaphore for reading, and checks that no writer has the VMA.
    #[inline(always)]
    fn read<L: Layout>(
        &self,
        kernel: &Kernel,
        vma: VmaRef<'_, M, L>,
    ) -> Result<ReadGuard<'_, Self>, Fallback> {
        let guard = RwSem::new(self).try_read().ok_or(Fallback::VmaLockAbort)?;
        M::point(point::VMA_LOCKED);
        // Acquire: pairs with the Release of `end`. A fault that sees the new count sees all
        // that the writer has done to the VMA.
        if is_written(self.mm, kernel, vma, Ordering::Acquire) {
            return Err(Fallback::VmaLockAbort);
        }
        if vma.detached().load(Ordering::Relaxed) != 0 {
            return Err(Fallback::VmaLockMiss);
        }
        Ok(guard)
    }
}

impl<M: Machine> Home for VmaLock<'_, M> {
    type Machine = M;

    #[inline(always)]
    fn names(&self) -> RwNames {
        RwNames::VMA_LOCK
    }

    #[inline(always)]
    fn queue_words(&self) -> QueueWords {
        QueueWords {
            osq: LockWords { name: Waited::Osq, locked: 0, tail: 1 },
            wait_lock: LockWords { name: Waited::WaitLock, locked: 2, tail: 3 },
        }
    }

    #[inline(always)]
    fn count(&self) -> Word<'_, M::Line> {
        self.count
    }

    #[inline(always)]
    fn owner(&self) -> Word<'_, M::Line> {
        self.owner
    }

    fn queue_line(&self) -> &M::Line {
        &self.queue.line
    }

    fn queue(&self) -> &WaitQueue {
        &self.queue.queue
    }

    fn waiters(&self) -> &Waiters<M> {
        Home::waiters(self.mm)
    }
}

#[inline(always)]
fn mm_lock_seq<'a, M: Machine>(mm: &'a Mm<M>, kernel: &Kernel) -> Word<'a, M::Line> {
    mm.field(kernel.mm.mm_lock_seq)
}

/// Whether a writer has the VMA. Before its semaphore is held this is a hint alone: a wrong answer
/// is found after that, or costs a fallback.
#[inline(always)]
fn is_written<M: Machine, L: Layout>(
    mm: &Mm<M>,
    kernel: &Kernel,
    vma: VmaRef<'_, M, L>,
    order: Ordering,
) -> bool {
    vma.vm_lock_seq().load(Ordering::Relaxed) == mm_lock_seq(mm, kernel).load(order)
}

const TRAITS: Traits = Traits {
    shared_writes: "3: count twice, owner",
    sleeps: "no: drops the lock, ends under mmap_lock",
    allocates_tables: "yes",
    falls_back: "writer of the VMA, I/O",
    writers_pay: "a write lock of each VMA that changes",
};

impl Scheme for PerVmaLock<LockApart> {
    const NAME: &'static str = "per-vma-lock";
    const SUMMARY: &'static str = "RCU lookup, then the VMA's own rwsem for read, if free";
    const WHO: &'static str = "Linux 6.4 to 6.14";
    const TRAITS: Traits = TRAITS;
}

impl Scheme for PerVmaLock<LockEmbedded> {
    const NAME: &'static str = "per-vma-lock:embedded";
    const SUMMARY: &'static str = "the same with the rwsem among the fields that faults read";
    const WHO: &'static str = "Baghdasaryan 2023, before it was merged";
    const TRAITS: Traits = TRAITS;
}

impl<M: Machine, F: LockForm> Words<M> for VmaLocks<M, F> {
    /// One object of the slab, or as much in the VMA.
    const VMA_BYTES: usize = VmaLockObject::DEFAULT.size as usize;

    fn new(config: &Config) -> Self {
        let kernel = config.kernel.or(F::Layout::KERNEL).expect("a space is in some kernel");
        let objects = if F::IS_EMBEDDED { 0 } else { config.vmas as usize };
        let slab = LockSlab::new(objects, &kernel.vma_lock);
        let queues = PerVma::new(config, || {
            let line = M::Line::new(&QUEUE, [0; LINE_WORDS]);
            LockQueue { line, queue: WaitQueue::new(config.cores) }
        });
        Self { slab, queues, form: PhantomData }
    }
}

impl<M: Machine, F: LockForm> Hooks<M> for VmaLocks<M, F> {
    fn start_write(&self, mm: &Mm<M>, vma: VmaRef<'_, M>) {
        let seq = mm_lock_seq(mm, mm.kernel()).load(Ordering::Relaxed);
        if vma.vm_lock_seq().load(Ordering::Relaxed) != seq {
            let lock = self.lock(mm, vma);
            let _alone = RwSem::new(&lock).write();
            vma.vm_lock_seq().store(seq, Ordering::Relaxed);
        }
    }

    fn attach(&self, mm: &Mm<M>, vma: VmaRef<'_, M>) {
        if !F::IS_EMBEDDED {
            vma.vm_lock().store(u64::from(vma.id.0), Ordering::Relaxed);
        }
        vma.detached().store(0, Ordering::Relaxed);
        self.start_write(mm, vma);
    }

    fn detach(&self, _: &Mm<M>, vma: VmaRef<'_, M>) {
        vma.detached().store(1, Ordering::Relaxed);
    }

    fn lock_to_zap(&self, mm: &Mm<M>, vma: VmaRef<'_, M>) -> bool {
        let kernel = mm.kernel();
        let lock = self.lock(mm, vma);
        !is_written(mm, kernel, vma, Ordering::Relaxed)
            && lock.read(kernel, vma).map(std::mem::forget).is_ok()
    }

    fn unlock_zapped(&self, mm: &Mm<M>, vma: VmaRef<'_, M>) {
        RwSem::new(&self.lock(mm, vma)).end_read();
    }

    fn end(&self, mm: &Mm<M>) {
        let seq = mm_lock_seq(mm, mm.kernel());
        // Release: pairs with the Acquire of a fault that locks a VMA after this.
        seq.store(seq.load(Ordering::Relaxed) + 1, Ordering::Release);
    }
}

impl<M: Machine, F: LockForm> Strategy<M> for PerVmaLock<F> {
    type Layout = F::Layout;
    type Words = VmaLocks<M, F>;

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
        if is_written(space, space.kernel(), vma, Ordering::Relaxed) {
            return Err(Fallback::VmaLockAbort.into());
        }
        M::point(point::BEFORE_VMA_LOCK);
        let lock = space.words.lock(space, vma);
        let guard = lock.read(space.kernel(), vma)?;
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
        M::point(point::BEFORE_EXIT_PUT);
        drop(guard);
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
