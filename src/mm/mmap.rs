//! Mapping: a new VMA is filled in, prepared by the strategy, and only then linked
//! into the tree (Linux 7.2 `mm/vma.c`, `__mmap_region`).

use super::vma::Mapping;
use super::vma_tree::Writer;
use super::{Core, Mm};
use crate::machine::{Machine, Ordering};
use crate::strategy::Strategy;

impl<M: Machine, S: Strategy<M>> Mm<M, S> {
    /// Makes a mapping that overlaps no other.
    ///
    /// # Panics
    /// Where the space was made for fewer VMAs.
    pub fn mmap(&self, core: &Core<M>, mapping: &Mapping) {
        assert!(mapping.start < mapping.end, "a mapping is not empty");
        let lock = self.mmap_lock().write();
        let section = core.read_section();
        S::begin(self);
        let slot = self.vmas.pool.take(&self.waiters).expect("the space was made large enough");
        let id = super::vma::VmaId(slot);
        let vma = self.vmas.get(id);
        vma.init(mapping);
        S::attach(self, vma);
        if let Some(file) = mapping.file {
            self.files[file].refs().get();
        }
        let root = self.field(S::LAYOUT.mt_root);
        let writer = Writer { root, section: &section, waiters: &self.waiters };
        self.tree.insert(&writer, mapping.end, id);
        self.field(S::LAYOUT.map_count).fetch_add(1, Ordering::Relaxed);
        S::end(self);
        drop(section);
        drop(lock);
    }
}
