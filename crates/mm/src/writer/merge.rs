//! Merges VMAs that have become alike (Linux 6.12 `mm/vma.c`, `vma_merge_existing_range`,
//! `vma_merge_new_range`, `commit_merge`): one VMA replaces a changed VMA, or a new mapping, and
//! the neighbours that are like it.
//!
//! All of them are excluded or invalidated, also large neighbours in which other cores fault.

use super::Writer;
use crate::addr::{PAGE_SHIFT, Vaddr};
use crate::point;
use crate::vma::{Mapping, VmaFields, VmaRef};
use machine::Machine;

/// Returns true if one VMA could map both; the second begins where the first ends.
fn are_alike(low: &Mapping, high: &Mapping) -> bool {
    let pages = (low.end.0 - low.start.0) >> PAGE_SHIFT;
    let same = |mapping: &Mapping| (mapping.flags, mapping.file, mapping.fault_around_order);
    low.end == high.start && same(low) == same(high) && low.pgoff + pages == high.pgoff
}

impl<'a, M: Machine> Writer<'a, M> {
    /// Makes one VMA of `mapping`, which replaces `vma` if given, and of the neighbours that are
    /// like it; `None` if no neighbour is. mmap_lock is held for writing.
    pub(super) fn merge(
        &mut self,
        mapping: &Mapping,
        vma: Option<VmaRef<'a, M>>,
    ) -> Option<VmaRef<'a, M>> {
        let before = self.before(mapping.start);
        let before = before.filter(|low| are_alike(&low.mapping(), mapping));
        let after = self.mm.find_vma(mapping.end);
        let after = after.filter(|high| are_alike(mapping, &high.mapping()));
        let target = before.or(after)?;
        let old: Vec<_> = before.into_iter().chain(vma).chain(after).collect();
        let whole = Mapping {
            start: before.map_or(mapping.start, |low| low.range().0),
            end: after.map_or(mapping.end, |high| high.range().1),
            pgoff: before.map_or(mapping.pgoff, |low| low.pgoff()),
            ..*mapping
        };
        let ends: Vec<Vaddr> = old.iter().map(|vma| vma.range().1).collect();
        old.iter().for_each(|vma| self.hooks.start_write(self.mm, *vma));
        M::point(point::AFTER_INVALIDATE);
        let has_anon_vma = old.iter().any(VmaFields::has_anon_vma);
        let replaces = self.hooks.replaces_vmas();
        let merged = match replaces {
            true => self.new_vma(&whole, has_anon_vma),
            false => self.extend(target, &whole, has_anon_vma),
        };
        self.edit_tree(|edit| {
            let gone = ends.iter().filter(|end| **end != whole.end);
            gone.for_each(|end| self.mm.tree.remove(edit, *end));
            self.mm.tree.store(edit, whole.range(), merged.id);
        });
        let others = old.into_iter().filter(|vma| vma.id != merged.id);
        others.for_each(|vma| self.retire(vma));
        if !replaces {
            self.hooks.end_write(self.mm, merged);
        }
        Some(merged)
    }

    fn before(&self, start: Vaddr) -> Option<VmaRef<'a, M>> {
        let root = self.mm.field(self.mm.kernel.mm.mt_root);
        self.mm.tree.before(root, start).map(|id| self.mm.vma(id))
    }

    /// Changes a VMA so that it maps all of `whole`.
    fn extend(&self, vma: VmaRef<'a, M>, whole: &Mapping, has_anon_vma: bool) -> VmaRef<'a, M> {
        if has_anon_vma && !vma.has_anon_vma() {
            self.mm.prepare_anon_vma(vma);
        }
        let rmap = vma.file().map(|file| &self.mm.rmaps[file]);
        // Truncate reads the range under this lock alone.
        let _write = rmap.map(|rmap| rmap.lock().write());
        vma.change(whole);
        vma
    }
}
