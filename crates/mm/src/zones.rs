//! Free frames: a zone for each NUMA node, and on each core lists of frames of every node.
//!
//! As in Linux 7.2 `mm/page_alloc.c`: a core takes from the zone of its own node, from another only
//! if that is empty (`get_page_from_freelist`), and moves frames in batches of 63 (`pcp->batch`)
//! under `zone->lock`. A frame returns to its own zone, whichever core frees it. Each allocation
//! reads the zone's flags and the number of free pages (`rmqueue`, `zone_watermark_fast`). Under
//! the lock each frame of a batch is unlinked from the lists of the buddy allocator, or linked into
//! them: the time goes to fetching the lines of their `struct page`. The kernel's file has the
//! places of flags, lock and counters of a zone.
//!
//! A large folio is a block of frames. Zones have blocks of their own for each size, which are
//! neither split nor merged, as in a zone that has enough free blocks. A core keeps blocks of up to
//! 8 pages and of 512 (`pcp_allowed_order`), and takes all others one by one.

use super::Config;
use super::addr::{PMD_ORDER, Pfn};
use super::frames::Frames;
use super::kernel::{Field, Kernel};
use super::pool::{Blocks, KEPT_BATCHES, Pool, PoolLines};
use super::vmstat::{Differentials, Item, VmStat};
use machine::{LINE_WORDS, Line, Machine, Waited};
use std::sync::Arc;
use sync::spinlock::Waiters;

/// Frames moved at a time between a core and a zone.
pub const FRAME_BATCH: usize = 63;
/// Frames that a core may keep before it gives a batch back.
const KEPT_MAX: usize = KEPT_BATCHES * FRAME_BATCH;
/// Largest order of blocks that cores keep, except for [`PMD_ORDER`] (`PAGE_ALLOC_COSTLY_ORDER`).
const COSTLY_ORDER: u8 = 3;

/// Returns true if cores keep free blocks of an order (Linux 6.12 `pcp_allowed_order`).
const fn is_kept(order: u8) -> bool {
    order <= COSTLY_ORDER || order == PMD_ORDER
}

/// Blocks moved at a time between a core and a zone (`nr_pcp_alloc`).
const fn batch(order: u8) -> usize {
    match FRAME_BATCH >> order {
        _ if !is_kept(order) => 1,
        0 | 1 => 2,
        blocks => blocks,
    }
}

/// Returns the most blocks of an order that the lists of a core have.
pub const fn kept_max(order: u8) -> usize {
    (KEPT_MAX >> order) + batch(order) + 1
}

/// All frames, by node.
pub struct Zones<M: Machine> {
    zones: Box<[Pool<M>]>,
    /// Orders of blocks: 0, and after it those of large folios. Each is a list of every zone.
    orders: Box<[u8]>,
    /// The first frame after each section. A section has the blocks of one order of one node;
    /// they are in the order of orders, and within one of nodes.
    ends: Box<[u32]>,
    /// The node of each core.
    nodes: Box<[usize]>,
    /// Statistics of zones and nodes.
    pub stat: VmStat<M>,
    flags: Field,
}

impl<M: Machine> Zones<M> {
    /// Creates the frames `first..end`, shared out by how many cores each node has. Those of large
    /// folios are the last.
    pub fn new(first: u32, end: u32, config: &Config, kernel: &'static Kernel) -> Self {
        let nodes = &config.nodes;
        let count = nodes.iter().max().map_or(1, |last| last + 1);
        let cores_below = |node: usize| nodes.iter().filter(|of| **of < node).count() as u64;
        let share = |blocks: u64, node: usize| match node {
            node if node == count => blocks as u32,
            node => (blocks * cores_below(node) / nodes.len().max(1) as u64) as u32,
        };
        let large: u32 = config.large_folios.iter().map(|(order, blocks)| blocks << order).sum();
        let bound = |node: usize| first + share(u64::from(end - first - large), node);
        let mut ends: Vec<u32> = (1..=count).map(bound).collect();
        let mut blocks: Vec<Vec<Blocks>> = (0..count).map(|_| Vec::new()).collect();
        let mut from = bound(count);
        for (order, number) in &config.large_folios {
            for (node, blocks) in blocks.iter_mut().enumerate() {
                let [low, high] = [node, node + 1].map(|node| share(u64::from(*number), node));
                let firsts = (low..high).rev().map(|block| from + (block << order));
                blocks.push(Blocks { order: *order, first: firsts.collect() });
                ends.push(from + (high << order));
            }
            from += number << order;
        }
        let at = &kernel.zone;
        let line = |name| M::Line::new(name, [0; LINE_WORDS]);
        let lines: Vec<Arc<[M::Line]>> =
            (0..count).map(|_| at.lines.iter().map(line).collect()).collect();
        let zone = |(node, blocks): (usize, Vec<Blocks>)| {
            let single = bound(node)..bound(node + 1);
            let lines = Arc::clone(&lines[node]);
            let lines =
                PoolLines { lines, lock: at.lock, lock_name: Waited::ZoneLock, free: at.nr_free };
            Pool::with_blocks(lines, single, blocks.into(), !config.no_zone_lock)
        };
        let zones: Box<[Pool<M>]> = blocks.into_iter().enumerate().map(zone).collect();
        let free: Vec<usize> = zones.iter().map(Pool::slots).collect();
        let stat = VmStat::new(&lines, at, &free, config.stat_threshold);
        let large = config.large_folios.iter().map(|(order, _)| *order);
        let orders = std::iter::once(0).chain(large).collect();
        Self { zones, orders, ends: ends.into(), nodes: nodes.clone(), stat, flags: at.flags }
    }

    /// Returns the number of nodes.
    pub fn nodes(&self) -> usize {
        self.zones.len()
    }

    /// Returns the node of a core.
    pub fn node_of_core(&self, core: usize) -> usize {
        self.nodes[core]
    }

    /// Returns the number of the section that a frame is in.
    #[inline]
    fn section_of(&self, frame: Pfn) -> usize {
        self.ends.partition_point(|end| *end <= frame.0)
    }

    /// Returns the node of a frame.
    #[inline]
    pub fn node_of(&self, frame: Pfn) -> usize {
        self.section_of(frame) % self.zones.len()
    }

    /// Returns the order of the block that a frame belongs to.
    #[inline]
    pub fn order_of(&self, frame: Pfn) -> u8 {
        self.orders[self.section_of(frame) / self.zones.len()]
    }

    /// Returns the first frame that belongs to a large folio.
    pub fn first_large(&self) -> Pfn {
        Pfn(self.ends[self.zones.len() - 1])
    }

    /// Returns the first frame of the block that a frame belongs to.
    #[inline]
    pub fn first_of_block(&self, frame: Pfn) -> Pfn {
        let section = self.section_of(frame);
        let start = section.checked_sub(1).map_or(0, |before| self.ends[before]);
        let frames = 1 << self.orders[section / self.zones.len()];
        Pfn(frame.0 - (frame.0 - start) % frames)
    }

    /// Returns the list of blocks of an order; `None` if there are no such blocks.
    fn list_of(&self, order: u8) -> Option<usize> {
        self.orders.iter().position(|other| *other == order)
    }

    /// Reads the words of a zone that each allocation reads.
    #[inline(always)]
    fn look(&self, node: usize) {
        self.zones[node].load(self.flags);
        self.stat.look_at_free(node);
    }

    /// Returns the number of frames that are in zones.
    pub fn free(&self) -> usize {
        self.zones.iter().map(Pool::free).sum()
    }

    /// Returns the number of frames that are in the zone of a node.
    pub fn free_of(&self, node: usize) -> usize {
        self.zones[node].free()
    }

    /// Returns the number of all frames.
    pub fn slots(&self) -> usize {
        self.zones.iter().map(Pool::slots).sum()
    }
}

/// A core's free frames and blocks of frames, by section (`per_cpu_pages`). No other core reads
/// them, so they are on no tracked line.
#[derive(Debug)]
pub struct PageLists {
    lists: Box<[Vec<u32>]>,
    node: usize,
    /// Frames of all lists.
    kept: usize,
    /// Differentials of the core.
    pub stat: Differentials,
}

impl PageLists {
    /// Creates empty lists of a core.
    pub fn new<M: Machine>(zones: &Zones<M>, core: usize) -> Self {
        let node = zones.node_of_core(core);
        // For other nodes too: a storm frees and takes frames of these.
        let order = |section: usize| zones.orders[section / zones.nodes()];
        let list = |section| Vec::with_capacity(kept_max(order(section)));
        let lists = (0..zones.ends.len()).map(list).collect();
        Self { lists, node, kept: 0, stat: Differentials::new(zones.nodes()) }
    }

    /// Takes a frame of the core's node, or else of another; `None` if neither the core nor any
    /// zone has one.
    #[inline]
    pub fn take<M: Machine>(&mut self, frames: &Frames<M>, waiters: &Waiters<M>) -> Option<Pfn> {
        frames.zones.look(self.node);
        match self.lists[self.node].pop() {
            Some(frame) => {
                self.kept -= 1;
                Some(Pfn(frame))
            }
            None => self.take_near(frames, waiters, 0, self.node),
        }
    }

    /// Takes a block of a node, or else of another; `None` if there is none.
    pub fn take_block_near<M: Machine>(
        &mut self,
        frames: &Frames<M>,
        waiters: &Waiters<M>,
        order: u8,
        node: usize,
    ) -> Option<Pfn> {
        let list = frames.zones.list_of(order)?;
        frames.zones.look(node);
        self.take_near(frames, waiters, list, node)
    }

    /// Takes a block of list `list` of `node`, or else of the next node that has any.
    #[cold]
    pub fn take_near<M: Machine>(
        &mut self,
        frames: &Frames<M>,
        waiters: &Waiters<M>,
        list: usize,
        node: usize,
    ) -> Option<Pfn> {
        let nodes = frames.zones.nodes();
        for section in (node..nodes).chain(0..node).map(|node| list * nodes + node) {
            if self.lists[section].is_empty() {
                self.refill(frames, waiters, section);
            }
            if let Some(frame) = self.lists[section].pop() {
                self.kept -= 1 << frames.zones.orders[list];
                return Some(Pfn(frame));
            }
        }
        None
    }

    /// Starts with part of a batch, by `draw`.
    pub fn stagger<M: Machine>(&mut self, frames: &Frames<M>, waiters: &Waiters<M>, draw: usize) {
        self.refill(frames, waiters, self.node);
        let surplus = (draw % FRAME_BATCH).min(self.lists[self.node].len());
        self.give_back(frames, waiters, self.node, surplus);
    }

    /// Takes a batch from a zone (`rmqueue_bulk`; without lists of cores `rmqueue_buddy`).
    fn refill<M: Machine>(&mut self, frames: &Frames<M>, waiters: &Waiters<M>, section: usize) {
        let unlink = |frame| frames.unlink_free(Pfn(frame));
        let (zones, to) = (&frames.zones, &mut self.lists[section]);
        let (list, node) = (section / zones.nodes(), section % zones.nodes());
        let order = zones.orders[list];
        let taken = zones.zones[node].take_batch(waiters, (list, to), batch(order), unlink);
        self.kept += taken << order;
        self.stat.add(&zones.stat, node, Item::FreePages, -((taken << order) as i64));
    }

    /// Gives `count` blocks back to their zone (`free_pcppages_bulk`).
    fn give_back<M: Machine>(
        &mut self,
        frames: &Frames<M>,
        waiters: &Waiters<M>,
        section: usize,
        count: usize,
    ) {
        let (zones, link) = (&frames.zones, |frame| frames.link_free(Pfn(frame)));
        let (list, node) = (section / zones.nodes(), section % zones.nodes());
        let pages = count << zones.orders[list];
        zones.zones[node].give_batch(waiters, (list, &mut self.lists[section]), count, link);
        self.kept -= pages;
        self.stat.add(&zones.stat, node, Item::FreePages, pages as i64);
    }

    /// Gives a frame back, or the block that begins with it.
    #[inline]
    pub fn give<M: Machine>(&mut self, frames: &Frames<M>, waiters: &Waiters<M>, frame: Pfn) {
        let section = frames.zones.section_of(frame);
        self.lists[section].push(frame.0);
        if section < frames.zones.nodes() {
            self.kept += 1;
        } else {
            self.keep_block(frames, waiters, section);
        }
        if self.kept > KEPT_MAX {
            self.shrink(frames, waiters);
        }
    }

    /// Counts a block that has come to a list, or gives it back if cores keep none of its order.
    #[cold]
    fn keep_block<M: Machine>(&mut self, frames: &Frames<M>, waiters: &Waiters<M>, section: usize) {
        let order = frames.zones.orders[section / frames.zones.nodes()];
        self.kept += 1 << order;
        if !is_kept(order) {
            self.give_back(frames, waiters, section, 1);
        }
    }

    /// Gives a batch back from the list with the most frames, so that the bound of a core's frames
    /// does not depend on the number of nodes.
    #[cold]
    fn shrink<M: Machine>(&mut self, frames: &Frames<M>, waiters: &Waiters<M>) {
        let zones = &frames.zones;
        let order = |section: usize| zones.orders[section / zones.nodes()];
        let pages = |section: &usize| self.lists[*section].len() << order(*section);
        let longest = (0..self.lists.len()).max_by_key(pages).expect("there is a node");
        let count = batch(order(longest)).min(self.lists[longest].len());
        self.give_back(frames, waiters, longest, count);
    }

    /// Gives everything back.
    pub fn retire<M: Machine>(&mut self, frames: &Frames<M>, waiters: &Waiters<M>) {
        for section in 0..self.lists.len() {
            self.give_back(frames, waiters, section, self.lists[section].len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frames::Arena;
    use crate::kernel::LINUX_7_2;
    use machine::host::Host;

    fn frames(nodes: &[usize]) -> Frames<Host> {
        let config = Config { nodes: nodes.into(), frames: 1001, ..Config::default() };
        Frames::new(Arena::new(1).expect("a page"), &config, &LINUX_7_2)
    }

    #[test]
    fn zones_are_as_large_as_their_nodes_have_cores() {
        let zones = frames(&[0, 1, 0, 0]).zones;
        assert_eq!([zones.zones[0].slots(), zones.zones[1].slots()], [750, 250]);
        let nodes = [1, 750, 751, 1000].map(|frame| zones.node_of(Pfn(frame)));
        assert_eq!(nodes, [0, 0, 1, 1]);
    }

    #[test]
    fn blocks_are_of_one_order_and_one_node_and_cores_keep_few_of_them() {
        let large_folios = [(4, 10), (9, 6)].into();
        let config = Config {
            nodes: [0, 1].into(),
            frames: 1001 + 160 + 3072,
            large_folios,
            ..Config::default()
        };
        let frames = Frames::<Host>::new(Arena::new(1).expect("a page"), &config, &LINUX_7_2);
        let (zones, waiters) = (&frames.zones, Waiters::new(2));
        assert_eq!((zones.first_large(), zones.slots()), (Pfn(1001), 4232));
        let of = |frame| (zones.order_of(Pfn(frame)), zones.node_of(Pfn(frame)));
        let bounds = [1, 500, 501, 1000, 1001, 1080, 1081, 1160, 1161, 2696, 2697, 4232].map(of);
        let sections = [(0, 0), (0, 1), (4, 0), (4, 1), (9, 0), (9, 1)];
        assert!(bounds.chunks(2).map(|ends| (ends[0], ends[1])).eq(sections.map(|s| (s, s))));
        let mut lists = PageLists::new(zones, 1);
        let mut take = |order| lists.take_block_near(&frames, &waiters, order, 1);
        assert_eq!(
            (take(4), take(4), take(9)),
            (Some(Pfn(1081)), Some(Pfn(1097)), Some(Pfn(2697)))
        );
        assert_eq!(take(5), None, "there are none of this order");
        // One of 16 pages at a time, two of 512.
        assert_eq!(zones.free_of(1), 500 + 3 * 16 + 512);
        for first in [1081, 1097, 2697] {
            lists.give(&frames, &waiters, Pfn(first));
        }
        assert!(zones.free_of(1) >= 500 + 5 * 16 + 2 * 512, "{}", zones.free_of(1));
        lists.retire(&frames, &waiters);
        assert_eq!([zones.free_of(0), zones.free_of(1)], [500 + 80 + 1536; 2]);
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
