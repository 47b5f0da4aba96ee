//! Removes pages from page tables.
//!
//! Other cores may still have cached the translation of a removed page: it is gathered, and freed
//! after a shootdown (Linux 7.2 `mm/mmu_gather.c`).

use super::addr::{ADDRESS_END, ENTRIES, Level, PAGE_BYTES, Pfn, Pte, TABLE_SPAN, Vaddr};
use super::page_table::{PageTable, TableId};
use super::{Core, Mm, point};
use crate::frames::ANON;
use machine::{Machine, Ordering};
use std::ops::Range;

/// Most frames that are gathered before translations are shot down.
const GATHERED_MAX: usize = 8192;

impl<M: Machine> Mm<M> {
    /// Clears the ptes of a range: under ptl ptes, mapcounts and rss. The frames are
    /// gathered; [`finish_zap`](Self::finish_zap) frees them.
    pub(super) fn zap_range(&self, core: &mut Core<M>, range: &Range<Vaddr>) {
        // `madvise` may free tables at the same time.
        let section = core.writer_section();
        self.for_each_table_in(range, |table, entries| {
            self.zap_entries(core, table, entries);
            M::point(point::TABLE_ZAPPED);
            if core.zapped.len() >= GATHERED_MAX {
                self.finish_zap(core);
            }
        });
        drop(section);
    }

    /// Shoots down the translations of zapped pages, and frees the pages.
    pub(super) fn finish_zap(&self, core: &mut Core<M>) {
        if core.needs_shootdown() {
            core.shoot_down();
            core.free_gathered(self);
        }
    }

    /// Clears all ptes of a table, and frees the frames; no core can reach them.
    pub(super) fn zap_table(&self, core: &mut Core<M>, table: TableId) {
        self.zap_entries(core, table, 0..ENTRIES);
        core.free_gathered(self);
    }

    /// Linux 7.2 `mm/memory.c`, `zap_pte_range`.
    fn zap_entries(&self, core: &mut Core<M>, id: TableId, entries: Range<usize>) {
        let table = self.tables.get(id);
        let (mut anon, mut file) = (0, 0);
        let ptl = table.lock(&self.waiters);
        let mut index = entries.start;
        while index < entries.end {
            let entry = table.entry(index);
            index += 1;
            if Pte(entry.load(Ordering::Relaxed)) == Pte::NONE {
                continue;
            }
            // Swapped, since a processor may be setting its bits (`ptep_get_and_clear`).
            let pte = Pte(entry.swap(Pte::NONE.0, Ordering::AcqRel));
            core.cleared_ptes = true;
            let Some(frame) = pte.frame() else { continue };
            let mapping = self.frames.folio_of(frame).mapping();
            let member =
                if mapping.load(Ordering::Relaxed) == ANON { &mut anon } else { &mut file };
            if self.frames.is_large(frame) {
                let pages = self.clear_run(table, index..entries.end, frame);
                core.unmap_pages(self, frame, pages);
                core.zapped.extend((frame.0..frame.0 + pages).map(Pfn));
                index += pages as usize - 1;
                *member += i64::from(pages);
                continue;
            }
            *member += 1;
            core.unmap_page(self, frame);
            core.zapped.push(frame);
        }
        core.add_zapped_rss(self, [file, anon]);
        drop(ptl);
    }

    /// Clears the ptes after the one that mapped `first`, as long as each maps the next page of
    /// the same folio (`folio_pte_batch`). Returns the pages, the first one included.
    fn clear_run(&self, table: &PageTable<M>, entries: Range<usize>, first: Pfn) -> u32 {
        let head = self.frames.head(first);
        let end = head.0 + self.frames.pages_of(head);
        let mut next = first.0 + 1;
        for entry in entries.map(|index| table.entry(index)) {
            let pte = Pte(entry.load(Ordering::Relaxed));
            if next == end || pte.frame() != Some(Pfn(next)) {
                break;
            }
            entry.swap(Pte::NONE.0, Ordering::AcqRel);
            next += 1;
        }
        next - first.0
    }

    /// Returns the table that holds the entry of `level` for `addr`.
    pub(super) fn table_with_entry(&self, addr: Vaddr, level: Level) -> Option<TableId> {
        let child = |table: TableId, level| self.tables.get(table).child(addr.index(level));
        match level {
            Level::Pgd => Some(self.pgd()),
            Level::Pud => child(self.pgd(), Level::Pgd),
            Level::Pmd => child(self.table_with_entry(addr, Level::Pud)?, Level::Pud),
            Level::Pte => child(self.table_with_entry(addr, Level::Pmd)?, Level::Pmd),
        }
    }

    /// Returns the page table for `addr`.
    pub(super) fn table_at(&self, addr: Vaddr) -> Option<TableId> {
        self.table_with_entry(addr, Level::Pte)
    }

    /// Calls `on` with every page table of the lowest level that a range reaches, and the
    /// entries within, in the order of addresses.
    pub(super) fn for_each_table_in(
        &self,
        range: &Range<Vaddr>,
        mut on: impl FnMut(TableId, Range<usize>),
    ) {
        let mut at = range.start.0;
        while at < range.end.0 {
            let next = (at / TABLE_SPAN + 1) * TABLE_SPAN;
            let end = next.min(range.end.0);
            if let Some(table) = self.table_at(Vaddr(at)) {
                let first = Vaddr(at).index(Level::Pte);
                on(table, first..first + ((end - at) / PAGE_BYTES) as usize);
            }
            at = end;
        }
    }

    /// Calls `on` with every page table of the lowest level and its first address, in the order of
    /// addresses. No core may change the upper levels.
    pub(super) fn for_each_page_table(&self, mut on: impl FnMut(TableId, u64)) {
        let child = |table: TableId, index| self.tables.get(table).child(index);
        for (i, pud) in (0..ENTRIES).filter_map(|i| Some((i, child(self.pgd(), i)?))) {
            for (j, pmd) in (0..ENTRIES).filter_map(|j| Some((j, child(pud, j)?))) {
                for (k, table) in (0..ENTRIES).filter_map(|k| Some((k, child(pmd, k)?))) {
                    let base = (((i * ENTRIES + j) * ENTRIES + k) as u64) * TABLE_SPAN;
                    debug_assert!(base < ADDRESS_END, "tables lie below the end");
                    on(table, base);
                }
            }
        }
    }

    /// Frees all tables but the top one; they are empty, and no core walks them.
    pub(super) fn free_tables(&self, core: &mut Core<M>) {
        self.free_below(core, self.pgd(), 3);
    }

    fn free_below(&self, core: &mut Core<M>, table: TableId, levels: u32) {
        for index in 0..ENTRIES {
            let Some(child) = self.tables.get(table).child(index) else { continue };
            if levels > 1 {
                self.free_below(core, child, levels - 1);
            }
            self.drop_table(core, table, index, child);
        }
    }

    /// Unlinks a table that is empty, and that no core walks, from its parent.
    pub(super) fn drop_table(
        &self,
        core: &mut Core<M>,
        parent: TableId,
        index: usize,
        table: TableId,
    ) {
        self.tables.get(parent).entry(index).store(0, Ordering::Release);
        self.uncount_table();
        core.give_table(self, table);
    }
}
