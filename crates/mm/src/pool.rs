//! Free lists: a shared one under a lock, and a batch of it on each core.
//!
//! Frames, page tables and VMAs are slots of arrays that are made before a storm,
//! and are handed out by number, so that a storm allocates nothing from the system
//! and a number never dangles. The shape is that of the kernel's page lists, which are
//! refilled from a zone in batches (`mm/page_alloc.c`).

use super::kernel::Field;
use machine::{LINE_WORDS, Line, LineName, Machine, Ordering, Waited, Word};
use std::ops::Range;
use std::sync::Arc;
use sync::locked::Locked;
use sync::spinlock::Waiters;

/// Tables moved at a time between a core and the shared list. A core takes one table for 512
/// frames: a batch as large as that of frames would be idle, and tables are large.
pub const TABLE_BATCH: usize = 4;
/// Batches that a core may keep before it gives one back.
pub const KEPT_BATCHES: usize = 6;

/// Lines of a pool, and the places of its lock and of the number of its free slots.
pub struct PoolLines<M: Machine> {
    /// The lines.
    pub lines: Arc<[M::Line]>,
    /// First word of the lock.
    pub lock: Field,
    /// Name of its lock in results.
    pub lock_name: Waited,
    /// Number of free slots.
    pub free: Field,
}

impl<M: Machine> PoolLines<M> {
    /// One line, which begins with both.
    fn one(name: &'static LineName) -> Self {
        let lines = Arc::new([M::Line::new(name, [0; LINE_WORDS])]);
        Self {
            lines,
            lock: Field { line: 0, word: 0 },
            lock_name: Waited::ListLock,
            free: Field { line: 0, word: 2 },
        }
    }
}

/// Free slots, and free blocks of slots: a list for each size of block.
struct Free {
    slots: Vec<u32>,
    /// The first slots of blocks.
    blocks: Box<[Blocks]>,
}

/// Free blocks of one size.
#[derive(Debug)]
pub struct Blocks {
    /// Log2 of the slots of a block.
    pub order: u8,
    /// First slot of each block.
    pub first: Vec<u32>,
}

impl Free {
    /// List 0: single slots. List `n`: the `n`th size of blocks.
    fn list(&mut self, number: usize) -> &mut Vec<u32> {
        match number.checked_sub(1) {
            None => &mut self.slots,
            Some(size) => &mut self.blocks[size].first,
        }
    }

    /// Returns the number of slots in all lists.
    fn count(&self) -> usize {
        let blocks = self.blocks.iter().map(|blocks| blocks.first.len() << blocks.order);
        self.slots.len() + blocks.sum::<usize>()
    }
}

/// The shared lists.
pub struct Pool<M: Machine> {
    at: PoolLines<M>,
    free: Locked<Free>,
    slots: usize,
    /// True if accesses of the shared lists are charged.
    is_charged: bool,
}

impl<M: Machine> Pool<M> {
    /// Creates lists with all of `slots` except for the first `reserved`, lowest on top. Without
    /// `is_charged`, worlds that can do so charge nothing for it.
    pub fn new(name: &'static LineName, reserved: u32, slots: u32, is_charged: bool) -> Self {
        Self::with_blocks(PoolLines::one(name), reserved..slots, Box::default(), is_charged)
    }

    /// Creates lists of these slots, and of these blocks of slots.
    pub fn with_blocks(
        at: PoolLines<M>,
        slots: Range<u32>,
        blocks: Box<[Blocks]>,
        is_charged: bool,
    ) -> Self {
        let free = Free { slots: slots.rev().collect(), blocks };
        let count = free.count();
        at.lines[at.free.line].store(at.free.word, count as u64, Ordering::Relaxed);
        Self { at, slots: count, free: Locked::new(free), is_charged }
    }

    fn with<R>(&self, waiters: &Waiters<M>, on: impl FnOnce(&mut Free) -> R) -> R {
        if self.is_charged {
            return self.with_locked(waiters, on);
        }
        M::for_nothing(|| self.with_locked(waiters, on))
    }

    fn with_locked<R>(&self, waiters: &Waiters<M>, on: impl FnOnce(&mut Free) -> R) -> R {
        let lock = self.at.lock;
        let line = &self.at.lines[lock.line];
        // SAFETY: `free` belongs to this pool, whose lock words never change and are
        // locked here alone.
        let mut free = unsafe { self.free.lock::<M>(line, lock.lock(self.at.lock_name), waiters) };
        let result = on(&mut free);
        self.free_word().store(free.count() as u64, Ordering::Relaxed);
        result
    }

    fn free_word(&self) -> Word<'_, M::Line> {
        Word::new(&self.at.lines[self.at.free.line], self.at.free.word)
    }

    /// Returns the number of slots on the shared lists.
    pub fn free(&self) -> usize {
        self.free_word().load(Ordering::Relaxed) as usize
    }

    /// Returns the number of all slots.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Takes one slot without a batch.
    pub fn take(&self, waiters: &Waiters<M>) -> Option<u32> {
        self.with(waiters, |free| free.slots.pop())
    }

    /// Gives one slot back without a batch.
    pub fn give(&self, waiters: &Waiters<M>, slot: u32) {
        self.with(waiters, |free| free.slots.push(slot));
    }

    /// Moves up to `count` entries of a list to the end of `to`, and returns their number. List 0
    /// has single slots, list `n` the `n`th size of blocks. Calls `unlink` with each under the
    /// lock.
    pub fn take_batch(
        &self,
        waiters: &Waiters<M>,
        (list, to): (usize, &mut Vec<u32>),
        count: usize,
        unlink: impl FnMut(u32),
    ) -> usize {
        self.with(waiters, |free| {
            let free = free.list(list);
            let from = free.len().saturating_sub(count);
            let taken = free.len() - from;
            free[from..].iter().copied().for_each(unlink);
            to.extend(free.drain(from..));
            taken
        })
    }

    /// Moves the first `count` entries of `from` back to a list. Calls `link` with each under the
    /// lock.
    pub fn give_batch(
        &self,
        waiters: &Waiters<M>,
        (list, from): (usize, &mut Vec<u32>),
        count: usize,
        link: impl FnMut(u32),
    ) {
        self.with(waiters, |free| {
            from[..count].iter().copied().for_each(link);
            free.list(list).extend(from.drain(..count));
        });
    }

    /// Reads a word of its lines, if accesses are charged.
    #[inline(always)]
    pub fn load(&self, field: Field) {
        if self.is_charged {
            self.at.lines[field.line].load(field.word, Ordering::Relaxed);
        }
    }
}

/// A core's share of a pool. No other core reads it, so it is on no tracked line.
#[derive(Debug)]
pub struct Cache {
    slots: Vec<u32>,
    batch: usize,
}

impl Cache {
    /// Creates a share that is filled and emptied `batch` slots at a time.
    pub fn new(batch: usize) -> Self {
        Self { slots: Vec::with_capacity(KEPT_BATCHES * batch + 1), batch }
    }

    /// Takes a slot; `None` if neither the core nor the pool has one.
    #[inline]
    pub fn take<M: Machine>(&mut self, pool: &Pool<M>, waiters: &Waiters<M>) -> Option<u32> {
        if self.slots.is_empty() {
            pool.take_batch(waiters, (0, &mut self.slots), self.batch, |_| {});
        }
        self.slots.pop()
    }

    /// Gives a slot back.
    #[inline]
    pub fn give<M: Machine>(&mut self, pool: &Pool<M>, waiters: &Waiters<M>, slot: u32) {
        self.slots.push(slot);
        if self.slots.len() > KEPT_BATCHES * self.batch {
            pool.give_batch(waiters, (0, &mut self.slots), self.batch, |_| {});
        }
    }

    /// Gives everything back.
    pub fn retire<M: Machine>(&mut self, pool: &Pool<M>, waiters: &Waiters<M>) {
        let count = self.slots.len();
        pool.give_batch(waiters, (0, &mut self.slots), count, |_| {});
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::host::Host;

    static NAME: LineName = LineName { name: "test.pool", words: [""; LINE_WORDS] };

    #[test]
    fn every_slot_comes_back() {
        let pool = Pool::<Host>::new(&NAME, 1, 1001, true);
        let waiters = Waiters::new(1);
        let mut cache = Cache::new(TABLE_BATCH);
        let mut taken: Vec<u32> = std::iter::from_fn(|| cache.take(&pool, &waiters)).collect();
        assert_eq!((taken.len(), pool.free()), (1000, 0));
        taken.iter().for_each(|slot| cache.give(&pool, &waiters, *slot));
        assert!(
            pool.free() >= 1000 - KEPT_BATCHES * TABLE_BATCH,
            "a core keeps no more than its share"
        );
        cache.retire(&pool, &waiters);
        assert_eq!(pool.free(), pool.slots());
        taken.sort_unstable();
        assert!(taken.iter().copied().eq(1..1001));
    }
}
