//! munmap (Linux 7.2 `mm/vma.c`, `do_vmi_align_munmap`, `vms_complete_munmap_vmas`): splits,
//! invalidates and detaches VMAs, and removes them from the tree; downgrades the lock; then zaps
//! pages, frees tables, shoots down translations and frees memory.

use super::{ENTRIES_MAX, Writer};
use crate::addr::Vaddr;
use crate::point;
use crate::vma::{VmaFields, VmaId};
use machine::Machine;
use std::ops::Range;

impl<M: Machine> Writer<'_, M> {
    /// Unmaps a range; false if nothing is mapped there.
    pub fn munmap(&mut self, range: &Range<Vaddr>) -> bool {
        let lock = self.mm.mmap_lock().write();
        if self.vmas_in(range).is_empty() {
            return false;
        }
        self.hooks.begin(self.mm);
        let vmas = self.isolate(range);
        self.take_out(&vmas);
        self.hooks.end(self.mm);
        let lock = lock.downgrade();
        M::point(point::AFTER_DOWNGRADE);
        self.unmap_pages(&vmas, range);
        for id in vmas {
            self.free_vma(self.mm.vma(id));
        }
        drop(lock);
        true
    }

    /// Invalidates VMAs, detaches them, and removes them from the tree.
    pub(super) fn take_out(&mut self, vmas: &[VmaId]) {
        let mm = self.mm;
        for id in vmas {
            self.hooks.start_write(mm, mm.vma(*id));
            M::point(point::AFTER_INVALIDATE);
            self.hooks.detach(mm, mm.vma(*id));
            M::point(point::AFTER_DETACH);
        }
        self.count_vma(-(vmas.len() as i64));
        // A few at a time, so that there are enough nodes: faults can use none of them.
        for some in vmas.chunks(ENTRIES_MAX) {
            self.edit_tree(|edit| {
                some.iter().for_each(|id| mm.tree.remove(edit, mm.vma(*id).range().1));
            });
        }
    }

    /// Zaps VMAs that are not in the tree, unlinks them from their files, and frees the tables that
    /// only they used.
    pub(super) fn unmap_pages(&mut self, vmas: &[VmaId], range: &Range<Vaddr>) {
        for id in vmas {
            let vma = self.mm.vma(*id);
            let (from, to) = vma.range();
            self.hooks.begin_zap(self.mm, vma);
            self.mm.zap_range(self.core, &(from..to));
            self.hooks.end_zap(self.mm, vma);
        }
        vmas.iter().for_each(|id| self.unlink_file(self.mm.vma(*id)));
        self.free_tables_of(range);
        self.mm.finish_zap(self.core);
    }
}
