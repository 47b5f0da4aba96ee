//! fork, as far as the parent sees it (Linux 7.2 `kernel/fork.c`, `dup_mmap`; `mm/memory.c`,
//! `copy_page_range`): excludes faults from every VMA, gives private pages a reference and a
//! mapping of the child, and removes the right to write from writable ptes.
//!
//! The child consists of the references that it holds until it exits: without them a write would
//! find its page exclusive, and copy nothing. No other core uses lines of its tables and VMAs, so
//! it has none here.

use super::Writer;
use crate::addr::Pte;
use crate::vma::{VmaFields, VmaId, VmaRef, flag};
use machine::{Machine, Ordering};

impl<'a, M: Machine> Writer<'a, M> {
    /// Makes a child, after the previous one has exited.
    pub fn fork(&mut self) -> bool {
        self.core.end_child(self.mm);
        let mm = self.mm;
        let lock = mm.mmap_lock().write();
        self.hooks.begin(self.mm);
        let mut vmas: Vec<VmaId> = Vec::new();
        mm.tree.for_each(mm.field(mm.kernel.mm.mt_root), |id| vmas.push(id));
        vmas.iter().for_each(|id| self.hooks.start_write(mm, mm.vma(*id)));
        // A VMA without `anon_vma` has no private pages: the child faults for itself
        // (`vma_needs_copy`).
        let copied = |id: &&VmaId| {
            let vma = mm.vma(**id);
            vma.has_anon_vma() && vma.flags() & flag::SHARED == 0
        };
        vmas.iter().filter(copied).for_each(|id| self.copy_ptes(mm.vma(*id)));
        self.core.shoot_down();
        vmas.iter().for_each(|id| self.hooks.end_write(mm, mm.vma(*id)));
        self.hooks.end(self.mm);
        drop(lock);
        true
    }

    fn copy_ptes(&mut self, vma: VmaRef<'a, M>) {
        let (from, to) = vma.range();
        let (mm, core) = (self.mm, &mut *self.core);
        mm.for_each_table_in(&(from..to), |table, entries| {
            let table = mm.tables.get(table);
            let _ptl = table.lock(&mm.waiters);
            for index in entries {
                let entry = table.entry(index);
                let pte = Pte(entry.load(Ordering::Relaxed));
                let Some(frame) = pte.frame() else { continue };
                let folio = mm.frames.folio(frame);
                folio.set_exclusive(false);
                mm.frames.folio_of(frame).refs().get();
                mm.frames.count_mapping(frame);
                core.child.push(frame);
                if pte.is_writable() {
                    // Atomically, since a processor may be setting its bits.
                    entry.swap(pte.write_protected().0, Ordering::AcqRel);
                }
            }
        });
    }
}
