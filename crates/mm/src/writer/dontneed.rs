//! madvise(MADV_DONTNEED) (Linux 7.2 `mm/madvise.c`, `madvise_dontneed_single_vma`): frees pages
//! and keeps the mapping. Runs under mmap_lock for reading, so at the same time as faults and
//! others of its kind, and writes no field of a VMA.
//!
//! Since 6.17 the lock of the VMA is enough if one VMA has the whole range (`try_vma_read_lock`,
//! commit a6fde7add78d); it is dropped before translations are shot down and pages freed. Since
//! 6.14 an empty table that is wholly inside the range is freed too, under the locks of its parent
//! and its own (`mm/pt_reclaim.c`, `try_to_free_pte`).

use super::Writer;
use crate::addr::{Level, TABLE_SPAN, Vaddr};
use crate::page_table::TableId;
use crate::point;
use crate::vma::{VmaFields, VmaRef};
use machine::{Machine, Ordering};
use std::ops::Range;

/// What `madvise` does to the part of a range that a VMA has.
pub(super) type Advise<W, M> = fn(&mut W, VmaRef<'_, M>, &Range<Vaddr>);

impl<M: Machine> Writer<'_, M> {
    /// Zaps the pages that are mapped in a range; false if no VMA is there.
    pub fn madvise_dontneed(&mut self, range: &Range<Vaddr>) -> bool {
        self.madvise(range, Self::zap_part)
    }

    /// Does `advise` to the part that each VMA has of a range, under the lock of the VMA or under
    /// mmap_lock for reading; false if no VMA is there.
    pub(super) fn madvise(&mut self, range: &Range<Vaddr>, advise: Advise<Self, M>) -> bool {
        if self.mm.kernel.rules.dontneed_locks_vma && self.madvise_under_vma_lock(range, advise) {
            return true;
        }
        let lock = self.mm.mmap_lock().read();
        let vmas = self.vmas_in(range);
        vmas.iter().for_each(|id| advise(self, self.mm.vma(*id), range));
        self.mm.finish_zap(self.core);
        drop(lock);
        !vmas.is_empty()
    }

    /// Advises under the lock of the one VMA that has the whole range; false if there is none, or
    /// its lock is not free.
    fn madvise_under_vma_lock(&mut self, range: &Range<Vaddr>, advise: Advise<Self, M>) -> bool {
        let (mm, hooks) = (self.mm, self.hooks);
        let locked = {
            let _section = self.core.read_section();
            mm.find_vma(range.start).filter(|vma| hooks.lock_to_zap(mm, *vma))
        };
        let Some(vma) = locked else { return false };
        M::point(point::VMA_LOCKED);
        // From here on the VMA does not change.
        let has_all = vma.contains(range.start) && range.end <= vma.range().1;
        if has_all {
            advise(self, vma, range);
        }
        hooks.unlock_zapped(mm, vma);
        if has_all {
            mm.finish_zap(self.core);
        }
        has_all
    }

    /// Zaps the part of a range that a VMA has.
    fn zap_part(&mut self, vma: VmaRef<'_, M>, range: &Range<Vaddr>) {
        let (from, to) = vma.range();
        let part = from.max(range.start)..to.min(range.end);
        self.hooks.begin_zap(self.mm, vma);
        self.mm.zap_range(self.core, &part);
        if self.mm.kernel.rules.frees_empty_tables {
            self.free_empty_tables(&part);
        }
        self.hooks.end_zap(self.mm, vma);
    }

    /// Frees the tables that are wholly inside a range and have stayed empty.
    fn free_empty_tables(&mut self, range: &Range<Vaddr>) {
        let first = range.start.0.next_multiple_of(TABLE_SPAN);
        let bases = (first..range.end.0).step_by(TABLE_SPAN as usize);
        for base in bases.filter(|base| base + TABLE_SPAN <= range.end.0) {
            if let Some(table) = self.take_empty_table(Vaddr(base)) {
                self.core.gather_table(table);
            }
        }
    }

    fn take_empty_table(&self, base: Vaddr) -> Option<TableId> {
        let mm = self.mm;
        let parent = mm.tables.get(mm.table_with_entry(base, Level::Pmd)?);
        let entry = parent.entry(base.index(Level::Pmd));
        let _parent = mm.lock_of_entries(parent, Level::Pmd);
        let id = TableId::from_entry(entry.load(Ordering::Relaxed))?;
        let table = mm.tables.get(id);
        let _ptl = table.lock(&mm.waiters);
        // ptl was dropped after the zap: a fault may have installed a pte.
        if !table.is_empty() {
            return None;
        }
        entry.store(0, Ordering::Release);
        mm.uncount_table();
        Some(id)
    }
}
