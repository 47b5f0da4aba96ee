//! mincore (Linux 7.0 `mm/mincore.c`, `do_mincore`, `mincore_pte_range`, `mincore_page`): looks
//! which pages of a range are in memory, under mmap_lock for reading.
//!
//! The lock is dropped after each [`INCORE_PAGES`] pages, and at the end of each VMA. Every page
//! table of the range is locked. A page of a file that is not mapped is looked up in the page
//! cache, with a reference to its folio. The buffer for the answers, a page from the free list of
//! the CPU, is left out here.

use super::Writer;
use crate::addr::{Level, PAGE_BYTES, Pte, TABLE_SPAN, Vaddr};
use crate::fault::folio;
use crate::vma::{VmaFields, VmaRef};
use machine::{Machine, Ordering};
use std::ops::Range;

/// Pages that are looked at in one hold of mmap_lock: one byte for each fills a page.
pub const INCORE_PAGES: usize = PAGE_BYTES as usize;

impl<M: Machine> Writer<'_, M> {
    /// Looks which pages of a range are in memory; false if a part is not mapped, and the pages
    /// after it were not looked at.
    pub fn mincore(&mut self, range: &Range<Vaddr>) -> bool {
        let mut at = range.start;
        while at < range.end {
            let most = at.0 + INCORE_PAGES as u64 * PAGE_BYTES;
            match self.look_for_pages(at, Vaddr(most).min(range.end)) {
                Some(end) => at = end,
                None => return false,
            }
        }
        true
    }

    /// Looks at the pages of the VMA at `start` up to `end` at most. Returns where it stopped;
    /// `None` if no VMA is there.
    fn look_for_pages(&mut self, start: Vaddr, end: Vaddr) -> Option<Vaddr> {
        let mm = self.mm;
        let _lock = mm.mmap_lock().read();
        let vma = mm.find_vma(start)?;
        let end = vma.range().1.min(end);
        // `madvise` frees tables under mmap_lock held for reading, as this does.
        let section = self.core.writer_section();
        let mut at = start;
        while at < end {
            let next = Vaddr((at.0 / TABLE_SPAN + 1) * TABLE_SPAN).min(end);
            self.look_below_pmd(vma, at..next);
            at = next;
        }
        drop(section);
        Some(end)
    }

    /// Looks at pages below one pmd entry.
    fn look_below_pmd(&mut self, vma: VmaRef<'_, M>, range: Range<Vaddr>) {
        let mm = self.mm;
        let pages = (range.start.0..range.end.0).step_by(PAGE_BYTES as usize).map(Vaddr);
        let Some(table) = mm.table_at(range.start).map(|id| mm.tables.get(id)) else {
            return pages.for_each(|page| self.look_up(vma, page));
        };
        let _ptl = table.lock(&mm.waiters);
        for page in pages {
            let pte = table.entry(page.index(Level::Pte)).load(Ordering::Relaxed);
            if Pte(pte) == Pte::NONE {
                self.look_up(vma, page);
            }
        }
    }

    /// Looks for an unmapped page in the cache of the VMA's file, if it has one.
    fn look_up(&mut self, vma: VmaRef<'_, M>, page: Vaddr) {
        let mm = self.mm;
        let Some(file) = vma.file().map(|file| &mm.files[file]) else { return };
        if let Some(page) = folio::get(mm, self.core, file, vma.file_page(page)) {
            mm.frames.folio_of(page).flags().load(Ordering::Relaxed);
            self.core.put_folio(mm, page);
        }
    }
}
