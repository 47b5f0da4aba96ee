//! The kernel's sleeping reader-writer lock, in kind: what mmap_lock is.
//!
//! *Readers* add themselves to the count, faults by a compare-exchange (they try first)
//! and system calls by an addition, **load the owner and store it** (a second write, on
//! another line in some kernels); they leave with one subtraction, before which some kernels
//! load the owner again, and take it back where it is still theirs. A reader never spins: with a
//! writer, a waiter or a handoff in the count it queues. *Writers* spin a while in the hope
//! of a short hold (one at a time, through `osq`), then queue. Who has been first in the
//! queue for 4 ms asks for a handoff, which stops everybody else from taking the lock before
//! it: spinning writers overtake the queue until then. *Waking:* the last reader or the
//! writer that leaves wakes the head of the queue; a reader at the head is granted the lock
//! by its waker, with every other queued reader; a writer at the head is only woken, and
//! tries.
//!
//! Source of the protocol: Linux 7.2 `kernel/locking/rwsem.c` (read, not copied).

use super::locked::{Locked, LockedGuard};
use super::spinlock::{LockWords, RWSEM_GRANTED, SpinLock, Waiters};
use machine::{Line, Machine, Ordering, Word};
use std::collections::VecDeque;

// The states of `count`, as in the kernel: a writer bit, two flags, and readers
// counted from bit 8.
const WRITER: u64 = 1;
const WAITERS: u64 = 1 << 1;
const HANDOFF: u64 = 1 << 2;
const READER: u64 = 1 << 8;
const HELD: u64 = WRITER | !(READER - 1);

/// Bit of the owner word: readers own the lock (the rest names one of them).
const OWNED_BY_READERS: u64 = 1;
/// Bit of the owner word: writers do not spin for it.
const NONSPINNABLE: u64 = 1 << 1;

/// The first in the queue asks for a handoff after this long (`RWSEM_WAIT_TIMEOUT`, HZ/250).
const HANDOFF_AFTER_NS: u64 = 4_000_000;
/// How long a writer spins before it queues. The kernel spins while the owner runs
/// (up to 25 us on readers); a thread cannot see whether another one runs.
const SPIN_NS: u64 = 20_000;

/// Who waits, in order.
#[derive(Default)]
pub struct WaitQueue(Locked<VecDeque<Waiter>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Waiter {
    core: usize,
    writer: bool,
    since_ns: u64,
}

impl WaitQueue {
    /// A queue that holds `cores` waiters without allocating.
    pub fn new(cores: usize) -> Self {
        Self(Locked::new(VecDeque::with_capacity(cores)))
    }
}

impl Default for Locked<VecDeque<Waiter>> {
    fn default() -> Self {
        Self::new(VecDeque::new())
    }
}

/// Which words of a line those use who do not get a semaphore at once.
#[derive(Debug, Clone, Copy)]
pub struct QueueWords {
    /// The queue of spinning writers.
    pub osq: LockWords,
    /// Protects the wait queue.
    pub wait_lock: LockWords,
}

/// Where a semaphore lives.
///
/// A guard is one pointer to it: a guard that carries words and lines by itself is
/// copied through memory, which costs more than the lock.
pub trait Home {
    /// The world.
    type Machine: Machine;
    /// Writer bit, flags, readers.
    fn count(&self) -> Word<'_, LineOf<Self>>;
    /// The last owner.
    fn owner(&self) -> Word<'_, LineOf<Self>>;
    /// Whether a reader that leaves takes its name out of the owner
    /// (`rwsem_clear_reader_owned`, since 6.17 with `CONFIG_DETECT_HUNG_TASK_BLOCKER`).
    #[inline(always)]
    fn reader_clears_owner(&self) -> bool {
        false
    }
    /// The line of `osq` and `wait_lock`.
    fn queue_line(&self) -> &LineOf<Self>;
    /// Words of [`queue_line`](Self::queue_line).
    fn queue_words(&self) -> QueueWords;
    /// Who waits.
    fn queue(&self) -> &WaitQueue;
    /// Where cores wait.
    fn waiters(&self) -> &Waiters<Self::Machine>;
}

/// What the owner word says beside a name.
const OWNER_FLAGS: u64 = OWNED_BY_READERS | NONSPINNABLE;

/// The name of a core in the owner word; 0 is nobody's.
#[inline(always)]
fn name(core: usize) -> u64 {
    (core as u64 + 1) << 8
}

type LineOf<H> = <<H as Home>::Machine as Machine>::Line;

/// A reader-writer semaphore.
pub struct RwSem<'a, H: Home>(&'a H);

impl<H: Home> Clone for RwSem<'_, H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H: Home> Copy for RwSem<'_, H> {}

impl<'a, H: Home> RwSem<'a, H> {
    /// The semaphore that lives in `home`.
    #[inline(always)]
    pub fn new(home: &'a H) -> Self {
        Self(home)
    }

    #[inline(always)]
    fn count(self) -> Word<'a, LineOf<H>> {
        self.0.count()
    }

    /// Takes the lock for reading as system calls do: one addition (`down_read`), which
    /// loses to nobody.
    ///
    /// # Ordering
    /// `Acquire`, paired with the `Release` of [`WriteGuard`]'s drop and downgrade.
    #[cold] // For faults, which come here only where they have failed.
    pub fn read(self) -> ReadGuard<'a, H> {
        let before = self.count().fetch_add(READER, Ordering::Acquire);
        if before & (WRITER | WAITERS | HANDOFF) != 0 && !self.queue_reader() {
            let mine = self.0.waiters().of(H::Machine::core());
            while mine.load(RWSEM_GRANTED, Ordering::Acquire) == 0 {
                H::Machine::park();
            }
            return ReadGuard(self);
        }
        self.set_reader_owned(H::Machine::core());
        ReadGuard(self)
    }

    /// Takes the lock for reading as faults do: by [`try_read`](Self::try_read) first
    /// (`get_mmap_lock_carefully`). Ordering as [`read`](Self::read).
    #[inline(always)]
    pub fn read_carefully(self) -> ReadGuard<'a, H> {
        self.try_read().unwrap_or_else(|| self.read())
    }

    /// The same, as before commit 14c24048841151: the first compare-exchange guesses that
    /// the lock is free. Where it is not, the line has moved for nothing, but no load has
    /// moved it before.
    #[inline(always)]
    pub fn read_blind(self) -> ReadGuard<'a, H> {
        self.try_read_from(0).unwrap_or_else(|| self.read())
    }

    /// Takes the lock for reading where nobody writes or waits: a load, then a
    /// compare-exchange (since commit 14c24048841151).
    #[inline(always)]
    pub fn try_read(self) -> Option<ReadGuard<'a, H>> {
        self.try_read_from(self.count().load(Ordering::Relaxed))
    }

    /// `count`: what the caller takes the count to be.
    #[inline(always)]
    fn try_read_from(self, mut count: u64) -> Option<ReadGuard<'a, H>> {
        while count & (WRITER | WAITERS | HANDOFF) == 0 {
            let (acquire, relaxed) = (Ordering::Acquire, Ordering::Relaxed);
            match self.count().compare_exchange(count, count + READER, acquire, relaxed) {
                Ok(_) => {
                    self.set_reader_owned(H::Machine::core());
                    return Some(ReadGuard(self));
                }
                Err(now) => count = now,
            }
        }
        None
    }

    /// Takes the lock for writing; ordering as [`read`](Self::read), paired with the
    /// `Release` of both guards.
    pub fn write(self) -> WriteGuard<'a, H> {
        let (acquire, relaxed) = (Ordering::Acquire, Ordering::Relaxed);
        if self.count().compare_exchange(0, WRITER, acquire, relaxed).is_err() && !self.spin() {
            self.write_slow();
        }
        self.0.owner().store(name(H::Machine::core()), Ordering::Relaxed);
        WriteGuard(self)
    }

    /// Names a reader as the owner; that writers do not spin stays as it is.
    #[inline(always)]
    fn set_reader_owned(self, reader: usize) {
        let kept = self.0.owner().load(Ordering::Relaxed) & NONSPINNABLE;
        self.0.owner().store(name(reader) | OWNED_BY_READERS | kept, Ordering::Relaxed);
    }

    /// Takes the name of a reader that leaves out of the owner, where no other has come.
    #[inline(always)]
    fn clear_reader_owned(self) {
        let (owner, relaxed) = (self.0.owner(), Ordering::Relaxed);
        let mut now = owner.load(relaxed);
        while now & !OWNER_FLAGS == name(H::Machine::core()) {
            match owner.compare_exchange(now, now & OWNER_FLAGS, relaxed, relaxed) {
                Ok(_) => return,
                Err(other) => now = other,
            }
        }
    }

    fn lock_queue(self) -> LockedGuard<'a, H::Machine, VecDeque<Waiter>> {
        let home = self.0;
        // SAFETY: a queue belongs to one semaphore, whose words never change, and its
        // wait_lock is taken here alone.
        unsafe {
            home.queue().0.lock(home.queue_line(), home.queue_words().wait_lock, home.waiters())
        }
    }

    /// Gives back the reader's share of the count and queues it; true where it may
    /// keep the share instead, since nobody excludes it any more.
    fn queue_reader(self) -> bool {
        let core = H::Machine::core();
        let mut queue = self.lock_queue();
        let first = queue.is_empty();
        if first && self.count().load(Ordering::Acquire) & (WRITER | HANDOFF) == 0 {
            return true;
        }
        self.0.waiters().of(core).store(RWSEM_GRANTED, 0, Ordering::Relaxed);
        queue.push_back(Waiter { core, writer: false, since_ns: H::Machine::now_ns() });
        let give_back = if first { READER - WAITERS } else { READER };
        let count = self.count().fetch_sub(give_back, Ordering::AcqRel) - give_back;
        if count & HELD == 0 || (first && count & WRITER == 0) {
            self.wake(&mut queue);
        }
        false
    }

    /// Spins for the lock; true where that took it.
    fn spin(self) -> bool {
        let _one_at_a_time =
            SpinLock::<H::Machine>::new(self.0.queue_line(), self.0.queue_words().osq)
                .lock(self.0.waiters());
        let until_ns = H::Machine::now_ns() + SPIN_NS;
        loop {
            let count = self.count().load(Ordering::Relaxed);
            if count & HANDOFF != 0 {
                return false;
            }
            let (acquire, relaxed) = (Ordering::Acquire, Ordering::Relaxed);
            if count & HELD == 0
                && self.count().compare_exchange(count, count | WRITER, acquire, relaxed).is_ok()
            {
                return true;
            }
            if H::Machine::now_ns() > until_ns {
                return false;
            }
            H::Machine::relax();
        }
    }

    #[cold]
    fn write_slow(self) {
        let me = Waiter { core: H::Machine::core(), writer: true, since_ns: H::Machine::now_ns() };
        let mut queue = self.lock_queue();
        if queue.is_empty() {
            self.count().fetch_or(WAITERS, Ordering::Relaxed);
        }
        queue.push_back(me);
        while !self.try_write_queued(&mut queue, me) {
            drop(queue);
            H::Machine::park();
            queue = self.lock_queue();
        }
    }

    /// Takes the lock for a queued writer, or asks for a handoff where it is first
    /// and has waited long.
    fn try_write_queued(self, queue: &mut VecDeque<Waiter>, me: Waiter) -> bool {
        let first = queue.front() == Some(&me);
        let mut count = self.count().load(Ordering::Relaxed);
        loop {
            if count & HANDOFF != 0 && !first {
                return false;
            }
            let held = count & HELD != 0;
            let new = if held {
                let waited_ns = H::Machine::now_ns().saturating_sub(me.since_ns);
                if !first || count & HANDOFF != 0 || waited_ns < HANDOFF_AFTER_NS {
                    return false;
                }
                count | HANDOFF
            } else {
                let alone = if queue.len() == 1 { WAITERS } else { 0 };
                (count | WRITER) & !HANDOFF & !alone
            };
            let (acquire, relaxed) = (Ordering::Acquire, Ordering::Relaxed);
            match self.count().compare_exchange(count, new, acquire, relaxed) {
                Ok(_) if held => return false,
                Ok(_) => {
                    queue.retain(|waiter| *waiter != me);
                    return true;
                }
                Err(now) => count = now,
            }
        }
    }

    #[cold]
    fn wake_first(self) {
        let mut queue = self.lock_queue();
        self.wake(&mut queue);
    }

    /// Wakes the writer at the head of the queue, or grants the lock to all readers
    /// in it where a reader is at the head.
    fn wake(self, queue: &mut VecDeque<Waiter>) {
        let Some(&first) = queue.front() else { return };
        if first.writer {
            return H::Machine::unpark(first.core);
        }
        // The first share is taken before the writer bit is looked at, so that no
        // writer can slip in between.
        let before = self.count().fetch_add(READER, Ordering::Acquire);
        if before & WRITER != 0 {
            let waited_ns = H::Machine::now_ns().saturating_sub(first.since_ns);
            let asks = before & HANDOFF == 0 && waited_ns >= HANDOFF_AFTER_NS;
            let back = if asks { READER - HANDOFF } else { READER };
            self.count().fetch_sub(back, Ordering::Relaxed);
            return;
        }
        let readers = queue.iter().filter(|waiter| !waiter.writer).count();
        let count = self.count().fetch_add((readers as u64 - 1) * READER, Ordering::Relaxed);
        let nobody_left = if readers == queue.len() { WAITERS } else { 0 };
        let over = count & (HANDOFF | nobody_left);
        if over != 0 {
            self.count().fetch_sub(over, Ordering::Relaxed);
        }
        self.set_reader_owned(first.core);
        queue.retain(|waiter| {
            if !waiter.writer {
                // Release: the reader sees what the waker saw of the last writer.
                self.0.waiters().of(waiter.core).store(RWSEM_GRANTED, 1, Ordering::Release);
                H::Machine::unpark(waiter.core);
            }
            waiter.writer
        });
    }
}

/// A share of the lock for reading.
#[must_use]
pub struct ReadGuard<'a, H: Home>(RwSem<'a, H>);

impl<H: Home> Drop for ReadGuard<'_, H> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.0.0.reader_clears_owner() {
            self.0.clear_reader_owned();
        }
        let left = self.0.count().fetch_sub(READER, Ordering::Release) - READER;
        if left & (HELD | WAITERS) == WAITERS {
            self.0.wake_first();
        }
    }
}

/// The lock, held for writing.
#[must_use]
pub struct WriteGuard<'a, H: Home>(RwSem<'a, H>);

impl<'a, H: Home> WriteGuard<'a, H> {
    /// Lets readers in and stays one of them.
    pub fn downgrade(self) -> ReadGuard<'a, H> {
        let sem = self.0;
        std::mem::forget(self);
        let count = sem.count().fetch_add(READER - WRITER, Ordering::Release);
        sem.set_reader_owned(H::Machine::core());
        if count & WAITERS != 0 {
            let mut queue = sem.lock_queue();
            if queue.front().is_some_and(|first| !first.writer) {
                sem.wake(&mut queue);
            }
        }
        ReadGuard(sem)
    }
}

impl<H: Home> Drop for WriteGuard<'_, H> {
    fn drop(&mut self) {
        let sem = self.0;
        sem.0.owner().store(0, Ordering::Relaxed);
        if sem.count().fetch_sub(WRITER, Ordering::Release) & WAITERS != 0 {
            sem.wake_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::host::{BareLine, Cores, Host, enter};
    use machine::{LINE_WORDS, LineName};
    use std::sync::Arc;
    use std::thread;

    static NAME: LineName = LineName { name: "test.rwsem", words: [""; LINE_WORDS] };
    struct Fixture {
        line: BareLine,
        data: BareLine,
        queue: WaitQueue,
        waiters: Waiters<Host>,
    }

    impl Fixture {
        fn new(cores: usize) -> Arc<Self> {
            Arc::new(Self {
                line: BareLine::new(&NAME, [0; LINE_WORDS]),
                data: BareLine::new(&NAME, [0; LINE_WORDS]),
                queue: WaitQueue::new(cores),
                waiters: Waiters::new(cores),
            })
        }

        fn sem(&self) -> RwSem<'_, Self> {
            RwSem::new(self)
        }
    }

    impl Home for Fixture {
        type Machine = Host;

        fn queue_words(&self) -> QueueWords {
            QueueWords {
                osq: LockWords { locked: 2, tail: 3 },
                wait_lock: LockWords { locked: 4, tail: 5 },
            }
        }

        fn count(&self) -> Word<'_, BareLine> {
            Word::new(&self.line, 0)
        }

        fn owner(&self) -> Word<'_, BareLine> {
            Word::new(&self.line, 1)
        }

        fn queue_line(&self) -> &BareLine {
            &self.line
        }

        fn queue(&self) -> &WaitQueue {
            &self.queue
        }

        fn waiters(&self) -> &Waiters<Host> {
            &self.waiters
        }
    }

    #[test]
    fn readers_share_and_writers_do_not() {
        let fixture = Fixture::new(1);
        let (first, second) = (fixture.sem().try_read(), fixture.sem().try_read());
        assert!(first.is_some() && second.is_some());
        drop((first, second));
        drop((fixture.sem().read_blind(), fixture.sem().read_blind()));
        drop((fixture.sem().read(), fixture.sem().read_carefully()));
        let writer = fixture.sem().write();
        assert!(fixture.sem().try_read().is_none());
        assert!(fixture.sem().try_read_from(0).is_none(), "a wrong guess takes nothing");
        let reader = writer.downgrade();
        assert!(fixture.sem().try_read().is_some());
        drop(reader);
        assert_eq!(fixture.line.load(0, Ordering::Relaxed), 0);
    }

    /// Two words that writers keep equal by separate stores; readers must see them so.
    #[test]
    fn readers_see_no_half_of_a_write() {
        const CORES: usize = 5;
        let fixture = Fixture::new(CORES);
        let cores = Cores::new(CORES);
        let threads: Vec<_> = (0..CORES)
            .map(|core| {
                let (fixture, cores) = (fixture.clone(), cores.clone());
                thread::spawn(move || {
                    let _core = enter(&cores, core);
                    let data = &fixture.data;
                    for turn in 0..4000 {
                        if core < 2 && turn % 4 == 0 {
                            let guard = fixture.sem().write();
                            let value = data.load(0, Ordering::Relaxed) + 1;
                            data.store(0, value, Ordering::Relaxed);
                            thread::yield_now();
                            data.store(7, value, Ordering::Relaxed);
                            if turn % 8 == 0 {
                                let _still_mine = guard.downgrade();
                                assert_eq!(data.load(0, Ordering::Relaxed), value);
                            }
                        } else {
                            let sem = fixture.sem();
                            let _guard =
                                if turn % 2 == 0 { sem.read() } else { sem.read_carefully() };
                            let first = data.load(0, Ordering::Relaxed);
                            assert_eq!(first, data.load(7, Ordering::Relaxed));
                        }
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|t| t.join().expect("the thread ends"));
        assert_eq!(fixture.data.load(0, Ordering::Relaxed), 2000);
        assert_eq!(fixture.line.load(0, Ordering::Relaxed), 0, "nobody holds or waits");
    }
}
