//! The end of a space (Linux 7.2 `exit_mmap`): all VMAs are detached, all pages
//! zapped, all tables freed, files put; VMAs are freed after a grace period.

use super::hooks::Hooks;
use super::vma::VmaFields;
use super::vma_tree::Writer;
use super::{Core, Mm};
use crate::machine::{Machine, Ordering};
use crate::mm::layout::Layout;
use std::sync::Arc;

impl<M: Machine, L: Layout> Mm<M, L> {
    /// Unmaps everything, and empties the page cache.
    pub fn exit(&self, hooks: &dyn Hooks<M>, core: &mut Core<M>) {
        let section = core.read_section();
        let lock = self.mmap_lock().write();
        hooks.begin();
        let root = self.field(L::MM.mt_root);
        let mut vmas = Vec::new();
        self.tree.for_each(root, |vma| vmas.push(vma));
        let writer = Writer { root, section: &section, waiters: &self.waiters };
        for id in &vmas {
            hooks.start_write(self.vma(*id));
        }
        self.tree.clear(&writer);
        for id in &vmas {
            hooks.detach(self.vma(*id));
        }
        hooks.end();
        let lock = lock.downgrade();
        self.zap_share(core, 0, 1);
        self.free_tables(core);
        for id in vmas {
            if let Some(file) = self.vmas.get(id).file() {
                self.files[file].refs().put();
            }
            self.field(L::MM.map_count).fetch_sub(1, Ordering::Relaxed);
            let (vmas, waiters) = (Arc::clone(&self.vmas), Arc::clone(&self.waiters));
            section.defer(move || vmas.pool.give(&waiters, id.0));
        }
        drop(lock);
        drop(section);
        self.empty_cache(core);
    }

    fn empty_cache(&self, core: &mut Core<M>) {
        core.read_in.clear();
        for file in &self.files {
            let mut cached = Vec::new();
            file.for_each_cached(|index, frame| cached.push((index, frame)));
            for (index, frame) in cached {
                file.remove(index, &self.waiters);
                core.put_folio(self, frame);
            }
        }
    }
}
