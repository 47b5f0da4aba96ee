//! The wait queue: cores that did not get the lock at once, and the wake-ups by a release.

use super::owner::{OWNED_BY_READERS, Owner};
use super::{HANDOFF, HELD, Home, READER, RwSem, WAITERS, WRITER};
use crate::locked::{Locked, LockedGuard};
use crate::spinlock::RWSEM_GRANTED;
use machine::{Line, Machine, Ordering};
use std::collections::VecDeque;

/// Time after which a waiter asks for a handoff (`RWSEM_WAIT_TIMEOUT`, HZ/250).
const HANDOFF_AFTER_NS: u64 = 4_000_000;
/// Readers that one waker grants the lock to at a time (`MAX_READERS_WAKEUP`).
const WOKEN_MAX: usize = 256;

/// Waiters, in their order.
#[derive(Default)]
pub struct WaitQueue(Locked<VecDeque<Waiter>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Waiter {
    core: usize,
    writer: bool,
    since_ns: u64,
    /// It asked for a handoff, or another waiter did so for it.
    has_handoff: bool,
}

impl Waiter {
    fn new<M: Machine>(writer: bool) -> Self {
        Self { core: M::core(), writer, since_ns: M::now_ns(), has_handoff: false }
    }

    fn has_waited_long<M: Machine>(&self) -> bool {
        M::now_ns().saturating_sub(self.since_ns) > HANDOFF_AFTER_NS
    }
}

/// Waiters to wake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wake {
    /// The head of the queue.
    Any,
    /// The head and the other readers, if the head is a reader.
    Readers,
    /// As `Readers`, by a caller that holds the lock for reading.
    FromReader,
}

impl WaitQueue {
    /// Creates a queue that holds `cores` waiters without allocating.
    pub fn new(cores: usize) -> Self {
        Self(Locked::new(VecDeque::with_capacity(cores)))
    }
}

impl Default for Locked<VecDeque<Waiter>> {
    fn default() -> Self {
        Self::new(VecDeque::new())
    }
}

impl<'a, H: Home> RwSem<'a, H> {
    fn lock_queue(self) -> LockedGuard<'a, H::Machine, VecDeque<Waiter>> {
        let home = self.0;
        // SAFETY: a queue belongs to one semaphore, whose words never change, and only this
        // function takes its wait_lock.
        unsafe {
            home.queue().0.lock(home.queue_line(), home.queue_words().wait_lock, home.waiters())
        }
    }

    /// Takes the lock for a reader that is already counted in `count`, together with a writer,
    /// waiters or a handoff.
    pub(super) fn read_slow(self, count: u64) {
        let readers = count / READER;
        if self.may_steal(count) {
            self.set_reader_owned(H::Machine::core());
            if readers == 1 && count & WAITERS != 0 {
                self.wake_readers();
            }
        } else if self.queue_reader() {
            self.set_reader_owned(H::Machine::core());
        } else {
            let mine = self.0.waiters().of(H::Machine::core());
            while mine.load(RWSEM_GRANTED, Ordering::Acquire) == 0 {
                H::Machine::park();
            }
        }
    }

    /// True if a reader may pass the waiters: not if a stream of readers would keep a writer
    /// waiting.
    fn may_steal(self, count: u64) -> bool {
        let owned_by_readers = self.0.owner().load(Ordering::Relaxed) & OWNED_BY_READERS != 0;
        let joins_others = owned_by_readers && count / READER > 1 && count & WRITER == 0;
        !joins_others && count & (WRITER | HANDOFF) == 0
    }

    /// Gives back the reader's share of the count and queues it; true if the reader can keep its
    /// share, because no writer excludes it any more.
    fn queue_reader(self) -> bool {
        let mut queue = self.lock_queue();
        let first = queue.is_empty();
        if first && self.count().load(Ordering::Acquire) & WRITER == 0 {
            return true;
        }
        self.0.waiters().of(H::Machine::core()).store(RWSEM_GRANTED, 0, Ordering::Relaxed);
        queue.push_back(Waiter::new::<H::Machine>(false));
        let give_back = if first { READER - WAITERS } else { READER };
        let count = self.count().fetch_sub(give_back, Ordering::AcqRel) - give_back;
        self.wake_where_free(&mut queue, count);
        false
    }

    #[cold]
    pub(super) fn write_slow(self) {
        let mut queue = self.lock_queue();
        queue.push_back(Waiter::new::<H::Machine>(true));
        if queue.len() == 1 {
            self.count().fetch_or(WAITERS, Ordering::Relaxed);
        } else {
            // Readers at the head may share the lock with the present readers.
            self.wake_where_free(&mut queue, self.count().load(Ordering::Relaxed));
        }
        let me = H::Machine::core();
        while !self.try_write_queued(&mut queue, me) {
            let has_handoff = queue.iter().any(|waiter| waiter.core == me && waiter.has_handoff);
            drop(queue);
            if !(has_handoff && self.spin_on_writer() == Owner::Nobody) {
                H::Machine::park();
            }
            queue = self.lock_queue();
        }
        self.set_writer_owned();
    }

    /// Takes the lock for a queued writer; if that fails, and the writer has waited long enough,
    /// asks for a handoff (`rwsem_try_write_lock`).
    fn try_write_queued(self, queue: &mut VecDeque<Waiter>, me: usize) -> bool {
        let at = queue.iter().position(|waiter| waiter.core == me);
        let at = at.expect("who waits is in the queue");
        let mut count = self.count().load(Ordering::Relaxed);
        loop {
            let has_handoff = count & HANDOFF != 0;
            if has_handoff && queue[0].has_handoff && at != 0 {
                return false;
            }
            let held = count & HELD != 0;
            let new = if held {
                if has_handoff || !queue[at].has_waited_long::<H::Machine>() {
                    return false;
                }
                count | HANDOFF
            } else {
                let alone = if queue.len() == 1 { WAITERS } else { 0 };
                (count | WRITER) & !HANDOFF & !alone
            };
            let (acquire, relaxed) = (Ordering::Acquire, Ordering::Relaxed);
            match self.count().compare_exchange(count, new, acquire, relaxed) {
                Ok(_) if held => {
                    queue[0].has_handoff = true;
                    return false;
                }
                Ok(_) => {
                    queue.remove(at);
                    return true;
                }
                Err(now) => count = now,
            }
        }
    }

    /// Wakes waiters after the last reader has left.
    #[cold]
    pub(super) fn last_reader_left(self) {
        self.clear_nonspinnable();
        self.writer_left();
    }

    /// Wakes waiters after the lock became free (`rwsem_wake`).
    #[cold]
    pub(super) fn writer_left(self) {
        self.wake(&mut self.lock_queue(), Wake::Any);
    }

    /// Grants the lock to readers at the head of the queue; the caller holds it for reading.
    #[cold]
    pub(super) fn wake_readers(self) {
        self.wake(&mut self.lock_queue(), Wake::FromReader);
    }

    /// Wakes the waiters that can enter now, for a core that has just queued
    /// (`rwsem_cond_wake_waiter`).
    fn wake_where_free(self, queue: &mut VecDeque<Waiter>, count: u64) {
        if count & HELD == 0 {
            self.clear_nonspinnable();
            self.wake(queue, Wake::Any);
        } else if count & WRITER == 0 {
            self.wake(queue, Wake::Readers);
        }
    }

    /// Wakes the writer at the head of the queue; if a reader is at the head, grants the lock to
    /// all queued readers (`rwsem_mark_wake`).
    fn wake(self, queue: &mut VecDeque<Waiter>, whom: Wake) {
        let Some(&first) = queue.front() else { return };
        if first.writer {
            if whom == Wake::Any {
                H::Machine::unpark(first.core);
            }
            return;
        }
        // The first share is taken before the writer bit is checked, so that no writer can get in
        // between.
        let mut shares = 0;
        if whom != Wake::FromReader {
            let before = self.count().fetch_add(READER, Ordering::Acquire);
            if before & WRITER != 0 {
                return self.take_back(&mut queue[0], before);
            }
            self.set_reader_owned(first.core);
            shares = 1;
        }
        let readers = queue.iter().filter(|waiter| !waiter.writer).count().min(WOKEN_MAX);
        let handoff = self.count().load(Ordering::Relaxed) & HANDOFF;
        let over = handoff | if readers == queue.len() { WAITERS } else { 0 };
        // Before any of them continues: it will give back a share, which must be counted by then.
        match (readers as u64 - shares) * READER {
            0 => drop(self.count().fetch_sub(over, Ordering::Relaxed)),
            more => drop(self.count().fetch_add(more - over, Ordering::Relaxed)),
        }
        self.grant(queue, readers);
    }

    /// Removes the first `readers` readers from the queue and lets them continue.
    fn grant(self, queue: &mut VecDeque<Waiter>, mut readers: usize) {
        queue.retain(|waiter| {
            if waiter.writer || readers == 0 {
                return true;
            }
            readers -= 1;
            // Release: the reader sees the last writer's stores, as the waker does.
            self.0.waiters().of(waiter.core).store(RWSEM_GRANTED, 1, Ordering::Release);
            H::Machine::unpark(waiter.core);
            false
        });
    }

    /// Gives back the share taken for a reader, because a writer was faster.
    fn take_back(self, first: &mut Waiter, before: u64) {
        let asks = first.has_waited_long::<H::Machine>();
        let adds_handoff = asks && before & HANDOFF == 0;
        first.has_handoff |= asks;
        let back = if adds_handoff { READER - HANDOFF } else { READER };
        self.count().fetch_sub(back, Ordering::Relaxed);
    }
}
