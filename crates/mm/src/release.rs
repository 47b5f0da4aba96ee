//! The life of a frame on a core: taken and charged, put on an LRU list, and with its last
//! reference taken off, uncharged and freed.

use super::addr::Pfn;
use super::frames::ANON;
use super::vmstat::Item;
use super::{Core, Mm};
use machine::{Machine, Ordering};

impl<M: Machine> Core<M> {
    /// Takes a frame of the core's node, which nobody else knows then.
    #[inline(always)]
    pub fn take_frame(&mut self, mm: &Mm<M>) -> Option<Pfn> {
        let frame = self.frames.take(&mm.frames, &mm.waiters)?;
        self.stock.charge(&mm.memcg);
        Some(frame)
    }

    /// Takes a frame as `core` would.
    pub(super) fn take_frame_as(&mut self, mm: &Mm<M>, core: usize) -> Option<Pfn> {
        let node = mm.frames.zones.node_of_core(core);
        let frame = self.frames.take_near(&mm.frames, &mm.waiters, node)?;
        self.stock.charge(&mm.memcg);
        Some(frame)
    }

    /// Gives back a frame that nobody refers to, and that is on no list.
    #[inline(always)]
    pub fn give_frame(&mut self, mm: &Mm<M>, frame: Pfn) {
        mm.memcg.uncharge(1);
        self.free_frame(mm, frame);
    }

    #[inline(always)]
    fn free_frame(&mut self, mm: &Mm<M>, frame: Pfn) {
        mm.frames.forget(frame);
        self.frames.give(&mm.frames, &mm.waiters, frame);
    }

    /// Counts a page of a frame's node.
    #[inline(always)]
    pub fn count(&mut self, mm: &Mm<M>, frame: Pfn, item: Item, pages: i64) {
        let zones = &mm.frames.zones;
        if zones.stat.is_on() {
            self.frames.stat.add(&zones.stat, zones.node_of(frame), item, pages);
        }
    }

    /// Counts page tables on the core's own node: tables are of none here.
    pub(super) fn count_tables(&mut self, mm: &Mm<M>, tables: i64) {
        let zones = &mm.frames.zones;
        if zones.stat.is_on() {
            let node = zones.node_of_core(M::core());
            self.frames.stat.add(&zones.stat, node, Item::PageTable, tables);
        }
    }

    /// Sets up a frame that nobody else knows as the anonymous page that a pte will map.
    #[inline(always)]
    pub(super) fn map_anon(&mut self, mm: &Mm<M>, frame: Pfn, index: u64) {
        mm.frames.folio(frame).init_anon(index);
        self.count(mm, frame, Item::AnonMapped, 1);
    }

    /// A pte maps a page of a file; the first one counts (`page_add_file_rmap`).
    #[inline(always)]
    pub fn map_file_page(&mut self, mm: &Mm<M>, frame: Pfn) {
        if mm.frames.folio(frame).mapcount().fetch_add(1, Ordering::Relaxed) == 0 {
            self.count(mm, frame, Item::FileMapped, 1);
        }
    }

    /// A pte maps a page no more; the last one counts (`page_remove_rmap`).
    #[inline(always)]
    pub fn unmap_page(&mut self, mm: &Mm<M>, frame: Pfn) {
        let folio = mm.frames.folio(frame);
        let was_last = folio.mapcount().fetch_sub(1, Ordering::Relaxed) == 1;
        if was_last && mm.frames.zones.stat.is_on() {
            let is_anon = folio.mapping().load(Ordering::Relaxed) == ANON;
            self.count(mm, frame, if is_anon { Item::AnonMapped } else { Item::FileMapped }, -1);
        }
    }

    /// Puts a folio that is new, and has its place, in the batch for LRU lists
    /// (`folio_add_lru`).
    #[inline(always)]
    pub fn add_to_lru(&mut self, mm: &Mm<M>, frame: Pfn) {
        if mm.lru.is_on() {
            mm.frames.folio(frame).refs().get();
            self.lru_batch.push(frame);
            if self.lru_batch.len() >= self.lru_full {
                self.drain_lru(mm);
            }
        }
    }

    /// Puts the folios of the batch on their lists (`lru_add_drain`).
    #[cold]
    pub fn drain_lru(&mut self, mm: &Mm<M>) {
        self.lru_full = mm.kernel.rules.lru_batch;
        let mut edit = mm.lru.edit(&mm.frames, &mm.waiters, &mut self.frames.stat);
        self.lru_batch.iter().for_each(|frame| edit.add(*frame));
        drop(edit);
        self.put_folios(mm, |core| &mut core.lru_batch);
    }

    /// Drops a reference of a folio, and frees it with the last.
    #[inline(always)]
    pub fn put_folio(&mut self, mm: &Mm<M>, frame: Pfn) {
        if mm.frames.folio(frame).refs().put() {
            mm.lru.edit(&mm.frames, &mm.waiters, &mut self.frames.stat).remove(frame);
            self.give_frame(mm, frame);
        }
    }

    /// Drops a reference of each folio of a list of the core, the last one first, and frees
    /// those of which it was the last reference, in batches.
    pub(super) fn put_folios(&mut self, mm: &Mm<M>, list: impl Fn(&mut Self) -> &mut Vec<Pfn>) {
        let mut folios = std::mem::take(list(self));
        for batch in folios.rchunks(mm.kernel.rules.release_batch) {
            self.release(mm, batch);
        }
        folios.clear();
        *list(self) = folios;
    }

    /// Linux 6.2 `release_pages`, 7.2 `folios_put_refs`: off the lists under one lock,
    /// uncharged by one access, then freed.
    fn release(&mut self, mm: &Mm<M>, batch: &[Pfn]) {
        let mut edit = mm.lru.edit(&mm.frames, &mm.waiters, &mut self.frames.stat);
        for frame in batch.iter().rev().copied() {
            if mm.frames.folio(frame).refs().put() {
                edit.remove(frame);
                self.freed.push(frame);
            }
        }
        drop(edit);
        mm.memcg.uncharge(self.freed.len() as u64);
        let mut freed = std::mem::take(&mut self.freed);
        freed.drain(..).for_each(|frame| self.free_frame(mm, frame));
        self.freed = freed;
    }
}
