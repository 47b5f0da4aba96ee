//! The life of a frame on a core: taken and charged, put on an LRU list; after its last reference
//! removed from it, uncharged and freed.

use super::addr::Pfn;
use super::frames::{ANON, flag};
use super::vmstat::Item;
use super::{Core, Mm};
use machine::{Machine, Ordering};

impl<M: Machine> Core<M> {
    /// Takes a frame of the core's node. No other core knows it.
    #[inline(always)]
    pub fn take_frame(&mut self, mm: &Mm<M>) -> Option<Pfn> {
        let frame = self.frames.take(&mm.frames, &mm.waiters)?;
        self.stock.charge(&mm.memcg);
        Some(frame)
    }

    /// Takes the frames of a large folio. No other core knows them.
    pub fn take_large_folio(&mut self, mm: &Mm<M>, order: u8) -> Option<Pfn> {
        self.take_large_folio_as(mm, M::core(), order)
    }

    /// Takes a frame as `core` would.
    pub(super) fn take_frame_as(&mut self, mm: &Mm<M>, core: usize) -> Option<Pfn> {
        let node = mm.frames.zones.node_of_core(core);
        let frame = self.frames.take_near(&mm.frames, &mm.waiters, 0, node)?;
        self.stock.charge(&mm.memcg);
        Some(frame)
    }

    /// Takes the frames of a large folio as `core` would.
    pub(super) fn take_large_folio_as(
        &mut self,
        mm: &Mm<M>,
        core: usize,
        order: u8,
    ) -> Option<Pfn> {
        let node = mm.frames.zones.node_of_core(core);
        let head = self.frames.take_block_near(&mm.frames, &mm.waiters, order, node)?;
        mm.frames.make_compound(head);
        self.stock.charge_many(&mm.memcg, 1 << order);
        Some(head)
    }

    /// Gives back the frames of a folio without references that is on no list.
    #[inline(always)]
    pub fn give_frame(&mut self, mm: &Mm<M>, head: Pfn) {
        mm.memcg.uncharge(u64::from(mm.frames.pages_of(head)));
        self.free_frame(mm, head);
    }

    #[inline(always)]
    fn free_frame(&mut self, mm: &Mm<M>, head: Pfn) {
        mm.frames.forget_folio(head);
        self.frames.give(&mm.frames, &mm.waiters, head);
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

    /// Sets up a frame that no other core knows as an anonymous page that a pte will map.
    #[inline(always)]
    pub(super) fn map_anon(&mut self, mm: &Mm<M>, frame: Pfn, index: u64) {
        mm.frames.folio(frame).init_anon(index);
        self.count(mm, frame, Item::AnonMapped, 1);
    }

    /// Sets up a large folio that no other core knows; a pte will map each of its pages.
    pub(super) fn map_large_anon(&mut self, mm: &Mm<M>, head: Pfn, index: u64) {
        mm.frames.init_large_anon(head, index);
        self.count(mm, head, Item::AnonMapped, i64::from(mm.frames.pages_of(head)));
    }

    /// Counts a pte that maps a page of a file; the first one changes statistics
    /// (`page_add_file_rmap`).
    #[inline(always)]
    pub fn map_file_page(&mut self, mm: &Mm<M>, frame: Pfn) {
        if mm.frames.count_mapping(frame) == 0 {
            self.count(mm, frame, Item::FileMapped, 1);
        }
    }

    /// Counts ptes that map `pages` pages of a large folio of a file, from `first` on; the first
    /// pte of a page changes statistics (`folio_add_file_rmap_ptes`).
    pub(super) fn map_file_pages(&mut self, mm: &Mm<M>, first: Pfn, pages: u32) {
        let frames = &mm.frames;
        let mapcount = frames.large_mapcount(frames.head(first));
        mapcount.fetch_add(u64::from(pages), Ordering::Relaxed);
        let map = |page| {
            let mapcount = frames.folio(Pfn(first.0 + page)).mapcount();
            i64::from(mapcount.fetch_add(1, Ordering::Relaxed) == 0)
        };
        let new: i64 = (0..pages).map(map).sum();
        if new > 0 {
            self.count(mm, first, Item::FileMapped, new);
        }
    }

    /// Counts a pte that maps a page no more; the last one changes statistics (`page_remove_rmap`).
    #[inline(always)]
    pub fn unmap_page(&mut self, mm: &Mm<M>, frame: Pfn) {
        if mm.frames.is_large(frame) {
            return self.unmap_pages(mm, frame, 1);
        }
        let folio = mm.frames.folio(frame);
        let was_last = folio.mapcount().fetch_sub(1, Ordering::Relaxed) == 1;
        if was_last && mm.frames.zones.stat.is_on() {
            let is_anon = folio.mapping().load(Ordering::Relaxed) == ANON;
            self.count(mm, frame, if is_anon { Item::AnonMapped } else { Item::FileMapped }, -1);
        }
    }

    /// Counts ptes that no longer map `pages` pages of a large folio, from `first` on
    /// (`folio_remove_rmap_ptes`).
    #[inline(never)]
    pub(super) fn unmap_pages(&mut self, mm: &Mm<M>, first: Pfn, pages: u32) {
        let (frames, head) = (&mm.frames, mm.frames.head(first));
        frames.large_mapcount(head).fetch_sub(u64::from(pages), Ordering::Relaxed);
        let unmap = |page| {
            let mapcount = frames.folio(Pfn(first.0 + page)).mapcount();
            u32::from(mapcount.fetch_sub(1, Ordering::Relaxed) == 1)
        };
        let last = i64::from((0..pages).map(unmap).sum::<u32>());
        if last > 0 && frames.zones.stat.is_on() {
            let is_anon = frames.folio(head).mapping().load(Ordering::Relaxed) == ANON;
            self.count(mm, head, if is_anon { Item::AnonMapped } else { Item::FileMapped }, -last);
        }
    }

    /// Puts a new folio into the batch for LRU lists (`folio_add_lru`). A large one does not wait
    /// there (`folio_batch_add_and_move`).
    #[inline(always)]
    pub fn add_to_lru(&mut self, mm: &Mm<M>, frame: Pfn) {
        if mm.lru.is_on() {
            mm.frames.folio(frame).refs().get();
            self.lru_batch.push(frame);
            if self.lru_batch.len() >= self.lru_full || mm.frames.is_large(frame) {
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
        if !self.lazyfree_batch.is_empty() {
            self.move_lazyfree(mm);
        }
    }

    /// Puts an anonymous folio that is on a list into the batch of those that may be reclaimed
    /// (`folio_mark_lazyfree`).
    pub(super) fn mark_lazyfree(&mut self, mm: &Mm<M>, head: Pfn) {
        let folio = mm.frames.folio(head);
        let flags = folio.flags().load(Ordering::Relaxed);
        let needed = flag::SWAPBACKED | flag::LRU;
        if folio.mapping().load(Ordering::Relaxed) != ANON || flags & needed != needed {
            return;
        }
        folio.refs().get();
        self.lazyfree_batch.push(head);
        let is_full = self.lazyfree_batch.len() >= mm.kernel.rules.lru_batch;
        if is_full || mm.frames.is_large(head) {
            self.move_lazyfree(mm);
        }
    }

    /// Moves the folios of that batch to the list of files.
    fn move_lazyfree(&mut self, mm: &Mm<M>) {
        let mut edit = mm.lru.edit(&mm.frames, &mm.waiters, &mut self.frames.stat);
        self.lazyfree_batch.iter().for_each(|head| edit.make_lazyfree(*head));
        drop(edit);
        self.put_folios(mm, |core| &mut core.lazyfree_batch);
    }

    /// Drops a reference to the folio of a page, and frees it with the last one.
    #[inline(always)]
    pub fn put_folio(&mut self, mm: &Mm<M>, page: Pfn) {
        let frame = mm.frames.head(page);
        if mm.frames.folio(frame).refs().put() {
            mm.lru.edit(&mm.frames, &mm.waiters, &mut self.frames.stat).remove(frame);
            self.give_frame(mm, frame);
        }
    }

    /// Drops a reference of the folio of each page of a list of the core, the last one first, and
    /// frees those of which it was the last reference, in batches.
    pub(super) fn put_folios(&mut self, mm: &Mm<M>, list: impl Fn(&mut Self) -> &mut Vec<Pfn>) {
        let mut folios = std::mem::take(list(self));
        let mut left = &folios[..];
        while !left.is_empty() {
            left = self.release(mm, left);
        }
        folios.clear();
        *list(self) = folios;
    }

    /// Linux 6.2 `release_pages`, 7.2 `folios_put_refs`: off the lists under one lock,
    /// uncharged by one access, then freed. Returns the pages that are left. References of
    /// pages of one folio that follow each other are dropped together.
    fn release<'a>(&mut self, mm: &Mm<M>, pages: &'a [Pfn]) -> &'a [Pfn] {
        let mut left = pages;
        let mut edit = mm.lru.edit(&mm.frames, &mm.waiters, &mut self.frames.stat);
        for _ in 0..mm.kernel.rules.release_batch {
            let Some(page) = left.last() else { break };
            let head = mm.frames.head(*page);
            let of_other = |page: &Pfn| !mm.frames.is_large(*page) || mm.frames.head(*page) != head;
            let first = left[..left.len() - 1].iter().rposition(of_other).map_or(0, |at| at + 1);
            let references = (left.len() - first) as u64;
            left = &left[..first];
            if mm.frames.folio(head).refs().put_many(references) {
                edit.remove(head);
                self.freed.push(head);
            }
        }
        drop(edit);
        let pages = self.freed.iter().map(|head| u64::from(mm.frames.pages_of(*head)));
        mm.memcg.uncharge(pages.sum());
        let mut freed = std::mem::take(&mut self.freed);
        freed.drain(..).for_each(|head| self.free_frame(mm, head));
        self.freed = freed;
        left
    }
}
