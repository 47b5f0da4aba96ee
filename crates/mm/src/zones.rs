//! Free frames: a zone for each NUMA node, and on each core lists of frames of every node.
//!
//! As in Linux 7.2 `mm/page_alloc.c`: a core takes from the zone of its own node, from
//! another only when that is empty (`get_page_from_freelist`), and moves frames in batches
//! of 63 (`pcp->batch`) under `zone->lock`. A frame goes back to the zone that it is of,
//! whoever frees it. Each allocation looks at the zone's flags, which stand beside the lock,
//! and at how many pages are free (`rmqueue`, `zone_watermark_fast`). Under the lock each frame
//! of a batch is unlinked from the lists of the buddy allocator, or linked into them: what
//! takes the time there is to have the lines of their `struct page`.

use super::Config;
use super::addr::Pfn;
use super::frames::Frames;
use super::pool::{KEPT_BATCHES, Pool};
use super::vmstat::{Differentials, Item, VmStat};
use machine::{LineName, Machine};
use sync::spinlock::Waiters;

static ZONE: LineName =
    LineName { name: "zone.lock", words: ["lock", "lock.tail", "free", "flags", "", "", "", ""] };

/// Word of [`ZONE`]: `zone->flags`, right before the lock in 6.12 (offsets 1240 and 1248), 6.18 and
/// 7.2.
const FLAGS: usize = 3;

/// Frames moved at a time between a core and a zone.
pub const FRAME_BATCH: usize = 63;
/// Frames that a core may keep before it gives a batch back.
const KEPT_MAX: usize = KEPT_BATCHES * FRAME_BATCH;

/// All frames, by node.
pub struct Zones<M: Machine> {
    zones: Box<[Pool<M>]>,
    /// The first frame behind each zone.
    ends: Box<[u32]>,
    /// The node of each core.
    nodes: Box<[usize]>,
    /// What is counted of zones and nodes.
    pub stat: VmStat<M>,
}

impl<M: Machine> Zones<M> {
    /// The frames `first..end`, shared out by how many cores each node has.
    pub fn new(first: u32, end: u32, config: &Config) -> Self {
        let nodes = &config.nodes;
        let count = nodes.iter().max().map_or(1, |last| last + 1);
        let cores_below = |node: usize| nodes.iter().filter(|of| **of < node).count() as u64;
        let bound = |node: usize| {
            let part = u64::from(end - first) * cores_below(node) / nodes.len().max(1) as u64;
            if node == count { end } else { first + part as u32 }
        };
        let zone = |node| Pool::new(&ZONE, bound(node), bound(node + 1), !config.no_zone_lock);
        let zones: Box<[Pool<M>]> = (0..count).map(zone).collect();
        let ends = (1..=count).map(bound).collect();
        let free: Vec<usize> = zones.iter().map(Pool::slots).collect();
        let stat = VmStat::new(&free, config.stat_threshold);
        Self { zones, ends, nodes: nodes.clone(), stat }
    }

    /// How many nodes there are.
    pub fn nodes(&self) -> usize {
        self.zones.len()
    }

    /// The node of a core.
    pub fn node_of_core(&self, core: usize) -> usize {
        self.nodes[core]
    }

    /// The node of a frame.
    #[inline]
    pub fn node_of(&self, frame: Pfn) -> usize {
        self.ends.partition_point(|end| *end <= frame.0)
    }

    /// What each allocation reads of a zone.
    #[inline(always)]
    fn look(&self, node: usize) {
        self.zones[node].load(FLAGS);
        self.stat.look_at_free(node);
    }

    /// Frames that are in zones.
    pub fn free(&self) -> usize {
        self.zones.iter().map(Pool::free).sum()
    }

    /// Frames that are in the zone of a node.
    pub fn free_of(&self, node: usize) -> usize {
        self.zones[node].free()
    }

    /// Frames that there are.
    pub fn slots(&self) -> usize {
        self.zones.iter().map(Pool::slots).sum()
    }
}

/// A core's free frames, by node (`per_cpu_pages`). Nobody else sees them, so they are no
/// tracked line.
#[derive(Debug)]
pub struct PageLists {
    lists: Box<[Vec<u32>]>,
    node: usize,
    kept: usize,
    /// What the core has counted and not told.
    pub stat: Differentials,
}

impl PageLists {
    /// Empty lists of a core.
    pub fn new<M: Machine>(zones: &Zones<M>, core: usize) -> Self {
        let node = zones.node_of_core(core);
        // Of other nodes too: what they fill with is freed, and taken, while threads storm.
        let list = |_| Vec::with_capacity(KEPT_MAX + FRAME_BATCH);
        let lists = (0..zones.nodes()).map(list).collect();
        Self { lists, node, kept: 0, stat: Differentials::new(zones.nodes()) }
    }

    /// Takes a frame of the core's node, or else of another; `None` where the core has none
    /// and no zone has.
    #[inline]
    pub fn take<M: Machine>(&mut self, frames: &Frames<M>, waiters: &Waiters<M>) -> Option<Pfn> {
        frames.zones.look(self.node);
        match self.lists[self.node].pop() {
            Some(frame) => {
                self.kept -= 1;
                Some(Pfn(frame))
            }
            None => self.take_near(frames, waiters, self.node),
        }
    }

    /// Takes a frame of `node`, or else of the next one that has any.
    #[cold]
    pub fn take_near<M: Machine>(
        &mut self,
        frames: &Frames<M>,
        waiters: &Waiters<M>,
        node: usize,
    ) -> Option<Pfn> {
        for node in (node..frames.zones.nodes()).chain(0..node) {
            if self.lists[node].is_empty() {
                self.refill(frames, waiters, node);
            }
            if let Some(frame) = self.lists[node].pop() {
                self.kept -= 1;
                return Some(Pfn(frame));
            }
        }
        None
    }

    /// Begins with part of a batch, by `draw`.
    pub fn stagger<M: Machine>(&mut self, frames: &Frames<M>, waiters: &Waiters<M>, draw: usize) {
        self.refill(frames, waiters, self.node);
        let surplus = (draw % FRAME_BATCH).min(self.lists[self.node].len());
        self.give_back(frames, waiters, self.node, surplus);
    }

    /// Takes a batch from a zone (`rmqueue_bulk`).
    fn refill<M: Machine>(&mut self, frames: &Frames<M>, waiters: &Waiters<M>, node: usize) {
        let unlink = |frame| frames.unlink_free(Pfn(frame));
        let (zones, to) = (&frames.zones, &mut self.lists[node]);
        let taken = zones.zones[node].take_batch(waiters, to, FRAME_BATCH, unlink);
        self.kept += taken;
        self.stat.add(&zones.stat, node, Item::FreePages, -(taken as i64));
    }

    /// Gives so many back to their zone (`free_pcppages_bulk`).
    fn give_back<M: Machine>(
        &mut self,
        frames: &Frames<M>,
        waiters: &Waiters<M>,
        node: usize,
        count: usize,
    ) {
        let (zones, link) = (&frames.zones, |frame| frames.link_free(Pfn(frame)));
        zones.zones[node].give_batch(waiters, &mut self.lists[node], count, link);
        self.kept -= count;
        self.stat.add(&zones.stat, node, Item::FreePages, count as i64);
    }

    /// Gives a frame back.
    #[inline]
    pub fn give<M: Machine>(&mut self, frames: &Frames<M>, waiters: &Waiters<M>, frame: Pfn) {
        self.lists[frames.zones.node_of(frame)].push(frame.0);
        self.kept += 1;
        if self.kept > KEPT_MAX {
            self.shrink(frames, waiters);
        }
    }

    /// Gives a batch back from the longest list, so that what a core keeps has one bound
    /// however many nodes there are.
    #[cold]
    fn shrink<M: Machine>(&mut self, frames: &Frames<M>, waiters: &Waiters<M>) {
        let longest = (0..self.lists.len()).max_by_key(|node| self.lists[*node].len());
        let longest = longest.expect("there is a node");
        self.give_back(frames, waiters, longest, FRAME_BATCH.min(self.lists[longest].len()));
    }

    /// Gives everything back.
    pub fn retire<M: Machine>(&mut self, frames: &Frames<M>, waiters: &Waiters<M>) {
        for node in 0..self.lists.len() {
            self.give_back(frames, waiters, node, self.lists[node].len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frames::Arena;
    use machine::host::Host;

    fn frames(nodes: &[usize]) -> Frames<Host> {
        let config = Config { nodes: nodes.into(), frames: 1001, ..Config::default() };
        Frames::new(Arena::new(1).expect("a page"), &config)
    }

    #[test]
    fn zones_are_as_large_as_their_nodes_have_cores() {
        let zones = frames(&[0, 1, 0, 0]).zones;
        assert_eq!([zones.zones[0].slots(), zones.zones[1].slots()], [750, 250]);
        let nodes = [1, 750, 751, 1000].map(|frame| zones.node_of(Pfn(frame)));
        assert_eq!(nodes, [0, 0, 1, 1]);
    }

    #[test]
    fn a_core_takes_of_its_node_first_and_every_frame_comes_back_to_its_own() {
        let frames = frames(&[0, 1]);
        let zones = &frames.zones;
        let waiters = Waiters::new(2);
        let mut lists = PageLists::new(zones, 1);
        let taken: Vec<Pfn> = std::iter::from_fn(|| lists.take(&frames, &waiters)).collect();
        assert_eq!((taken.len(), zones.free()), (1000, 0));
        assert!(taken[..500].iter().all(|frame| zones.node_of(*frame) == 1));
        taken.iter().for_each(|frame| lists.give(&frames, &waiters, *frame));
        assert!(zones.free() >= 1000 - KEPT_MAX, "a core keeps no more than its share");
        lists.retire(&frames, &waiters);
        assert_eq!([zones.zones[0].free(), zones.zones[1].free()], [500, 500]);
    }
}
