//! Taking pages out of page tables.

use super::addr::{ENTRIES, PAGE_BYTES, Pfn, Pte};
use super::page_table::TableId;
use super::rss::Member;
use super::{Core, Mm};
use crate::machine::{Machine, Ordering};
use crate::mm::frames::ANON;
use crate::mm::layout::Layout;

impl<M: Machine, L: Layout> Mm<M, L> {
    /// Clears all ptes of a page table: under its lock ptes, mapcounts and rss; behind
    /// it the references (Linux 7.2 `zap_pte_range`). `gathered` is scratch space.
    pub(super) fn zap_table(&self, core: &mut Core<M>, id: TableId, gathered: &mut Vec<Pfn>) {
        let table = self.tables.get(id);
        let (mut anon, mut file) = (0, 0);
        let ptl = table.lock(&self.waiters);
        for index in 0..ENTRIES {
            let pte = Pte(table.entry(index).load(Ordering::Relaxed));
            if pte == Pte::NONE {
                continue;
            }
            table.entry(index).store(Pte::NONE.0, Ordering::Release);
            let Some(frame) = pte.frame() else { continue };
            let folio = self.frames.folio(frame);
            match folio.mapping().load(Ordering::Relaxed) {
                ANON => anon += 1,
                _ => file += 1,
            }
            folio.mapcount().fetch_sub(1, Ordering::Relaxed);
            gathered.push(frame);
        }
        core.add_rss(self, Member::Anon, -anon);
        core.add_rss(self, Member::File, -file);
        drop(ptl);
        gathered.drain(..).for_each(|frame| core.put_folio(self, frame));
    }

    /// Calls `on` with every page table of the lowest level and its first address, in
    /// the order of addresses. Runs where nobody changes the upper levels.
    pub(super) fn for_each_page_table(&self, mut on: impl FnMut(TableId, u64)) {
        let child = |table: TableId, index| self.tables.get(table).child(index);
        let span = PAGE_BYTES * ENTRIES as u64;
        for (i, pud) in (0..ENTRIES).filter_map(|i| Some((i, child(self.pgd(), i)?))) {
            for (j, pmd) in (0..ENTRIES).filter_map(|j| Some((j, child(pud, j)?))) {
                for (k, table) in (0..ENTRIES).filter_map(|k| Some((k, child(pmd, k)?))) {
                    on(table, (((i * ENTRIES + j) * ENTRIES + k) as u64) * span);
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
            self.tables.get(table).entry(index).store(0, Ordering::Release);
            let pgtables_bytes = self.field(L::MM.pgtables_bytes);
            pgtables_bytes.fetch_sub(PAGE_BYTES, Ordering::Relaxed);
            core.give_table(self, child);
        }
    }
}
