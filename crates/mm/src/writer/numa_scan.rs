//! A scan of NUMA balancing (Linux 6.12 `kernel/sched/fair.c`, `task_numa_work`; `mm/mprotect.c`,
//! `change_prot_numa`, `change_pte_range`): makes the ptes of a range trap, so that the next access
//! to each page shows which node it comes from.
//!
//! The scan tries mmap_lock for reading, and does nothing if it is not free. It leaves out VMAs of
//! files that are not written, as libraries are, the zero page, and private pages that a child
//! shares. Translations are shot down once for each VMA.

use super::Writer;
use crate::addr::{Pte, Vaddr};
use crate::vma::{VmaFields, VmaRef, flag};
use machine::{Machine, Ordering};
use std::ops::Range;

impl<M: Machine> Writer<'_, M> {
    /// Makes the mapped pages of a range trap; false if nothing is mapped, or mmap_lock is not
    /// free.
    pub fn numa_scan(&mut self, range: &Range<Vaddr>) -> bool {
        let mm = self.mm;
        let Some(lock) = mm.mmap_lock().try_read() else { return false };
        let vmas = self.vmas_in(range);
        for vma in vmas.iter().map(|id| mm.vma(*id)) {
            let is_library = vma.file().is_some() && vma.flags() & flag::WRITE == 0;
            let (start, end) = vma.range();
            if !is_library && self.make_trap(vma, start.max(range.start)..end.min(range.end)) {
                self.core.shoot_down();
            }
        }
        drop(lock);
        !vmas.is_empty()
    }

    /// Returns true if any pte was changed.
    fn make_trap(&mut self, vma: VmaRef<'_, M>, part: Range<Vaddr>) -> bool {
        let mm = self.mm;
        let is_private = vma.flags() & flag::SHARED == 0;
        let is_shared_copy = |pte: Pte| {
            let page = pte.frame().map(|page| mm.frames.folio(page));
            is_private && page.is_some_and(|page| page.mapcount().load(Ordering::Relaxed) > 1)
        };
        let mut changed = false;
        // `madvise` frees tables under mmap_lock held for reading, as this does.
        let section = self.core.writer_section();
        mm.for_each_table_in(&part, |id, entries| {
            let table = mm.tables.get(id);
            let _ptl = table.lock(&mm.waiters);
            for entry in entries.map(|index| table.entry(index)) {
                let pte = Pte(entry.load(Ordering::Relaxed));
                if pte.frame().is_none() || pte.is_hinting() || is_shared_copy(pte) {
                    continue;
                }
                // Only the lock keeps others from it: a touch in between traps, and waits.
                entry.swap(Pte::NONE.0, Ordering::AcqRel);
                entry.store(pte.hinting().0, Ordering::Release);
                changed = true;
            }
        });
        drop(section);
        changed
    }
}
