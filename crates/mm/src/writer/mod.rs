//! Writers: operations that change mappings, one in each file, with their steps in the order of the
//! kernel.
//!
//! All take mmap_lock for writing, except for `madvise` of pages, `mincore`, `smaps` and
//! `numa_scan` (for reading) and `truncate` (not at all). They call the [`Hooks`] of the strategy
//! before and after each step.

mod dontneed;
mod expand_stack;
mod fork;
mod free;
mod free_tables;
mod merge;
mod mincore;
mod mmap;
mod mprotect;
mod mremap;
mod munmap;
mod numa_scan;
mod reads;
mod smaps;
mod split;
mod truncate;

pub use self::mincore::INCORE_PAGES;
pub use self::reads::ReadAdvice;

use super::addr::Vaddr;
use super::grace;
use super::hooks::Hooks;
use super::vma::{Mapping, VmaFields, VmaId, VmaRef};
use super::vma_tree::TreeWriter;
use super::{Core, Mm};
use machine::{Machine, Ordering};
use std::ops::Range;

/// Most entries that one change of the tree removes or adds.
const ENTRIES_MAX: usize = 3;
/// Most nodes that one change of the tree allocates: for each of its entries two on each level.
const NODES_NEEDED: usize = 48;

/// A core that changes mappings.
pub struct Writer<'a, M: Machine> {
    mm: &'a Mm<M>,
    hooks: &'a dyn Hooks<M>,
    core: &'a mut Core<M>,
}

impl<'a, M: Machine> Writer<'a, M> {
    /// Creates a writer on `core`, in a space whose strategy has these hooks.
    pub fn new(mm: &'a Mm<M>, hooks: &'a dyn Hooks<M>, core: &'a mut Core<M>) -> Self {
        Self { mm, hooks, core }
    }

    /// Changes the tree, by at most [`ENTRIES_MAX`] entries, between the hooks of the strategy.
    ///
    /// Waits for free nodes first, since faults may wait for the end of the change in a read
    /// section. No other core takes nodes: mmap_lock is held for writing.
    fn edit_tree(&self, edit: impl FnOnce(&TreeWriter<'_, M>)) {
        grace::until::<M, _>("node of the VMA tree", || {
            let enough = self.mm.tree.free_nodes().0 >= NODES_NEEDED;
            enough.then_some(()).or_else(|| {
                self.core.flush_deferred();
                None
            })
        });
        let (section, root) =
            (self.core.writer_section(), self.mm.field(self.mm.kernel.mm.mt_root));
        self.hooks.begin_tree(self.mm);
        edit(&TreeWriter { root, section: &section, waiters: &self.mm.waiters });
        self.hooks.end_tree(self.mm);
    }

    /// Allocates a VMA. No fault waits in a read section for anything that a writer holds here.
    fn take_vma(&mut self) -> VmaId {
        let taken = grace::until::<M, _>("VMA", || {
            let free = self.mm.vmas.take(&self.mm.waiters, M::core());
            if free.is_none() {
                self.hooks.reclaim(self.mm, self.core);
                self.core.flush_deferred();
            }
            free
        });
        VmaId(taken)
    }

    /// Returns the VMAs that overlap a range, in the order of addresses.
    fn vmas_in(&self, range: &Range<Vaddr>) -> Vec<VmaId> {
        let mut found = Vec::new();
        let root = self.mm.field(self.mm.kernel.mm.mt_root);
        self.mm.tree.for_each_in(root, range.start, range.end, |id| {
            if self.mm.vma(id).range().0 < range.end {
                found.push(id);
            }
        });
        found
    }

    /// Creates a VMA that is filled in and prepared by the strategy, but not yet in the tree.
    fn new_vma(&mut self, mapping: &Mapping, has_anon_vma: bool) -> VmaRef<'a, M> {
        let vma = self.mm.vma(self.take_vma());
        vma.init(mapping, has_anon_vma);
        self.hooks.attach(self.mm, vma);
        if let Some(file) = mapping.file {
            self.mm.files[file].refs().get();
            let rmap = &self.mm.rmaps[file];
            let _write = rmap.lock().write();
            rmap.add(vma.id);
        }
        self.count_vma(1);
        vma
    }

    /// Counts VMAs, in a plain word that only writers write.
    fn count_vma(&self, more: i64) {
        let count = self.mm.field(self.mm.kernel.mm.map_count);
        let now = count.load(Ordering::Relaxed) as i64 + more;
        count.store(now as u64, Ordering::Relaxed);
    }

    /// Frees a VMA that is not in the tree and has no pages any more.
    fn free_vma(&mut self, vma: VmaRef<'_, M>) {
        M::point(super::point::BEFORE_FREE_VMA);
        if let Some(file) = vma.file()
            && !self.hooks.defers_fput()
        {
            self.mm.files[file].refs().put();
        }
        self.hooks.free(self.mm, self.core, vma);
    }

    /// Removes a VMA from the reverse map of its file.
    fn unlink_file(&self, vma: VmaRef<'_, M>) {
        if let Some(file) = vma.file() {
            let rmap = &self.mm.rmaps[file];
            let _write = rmap.lock().write();
            rmap.remove(vma.id);
        }
    }

    /// Replaces a VMA by a changed copy, or changes it in place if the strategy allows that. Its
    /// end stays. Returns the VMA that is in the tree then.
    fn change(&mut self, vma: VmaRef<'a, M>, mapping: &Mapping) -> VmaRef<'a, M> {
        self.hooks.start_write(self.mm, vma);
        M::point(super::point::AFTER_INVALIDATE);
        if !self.hooks.replaces_vmas() {
            vma.change(mapping);
            self.hooks.end_write(self.mm, vma);
            return vma;
        }
        let new = self.new_vma(mapping, vma.has_anon_vma());
        self.edit_tree(|edit| self.mm.tree.store(edit, mapping.range(), new.id));
        self.retire(vma);
        new
    }

    /// Gives a VMA that [`isolate`](Self::isolate) has returned other flags, and merges it with the
    /// neighbours that are like it then. Returns the VMA that is in the tree then.
    fn set_flags(&mut self, vma: VmaRef<'a, M>, flags: u64) -> VmaRef<'a, M> {
        let mapping = Mapping { flags, ..vma.mapping() };
        let merged = self.merge(&mapping, Some(vma));
        merged.unwrap_or_else(|| self.change(vma, &mapping))
    }

    /// Frees a VMA that another has replaced.
    fn retire(&mut self, vma: VmaRef<'a, M>) {
        self.hooks.detach(self.mm, vma);
        M::point(super::point::AFTER_DETACH);
        self.count_vma(-1);
        self.unlink_file(vma);
        self.free_vma(vma);
    }
}
