//! Page tables: four levels of 512 entries, each table with its own lock.
//!
//! Reference for the locks: Linux 7.2 `mm/memory.c` (`__pte_alloc`, `__pmd_alloc`,
//! `__pud_alloc`) and `include/linux/mm.h` (`pmd_lockptr`, `pud_lockptr`).

use super::addr::{ENTRIES, PAGE_SHIFT};
use super::backlog::Backlog;
use super::pool::Pool;
use super::slots::slots;
use machine::{LINE_WORDS, Line, LineName, Machine, Ordering, Waited, Word, pair_up};
use std::sync::Arc;
use sync::spinlock::{LockWords, SpinGuard, SpinLock, Waiters};

static ENTRY_LINE: LineName =
    LineName { name: "page_table.entries", words: ["0", "1", "2", "3", "4", "5", "6", "7"] };

static PTDESC: LineName =
    LineName { name: "ptdesc.ptl", words: ["ptl", "ptl.tail", "freed", "", "", "", "", ""] };

static POOL: LineName =
    LineName { name: "zone.tables", words: ["lock", "lock.tail", "free", "", "", "", "", ""] };

const PTL: LockWords = LockWords { name: Waited::Ptl, locked: 0, tail: 1 };
/// 1 in a table that was freed, until its next use.
const POISON: usize = 2;
const PRESENT: u64 = 1;

/// Number of a table in [`Tables`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableId(pub u32);

impl TableId {
    /// Returns the value of an upper entry that points to this table.
    #[inline(always)]
    pub fn to_entry(self) -> u64 {
        u64::from(self.0) << PAGE_SHIFT | PRESENT
    }

    /// Returns the table of this number. A walk loads `tables` once, not at every level.
    #[inline(always)]
    pub fn of<M: Machine>(self, tables: &[PageTable<M>]) -> &PageTable<M> {
        &tables[self.0 as usize]
    }

    /// Returns the table that an upper entry points to.
    #[inline(always)]
    pub fn from_entry(entry: u64) -> Option<Self> {
        (entry & PRESENT != 0).then_some(Self((entry >> PAGE_SHIFT) as u32))
    }
}

/// One table: its entries, and on a line of its own (the kernel's `ptdesc`) its lock.
pub struct PageTable<M: Machine> {
    lines: [M::Line; ENTRIES / LINE_WORDS],
    ptdesc: M::Line,
}

impl<M: Machine> PageTable<M> {
    fn new() -> Self {
        Self {
            lines: std::array::from_fn(|_| M::Line::new(&ENTRY_LINE, [0; LINE_WORDS])),
            ptdesc: M::Line::new(&PTDESC, [0; LINE_WORDS]),
        }
    }

    /// Returns an entry. Loads of it are `Acquire`, paired with the `Release` store that installed
    /// a table; entries of the lowest level change under the lock.
    #[inline(always)]
    pub fn entry(&self, index: usize) -> Word<'_, M::Line> {
        Word::new(&self.lines[index / LINE_WORDS], index % LINE_WORDS)
    }

    /// Returns the table that an entry points to.
    #[inline(always)]
    pub fn child(&self, index: usize) -> Option<TableId> {
        TableId::from_entry(self.entry(index).load(Ordering::Acquire))
    }

    /// Returns the lock of this table's entries (ptl, pmd lock).
    #[inline(always)]
    pub fn lock(&self, waiters: &Waiters<M>) -> SpinGuard<'_, M> {
        SpinLock::new(&self.ptdesc, PTL).lock(waiters)
    }

    /// Returns the same lock; nobody holds it.
    #[inline(always)]
    pub fn try_lock(&self) -> Option<SpinGuard<'_, M>> {
        SpinLock::new(&self.ptdesc, PTL).try_lock()
    }

    /// Returns true if the table is in use, not freed.
    #[inline(always)]
    pub fn is_alive(&self) -> bool {
        self.ptdesc.load(POISON, Ordering::Relaxed) == 0
    }

    /// Marks the table as in use again.
    pub fn revive(&self) {
        self.ptdesc.store(POISON, 0, Ordering::Relaxed);
    }

    /// Returns true if no entry is set.
    pub fn is_empty(&self) -> bool {
        (0..ENTRIES).all(|index| self.entry(index).load(Ordering::Relaxed) == 0)
    }
}

/// Returns the bytes of a table.
pub fn bytes_each<M: Machine>() -> u64 {
    (size_of::<PageTable<M>>() + size_of::<TableId>()) as u64
}

/// All tables of a space, free ones included. A free table is empty.
pub struct Tables<M: Machine> {
    slots: Box<[PageTable<M>]>,
    /// Free tables.
    pub pool: Pool<M>,
    backlog: Arc<Backlog>,
}

impl<M: Machine> Tables<M> {
    /// Creates `count` tables; `is_charged`: see [`Pool::new`].
    pub fn new(count: u32, is_charged: bool, backlog: Arc<Backlog>) -> Self {
        let slots = slots(count as usize, |_| PageTable::new());
        // SAFETY: they are on the heap, and a space outlives the cores that fault in it.
        slots.iter().for_each(|table| unsafe { pair_up(&table.lines) });
        Self { slots, pool: Pool::new(&POOL, 0, count, is_charged), backlog }
    }

    /// Frees a table after walkers have left. A core that still locks it finds poison.
    pub fn free_deferred(&self, waiters: &Waiters<M>, id: TableId) {
        self.backlog.remove();
        self.get(id).ptdesc.store(POISON, 1, Ordering::Relaxed);
        self.pool.give(waiters, id.0);
    }

    /// Returns all tables, by number.
    #[inline(always)]
    pub fn all(&self) -> &[PageTable<M>] {
        &self.slots
    }

    /// Returns one table.
    #[inline(always)]
    pub fn get(&self, id: TableId) -> &PageTable<M> {
        &self.slots[id.0 as usize]
    }
}
