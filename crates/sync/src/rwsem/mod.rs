//! A model of the kernel's sleeping reader-writer lock, the type of mmap_lock.
//!
//! *Readers* add themselves to the count, faults by a compare-exchange (they try first) and system
//! calls by an addition, **load the owner and store it** (a second write, on another line in some
//! kernels). They leave with one subtraction; before it some kernels load the owner again, and
//! clear it if it still names this reader. A reader never spins. If it meets only waiters it passes
//! them (it steals the lock), unless other readers already hold the lock; if it meets a writer or a
//! handoff it queues. *Writers* spin one at a time, through `osq`: as long as a writer holds the
//! lock, and for 10 to 25 us while readers hold it. A writer that spins for readers in vain marks
//! the lock, so that no writer spins for it until its last reader has left; then it queues. A
//! waiter that has queued for 4 ms asks for a handoff, after which no core takes the lock before
//! the head of the queue; until then readers and spinning writers overtake the queue. *Waking:* the
//! last reader or the writer that leaves wakes the head of the queue. If a reader is at the head,
//! the waker grants the lock to it and to the other queued readers (256 at most); if a writer is at
//! the head, it is only woken, and tries again. A reader that stole the lock as its first reader
//! lets in the readers at the head of the queue.
//!
//! Source of the protocol: Linux 6.1 and 6.12 `kernel/locking/rwsem.c`
//! (`rwsem_down_read_slowpath`, `rwsem_down_write_slowpath`, `rwsem_optimistic_spin`,
//! `rwsem_mark_wake`); readers steal since 5.11.

mod owner;
mod queue;
mod spin;

pub use self::queue::WaitQueue;

use super::spinlock::{LockWords, Waiters};
use machine::{Machine, Ordering, RwNames, Word};

// The states of `count`, as in the kernel: a writer bit, two flags, and readers
// counted from bit 8.
const WRITER: u64 = 1;
const WAITERS: u64 = 1 << 1;
const HANDOFF: u64 = 1 << 2;
const READER: u64 = 1 << 8;
const HELD: u64 = WRITER | !(READER - 1);
const READ_FAILED: u64 = WRITER | WAITERS | HANDOFF;

/// Words, on one line, of the two locks for cores that do not get the semaphore at once.
#[derive(Debug, Clone, Copy)]
pub struct QueueWords {
    /// The queue of spinning writers.
    pub osq: LockWords,
    /// Protects the wait queue.
    pub wait_lock: LockWords,
}

/// Place of a semaphore's fields.
///
/// A guard is one pointer to it. A guard with its own words and lines is copied through memory,
/// which costs more than the lock.
pub trait Home {
    /// World that it lives in.
    type Machine: Machine;
    /// Names in results.
    fn names(&self) -> RwNames;
    /// Writer bit, flags and number of readers.
    fn count(&self) -> Word<'_, LineOf<Self>>;
    /// Last owner.
    fn owner(&self) -> Word<'_, LineOf<Self>>;
    /// True if a reader that leaves removes its name from the owner (`rwsem_clear_reader_owned`,
    /// since 6.17 with `CONFIG_DETECT_HUNG_TASK_BLOCKER`).
    #[inline(always)]
    fn reader_clears_owner(&self) -> bool {
        false
    }
    /// The line of `osq` and `wait_lock`.
    fn queue_line(&self) -> &LineOf<Self>;
    /// Words of [`queue_line`](Self::queue_line).
    fn queue_words(&self) -> QueueWords;
    /// Waiters.
    fn queue(&self) -> &WaitQueue;
    /// Lines on which cores wait.
    fn waiters(&self) -> &Waiters<Self::Machine>;
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
    /// Returns the semaphore in `home`.
    #[inline(always)]
    pub fn new(home: &'a H) -> Self {
        Self(home)
    }

    /// True if anybody waits for it (`rwsem_is_contended`, which looks at the list of waiters).
    pub fn is_contended(self) -> bool {
        self.count().load(Ordering::Relaxed) & WAITERS != 0
    }

    #[inline(always)]
    fn count(self) -> Word<'a, LineOf<H>> {
        self.0.count()
    }

    /// Takes the lock for reading as system calls do (`down_read`): with one addition, which no
    /// other core can make fail.
    ///
    /// # Ordering
    /// `Acquire`, paired with the `Release` of [`WriteGuard`]'s drop and downgrade.
    #[cold] // For faults, which call it only after a failed try.
    pub fn read(self) -> ReadGuard<'a, H> {
        let count = self.count().fetch_add(READER, Ordering::Acquire) + READER;
        if count & READ_FAILED == 0 {
            self.set_reader_owned(H::Machine::core());
        } else {
            H::Machine::begin_wait(self.0.names().read, self.count().at());
            self.read_slow(count);
            H::Machine::end_wait();
        }
        self.read_guard()
    }

    /// Returns the guard of a share that the core has just taken.
    #[inline(always)]
    fn read_guard(self) -> ReadGuard<'a, H> {
        H::Machine::locked(self.0.names().read, self.count().at());
        ReadGuard(self)
    }

    /// Takes the lock for reading as faults do: with [`try_read`](Self::try_read) first
    /// (`get_mmap_lock_carefully`). Ordering as [`read`](Self::read).
    #[inline(always)]
    pub fn read_carefully(self) -> ReadGuard<'a, H> {
        self.try_read().unwrap_or_else(|| self.read())
    }

    /// As [`read_carefully`](Self::read_carefully), before commit 14c24048841151: the first
    /// compare-exchange guesses that the lock is free. If the guess is wrong, the line was moved
    /// for nothing; if it is right, no load has moved the line before.
    #[inline(always)]
    pub fn read_blind(self) -> ReadGuard<'a, H> {
        self.try_read_from(0).unwrap_or_else(|| self.read())
    }

    /// Takes the lock for reading if no writer holds it and no core waits: a load, then a
    /// compare-exchange (since commit 14c24048841151).
    #[inline(always)]
    pub fn try_read(self) -> Option<ReadGuard<'a, H>> {
        self.try_read_from(self.count().load(Ordering::Relaxed))
    }

    /// Takes the lock for reading if no writer holds it and no core waits. `count`: the caller's
    /// guess of the count.
    #[inline(always)]
    fn try_read_from(self, mut count: u64) -> Option<ReadGuard<'a, H>> {
        while count & READ_FAILED == 0 {
            let (acquire, relaxed) = (Ordering::Acquire, Ordering::Relaxed);
            match self.count().compare_exchange(count, count + READER, acquire, relaxed) {
                Ok(_) => {
                    self.set_reader_owned(H::Machine::core());
                    return Some(self.read_guard());
                }
                Err(now) => count = now,
            }
        }
        None
    }

    /// Releases a share whose guard was forgotten.
    pub fn end_read(self) {
        drop(ReadGuard(self));
    }

    /// Takes the lock for writing; ordering as [`read`](Self::read), paired with the
    /// `Release` of both guards.
    pub fn write(self) -> WriteGuard<'a, H> {
        let (acquire, relaxed) = (Ordering::Acquire, Ordering::Relaxed);
        if self.count().compare_exchange(0, WRITER, acquire, relaxed).is_ok() {
            self.set_writer_owned();
        } else {
            H::Machine::begin_wait(self.0.names().write, self.count().at());
            if !self.spin() {
                self.write_slow();
            }
            H::Machine::end_wait();
        }
        H::Machine::locked(self.0.names().write, self.count().at());
        WriteGuard(self)
    }
}

/// A share of the lock for reading.
#[must_use]
pub struct ReadGuard<'a, H: Home>(RwSem<'a, H>);

impl<H: Home> Drop for ReadGuard<'_, H> {
    #[inline(always)]
    fn drop(&mut self) {
        H::Machine::unlocked(self.0.count().at());
        if self.0.0.reader_clears_owner() {
            self.0.clear_reader_owned();
        }
        let left = self.0.count().fetch_sub(READER, Ordering::Release) - READER;
        if left & (HELD | WAITERS) == WAITERS {
            self.0.last_reader_left();
        }
    }
}

/// A write lock, released on drop.
#[must_use]
pub struct WriteGuard<'a, H: Home>(RwSem<'a, H>);

impl<'a, H: Home> WriteGuard<'a, H> {
    /// Lets readers in and remains a reader.
    pub fn downgrade(self) -> ReadGuard<'a, H> {
        let sem = self.0;
        std::mem::forget(self);
        H::Machine::unlocked(sem.count().at());
        let count = sem.count().fetch_add(READER - WRITER, Ordering::Release);
        sem.set_reader_owned(H::Machine::core());
        if count & WAITERS != 0 {
            sem.wake_readers();
        }
        sem.read_guard()
    }
}

impl<H: Home> Drop for WriteGuard<'_, H> {
    fn drop(&mut self) {
        let sem = self.0;
        H::Machine::unlocked(sem.count().at());
        sem.0.owner().store(0, Ordering::Relaxed);
        if sem.count().fetch_sub(WRITER, Ordering::Release) & WAITERS != 0 {
            sem.writer_left();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::host::{BareLine, Cores, Host, enter};
    use machine::{LINE_WORDS, Line, LineName, Waited};
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
                osq: LockWords { name: Waited::Osq, locked: 2, tail: 3 },
                wait_lock: LockWords { name: Waited::WaitLock, locked: 4, tail: 5 },
            }
        }

        fn names(&self) -> RwNames {
            RwNames::MMAP_LOCK
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

    /// Writers keep two words equal by separate stores; readers must always see them equal.
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
