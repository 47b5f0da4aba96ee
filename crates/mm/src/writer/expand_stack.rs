//! The growth of a stack (Linux 6.5 and later, `mm/vma.c`, `expand_downwards` under
//! mmap_lock for writing): only the start of the VMA and its offset change.

use super::Writer;
use crate::addr::{PAGE_SHIFT, Vaddr};
use crate::vma::{Mapping, VmaFields, VmaRef};
use machine::Machine;

impl<'a, M: Machine> Writer<'a, M> {
    /// Grows the VMA that ends at `end` down to `start`; false if it starts there already, or
    /// something is mapped below.
    pub fn expand_stack(&mut self, end: Vaddr, start: Vaddr) -> bool {
        let lock = self.mm.mmap_lock().write();
        let last = Vaddr(end.0 - 1);
        let Some(vma) = self.mm.find_vma(last).filter(|vma| vma.range().0 > start) else {
            return false;
        };
        if self.vmas_in(&(start..vma.range().0)).iter().any(|id| *id != vma.id) {
            return false;
        }
        self.hooks.begin(self.mm);
        self.grow(vma, start);
        self.hooks.end(self.mm);
        drop(lock);
        true
    }

    fn grow(&mut self, vma: VmaRef<'a, M>, start: Vaddr) {
        let old = vma.mapping();
        let pages = (old.start.0 - start.0) >> PAGE_SHIFT;
        // A stack always has an `anon_vma`, whose lock excludes the rmap for now.
        self.mm.prepare_anon_vma(vma);
        let grown = Mapping { start, pgoff: old.pgoff - pages, ..old };
        let vma = self.change(vma, &grown);
        if !self.hooks.replaces_vmas() {
            // The VMA was changed in place; now the tree is changed.
            self.edit_tree(|edit| self.mm.tree.store(edit, grown.range(), vma.id));
        }
    }
}
