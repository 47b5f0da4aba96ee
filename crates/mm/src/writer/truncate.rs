//! Truncates a mapped file (Linux 7.2 `mm/truncate.c`, `truncate_pagecache`): sets the length, zaps
//! ptes through the reverse map of the file, removes pages under their locks, and zaps ptes again,
//! since private copies may have been made in between.
//!
//! mmap_lock is not taken: `i_mmap_rwsem` keeps VMAs and tables. The file system holds
//! `invalidate_lock` all the time.

use super::Writer;
use crate::addr::{PAGE_BYTES, Vaddr};
use crate::fault::folio;
use crate::frames::flag;
use crate::invalidate::InvalidateLock;
use crate::point;
use crate::vma::VmaFields;
use crate::vmstat::Item;
use machine::{Machine, Ordering};
use sync::rwsem::RwSem;

impl<M: Machine> Writer<'_, M> {
    /// Sets the length of a file in pages; false if it has that length already.
    pub fn truncate(&mut self, file: usize, pages: u64) -> bool {
        let mm = self.mm;
        let lock = InvalidateLock { mm, file: &mm.files[file] };
        let _alone = mm.kernel.rules.invalidate_lock.then(|| RwSem::new(&lock).write());
        let before = mm.files[file].set_pages(pages);
        if before > pages {
            self.unmap_from(file, pages);
            M::point(point::AFTER_FIRST_ZAP);
            self.drop_pages(file, pages, before);
            self.unmap_from(file, pages);
        }
        before != pages
    }

    /// Zaps all ptes of the pages of a file from page `first` on, private copies too.
    fn unmap_from(&mut self, file: usize, first: u64) {
        let mm = self.mm;
        let _read = mm.rmaps[file].lock().read();
        let mut vmas = Vec::new();
        mm.rmaps[file].vmas(&mut vmas);
        for vma in vmas.into_iter().map(|id| mm.vma(id)) {
            let (start, end) = vma.range();
            let skipped = first.saturating_sub(vma.pgoff()) * PAGE_BYTES;
            let from = Vaddr(start.0 + skipped);
            if from < end {
                self.hooks.begin_zap(self.mm, vma);
                mm.zap_range(self.core, &(from..end));
                self.hooks.end_zap(self.mm, vma);
            }
        }
        mm.finish_zap(self.core);
    }

    /// Removes the pages `first..end` from the page cache.
    fn drop_pages(&mut self, file: usize, first: u64, end: u64) {
        let (mm, number) = (self.mm, file);
        let file = &mm.files[number];
        for index in first..end {
            let Some(frame) = folio::get(mm, self.core, file, index) else { continue };
            let folio = mm.frames.folio(frame);
            while folio.flags().fetch_or(flag::LOCKED, Ordering::Acquire) & flag::LOCKED != 0 {
                mm.wait_for_folio(self.core, file, index, frame);
            }
            let ours = folio.mapping().load(Ordering::Relaxed) == file.mapping();
            if ours {
                file.remove(index, &mm.waiters).expect("a page with its mapping is in the cache");
                folio.mapping().store(0, Ordering::Relaxed);
                self.core.count(mm, frame, Item::FilePages, -1);
            }
            folio::unlock_and_put(mm, self.core, file, frame);
            if ours {
                self.core.put_folio(mm, frame);
            }
        }
    }
}
