//! mmap: a new VMA is filled in, prepared by the strategy, and only then linked into the
//! tree (Linux 7.2 `mm/vma.c`, `__mmap_region`). A neighbour that is like it is extended instead.

use super::Writer;
use crate::point;
use crate::vma::Mapping;
use machine::Machine;

impl<M: Machine> Writer<'_, M> {
    /// Maps a range; false if something is mapped there.
    pub fn mmap(&mut self, mapping: &Mapping) -> bool {
        assert!(mapping.start < mapping.end, "a mapping is not empty");
        let lock = self.mm.mmap_lock().write();
        if !self.vmas_in(&(mapping.start..mapping.end)).is_empty() {
            return false;
        }
        self.hooks.begin(self.mm);
        if self.merge(mapping, None).is_none() {
            let vma = self.new_vma(mapping, false);
            self.edit_tree(|edit| self.mm.tree.store(edit, mapping.range(), vma.id));
        }
        M::point(point::AFTER_TREE_STORE);
        self.hooks.end(self.mm);
        drop(lock);
        true
    }
}
