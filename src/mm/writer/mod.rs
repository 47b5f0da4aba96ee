//! Writers: operations that change mappings, one a file, in the order of the kernel.
//!
//! All take mmap_lock for writing but `madvise` (for reading) and `truncate` (not at all),
//! and tell the strategy by its [`Hooks`] what they are about to do. Unlike the kernel they
//! never merge VMAs.

mod dontneed;
mod expand_stack;
mod fork;
mod free_tables;
mod mmap;
mod mprotect;
mod mremap;
mod munmap;
mod split;
mod truncate;

use super::addr::Vaddr;
use super::hooks::Hooks;
use super::layout::Layout;
use super::vma::{Mapping, VmaFields, VmaId, VmaRef};
use super::vma_tree::Edit;
use super::{Core, Mm};
use crate::machine::{Machine, Ordering};
use std::ops::Range;

/// VMAs and tree nodes that operations may take: those of a piece's two ends, each with the
/// way down to it, of every writer that has looked and not yet begun.
pub const VMAS_NEEDED: usize = 64;
const NODES_NEEDED: usize = 64;
/// How long a writer that finds too few waits at a time for a grace period to end.
const GRACE_WAIT_NS: u64 = 1_000;

/// A core that changes mappings.
pub struct Writer<'a, M: Machine, L: Layout> {
    mm: &'a Mm<M, L>,
    hooks: &'a dyn Hooks<M>,
    core: &'a mut Core<M>,
}

impl<'a, M: Machine, L: Layout> Writer<'a, M, L> {
    /// `core`, in a space whose strategy has these hooks.
    pub fn new(mm: &'a Mm<M, L>, hooks: &'a dyn Hooks<M>, core: &'a mut Core<M>) -> Self {
        Self { mm, hooks, core }
    }

    /// Waits, with nothing held, until what an operation may need is free: what was freed
    /// before may still wait for readers.
    fn wait_for_memory(&mut self) {
        let vmas = || self.mm.vmas.pool.free() >= VMAS_NEEDED;
        let nodes = || self.mm.tree.free_nodes().0 >= NODES_NEEDED;
        while !(vmas() && nodes()) {
            self.hooks.reclaim(self.core);
            self.core.flush_deferred();
            M::sleep_ns(GRACE_WAIT_NS);
        }
    }

    /// Changes the tree, and tells the strategy before and after.
    fn edit_tree(&self, edit: impl FnOnce(&Edit<'_, M>)) {
        let (section, root) = (self.core.writer_section(), self.mm.field(L::MM.mt_root));
        self.hooks.begin_tree();
        edit(&Edit { root, section: &section, waiters: &self.mm.waiters });
        self.hooks.end_tree();
    }

    /// VMAs that overlap a range, in the order of addresses.
    fn vmas_in(&self, range: &Range<Vaddr>) -> Vec<VmaId> {
        let mut found = Vec::new();
        let root = self.mm.field(L::MM.mt_root);
        self.mm.tree.for_each_in(root, range.start, range.end, |id| {
            if self.mm.vma(id).range().0 < range.end {
                found.push(id);
            }
        });
        found
    }

    /// A VMA that is filled in and prepared by the strategy, but not yet in the tree.
    fn new_vma(&mut self, mapping: &Mapping, has_anon_vma: bool) -> VmaRef<'a, M> {
        let slot = self.mm.vmas.pool.take(&self.mm.waiters);
        let vma = self.mm.vma(VmaId(slot.expect("a writer has waited for free VMAs")));
        vma.init(mapping, has_anon_vma);
        self.hooks.attach(vma);
        if let Some(file) = mapping.file {
            self.mm.files[file].refs().get();
            let rmap = &self.mm.rmaps[file];
            let _write = rmap.lock().write();
            rmap.add(vma.id);
        }
        self.mm.field(L::MM.map_count).fetch_add(1, Ordering::Relaxed);
        vma
    }

    /// Frees a VMA that is out of the tree, and whose pages are gone or another's.
    fn free_vma(&mut self, vma: VmaRef<'_, M>) {
        M::point(super::point::BEFORE_FREE_VMA);
        self.mm.field(L::MM.map_count).fetch_sub(1, Ordering::Relaxed);
        if let Some(file) = vma.file()
            && !self.hooks.defers_fput()
        {
            self.mm.files[file].refs().put();
        }
        self.hooks.free(self.core, vma);
    }

    /// Takes a VMA out of the map of its file.
    fn unlink_file(&self, vma: VmaRef<'_, M>) {
        if let Some(file) = vma.file() {
            let rmap = &self.mm.rmaps[file];
            let _write = rmap.lock().write();
            rmap.remove(vma.id);
        }
    }

    /// Puts a changed copy in the place of a VMA, or changes it where the strategy lets it
    /// be changed. The range stays. Returns the VMA that is there then.
    fn change(&mut self, vma: VmaRef<'a, M>, mapping: &Mapping) -> VmaRef<'a, M> {
        self.hooks.start_write(vma);
        M::point(super::point::AFTER_INVALIDATE);
        if !self.hooks.replaces_vmas() {
            vma.change(mapping);
            self.hooks.end_write(vma);
            return vma;
        }
        let new = self.new_vma(mapping, vma.has_anon_vma());
        let end = vma.range().1;
        self.edit_tree(|edit| {
            self.mm.tree.remove(edit, end);
            self.mm.tree.insert(edit, end, new.id);
        });
        self.retire(vma);
        new
    }

    /// Frees a VMA that another has taken the place of.
    fn retire(&mut self, vma: VmaRef<'a, M>) {
        self.hooks.detach(vma);
        M::point(super::point::AFTER_DETACH);
        self.unlink_file(vma);
        self.free_vma(vma);
    }
}
