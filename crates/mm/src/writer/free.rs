//! madvise(MADV_FREE) (Linux 6.12 `mm/madvise.c`, `madvise_free_pte_range`): pages may be reclaimed
//! until they are written again, so their ptes are made clean, and their folios go to the list of
//! files. It locks what `MADV_DONTNEED` locks (the VMA since 6.17).
//!
//! Nothing is reclaimed here, so a page is still there, and its next write does not fault. A large
//! folio that is not wholly in the range is left alone; the kernel splits it.

use super::Writer;
use crate::Mm;
use crate::addr::{ENTRIES, Pfn, Pte, Vaddr};
use crate::page_table::PageTable;
use crate::vma::{VmaFields, VmaRef};
use machine::{Machine, Ordering};
use std::ops::Range;

impl<M: Machine> Writer<'_, M> {
    /// Frees the anonymous pages that are mapped in a range as soon as memory is short; false if no
    /// VMA is there.
    pub fn madvise_free(&mut self, range: &Range<Vaddr>) -> bool {
        self.madvise(range, Self::free_part)
    }

    fn free_part(&mut self, vma: VmaRef<'_, M>, range: &Range<Vaddr>) {
        let (from, to) = vma.range();
        let part = from.max(range.start)..to.min(range.end);
        let (mm, core) = (self.mm, &mut *self.core);
        // `madvise` may free tables at the same time.
        let section = core.writer_section();
        mm.for_each_table_in(&part, |id, entries| {
            let table = mm.tables.get(id);
            let _ptl = table.lock(&mm.waiters);
            let mut index = entries.start;
            while index < entries.end {
                let pte = Pte(table.entry(index).load(Ordering::Relaxed));
                let folio = pte.frame().filter(|page| is_whole(mm, table, index, *page));
                let Some(head) = folio else {
                    index += 1;
                    continue;
                };
                let next = index + mm.frames.pages_of(head) as usize;
                if next <= entries.end {
                    core.cleared_ptes |= clean(table, index..next);
                    core.mark_lazyfree(mm, head);
                }
                index = next;
            }
        });
        drop(section);
    }
}

/// Returns true if the ptes from `index` on map all pages of a folio that begins with `page`.
fn is_whole<M: Machine>(mm: &Mm<M>, table: &PageTable<M>, index: usize, page: Pfn) -> bool {
    if !mm.frames.is_large(page) {
        return true;
    }
    let frames = page.0..page.0 + mm.frames.pages_of(page);
    let maps = |(index, frame)| {
        let pte = Pte(table.entry(index).load(Ordering::Relaxed));
        pte.frame() == Some(Pfn(frame))
    };
    // A folio is under one table.
    mm.frames.head(page) == page && (index..ENTRIES).zip(frames).all(maps)
}

/// Clears the dirty bit of ptes; true if any had it (`clear_young_dirty_ptes`).
fn clean<M: Machine>(table: &PageTable<M>, entries: Range<usize>) -> bool {
    let mut any = false;
    for entry in entries.map(|index| table.entry(index)) {
        let pte = Pte(entry.load(Ordering::Relaxed));
        if pte.is_dirty() {
            // Only the lock keeps others from it: a touch in between traps, and waits.
            entry.swap(Pte::NONE.0, Ordering::AcqRel);
            entry.store(pte.cleaned().0, Ordering::Release);
            any = true;
        }
    }
    any
}
