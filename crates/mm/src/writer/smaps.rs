//! A read of `/proc/PID/smaps_rollup` (Linux 6.12 `fs/proc/task_mmu.c`, `show_smaps_rollup`,
//! `smaps_pte_entry`, `smaps_account`): changes nothing, but holds mmap_lock for reading while it
//! looks at all that is mapped, each page table under ptl.
//!
//! After each VMA it lets waiters for mmap_lock go first.

use super::Writer;
use crate::addr::{ADDRESS_END, Pfn, Pte, Vaddr};
use crate::vma::VmaFields;
use machine::{Machine, Ordering};
use std::ops::Range;

impl<M: Machine> Writer<'_, M> {
    /// Looks at all pages of the space; false if nothing is mapped.
    pub fn smaps(&mut self) -> bool {
        let (mut from, mut found) = (Vaddr(0), false);
        while let Some(end) = self.look_from(from) {
            (from, found) = (end, true);
        }
        found
    }

    /// Looks at the VMAs from `from` on, until a core waits for mmap_lock or there are no more.
    /// Returns the end of the last one; `None` if there was none.
    fn look_from(&mut self, from: Vaddr) -> Option<Vaddr> {
        let mm = self.mm;
        let lock = mm.mmap_lock().read();
        let mut last = None;
        for vma in self.vmas_in(&(from..Vaddr(ADDRESS_END))).into_iter().map(|id| mm.vma(id)) {
            let (start, end) = vma.range();
            vma.flags();
            self.look_at(&(start.max(from)..end));
            last = Some(end);
            if mm.mmap_lock().is_contended() {
                break;
            }
        }
        drop(lock);
        last
    }

    fn look_at(&mut self, range: &Range<Vaddr>) {
        let mm = self.mm;
        // `madvise` frees tables under mmap_lock held for reading, as this does.
        let section = self.core.writer_section();
        mm.for_each_table_in(range, |id, entries| {
            let table = mm.tables.get(id);
            let _ptl = table.lock(&mm.waiters);
            let ptes = entries.map(|index| Pte(table.entry(index).load(Ordering::Relaxed)));
            ptes.filter_map(Pte::frame).for_each(|page| self.account(page));
        });
        drop(section);
    }

    /// Reads the counts of a page: flags and references of its folio, and its mapcount if it may be
    /// mapped more than once.
    fn account(&self, page: Pfn) {
        let (frames, relaxed) = (&self.mm.frames, Ordering::Relaxed);
        let folio = frames.folio_of(page);
        folio.flags().load(relaxed);
        if folio.refs().count() != 1 {
            frames.folio(page).mapcount().load(relaxed);
        }
    }
}
