//! madvise(MADV_DONTNEED) (Linux 7.2 `mm/madvise.c`, `madvise_dontneed_single_vma`): pages
//! go, the mapping stays. Under mmap_lock for reading, so beside faults and others of its
//! kind, and no field of a VMA is written.
//!
//! Since 6.14 a table that is wholly inside and empty is freed too, under the locks of its
//! parent and its own (`mm/pt_reclaim.c`, `try_to_free_pte`).

use super::Writer;
use crate::addr::{Level, TABLE_SPAN, Vaddr};
use crate::page_table::TableId;
use crate::vma::VmaFields;
use machine::{Machine, Ordering};
use std::ops::Range;

impl<M: Machine> Writer<'_, M> {
    /// Zaps the pages of what is mapped in a range; false where nothing is.
    pub fn madvise_dontneed(&mut self, range: &Range<Vaddr>) -> bool {
        let lock = self.mm.mmap_lock().read();
        let vmas = self.vmas_in(range);
        for id in &vmas {
            let vma = self.mm.vma(*id);
            let (from, to) = vma.range();
            let part = from.max(range.start)..to.min(range.end);
            self.hooks.begin_zap(self.mm, vma);
            self.mm.zap_range(self.core, &part);
            self.free_empty_tables(&part);
            self.hooks.end_zap(self.mm, vma);
        }
        self.mm.finish_zap(self.core);
        drop(lock);
        !vmas.is_empty()
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
        // ptl was dropped since the zap: a fault may have been here.
        if !table.is_empty() {
            return None;
        }
        entry.store(0, Ordering::Release);
        mm.uncount_table();
        Some(id)
    }
}
