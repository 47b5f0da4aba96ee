//! Sleepable RCU: read sections that may sleep, and callbacks that wait until they end.
//!
//! *Readers* count themselves in and out on a line of their own core, in one of two ranks: two
//! stores and two full fences, and no write to a shared word (Linux 7.2 `kernel/rcu/srcutree.c`,
//! `__srcu_read_lock`, as it was before `srcu-fast` removed the fences). *A grace period* waits
//! until the idle rank is empty, makes it the rank of new readers, and waits until the other rank
//! is empty (`srcu_advance_state`). One wait is not enough, because a reader may look up its rank
//! long before it counts itself in.
//!
//! In the kernel a work queue does that. Here no thread works in the background: a writer that
//! queues a callback or waits for memory continues the grace period, so the time is charged to that
//! writer. No step waits: a step that finds readers gives up until the next try (the kernel tries
//! again after 5 us, then after a jiffy).

use super::grace_costs::GraceCosts;
use super::locked::Locked;
use super::spinlock::{LockWords, Waiters};
use machine::{LINE_WORDS, Line, LineName, Machine, Ordering, Waited};

static INDEX: LineName =
    LineName { name: "srcu.index", words: ["index", "", "", "", "", "", "", ""] };

static CORE: LineName = LineName {
    name: "srcu.core",
    words: ["locks_0", "unlocks_0", "locks_1", "unlocks_1", "", "", "", ""],
};

static WORK: LineName =
    LineName { name: "srcu.work", words: ["lock", "lock.tail", "", "", "", "", "", ""] };

const LOCK: LockWords = LockWords { name: Waited::SrcuLock, locked: 0, tail: 1 };

/// State of a grace period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// None is active.
    Idle,
    /// Waits for the rank that new readers do not take.
    BeforeFlip,
    /// The ranks are swapped; waits for the old rank of readers.
    AfterFlip,
}

/// Items that wait for readers.
struct Callbacks<T> {
    phase: Phase,
    /// Items of the active grace period.
    current: Vec<T>,
    /// Items queued since it began; they wait for the next one.
    next: Vec<T>,
}

/// A domain: readers, and the items that wait for them.
pub struct Srcu<M: Machine, T> {
    index: M::Line,
    cores: Box<[M::Line]>,
    work: M::Line,
    callbacks: Locked<Callbacks<T>>,
}

impl<M: Machine, T> Srcu<M, T> {
    /// Creates a domain for `cores` cores, without readers.
    pub fn new(cores: usize) -> Self {
        let callbacks = Callbacks { phase: Phase::Idle, current: Vec::new(), next: Vec::new() };
        Self {
            index: M::Line::new(&INDEX, [0; LINE_WORDS]),
            cores: (0..cores).map(|_| M::Line::new(&CORE, [0; LINE_WORDS])).collect(),
            work: M::Line::new(&WORK, [0; LINE_WORDS]),
            callbacks: Locked::new(callbacks),
        }
    }

    /// Enters a read section, in which the core may sleep. Sections of one core do not nest.
    ///
    /// # Ordering
    /// A full fence between the count and the loads of the section: either a grace period sees the
    /// count, or the section sees all stores from before that grace period.
    #[inline(always)]
    pub fn read(&self) -> SrcuSection<'_, M> {
        let rank = (self.index.load(0, Ordering::Relaxed) % 2) as usize;
        let line = &self.cores[M::core()];
        count(line, locks(rank));
        M::fence(Ordering::SeqCst);
        SrcuSection { line, rank }
    }

    /// Queues an item, which [`advance`](Self::advance) returns after every section that has
    /// already begun has ended.
    pub fn call(&self, waiters: &Waiters<M>, item: T, costs: &mut GraceCosts) {
        // SAFETY: as in `advance`: the one lock of the callbacks.
        let mut callbacks = unsafe { self.callbacks.lock::<M>(&self.work, LOCK, waiters) };
        if callbacks.phase == Phase::Idle {
            costs.wakeups += 1;
        }
        callbacks.next.push(item);
    }

    /// Continues grace periods while no reader blocks them, and adds to `done` the items that need
    /// not wait any more.
    pub fn advance(&self, waiters: &Waiters<M>, done: &mut Vec<T>, costs: &mut GraceCosts) {
        // SAFETY: all calls name these words of this line, which nothing else locks.
        let mut callbacks = unsafe { self.callbacks.lock::<M>(&self.work, LOCK, waiters) };
        loop {
            match callbacks.phase {
                Phase::Idle if callbacks.next.is_empty() => return,
                Phase::Idle => {
                    callbacks.current = std::mem::take(&mut callbacks.next);
                    callbacks.phase = Phase::BeforeFlip;
                }
                _ if !self.idle_rank_is_empty(costs) => {
                    costs.put_off += 1;
                    return;
                }
                Phase::BeforeFlip => {
                    // Only the holder of the lock writes it. Full fences: the sums come before the
                    // flip, the flip before the next sums.
                    let index = self.index.load(0, Ordering::Relaxed);
                    M::fence(Ordering::SeqCst);
                    self.index.store(0, 1 - index, Ordering::Relaxed);
                    M::fence(Ordering::SeqCst);
                    callbacks.phase = Phase::AfterFlip;
                }
                Phase::AfterFlip => {
                    done.append(&mut callbacks.current);
                    costs.ended += 1;
                    callbacks.phase = Phase::Idle;
                }
            }
        }
    }

    /// True if all readers have left the rank that new readers do not take
    /// (`srcu_readers_active_idx_check`).
    ///
    /// # Ordering
    /// Unlocks are summed before locks, with a full fence between. A reader whose unlock is counted
    /// thus has its lock counted too, and its section comes before all that follows.
    fn idle_rank_is_empty(&self, costs: &mut GraceCosts) -> bool {
        costs.looks += 1;
        let rank = 1 - self.index.load(0, Ordering::Relaxed) as usize;
        let sum = |word| self.cores.iter().map(|line| line.load(word, Ordering::Relaxed)).sum();
        let left: u64 = sum(unlocks(rank));
        M::fence(Ordering::SeqCst);
        let entered: u64 = sum(locks(rank));
        left == entered
    }
}

/// A read section; ends when it drops, on the core that entered it.
#[must_use]
pub struct SrcuSection<'a, M: Machine> {
    line: &'a M::Line,
    rank: usize,
}

impl<M: Machine> Drop for SrcuSection<'_, M> {
    #[inline(always)]
    fn drop(&mut self) {
        M::fence(Ordering::SeqCst);
        count(self.line, unlocks(self.rank));
    }
}

const fn locks(rank: usize) -> usize {
    2 * rank
}

const fn unlocks(rank: usize) -> usize {
    2 * rank + 1
}

/// Adds one to a word that no other core writes at the same time.
#[inline(always)]
fn count<L: Line>(line: &L, word: usize) {
    line.store(word, line.load(word, Ordering::Relaxed) + 1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::host::{Cores, Host, enter};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicU64};
    use std::thread;

    #[test]
    fn a_reader_holds_up_what_was_queued_after_it_began() {
        let (cores, waiters) = (Cores::new(1), Waiters::<Host>::new(1));
        let _core = enter(&cores, 0);
        let srcu = Srcu::<Host, u32>::new(1);
        let (mut done, mut costs) = (Vec::new(), GraceCosts::default());
        let section = srcu.read();
        srcu.call(&waiters, 7, &mut costs);
        srcu.advance(&waiters, &mut done, &mut costs);
        srcu.call(&waiters, 8, &mut costs);
        srcu.advance(&waiters, &mut done, &mut costs);
        // The first step flipped the ranks; the second and third found the reader.
        assert!(done.is_empty());
        assert_eq!(costs, GraceCosts { ended: 0, wakeups: 1, looks: 3, put_off: 2 });
        drop(section);
        srcu.advance(&waiters, &mut done, &mut costs);
        assert_eq!(done, [7, 8], "two grace periods, the second for what came too late");
        assert_eq!(costs, GraceCosts { ended: 2, wakeups: 1, looks: 6, put_off: 2 });
    }

    #[test]
    fn one_that_began_after_the_flip_holds_up_nobody() {
        let waiters = Waiters::<Host>::new(2);
        let on = |core| enter(&Cores::new(2), core);
        let srcu = Srcu::<Host, u32>::new(2);
        let (mut done, mut costs) = (Vec::new(), GraceCosts::default());
        let core = on(0);
        let early = srcu.read();
        srcu.call(&waiters, 7, &mut costs);
        srcu.advance(&waiters, &mut done, &mut costs);
        drop(core);
        let core = on(1);
        let late = srcu.read();
        drop(core);
        let _core = on(0);
        drop(early);
        srcu.advance(&waiters, &mut done, &mut costs);
        assert_eq!(done, [7], "the late reader is of the other rank");
        drop(late);
    }

    /// Readers load a slot that the writer clears before it waits for them.
    #[test]
    fn nobody_uses_what_was_handed_out() {
        const READERS: usize = 3;
        const TURNS: u64 = 400;
        let cores = Cores::new(READERS + 1);
        let shared = Arc::new((
            Srcu::<Host, u64>::new(READERS + 1),
            AtomicU64::new(1),
            (0..=TURNS).map(|_| AtomicBool::new(false)).collect::<Vec<_>>(),
        ));
        let readers: Vec<_> = (0..READERS)
            .map(|core| {
                let (shared, cores) = (shared.clone(), cores.clone());
                thread::spawn(move || {
                    let _core = enter(&cores, core);
                    let (srcu, slot, freed) = &*shared;
                    loop {
                        let _section = srcu.read();
                        let object = slot.load(Ordering::Acquire);
                        if object == TURNS {
                            return;
                        }
                        thread::yield_now();
                        assert!(!freed[object as usize].load(Ordering::Relaxed), "{object}");
                    }
                })
            })
            .collect();
        let _core = enter(&cores, READERS);
        let (srcu, slot, freed) = &*shared;
        let (waiters, mut done) = (Waiters::<Host>::new(READERS + 1), Vec::new());
        let mut costs = GraceCosts::default();
        for turn in 1..TURNS {
            slot.store(turn + 1, Ordering::Release);
            srcu.call(&waiters, turn, &mut costs);
            while done.is_empty() {
                srcu.advance(&waiters, &mut done, &mut costs);
                thread::yield_now();
            }
            done.drain(..).for_each(|object| freed[object as usize].store(true, Ordering::Relaxed));
        }
        readers.into_iter().for_each(|reader| reader.join().expect("the reader ends"));
        assert_eq!(costs.ended, TURNS - 1);
    }
}
