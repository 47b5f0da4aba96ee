//! Mapping: a new VMA is filled in, prepared by the strategy, and only then linked
//! into the tree (Linux 7.2 `mm/vma.c`, `__mmap_region`).

use super::hooks::Hooks;
use super::vma::Mapping;
use super::vma_tree::Writer;
use super::{Core, Mm};
use crate::machine::{Machine, Ordering};
use crate::mm::layout::Layout;

impl<M: Machine, L: Layout> Mm<M, L> {
    /// Makes a mapping that overlaps no other.
    ///
    /// # Panics
    /// Where the space was made for fewer VMAs.
    pub fn mmap(&self, hooks: &dyn Hooks<M>, core: &Core<M>, mapping: &Mapping) {
        assert!(mapping.start < mapping.end, "a mapping is not empty");
        let lock = self.mmap_lock().write();
        let section = core.read_section();
        hooks.begin();
        let slot = self.vmas.pool.take(&self.waiters).expect("the space was made large enough");
        let id = super::vma::VmaId(slot);
        let vma = self.vma(id);
        vma.init(mapping);
        hooks.attach(vma);
        if let Some(file) = mapping.file {
            self.files[file].refs().get();
        }
        let root = self.field(L::MM.mt_root);
        let writer = Writer { root, section: &section, waiters: &self.waiters };
        self.tree.insert(&writer, mapping.end, id);
        self.field(L::MM.map_count).fetch_add(1, Ordering::Relaxed);
        hooks.end();
        drop(section);
        drop(lock);
    }
}
