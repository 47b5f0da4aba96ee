//! Splits a VMA (Linux 7.2 `mm/vma.c`, `__split_vma`): the upper part gets a VMA of its own, the
//! lower part keeps the old one, or gets a new one if the scheme replaces VMAs.

use super::Writer;
use crate::addr::Vaddr;
use crate::point;
use crate::vma::{VmaFields, VmaId, VmaRef};
use machine::Machine;
use std::ops::Range;

impl<'a, M: Machine> Writer<'a, M> {
    /// Returns the VMAs of a range; those at its ends are split, so that none reaches beyond it.
    /// mmap_lock is held for writing.
    pub(super) fn isolate(&mut self, range: &Range<Vaddr>) -> Vec<VmaId> {
        let found = self.vmas_in(range);
        for (at, id) in [(range.start, found.first()), (range.end, found.last())] {
            let Some(id) = id else { continue };
            // The first split may have replaced the last VMA, so look it up again.
            let vma = self.mm.find_vma(at).filter(|vma| vma.range().0 < at);
            if let Some(vma) = vma {
                debug_assert!(self.hooks.replaces_vmas() || found.contains(id));
                self.split(vma, at);
            }
        }
        self.vmas_in(range)
    }

    /// Splits a VMA at an address inside it.
    fn split(&mut self, vma: VmaRef<'a, M>, at: Vaddr) {
        let whole = vma.mapping();
        let (low, high) = whole.split(at);
        self.hooks.start_write(self.mm, vma);
        M::point(point::AFTER_INVALIDATE);
        let upper = self.new_vma(&high, vma.has_anon_vma());
        if self.hooks.replaces_vmas() {
            let lower = self.new_vma(&low, vma.has_anon_vma());
            self.edit_tree(|edit| {
                self.mm.tree.remove(edit, whole.end);
                self.mm.tree.store(edit, low.range(), lower.id);
                self.mm.tree.store(edit, high.range(), upper.id);
            });
            return self.retire(vma);
        }
        {
            let rmap = vma.file().map(|file| &self.mm.rmaps[file]);
            // Truncate reads the range under this lock alone.
            let _write = rmap.map(|rmap| rmap.lock().write());
            vma.change(&low);
        }
        self.edit_tree(|edit| {
            self.mm.tree.remove(edit, whole.end);
            self.mm.tree.store(edit, low.range(), vma.id);
            self.mm.tree.store(edit, high.range(), upper.id);
        });
        self.hooks.end_write(self.mm, vma);
    }
}
