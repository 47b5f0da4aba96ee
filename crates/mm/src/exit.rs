//! The end of a space (Linux 7.2 `exit_mmap`): all VMAs are detached, all pages zapped, all
//! tables freed, files put, VMAs freed.

use super::hooks::Hooks;
use super::vma::VmaFields;
use super::vma_tree::TreeWriter;
use super::vmstat::Item;
use super::{Core, Mm};
use machine::{Machine, Ordering};

impl<M: Machine> Mm<M> {
    /// Unmaps everything and empties the page cache. No core may fault any more.
    pub fn exit(&self, hooks: &dyn Hooks<M>, core: &mut Core<M>) {
        self.unmap_all(hooks, core);
        self.zap_share(core, 0, 1);
        self.free_tables(core);
        self.empty_cache(core);
    }

    /// Removes all VMAs in one pass; pages and tables stay. No core may fault.
    pub fn unmap_all(&self, hooks: &dyn Hooks<M>, core: &mut Core<M>) {
        let lock = self.mmap_lock().write();
        hooks.begin(self);
        let (section, root) = (core.writer_section(), self.field(self.kernel.mm.mt_root));
        let mut vmas = Vec::new();
        self.tree.for_each(root, |vma| vmas.push(vma));
        vmas.iter().for_each(|id| hooks.start_write(self, self.vma(*id)));
        hooks.begin_tree(self);
        self.tree.clear(&TreeWriter { root, section: &section, waiters: &self.waiters });
        hooks.end_tree(self);
        drop(section);
        vmas.iter().for_each(|id| hooks.detach(self, self.vma(*id)));
        hooks.end(self);
        for vma in vmas.into_iter().map(|id| self.vma(id)) {
            if let Some(file) = vma.file() {
                let rmap = &self.rmaps[file];
                let _write = rmap.lock().write();
                rmap.remove(vma.id);
                if !hooks.defers_fput() {
                    self.files[file].refs().put();
                }
            }
            hooks.free(self, core, vma);
        }
        self.field(self.kernel.mm.map_count).store(0, Ordering::Relaxed);
        drop(lock);
        hooks.drain(self, core);
    }

    fn empty_cache(&self, core: &mut Core<M>) {
        core.read_in.clear();
        for file in &self.files {
            let mut cached = Vec::new();
            file.for_each_cached(|index, frame| cached.push((index, frame)));
            for (index, frame) in cached {
                file.remove(index, &self.waiters);
                core.count(self, frame, Item::FilePages, -1);
                core.put_folio(self, frame);
            }
        }
    }
}
