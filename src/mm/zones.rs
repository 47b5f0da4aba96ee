//! Free frames: a zone for each NUMA node, and on each core lists of frames of every node.
//!
//! As in Linux 7.2 `mm/page_alloc.c`: a core takes from the zone of its own node, from
//! another only when that is empty (`get_page_from_freelist`), and moves frames in batches
//! of 63 (`pcp->batch`) under `zone->lock`. A frame goes back to the zone that it is of,
//! whoever frees it.

use super::addr::Pfn;
use super::pool::{KEPT_BATCHES, Pool};
use crate::machine::{LineName, Machine};
use crate::sync::spinlock::Waiters;

static ZONE: LineName =
    LineName { name: "zone.lock", words: ["lock", "lock.tail", "free", "", "", "", "", ""] };

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
}

impl<M: Machine> Zones<M> {
    /// The frames `first..end`, shared out by how many cores each node has. `nodes`: the
    /// node of each core, from 0 without holes.
    pub fn new(first: u32, end: u32, nodes: &[usize]) -> Self {
        let count = nodes.iter().max().map_or(1, |last| last + 1);
        let cores_below = |node: usize| nodes.iter().filter(|of| **of < node).count() as u64;
        let bound = |node: usize| {
            let part = u64::from(end - first) * cores_below(node) / nodes.len().max(1) as u64;
            if node == count { end } else { first + part as u32 }
        };
        let zones = (0..count).map(|node| Pool::new(&ZONE, bound(node), bound(node + 1)));
        let ends = (1..=count).map(bound).collect();
        Self { zones: zones.collect(), ends, nodes: nodes.into() }
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

    /// Frames that are in zones.
    pub fn free(&self) -> usize {
        self.zones.iter().map(Pool::free).sum()
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
}

impl PageLists {
    /// Empty lists of a core.
    pub fn new<M: Machine>(zones: &Zones<M>, core: usize) -> Self {
        let node = zones.node_of_core(core);
        // Of other nodes too: what they fill with is freed, and taken, while threads storm.
        let list = |_| Vec::with_capacity(KEPT_MAX + FRAME_BATCH);
        Self { lists: (0..zones.nodes()).map(list).collect(), node, kept: 0 }
    }

    /// Takes a frame of the core's node, or else of another; `None` where the core has none
    /// and no zone has.
    #[inline]
    pub fn take<M: Machine>(&mut self, zones: &Zones<M>, waiters: &Waiters<M>) -> Option<Pfn> {
        match self.lists[self.node].pop() {
            Some(frame) => {
                self.kept -= 1;
                Some(Pfn(frame))
            }
            None => self.take_near(zones, waiters, self.node),
        }
    }

    /// Takes a frame of `node`, or else of the next one that has any.
    #[cold]
    pub fn take_near<M: Machine>(
        &mut self,
        zones: &Zones<M>,
        waiters: &Waiters<M>,
        node: usize,
    ) -> Option<Pfn> {
        for node in (node..zones.nodes()).chain(0..node) {
            let list = &mut self.lists[node];
            if list.is_empty() {
                self.kept += zones.zones[node].take_batch(waiters, list, FRAME_BATCH);
            }
            if let Some(frame) = list.pop() {
                self.kept -= 1;
                return Some(Pfn(frame));
            }
        }
        None
    }

    /// Begins with part of a batch, by `draw`.
    pub fn stagger<M: Machine>(&mut self, zones: &Zones<M>, waiters: &Waiters<M>, draw: usize) {
        let (zone, list) = (&zones.zones[self.node], &mut self.lists[self.node]);
        self.kept += zone.take_batch(waiters, list, FRAME_BATCH);
        let surplus = (draw % FRAME_BATCH).min(list.len());
        zone.give_batch(waiters, list, surplus);
        self.kept -= surplus;
    }

    /// Gives a frame back.
    #[inline]
    pub fn give<M: Machine>(&mut self, zones: &Zones<M>, waiters: &Waiters<M>, frame: Pfn) {
        self.lists[zones.node_of(frame)].push(frame.0);
        self.kept += 1;
        if self.kept > KEPT_MAX {
            self.shrink(zones, waiters);
        }
    }

    /// Gives a batch back from the longest list, so that what a core keeps has one bound
    /// however many nodes there are.
    #[cold]
    fn shrink<M: Machine>(&mut self, zones: &Zones<M>, waiters: &Waiters<M>) {
        let lists = self.lists.iter_mut().zip(&zones.zones);
        let (list, zone) = lists.max_by_key(|(list, _)| list.len()).expect("there is a node");
        let count = FRAME_BATCH.min(list.len());
        zone.give_batch(waiters, list, count);
        self.kept -= count;
    }

    /// Gives everything back.
    pub fn retire<M: Machine>(&mut self, zones: &Zones<M>, waiters: &Waiters<M>) {
        for (list, zone) in self.lists.iter_mut().zip(&zones.zones) {
            let count = list.len();
            zone.give_batch(waiters, list, count);
        }
        self.kept = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::host::Host;

    #[test]
    fn zones_are_as_large_as_their_nodes_have_cores() {
        let zones = Zones::<Host>::new(1, 1001, &[0, 1, 0, 0]);
        assert_eq!([zones.zones[0].slots(), zones.zones[1].slots()], [750, 250]);
        let nodes = [1, 750, 751, 1000].map(|frame| zones.node_of(Pfn(frame)));
        assert_eq!(nodes, [0, 0, 1, 1]);
    }

    #[test]
    fn a_core_takes_of_its_node_first_and_every_frame_comes_back_to_its_own() {
        let zones = Zones::<Host>::new(1, 1001, &[0, 1]);
        let waiters = Waiters::new(2);
        let mut lists = PageLists::new(&zones, 1);
        let taken: Vec<Pfn> = std::iter::from_fn(|| lists.take(&zones, &waiters)).collect();
        assert_eq!((taken.len(), zones.free()), (1000, 0));
        assert!(taken[..500].iter().all(|frame| zones.node_of(*frame) == 1));
        taken.iter().for_each(|frame| lists.give(&zones, &waiters, *frame));
        assert!(zones.free() >= 1000 - KEPT_MAX, "a core keeps no more than its share");
        lists.retire(&zones, &waiters);
        assert_eq!([zones.zones[0].free(), zones.zones[1].free()], [500, 500]);
    }
}
