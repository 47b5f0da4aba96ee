//! Free lists: a shared one behind a lock, and a batch of it on each core.
//!
//! Frames, page tables and VMAs are slots of arrays that are made before a storm,
//! and are handed out by number, so that a storm allocates nothing from the system
//! and a number never dangles. The shape is the kernel's: per-core page lists that
//! are refilled from the zone in batches of 63 (`pcp->batch`, `mm/page_alloc.c`).

use crate::machine::{LINE_WORDS, Line, LineName, Machine, Ordering};
use crate::sync::locked::Locked;
use crate::sync::spinlock::{LockWords, Waiters};

/// Slots moved at a time between a core and the shared list.
pub const FRAME_BATCH: usize = 63;
/// The same for tables, of which a core takes one for 512 frames: they would be idle, and
/// they are large.
pub const TABLE_BATCH: usize = 4;
/// Slots that a core may keep before it gives a batch back.
const KEPT_BATCHES: usize = 6;

const LOCK: LockWords = LockWords { locked: 0, tail: 1 };
const FREE: usize = 2;

/// The shared list.
pub struct Pool<M: Machine> {
    line: M::Line,
    free: Locked<Vec<u32>>,
    slots: usize,
}

impl<M: Machine> Pool<M> {
    /// All of `slots` but the first `reserved`, lowest on top.
    pub fn new(name: &'static LineName, reserved: u32, slots: u32) -> Self {
        let free: Vec<u32> = (reserved..slots).rev().collect();
        let mut words = [0; LINE_WORDS];
        words[FREE] = free.len() as u64;
        Self { line: M::Line::new(name, words), slots: free.len(), free: Locked::new(free) }
    }

    fn with<R>(&self, waiters: &Waiters<M>, on: impl FnOnce(&mut Vec<u32>) -> R) -> R {
        // SAFETY: `free` belongs to this pool, whose lock words never change and are
        // locked here alone.
        let mut free = unsafe { self.free.lock::<M>(&self.line, LOCK, waiters) };
        let result = on(&mut free);
        self.line.store(FREE, free.len() as u64, Ordering::Relaxed);
        result
    }

    /// Slots that are on the shared list.
    pub fn free(&self) -> usize {
        self.line.load(FREE, Ordering::Relaxed) as usize
    }

    /// Slots that there are.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Takes one slot past the batches.
    pub fn take(&self, waiters: &Waiters<M>) -> Option<u32> {
        self.with(waiters, Vec::pop)
    }

    /// Gives one slot back past the batches.
    pub fn give(&self, waiters: &Waiters<M>, slot: u32) {
        self.with(waiters, |free| free.push(slot));
    }
}

/// A core's share of a pool. Nobody else sees it, so it is no tracked line.
#[derive(Debug)]
pub struct Cache {
    slots: Vec<u32>,
    batch: usize,
}

impl Cache {
    /// A share that is filled and emptied `batch` slots at a time.
    pub fn new(batch: usize) -> Self {
        Self { slots: Vec::with_capacity(KEPT_BATCHES * batch + 1), batch }
    }

    /// Takes a slot, `None` where neither the core nor the pool has one.
    #[inline]
    pub fn take<M: Machine>(&mut self, pool: &Pool<M>, waiters: &Waiters<M>) -> Option<u32> {
        if self.slots.is_empty() {
            self.refill(pool, waiters);
        }
        self.slots.pop()
    }

    /// Begins with part of a batch, by `draw`.
    pub fn stagger<M: Machine>(&mut self, pool: &Pool<M>, waiters: &Waiters<M>, draw: usize) {
        self.refill(pool, waiters);
        let surplus = (draw % self.batch).min(self.slots.len());
        self.drain(pool, waiters, surplus);
    }

    #[cold]
    fn refill<M: Machine>(&mut self, pool: &Pool<M>, waiters: &Waiters<M>) {
        pool.with(waiters, |free| {
            let from = free.len().saturating_sub(self.batch);
            self.slots.extend(free.drain(from..));
        });
    }

    /// Gives a slot back.
    #[inline]
    pub fn give<M: Machine>(&mut self, pool: &Pool<M>, waiters: &Waiters<M>, slot: u32) {
        self.slots.push(slot);
        if self.slots.len() > KEPT_BATCHES * self.batch {
            self.drain(pool, waiters, self.batch);
        }
    }

    /// Gives everything back.
    pub fn retire<M: Machine>(&mut self, pool: &Pool<M>, waiters: &Waiters<M>) {
        self.drain(pool, waiters, self.slots.len());
    }

    fn drain<M: Machine>(&mut self, pool: &Pool<M>, waiters: &Waiters<M>, count: usize) {
        pool.with(waiters, |free| free.extend(self.slots.drain(..count)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::host::Host;

    static NAME: LineName = LineName { name: "test.pool", words: [""; LINE_WORDS] };

    #[test]
    fn every_slot_comes_back() {
        let pool = Pool::<Host>::new(&NAME, 1, 1001);
        let waiters = Waiters::new(1);
        let mut cache = Cache::new(FRAME_BATCH);
        let mut taken: Vec<u32> = std::iter::from_fn(|| cache.take(&pool, &waiters)).collect();
        assert_eq!((taken.len(), pool.free()), (1000, 0));
        taken.iter().for_each(|slot| cache.give(&pool, &waiters, *slot));
        assert!(
            pool.free() >= 1000 - KEPT_BATCHES * FRAME_BATCH,
            "a core keeps no more than its share"
        );
        cache.retire(&pool, &waiters);
        assert_eq!(pool.free(), pool.slots());
        taken.sort_unstable();
        assert!(taken.iter().copied().eq(1..1001));
    }
}
