//! The life of a frame on a core: taken and charged, put on an LRU list, and with its last
//! reference taken off, uncharged and freed.

use super::addr::Pfn;
use super::layout::Layout;
use super::{Core, Mm};
use crate::machine::Machine;

impl<M: Machine> Core<M> {
    /// Takes a frame of the core's node, which nobody else knows then.
    #[inline(always)]
    pub fn take_frame<L: Layout>(&mut self, mm: &Mm<M, L>) -> Option<Pfn> {
        let frame = self.frames.take(&mm.frames.zones, &mm.waiters)?;
        self.stock.charge(&mm.memcg);
        Some(frame)
    }

    /// Takes a frame as `core` would.
    pub(super) fn take_frame_as<L: Layout>(&mut self, mm: &Mm<M, L>, core: usize) -> Option<Pfn> {
        let node = mm.frames.zones.node_of_core(core);
        let frame = self.frames.take_near(&mm.frames.zones, &mm.waiters, node)?;
        self.stock.charge(&mm.memcg);
        Some(frame)
    }

    /// Gives back a frame that nobody refers to, and that is on no list.
    #[inline(always)]
    pub fn give_frame<L: Layout>(&mut self, mm: &Mm<M, L>, frame: Pfn) {
        mm.memcg.uncharge(1);
        self.free_frame(mm, frame);
    }

    #[inline(always)]
    fn free_frame<L: Layout>(&mut self, mm: &Mm<M, L>, frame: Pfn) {
        mm.frames.forget(frame);
        self.frames.give(&mm.frames.zones, &mm.waiters, frame);
    }

    /// Puts a folio that is new, and has its place, in the batch for LRU lists
    /// (`folio_add_lru`).
    #[inline(always)]
    pub fn add_to_lru<L: Layout>(&mut self, mm: &Mm<M, L>, frame: Pfn) {
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
    pub fn drain_lru<L: Layout>(&mut self, mm: &Mm<M, L>) {
        self.lru_full = L::MM.lru_batch;
        let mut edit = mm.lru.edit(&mm.frames, &mm.waiters);
        self.lru_batch.iter().for_each(|frame| edit.add(*frame));
        drop(edit);
        self.put_folios(mm, |core| &mut core.lru_batch);
    }

    /// Drops a reference of a folio, and frees it with the last.
    #[inline(always)]
    pub fn put_folio<L: Layout>(&mut self, mm: &Mm<M, L>, frame: Pfn) {
        if mm.frames.folio(frame).refs().put() {
            mm.lru.edit(&mm.frames, &mm.waiters).remove(frame);
            self.give_frame(mm, frame);
        }
    }

    /// Drops a reference of each folio of a list of the core, the last one first, and frees
    /// those of which it was the last reference, in batches.
    pub(super) fn put_folios<L: Layout>(
        &mut self,
        mm: &Mm<M, L>,
        list: impl Fn(&mut Self) -> &mut Vec<Pfn>,
    ) {
        let mut folios = std::mem::take(list(self));
        for batch in folios.rchunks(L::MM.release_batch) {
            self.release(mm, batch);
        }
        folios.clear();
        *list(self) = folios;
    }

    /// Linux 6.2 `release_pages`, 7.2 `folios_put_refs`: off the lists under one lock,
    /// uncharged by one access, then freed.
    fn release<L: Layout>(&mut self, mm: &Mm<M, L>, batch: &[Pfn]) {
        let mut edit = mm.lru.edit(&mm.frames, &mm.waiters);
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
