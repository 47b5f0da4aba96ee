//! Statistics of zones and nodes: the differentials of a core, and the counters that all cores
//! share.
//!
//! Reference: Linux 6.2 `mm/vmstat.c` (`__mod_zone_page_state`, `__mod_node_page_state`,
//! `calculate_normal_threshold`). A core counts in differentials of its own (`vm_stat_diff`,
//! `vm_node_stat_diff`). Above a threshold it adds the differential to the counter of the zone or
//! node, and to that of the whole machine (`vm_zone_stat`, `vm_node_stat`), and starts again from
//! 0.
//!
//! The counters are in the order of `enum zone_stat_item` and `node_stat_item`
//! (`include/linux/mmzone.h`), so several are on one line: the sizes of a node's LRU lists, its
//! mapped and cached pages. Those of a zone (free pages, both sizes of LRU lists) are where the
//! kernel's file has `vm_stat`. And `per_cpu_nodestats`, which every count of a node reads, is on
//! the line of the LRU sizes, since it is before `vm_stat` in `struct pglist_data`.
//!
//! Not simulated: pages that are dirty or under writeback, and the fold of all cores once a second.

use super::kernel::{Field, ZoneLayout};
use machine::{LINE_WORDS, Line, LineName, Machine, Ordering, Word};
use std::sync::Arc;

static ZONES: LineName = LineName {
    name: "vm_zone_stat",
    words: [
        "NR_FREE_PAGES",
        "NR_ZONE_INACTIVE_ANON",
        "NR_ZONE_ACTIVE_ANON",
        "NR_ZONE_INACTIVE_FILE",
        "NR_ZONE_ACTIVE_FILE",
        "NR_ZONE_UNEVICTABLE",
        "NR_ZONE_WRITE_PENDING",
        "NR_MLOCK",
    ],
};

static NODE: LineName = LineName {
    name: "node.vm_stat",
    words: [
        "per_cpu_nodestats",
        "NR_INACTIVE_ANON",
        "NR_ACTIVE_ANON",
        "NR_INACTIVE_FILE",
        "NR_ACTIVE_FILE",
        "NR_UNEVICTABLE",
        "NR_SLAB_RECLAIMABLE_B",
        "NR_SLAB_UNRECLAIMABLE_B",
    ],
};

static NODE_MAPPED: LineName = LineName {
    name: "node.vm_stat.mapped",
    words: [
        "WORKINGSET_RESTORE_FILE",
        "WORKINGSET_NODERECLAIM",
        "NR_ANON_MAPPED",
        "NR_FILE_MAPPED",
        "NR_FILE_PAGES",
        "NR_FILE_DIRTY",
        "NR_WRITEBACK",
        "NR_WRITEBACK_TEMP",
    ],
};

static NODE_TABLES: LineName = LineName {
    name: "node.vm_stat.tables",
    words: [
        "NR_DIRTIED",
        "NR_WRITTEN",
        "NR_THROTTLED_WRITTEN",
        "NR_KERNEL_MISC_RECLAIMABLE",
        "NR_FOLL_PIN_ACQUIRED",
        "NR_FOLL_PIN_RELEASED",
        "NR_KERNEL_STACK_KB",
        "NR_PAGETABLE",
    ],
};

static NODES: LineName = LineName {
    name: "vm_node_stat",
    words: [
        "NR_INACTIVE_ANON",
        "NR_ACTIVE_ANON",
        "NR_INACTIVE_FILE",
        "NR_ACTIVE_FILE",
        "NR_UNEVICTABLE",
        "NR_SLAB_RECLAIMABLE_B",
        "NR_SLAB_UNRECLAIMABLE_B",
        "NR_ISOLATED_ANON",
    ],
};

static NODES_MAPPED: LineName = LineName {
    name: "vm_node_stat.mapped",
    words: [
        "WORKINGSET_NODERECLAIM",
        "NR_ANON_MAPPED",
        "NR_FILE_MAPPED",
        "NR_FILE_PAGES",
        "NR_FILE_DIRTY",
        "NR_WRITEBACK",
        "NR_WRITEBACK_TEMP",
        "NR_SHMEM",
    ],
};

static NODES_TABLES: LineName = LineName {
    name: "vm_node_stat.tables",
    words: [
        "NR_WRITTEN",
        "NR_THROTTLED_WRITTEN",
        "NR_KERNEL_MISC_RECLAIMABLE",
        "NR_FOLL_PIN_ACQUIRED",
        "NR_FOLL_PIN_RELEASED",
        "NR_KERNEL_STACK_KB",
        "NR_PAGETABLE",
        "NR_SECONDARY_PAGETABLE",
    ],
};

/// A counted item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item {
    /// Frames in the zone's own lists.
    FreePages,
    /// Anonymous folios on the LRU lists, as the zone counts them.
    ZoneInactiveAnon,
    /// Those of files.
    ZoneInactiveFile,
    /// Anonymous folios on the LRU lists, as the node counts them.
    InactiveAnon,
    /// Those of files.
    InactiveFile,
    /// Anonymous pages that are mapped.
    AnonMapped,
    /// Pages of files that are mapped, each counted once.
    FileMapped,
    /// Pages in the page cache.
    FilePages,
    /// Page tables.
    PageTable,
}

/// A word of a group of lines: the line, and the word of it.
type Place = (usize, usize);

impl Item {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::FreePages,
        Self::ZoneInactiveAnon,
        Self::ZoneInactiveFile,
        Self::InactiveAnon,
        Self::InactiveFile,
        Self::AnonMapped,
        Self::FileMapped,
        Self::FilePages,
        Self::PageTable,
    ];

    /// Returns its place among the lines of its node, if the node counts it and not the zone, and
    /// among those of the machine.
    fn places(self) -> (Option<Place>, Place) {
        match self {
            Self::FreePages => (None, (0, 0)),
            Self::ZoneInactiveAnon => (None, (0, 1)),
            Self::ZoneInactiveFile => (None, (0, 3)),
            Self::InactiveAnon => (Some((0, 1)), (1, 0)),
            Self::InactiveFile => (Some((0, 3)), (1, 2)),
            Self::AnonMapped => (Some((1, 2)), (2, 1)),
            Self::FileMapped => (Some((1, 3)), (2, 2)),
            Self::FilePages => (Some((1, 4)), (2, 3)),
            Self::PageTable => (Some((2, 7)), (3, 6)),
        }
    }

    /// Returns its place in a zone; of an item of nodes, that of `NR_FREE_PAGES`.
    fn place_in_zone(self, at: &ZoneLayout) -> Field {
        match self {
            Self::ZoneInactiveAnon => at.inactive_anon,
            Self::ZoneInactiveFile => at.inactive_file,
            _ => at.free_pages,
        }
    }
}

/// The line of a node with `per_cpu_nodestats`.
const NODE_LINE: usize = 0;
/// Words have no negative numbers: counts are stored plus this.
const BIAS: u64 = 1 << 40;
/// Differentials have 8 bits.
const THRESHOLD_MAX: u64 = 125;

/// Returns the threshold of a differential, in pages, on a machine of `cpus` logical CPUs whose
/// zones have `zone_bytes` (`calculate_normal_threshold`).
pub fn normal_threshold(cpus: usize, zone_bytes: u64) -> u64 {
    // `fls`: the place of the highest bit, from 1.
    let fls = |value: u64| u64::from(u64::BITS - value.leading_zeros());
    (2 * fls(cpus as u64) * (1 + fls(zone_bytes >> 27))).min(THRESHOLD_MAX)
}

/// The counters of all zones and nodes; none if nothing is counted.
pub struct VmStat<M: Machine> {
    /// Lines of each zone, which its lock and flags are on too.
    zones: Box<[Arc<[M::Line]>]>,
    at: &'static ZoneLayout,
    nodes: Box<[[M::Line; 3]]>,
    all: [M::Line; 4],
    threshold: i64,
}

impl<M: Machine> VmStat<M> {
    /// Creates counters of zones with these lines and numbers of free pages. `threshold` is that
    /// of a core's differentials; `None`: nothing is counted.
    pub fn new(
        zones: &[Arc<[M::Line]>],
        at: &'static ZoneLayout,
        free: &[usize],
        threshold: Option<u64>,
    ) -> Self {
        let zero = |name| M::Line::new(name, [BIAS; LINE_WORDS]);
        let zones = if threshold.is_some() { zones } else { &[] };
        let all = [&ZONES, &NODES, &NODES_MAPPED, &NODES_TABLES].map(zero);
        for (zone, free) in zones.iter().zip(free) {
            for item in Item::ALL.into_iter().filter(|item| item.places().0.is_none()) {
                let place = item.place_in_zone(at);
                zone[place.line].store(place.word, BIAS, Ordering::Relaxed);
            }
            let place = at.free_pages;
            zone[place.line].fetch_add(place.word, *free as u64, Ordering::Relaxed);
            all[0].fetch_add(0, *free as u64, Ordering::Relaxed);
        }
        Self {
            zones: zones.into(),
            at,
            nodes: zones.iter().map(|_| [&NODE, &NODE_MAPPED, &NODE_TABLES].map(zero)).collect(),
            all,
            threshold: threshold.unwrap_or(0) as i64,
        }
    }

    /// Returns the shared counter of a node or of its zone.
    #[inline(always)]
    fn counter(&self, node: usize, item: Item) -> Word<'_, M::Line> {
        match item.places().0 {
            Some((line, word)) => Word::new(&self.nodes[node][line], word),
            None => {
                let place = item.place_in_zone(self.at);
                Word::new(&self.zones[node][place.line], place.word)
            }
        }
    }

    /// Returns true if anything is counted.
    #[inline(always)]
    pub fn is_on(&self) -> bool {
        !self.nodes.is_empty()
    }

    /// Reads the number of free pages of a zone, as the check of its watermarks does.
    #[inline(always)]
    pub fn look_at_free(&self, node: usize) {
        if self.is_on() {
            self.counter(node, Item::FreePages).load(Ordering::Relaxed);
        }
    }

    /// Adds to the counters that all cores share.
    #[cold]
    fn tell(&self, node: usize, item: Item, pages: i64) {
        let (line, word) = item.places().1;
        for counter in [self.counter(node, item), Word::new(&self.all[line], word)] {
            match pages {
                0.. => counter.fetch_add(pages as u64, Ordering::Relaxed),
                _ => counter.fetch_sub(pages.unsigned_abs(), Ordering::Relaxed),
            };
        }
    }

    /// Returns the shared counter of a node.
    pub fn of_node(&self, node: usize, item: Item) -> i64 {
        (self.counter(node, item).load(Ordering::Relaxed) as i64) - BIAS as i64
    }

    /// Returns the shared counter of the machine.
    pub fn of_all(&self, item: Item) -> i64 {
        let (line, word) = item.places().1;
        (self.all[line].load(word, Ordering::Relaxed) as i64) - BIAS as i64
    }
}

/// The differentials of a core, by node. No other core reads them, so they are on no tracked line.
#[derive(Debug)]
pub struct Differentials(Box<[[i64; Item::ALL.len()]]>);

impl Differentials {
    /// Creates differentials of 0 for `nodes` nodes.
    pub fn new(nodes: usize) -> Self {
        Self((0..nodes).map(|_| [0; Item::ALL.len()]).collect())
    }

    /// Counts pages of a node.
    #[inline(always)]
    pub fn add<M: Machine>(&mut self, stat: &VmStat<M>, node: usize, item: Item, pages: i64) {
        if !stat.is_on() {
            return;
        }
        if item.places().0.is_some() {
            stat.nodes[node][NODE_LINE].load(0, Ordering::Relaxed);
        }
        let own = &mut self.0[node][item as usize];
        *own += pages;
        if own.abs() > stat.threshold {
            stat.tell(node, item, std::mem::take(own));
        }
    }

    /// Starts somewhere below the threshold, by `draw`: pages that the counters do not have.
    pub fn stagger<M: Machine>(&mut self, stat: &VmStat<M>, node: usize, draw: u64) {
        if !stat.is_on() {
            return;
        }
        for item in Item::ALL {
            let pages = (draw.rotate_left(7 * item as u32) % (stat.threshold as u64 + 1)) as i64;
            self.0[node][item as usize] += pages;
            stat.tell(node, item, -pages);
        }
    }

    /// Adds all differentials to the counters (`refresh_cpu_vm_stats`).
    pub fn retire<M: Machine>(&mut self, stat: &VmStat<M>) {
        for (node, own) in self.0.iter_mut().enumerate().filter(|_| stat.is_on()) {
            for item in Item::ALL {
                match std::mem::take(&mut own[item as usize]) {
                    0 => {}
                    pages => stat.tell(node, item, pages),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::LINUX_7_2;
    use machine::host::Host;

    #[test]
    fn the_threshold_is_the_kernels() {
        // Computed by hand; the first four are in the comment of `calculate_normal_threshold` too.
        let gib = 1 << 30;
        for (cpus, bytes, threshold) in [
            (1, gib - 1, 8),
            (2, gib - 1, 16),
            (2, 2 * gib - 1, 20),
            (2, 8 * gib - 1, 28),
            (64, 4 * gib - 1, 84),
            (128, 128 * gib, 125),
        ] {
            assert_eq!(normal_threshold(cpus, bytes), threshold, "{cpus} CPUs, {bytes} bytes");
        }
    }

    /// Counters of zones that nothing else is kept of.
    fn counters(free: &[usize], threshold: Option<u64>) -> VmStat<Host> {
        let at = &LINUX_7_2.zone;
        let line = |name| Line::new(name, [0; LINE_WORDS]);
        let zones: Vec<Arc<[_]>> =
            free.iter().map(|_| at.lines.iter().map(line).collect()).collect();
        VmStat::new(&zones, at, free, threshold)
    }

    #[test]
    fn a_core_tells_what_is_beyond_the_threshold_to_its_node_and_to_all() {
        let stat = counters(&[100, 50], Some(3));
        let mut own = Differentials::new(2);
        let counters = |item| [stat.of_node(0, item), stat.of_node(1, item), stat.of_all(item)];
        (0..3).for_each(|_| own.add(&stat, 1, Item::AnonMapped, 1));
        assert_eq!(counters(Item::AnonMapped), [0, 0, 0]);
        own.add(&stat, 1, Item::AnonMapped, 1);
        assert_eq!(counters(Item::AnonMapped), [0, 4, 4], "all of it, and begins from 0");
        own.add(&stat, 0, Item::FreePages, -63);
        assert_eq!(counters(Item::FreePages), [37, 50, 87]);
        own.add(&stat, 1, Item::AnonMapped, -2);
        own.stagger(&stat, 1, 0x1234_5678_9abc_def0);
        own.retire(&stat);
        assert_eq!(counters(Item::AnonMapped), [0, 2, 2]);
        assert_eq!(
            counters(Item::FreePages),
            [37, 50, 87],
            "what begins somewhere is lost nowhere"
        );
    }

    #[test]
    fn words_are_named_as_what_is_counted_there() {
        let own = [&NODE, &NODE_MAPPED, &NODE_TABLES];
        let all = [&ZONES, &NODES, &NODES_MAPPED, &NODES_TABLES];
        for item in Item::ALL {
            let (of_node, (of_all, all_word)) = item.places();
            let (line, word) = of_node.map_or_else(
                || {
                    let place = item.place_in_zone(&LINUX_7_2.zone);
                    (&LINUX_7_2.zone.lines[place.line], place.word)
                },
                |(line, word)| (own[line], word),
            );
            assert_eq!(line.words[word], all[of_all].words[all_word], "{item:?}");
        }
    }

    #[test]
    fn nothing_is_counted_without_a_threshold() {
        let (stat, mut own) = (counters(&[100], None), Differentials::new(1));
        own.add(&stat, 0, Item::FreePages, 9);
        own.retire(&stat);
        assert!(!stat.is_on());
    }
}
