//! Resets a space between rounds, when no core faults. Not simulated work, so it takes no mmap_lock
//! and waits for no grace period.

use super::addr::{Level, TABLE_SPAN, Vaddr};
use super::vmstat::Item;
use super::{Core, Mm};
use machine::{Machine, Ordering};

impl<M: Machine> Mm<M> {
    /// Zaps part `share` of `shares` of all page tables. Each part is contiguous in addresses, so
    /// that a thread gets back the frames of the slice that it touched.
    pub fn zap_share(&self, core: &mut Core<M>, share: usize, shares: usize) {
        let mut tables = Vec::new();
        self.for_each_page_table(|table, _| tables.push(table));
        let (from, to) = (tables.len() * share / shares, tables.len() * (share + 1) / shares);
        for table in &tables[from..to] {
            self.zap_table(core, *table);
        }
    }

    /// Removes the pages that this core read in from the page cache. Everything is zapped already.
    pub fn evict_read_in(&self, core: &mut Core<M>) {
        while let Some((file, index)) = core.read_in.pop() {
            // A truncate may have removed it already.
            if let Some(frame) = self.files[file].remove(index, &self.waiters) {
                core.count(self, frame, Item::FilePages, -1);
                core.put_folio(self, frame);
            }
        }
    }

    /// Frees the page tables that no VMA reaches into: a round may have mapped or moved something
    /// there. Everything is zapped already.
    pub fn forget_unmapped_tables(&self, core: &mut Core<M>) {
        let mut unmapped = Vec::new();
        self.for_each_page_table(|table, base| {
            if !self.is_mapped(Vaddr(base)..Vaddr(base + TABLE_SPAN)) {
                unmapped.push((table, Vaddr(base)));
            }
        });
        for (table, base) in unmapped {
            let parent = self.table_with_entry(base, Level::Pmd).expect("a table has a parent");
            self.drop_table(core, parent, base.index(Level::Pmd), table);
        }
    }

    /// Frees all page tables and forgets every `anon_vma`, as in a fresh mapping. Everything is
    /// zapped already.
    pub fn forget_tables(&self, core: &mut Core<M>) {
        self.free_tables(core);
        self.tree.for_each(self.field(self.kernel.mm.mt_root), |vma| {
            self.vma(vma).anon_vma().store(0, Ordering::Relaxed);
        });
    }
}
