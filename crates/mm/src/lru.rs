//! LRU lists of the memory cgroup on each NUMA node, and a batch of folios on each core that go
//! there next.
//!
//! Reference: Linux 7.2 `mm/swap.c` (`folio_add_lru`, `folio_batch_move_lru`, `folios_put_refs`). A
//! new folio goes to a batch of its core, which holds a reference to it. A batch that is full goes
//! to the heads of the lists, under `lru_lock` of the folios' node, with a store to the folio that
//! was first before. A folio is removed when its last reference is dropped, under the same lock,
//! with stores to both neighbours. Nothing is ever reclaimed, so all folios stay on inactive
//! lists: the one that they start on, or that of files after `MADV_FREE`.

use super::addr::Pfn;
use super::frames::{Frames, flag};
use super::kernel::{Field, Kernel, LRUVEC_LINES, LruvecLayout};
use super::vmstat::{Differentials, Item};
use machine::{LINE_WORDS, Line, Machine, Ordering, VALUE_MASK, Waited, Word};
use sync::spinlock::{IrqGuard, SpinLock, Waiters};

/// Folios that are removed before the lock is dropped for a moment (`SWAP_CLUSTER_MAX`).
const HELD_MAX: usize = 32;

/// A list of an lruvec, by its number there.
#[derive(Debug, Clone, Copy)]
enum List {
    InactiveAnon,
    InactiveFile,
}

impl List {
    const ALL: [Self; 2] = [Self::InactiveAnon, Self::InactiveFile];

    /// Returns the list of a folio with these flags.
    fn of(flags: u64) -> Self {
        if flags & flag::SWAPBACKED != 0 { Self::InactiveAnon } else { Self::InactiveFile }
    }

    /// Returns the places of its first folio, and of its size.
    fn places(self, at: &LruvecLayout) -> (Field, Field) {
        match self {
            Self::InactiveAnon => (at.inactive_anon, at.anon_size),
            Self::InactiveFile => (at.inactive_file, at.file_size),
        }
    }
}

/// The lists of one node. A link is the number of a frame, or 0 for the head of the list:
/// frame 0 is the zero page, which is on none.
struct Lruvec<M: Machine> {
    lines: [M::Line; LRUVEC_LINES],
    at: &'static LruvecLayout,
}

impl<M: Machine> Lruvec<M> {
    fn new(at: &'static LruvecLayout) -> Self {
        let lines = at.lines.each_ref().map(|name| M::Line::new(name, [0; LINE_WORDS]));
        Self { lines, at }
    }

    fn word(&self, field: Field) -> Word<'_, M::Line> {
        Word::new(&self.lines[field.line], field.word)
    }

    /// Returns the words of the first and the last folio of a list, and of its size.
    fn words(&self, list: List) -> [Word<'_, M::Line>; 3] {
        let (first, size) = list.places(self.at);
        [first, first.then(1), size].map(|field| self.word(field))
    }

    /// Puts a folio first on a list. The caller holds the lock.
    fn add(&self, frames: &Frames<M>, list: List, frame: Pfn) {
        let (relaxed, [first, last, size]) = (Ordering::Relaxed, self.words(list));
        let next = first.load(relaxed);
        frames.folio(frame).lru_next().store(next, relaxed);
        frames.folio(frame).lru_prev().store(0, relaxed);
        match next {
            0 => last.store(u64::from(frame.0), relaxed),
            next => frames.folio(Pfn(next as u32)).lru_prev().store(u64::from(frame.0), relaxed),
        }
        first.store(u64::from(frame.0), relaxed);
        size.store(size.load(relaxed) + u64::from(frames.pages_of(frame)), relaxed);
    }

    /// Removes a folio from its list. The caller holds the lock.
    fn remove(&self, frames: &Frames<M>, list: List, frame: Pfn) {
        let (relaxed, [first, last, size]) = (Ordering::Relaxed, self.words(list));
        let next = frames.folio(frame).lru_next().load(relaxed);
        let prev = frames.folio(frame).lru_prev().load(relaxed);
        match prev {
            0 => first.store(next, relaxed),
            prev => frames.folio(Pfn(prev as u32)).lru_next().store(next, relaxed),
        }
        match next {
            0 => last.store(prev, relaxed),
            next => frames.folio(Pfn(next as u32)).lru_prev().store(prev, relaxed),
        }
        size.store(size.load(relaxed) - u64::from(frames.pages_of(frame)), relaxed);
    }
}

/// The lruvecs by node; none if the run has no LRU lists.
pub struct Lru<M: Machine>(Box<[Lruvec<M>]>);

impl<M: Machine> Lru<M> {
    /// Lists of `nodes` nodes.
    pub fn new(nodes: usize, kernel: &'static Kernel) -> Self {
        Self((0..nodes).map(|_| Lruvec::new(&kernel.lruvec)).collect())
    }

    /// Returns true if folios are put on lists.
    #[inline(always)]
    pub fn is_on(&self) -> bool {
        !self.0.is_empty()
    }

    /// Starts to change lists, by a core that counts in `stat`.
    pub fn edit<'a>(
        &'a self,
        frames: &'a Frames<M>,
        waiters: &'a Waiters<M>,
        stat: &'a mut Differentials,
    ) -> LruEdit<'a, M> {
        LruEdit { lru: self, frames, waiters, stat, held: None, moved: 0 }
    }

    /// Returns the number of pages on all lists.
    pub fn size(&self) -> u64 {
        (0..self.0.len()).flat_map(|node| self.sizes_of(node)).sum()
    }

    /// Returns the sizes of a node's lists: anonymous folios, then those of files.
    pub fn sizes_of(&self, node: usize) -> [u64; 2] {
        List::ALL.map(|list| self.0[node].words(list)[2].load(Ordering::Relaxed))
    }

    /// Calls `on` with the node and each folio of every list. No core may change lists.
    pub fn for_each(&self, frames: &Frames<M>, mut on: impl FnMut(usize, Pfn)) {
        for (node, lruvec) in self.0.iter().enumerate() {
            for list in List::ALL {
                let mut at = lruvec.words(list)[0].load(Ordering::Relaxed);
                while at != 0 {
                    on(node, Pfn(at as u32));
                    at = frames.folio(Pfn(at as u32)).lru_next().load(Ordering::Relaxed);
                }
            }
        }
    }
}

/// A change of lists. Holds the lock of one lruvec at a time, that of the last folio's node, and
/// drops it at its end.
pub struct LruEdit<'a, M: Machine> {
    lru: &'a Lru<M>,
    frames: &'a Frames<M>,
    waiters: &'a Waiters<M>,
    stat: &'a mut Differentials,
    held: Option<(usize, IrqGuard<'a, M>)>,
    moved: usize,
}

impl<'a, M: Machine> LruEdit<'a, M> {
    /// Returns the lruvec of a frame, locked (`folio_lruvec_relock_irqsave`).
    fn lock(&mut self, frame: Pfn) -> &'a Lruvec<M> {
        let (lru, node) = (self.lru, self.frames.zones.node_of(frame));
        let lruvec = &lru.0[node];
        if self.held.as_ref().is_none_or(|(held, _)| *held != node) {
            // Never holds two locks at a time.
            self.held = None;
            let line = &lruvec.lines[lruvec.at.lock.line];
            let lock =
                SpinLock::new(line, lruvec.at.lock.lock(Waited::LruLock)).lock_irq(self.waiters);
            self.held = Some((node, lock));
            self.moved = 0;
        }
        lruvec
    }

    /// Counts a folio that has come to a list (`sign` 1) or left it (-1): by its pages, as zone
    /// and node do (`__update_lru_size`).
    fn count(&mut self, frame: Pfn, list: List, sign: i64) {
        let pages = sign * i64::from(self.frames.pages_of(frame));
        let (zones, node) = (&self.frames.zones, self.frames.zones.node_of(frame));
        let (of_node, of_zone) = match list {
            List::InactiveAnon => (Item::InactiveAnon, Item::ZoneInactiveAnon),
            List::InactiveFile => (Item::InactiveFile, Item::ZoneInactiveFile),
        };
        self.stat.add(&zones.stat, node, of_node, pages);
        self.stat.add(&zones.stat, node, of_zone, pages);
    }

    /// Puts a folio on its list. A reference to it is held.
    pub fn add(&mut self, frame: Pfn) {
        let flags = self.frames.folio(frame).flags();
        let lruvec = self.lock(frame);
        let list = List::of(flags.load(Ordering::Relaxed));
        self.count(frame, list, 1);
        lruvec.add(self.frames, list, frame);
        flags.fetch_or(flag::LRU, Ordering::Relaxed);
    }

    /// Moves an anonymous folio to the list of files: it may be reclaimed without a write
    /// (`lru_lazyfree`). The caller has a reference to it.
    pub fn make_lazyfree(&mut self, frame: Pfn) {
        let flags = self.frames.folio(frame).flags();
        let lruvec = self.lock(frame);
        let needed = flag::SWAPBACKED | flag::LRU;
        if flags.load(Ordering::Relaxed) & needed != needed {
            return;
        }
        lruvec.remove(self.frames, List::InactiveAnon, frame);
        self.count(frame, List::InactiveAnon, -1);
        flags.fetch_and(!flag::SWAPBACKED & VALUE_MASK, Ordering::Relaxed);
        self.count(frame, List::InactiveFile, 1);
        lruvec.add(self.frames, List::InactiveFile, frame);
    }

    /// Removes a folio from its list, if it is on one. No reference to it is left.
    pub fn remove(&mut self, frame: Pfn) {
        let flags = self.frames.folio(frame).flags();
        let now = flags.load(Ordering::Relaxed);
        if now & flag::LRU == 0 {
            return;
        }
        let (lruvec, list) = (self.lock(frame), List::of(now));
        lruvec.remove(self.frames, list, frame);
        self.count(frame, list, -1);
        // No other core reads them.
        flags.store(now & !flag::LRU, Ordering::Relaxed);
        self.moved += 1;
        if self.moved == HELD_MAX {
            self.held = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;
    use crate::frames::{ANON, Arena};
    use crate::kernel::LINUX_7_2;
    use machine::host::Host;

    #[test]
    fn folios_are_first_in_the_lruvec_of_their_node_until_they_are_taken_out() {
        let config = Config { cores: 2, nodes: [0, 1].into(), frames: 9, ..Config::default() };
        let frames =
            Frames::<Host>::new(Arena::new(9).expect("36 KiB can be had"), &config, &LINUX_7_2);
        let (lru, waiters, mut stat) =
            (Lru::new(2, &LINUX_7_2), Waiters::new(2), Differentials::new(2));
        let listed = || {
            let mut listed = Vec::new();
            lru.for_each(&frames, |node, frame| listed.push((node, frame.0)));
            listed
        };
        for frame in 1..9 {
            let (mapping, flags) = if frame % 2 == 0 { (ANON, flag::SWAPBACKED) } else { (1, 0) };
            frames.folio(Pfn(frame)).init(mapping, 0, flags);
            lru.edit(&frames, &waiters, &mut stat).add(Pfn(frame));
        }
        let all = [(0, 4), (0, 2), (0, 3), (0, 1), (1, 8), (1, 6), (1, 7), (1, 5)];
        assert_eq!((listed(), lru.size()), (all.to_vec(), 8));
        let mut edit = lru.edit(&frames, &waiters, &mut stat);
        [4, 1, 6, 6].into_iter().for_each(|frame| edit.remove(Pfn(frame)));
        drop(edit);
        assert_eq!((listed(), lru.size()), (vec![(0, 2), (0, 3), (1, 8), (1, 7), (1, 5)], 5));
    }
}
