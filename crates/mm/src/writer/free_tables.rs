//! Frees the page tables of unmapped ranges (Linux 7.2 `mm/memory.c`, `free_pgd_range`): those that
//! reach neither the VMA before the range nor the one after it.
//!
//! Entries are cleared without a lock, as in the kernel, since no fault allocates tables for a
//! range without a VMA. If the strategy's faults allocate without excluding writers, the lock of
//! the parent is held.

use super::Writer;
use crate::addr::{ADDRESS_END, Level, TABLE_SPAN, Vaddr};
use crate::page_table::TableId;
use crate::point;
use crate::vma::VmaFields;
use machine::{Machine, Ordering};
use std::ops::Range;

/// Tables by the level of the entry that points to them, lowest first, with their span.
const LEVELS: [(Level, u64); 3] =
    [(Level::Pmd, TABLE_SPAN), (Level::Pud, TABLE_SPAN << 9), (Level::Pgd, TABLE_SPAN << 18)];

impl<M: Machine> Writer<'_, M> {
    /// Frees the tables of a range that is not in the tree, except for those that a VMA needs.
    pub(super) fn free_tables_of(&mut self, range: &Range<Vaddr>) {
        let free = self.free_around(range);
        M::point(point::BEFORE_FREE_TABLES);
        for (level, span) in LEVELS {
            let first = range.start.0 / span * span;
            for base in (first..range.end.0).step_by(span as usize) {
                if free.start.0 <= base && base + span <= free.end.0 {
                    self.free_table(Vaddr(base), level);
                }
            }
        }
    }

    /// Returns the gap around a range: from the end of the VMA before it to the start of the one
    /// after it.
    fn free_around(&self, range: &Range<Vaddr>) -> Range<Vaddr> {
        let root = self.mm.field(self.mm.kernel.mm.mt_root);
        let before = self.mm.tree.before(root, range.start);
        let floor = before.map_or(Vaddr(0), |id| self.mm.vma(id).range().1);
        let mut ceiling = None;
        self.mm.tree.for_each_in(root, range.end, range.end, |id| {
            ceiling.get_or_insert(self.mm.vma(id).range().0);
        });
        floor..ceiling.unwrap_or(Vaddr(ADDRESS_END))
    }

    /// Removes the table under the entry of `level` for `addr`, if there is one.
    fn free_table(&mut self, addr: Vaddr, level: Level) {
        let mm = self.mm;
        let Some(parent) = mm.table_with_entry(addr, level) else { return };
        let parent = mm.tables.get(parent);
        let entry = parent.entry(addr.index(level));
        let taken = {
            let locks = self.hooks.locks_tables();
            let _parent = locks.then(|| mm.lock_of_entries(parent, level));
            let taken = TableId::from_entry(entry.load(Ordering::Relaxed));
            if taken.is_some() {
                entry.store(0, Ordering::Release);
                mm.uncount_table();
            }
            taken
        };
        if let Some(table) = taken {
            self.core.gather_table(table);
        }
    }
}
