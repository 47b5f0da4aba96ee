//! A queued spinlock, a model of the kernel's page-table, zone and wait-queue locks.
//!
//! *Uncontended:* one compare-exchange takes it, one store releases it (`queued_spin_lock`, Linux
//! 7.2 `include/asm-generic/qspinlock.h`). *Contended:* waiters queue as in Mellor-Crummey and
//! Scott (1991): each spins on its own line, and only the head of the queue spins on the lock, so a
//! release moves one line.
//!
//! There are two differences. This lock has no pending bit, with which the first waiter in the
//! kernel waits without a place in the queue. And the kernel packs queue and lock into one word, so
//! that the compare-exchange of a newcomer fails while anybody waits. Here the lock is a separate
//! word, because the release must be a plain store and must not erase the queue. A newcomer that
//! finds the lock free therefore checks the queue after its compare-exchange, and gives the lock
//! back if a core waits. Otherwise newcomers could overtake the head for ever: a storm of
//! MADV_DONTNEED was seen not to end because of that.

use machine::{LINE_WORDS, Line, LineName, Machine, Ordering, Waited, address};
use std::marker::PhantomData;

/// Words of a line that a spinlock uses, and its name.
#[derive(Debug, Clone, Copy)]
pub struct LockWords {
    /// Name in results.
    pub name: Waited,
    /// 0: free. 1: held.
    pub locked: usize,
    /// 0: the queue is empty; else 1 + the core at its end.
    pub tail: usize,
}

static WAITER: LineName = LineName {
    name: "core.waiter",
    words: ["next", "granted", "rwsem_granted", "", "", "", "", ""],
};

const NEXT: usize = 0;
const GRANTED: usize = 1;
pub(super) const RWSEM_GRANTED: usize = 2;

/// One line per core, on which it waits. A core waits for one thing at a time, so this line serves
/// all its locks.
pub struct Waiters<M: Machine>(Box<[M::Line]>);

impl<M: Machine> Waiters<M> {
    /// Creates lines for `cores` cores.
    pub fn new(cores: usize) -> Self {
        Self((0..cores).map(|_| M::Line::new(&WAITER, [0; LINE_WORDS])).collect())
    }

    /// Returns the line on which `core` waits.
    pub(super) fn of(&self, core: usize) -> &M::Line {
        &self.0[core]
    }
}

/// A spinlock in two words of a line.
pub struct SpinLock<'a, M: Machine> {
    line: &'a M::Line,
    words: LockWords,
}

impl<M: Machine> Clone for SpinLock<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: Machine> Copy for SpinLock<'_, M> {}

impl<'a, M: Machine> SpinLock<'a, M> {
    /// Returns the lock in these words of `line`.
    #[inline(always)]
    pub fn new(line: &'a M::Line, words: LockWords) -> Self {
        Self { line, words }
    }

    /// Takes the lock.
    ///
    /// # Ordering
    /// `Acquire`, paired with the `Release` store of the guard's drop.
    #[inline(always)]
    pub fn lock(self, waiters: &Waiters<M>) -> SpinGuard<'a, M> {
        if !self.try_take() {
            self.queue(waiters);
        }
        // Made in one place: a guard that is made on two paths is copied through memory.
        self.guard()
    }

    /// Takes the lock with interrupts off (`spin_lock_irqsave`). They are off already while it
    /// waits, so a shootdown waits for cores that wait here. Ordering as [`lock`](Self::lock).
    #[inline(always)]
    pub fn lock_irq(self, waiters: &Waiters<M>) -> IrqGuard<'a, M> {
        M::interrupts_off();
        IrqGuard { _lock: self.lock(waiters), _interrupts: InterruptsOff(PhantomData) }
    }

    /// Takes the lock if it is free and no core queues for it; ordering as [`lock`](Self::lock).
    /// Loads first, as `queued_spin_trylock` does, so that a core that tries in a loop does not
    /// take the line from the head of the queue.
    #[inline(always)]
    pub fn try_lock(self) -> Option<SpinGuard<'a, M>> {
        let is_free = self.line.load(self.words.locked, Ordering::Relaxed) == 0;
        // Lazily: a guard that is made and dropped would release another core's lock.
        (is_free && self.nobody_queues() && self.try_take()).then(|| self.guard())
    }

    /// Returns the guard of the lock, which the core has just taken.
    #[inline(always)]
    fn guard(self) -> SpinGuard<'a, M> {
        M::locked(self.words.name, self.at());
        SpinGuard { line: self.line, locked: self.words.locked }
    }

    #[inline(always)]
    fn at(self) -> usize {
        address(self.line, self.words.locked)
    }

    /// Takes the lock if it is free and no core queues for it.
    #[inline(always)]
    fn try_take(self) -> bool {
        self.take_free() && (self.nobody_queues() || self.give_back())
    }

    #[inline(always)]
    fn nobody_queues(self) -> bool {
        self.line.load(self.words.tail, Ordering::Relaxed) == 0
    }

    /// Releases the lock, under which nothing was done.
    #[cold]
    fn give_back(self) -> bool {
        self.line.store(self.words.locked, 0, Ordering::Release);
        false
    }

    #[inline(always)]
    fn take_free(self) -> bool {
        let (locked, relaxed) = (self.words.locked, Ordering::Relaxed);
        self.line.compare_exchange(locked, 0, 1, Ordering::Acquire, relaxed).is_ok()
    }

    #[cold]
    fn queue(self, waiters: &Waiters<M>) {
        M::begin_wait(self.words.name, self.at());
        self.wait_in_queue(waiters);
        M::end_wait();
    }

    fn wait_in_queue(self, waiters: &Waiters<M>) {
        let core = M::core();
        let (mine, me) = (waiters.of(core), core as u64 + 1);
        mine.store(NEXT, 0, Ordering::Relaxed);
        mine.store(GRANTED, 0, Ordering::Relaxed);
        // AcqRel: the core that finds us at the tail sees our cleared words, and we see those of
        // the core before us.
        let before = self.line.swap(self.words.tail, me, Ordering::AcqRel);
        if before != 0 {
            waiters.of(before as usize - 1).store(NEXT, me, Ordering::Release);
            mine.spin_until(GRANTED, |granted| granted == 1);
        }
        loop {
            self.line.spin_until(self.words.locked, |locked| locked == 0);
            if self.take_free() {
                break;
            }
        }
        self.leave_queue(waiters, mine, me);
    }

    /// Makes the next core in the queue its head.
    fn leave_queue(self, waiters: &Waiters<M>, mine: &M::Line, me: u64) {
        let (tail, relaxed) = (self.words.tail, Ordering::Relaxed);
        if self.line.compare_exchange(tail, me, 0, Ordering::AcqRel, relaxed).is_err() {
            let next = mine.spin_until(NEXT, |next| next != 0);
            waiters.of(next as usize - 1).store(GRANTED, 1, Ordering::Release);
        }
    }
}

/// A held lock, released on drop.
#[must_use]
pub struct SpinGuard<'a, M: Machine> {
    line: &'a M::Line,
    locked: usize,
}

impl<M: Machine> Drop for SpinGuard<'_, M> {
    #[inline(always)]
    fn drop(&mut self) {
        M::unlocked(address(self.line, self.locked));
        self.line.store(self.locked, 0, Ordering::Release);
    }
}

/// A held lock with interrupts off; on drop it is released, then interrupts are on again.
#[must_use]
pub struct IrqGuard<'a, M: Machine> {
    // Fields drop in this order.
    _lock: SpinGuard<'a, M>,
    _interrupts: InterruptsOff<M>,
}

struct InterruptsOff<M: Machine>(PhantomData<fn() -> M>);

impl<M: Machine> Drop for InterruptsOff<M> {
    #[inline(always)]
    fn drop(&mut self) {
        M::interrupts_on();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::host::{Bare, Cores, Host, enter};
    use std::sync::Arc;
    use std::thread;

    static NAME: LineName =
        LineName { name: "test.lock", words: ["locked", "tail", "sum", "", "", "", "", ""] };
    const WORDS: LockWords = LockWords { name: Waited::Ptl, locked: 0, tail: 1 };

    /// Adds without an atomic read-modify-write: additions are lost if two cores hold the lock.
    #[test]
    fn one_core_at_a_time() {
        const CORES: usize = 6;
        const ADDS: u64 = 20_000;
        let line = Arc::new(<Host<Bare> as Machine>::Line::new(&NAME, [0; LINE_WORDS]));
        let waiters = Arc::new(Waiters::<Host>::new(CORES));
        let cores = Cores::new(CORES);
        let threads: Vec<_> = (0..CORES)
            .map(|core| {
                let (line, waiters, cores) = (line.clone(), waiters.clone(), cores.clone());
                thread::spawn(move || {
                    let _core = enter(&cores, core);
                    for _ in 0..ADDS {
                        let _guard = SpinLock::<Host>::new(&line, WORDS).lock(&waiters);
                        let sum = line.load(2, Ordering::Relaxed);
                        line.store(2, sum + 1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|t| t.join().expect("the thread ends"));
        assert_eq!(line.load(2, Ordering::Relaxed), CORES as u64 * ADDS);
        assert_eq!((line.load(0, Ordering::Relaxed), line.load(1, Ordering::Relaxed)), (0, 0));
    }

    #[test]
    fn a_held_lock_is_not_taken_twice() {
        let line = <Host<Bare> as Machine>::Line::new(&NAME, [0; LINE_WORDS]);
        let lock = SpinLock::<Host>::new(&line, WORDS);
        let guard = lock.try_lock();
        assert!(guard.is_some() && lock.try_lock().is_none());
        drop(guard);
        assert!(lock.try_lock().is_some());
    }
}
