//! mremap to another place (Linux 7.2 `mm/mremap.c`, `move_vma`, `move_page_tables`): creates a new
//! VMA, moves the ptes (whole tables if both places are aligned to them), then removes the old VMA.
//! mmap_lock is held for writing all the time.

use super::Writer;
use crate::addr::{ENTRIES, Level, PAGE_BYTES, Pte, TABLE_SPAN, Vaddr};
use crate::page_table::TableId;
use crate::point;
use crate::vma::{VmaFields, VmaId, VmaRef};
use machine::{Machine, Ordering};
use std::ops::Range;

impl<'a, M: Machine> Writer<'a, M> {
    /// Moves the mapping of a range to `to`; false if the range has none, or something is mapped
    /// there.
    pub fn mremap(&mut self, from: &Range<Vaddr>, to: Vaddr) -> bool {
        let lock = self.mm.mmap_lock().write();
        let target = to..Vaddr(to.0 + (from.end.0 - from.start.0));
        if self.vmas_in(from).is_empty() || !self.vmas_in(&target).is_empty() {
            return false;
        }
        self.hooks.begin(self.mm);
        for id in self.isolate(from) {
            let start = Vaddr(to.0 + (self.mm.vma(id).range().0.0 - from.start.0));
            self.move_vma(id, start);
        }
        self.hooks.end(self.mm);
        drop(lock);
        true
    }

    fn move_vma(&mut self, id: VmaId, to: Vaddr) {
        let old = self.mm.vma(id);
        let (from, end) = old.range();
        self.hooks.start_write(self.mm, old);
        let moved = old.mapping().moved_to(to);
        let new = self.new_vma(&moved, old.has_anon_vma());
        self.hooks.start_write(self.mm, new);
        self.edit_tree(|edit| self.mm.tree.store(edit, moved.range(), new.id));
        M::point(point::AFTER_TREE_STORE);
        {
            // Truncate must find each pte in one of the two places.
            let rmap = old.file().map(|file| &self.mm.rmaps[file]);
            let _write = rmap.map(|rmap| rmap.lock().write());
            self.move_tables(&(from..end), new);
        }
        self.hooks.end_write(self.mm, new);
        self.take_out(&[id]);
        self.unmap_pages(&[id], &(from..end));
        self.free_vma(old);
    }

    fn move_tables(&mut self, from: &Range<Vaddr>, new: VmaRef<'a, M>) {
        let (mut at, mut to) = (from.start.0, new.range().0.0);
        while at < from.end.0 {
            // Up to the end of either table.
            let left = |addr: u64| TABLE_SPAN - addr % TABLE_SPAN;
            let bytes = left(at).min(left(to)).min(from.end.0 - at);
            if let Some(table) = self.mm.table_at(Vaddr(at))
                && (bytes < TABLE_SPAN || !self.move_table(Vaddr(at), Vaddr(to), new))
            {
                self.move_ptes(table, Vaddr(at), Vaddr(to), bytes, new);
            }
            (at, to) = (at + bytes, to + bytes);
        }
    }

    /// Moves a whole table; false if there is one at `to` already.
    fn move_table(&mut self, from: Vaddr, to: Vaddr, new: VmaRef<'a, M>) -> bool {
        let mm = self.mm;
        let target = mm.ensure_pmd(self.core, new, to);
        let source = mm.table_with_entry(from, Level::Pmd).expect("a table has a parent");
        let entry = |pmd: TableId, addr: Vaddr| mm.tables.get(pmd).entry(addr.index(Level::Pmd));
        let lock = |table| mm.lock_of_entries(mm.tables.get(table), Level::Pmd);
        let _source = lock(source);
        let other = source != target && mm.config.split_pmd_locks;
        let _target = other.then(|| lock(target));
        if entry(target, to).load(Ordering::Relaxed) != 0 {
            return false;
        }
        let table = entry(source, from).swap(0, Ordering::AcqRel);
        entry(target, to).store(table, Ordering::Release);
        self.core.shoot_down();
        true
    }

    fn move_ptes(
        &mut self,
        source: TableId,
        from: Vaddr,
        to: Vaddr,
        bytes: u64,
        new: VmaRef<'a, M>,
    ) {
        let mm = self.mm;
        let target = mm.ensure_table(self.core, new, to);
        let (tables, waiters) = (&mm.tables, &mm.waiters);
        let _source = tables.get(source).lock(waiters);
        let _target = (source != target).then(|| tables.get(target).lock(waiters));
        let (from_entry, to_entry) = (from.index(Level::Pte), to.index(Level::Pte));
        let pages = (bytes / PAGE_BYTES) as usize;
        assert!(from_entry.max(to_entry) + pages <= ENTRIES, "neither table ends within");
        for page in 0..pages {
            let old = tables.get(source).entry(from_entry + page);
            let pte = Pte(old.load(Ordering::Relaxed));
            if pte != Pte::NONE {
                old.store(Pte::NONE.0, Ordering::Release);
                tables.get(target).entry(to_entry + page).store(pte.0, Ordering::Release);
            }
        }
        // Under ptl: a core that finds the page in its new place may free it.
        self.core.shoot_down();
    }
}
