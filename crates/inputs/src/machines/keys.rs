//! Every number of a machine file: the one table of them.

use machine::model::{Arbitration, FarAtomics, Latencies, Parameters, Ps, Shape};
use machine::model::{ShootdownTimes, WorkTimes};
use std::fmt;

/// A number of a machine file.
pub struct Key {
    /// The table that it stands in, without brackets.
    pub section: &'static str,
    /// Its name there.
    pub name: &'static str,
    /// What it is, in words.
    pub about: &'static str,
    /// What it may be.
    pub range: Range,
    /// Whether it must be there.
    pub need: Need,
    /// Puts it in its place.
    pub set: fn(&mut Parameters, f64),
}

/// What a number may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Range {
    /// A whole number from the first to the second.
    Count(u32, u32),
    /// From the first to the second, both included.
    Number(f64, f64),
    /// One of these words; its value is its place among them.
    Word(&'static [&'static str]),
}

impl Range {
    /// Whether a number may be this.
    pub fn contains(self, value: f64) -> bool {
        match self {
            Self::Count(low, high) => {
                value.fract() == 0.0 && (f64::from(low)..=f64::from(high)).contains(&value)
            }
            Self::Number(low, high) => (low..=high).contains(&value),
            Self::Word(words) => Self::Count(0, words.len() as u32 - 1).contains(value),
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(low, high) => write!(f, "a whole number from {low} to {high}"),
            Self::Number(low, high) => write!(f, "a number from {low} to {high}"),
            Self::Word(words) => write!(f, "one of \"{}\"", words.join("\", \"")),
        }
    }
}

/// Whether a number must be there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Need {
    /// It must.
    Always,
    /// Where the machine has several sockets.
    Sockets,
    /// Where its sockets stand in several groups.
    Groups,
    /// Without it, this is taken.
    Else(f64),
    /// Without it, the machine does not do that.
    Optional,
}

/// Before any number is set.
pub(super) const NOTHING: Parameters = Parameters {
    shape: Shape {
        sockets: 1,
        sockets_per_group: 0,
        cores_per_socket: 1,
        cluster_cores: 1,
        smt: 1,
    },
    load_hit_ps: 0,
    rmw_hit_ps: 0,
    store_ps: 0,
    write_modified: Latencies([0; 4]),
    read_modified: Latencies([0; 4]),
    read_shared: Latencies([0; 4]),
    upgrade: Latencies([0; 4]),
    last_level_ps: 0,
    memory: [0; 3],
    home_extra_ps: 0,
    home_remote_socket_ps: None,
    far_atomics: None,
    invalidate_each_ps: 0,
    read_occupancy_ps: 0,
    reuse_k: 1,
    local_batch: 1,
    arbitration: Arbitration::Socket,
    request_share_permille: 0,
    spin_exit_ps: 0,
    hoist_loads: false,
    merge_own_requests: true,
    adjacent_pairs: false,
    memory_bytes_per_us: 0,
    shootdown: ShootdownTimes { round_trip_ps: 0, each_ps: 0, interrupted_ps: 0 },
    work: WorkTimes {
        trap_ps: 0,
        read_section_ps: 0,
        clear_page_ps: 0,
        copy_page_ps: 0,
        relax_ps: 0,
        wake_ps: 0,
    },
    smt_slowdown_permille: 1000,
};

fn ps(ns: f64) -> Ps {
    (ns * 1000.0).round() as Ps
}

const NS: Range = Range::Number(0.1, 1_000_000.0);

const fn key(
    section: &'static str,
    name: &'static str,
    range: Range,
    need: Need,
    set: fn(&mut Parameters, f64),
    about: &'static str,
) -> Key {
    Key { section, name, about, range, need, set }
}

/// The four distances of a row of latencies.
macro_rules! row {
    ($section:literal, $field:ident, $about:literal) => {
        [
            key($section, "cluster", NS, Need::Always, |p, ns| p.$field.0[0] = ps(ns), $about),
            key($section, "socket", NS, Need::Always, |p, ns| p.$field.0[1] = ps(ns), $about),
            key($section, "hop", NS, Need::Sockets, |p, ns| p.$field.0[2] = ps(ns), $about),
            key($section, "two-hops", NS, Need::Groups, |p, ns| p.$field.0[3] = ps(ns), $about),
        ]
    };
}

static SHAPE: [Key; 5] = [
    key(
        "shape",
        "sockets",
        Range::Count(1, 64),
        Need::Always,
        |p, n| p.shape.sockets = n as u16,
        "sockets",
    ),
    key(
        "shape",
        "sockets-per-group",
        Range::Count(1, 64),
        Need::Optional,
        |p, n| p.shape.sockets_per_group = n as u16,
        "sockets one hop from each other; other groups are two hops away; all, unless given",
    ),
    key(
        "shape",
        "cores-per-socket",
        Range::Count(1, 1024),
        Need::Always,
        |p, n| p.shape.cores_per_socket = n as u16,
        "cores of a socket",
    ),
    key(
        "shape",
        "cluster-cores",
        Range::Count(1, 1024),
        Need::Always,
        |p, n| p.shape.cluster_cores = n as u16,
        "cores of a cluster: a CCX, a tile, or the whole socket",
    ),
    key(
        "shape",
        "threads-per-core",
        Range::Count(1, 8),
        Need::Else(1.0),
        |p, n| p.shape.smt = n as u16,
        "hardware threads of a core",
    ),
];

static HIT: [Key; 3] = [
    key(
        "hit",
        "load-ns",
        NS,
        Need::Always,
        |p, ns| p.load_hit_ps = ps(ns),
        "a load that hits the own cache",
    ),
    key(
        "hit",
        "rmw-ns",
        NS,
        Need::Always,
        |p, ns| p.rmw_hit_ps = ps(ns),
        "a read-modify-write that hits the own cache",
    ),
    key(
        "hit",
        "store-ns",
        NS,
        Need::Always,
        |p, ns| p.store_ps = ps(ns),
        "a plain store, for its core: it goes to the store buffer",
    ),
];

static WRITE_MODIFIED: [Key; 4] =
    row!("write-modified-ns", write_modified, "a write of a line that another core has modified");
static READ_MODIFIED: [Key; 4] =
    row!("read-modified-ns", read_modified, "a load of a line that another core has modified");
static READ_SHARED: [Key; 4] =
    row!("read-shared-ns", read_shared, "a load of a line of which others have clean copies");
static UPGRADE: [Key; 4] =
    row!("upgrade-ns", upgrade, "a write of a line that the core shares with others");

static MEMORY: [Key; 4] = [
    key(
        "memory-ns",
        "local",
        NS,
        Need::Always,
        |p, ns| p.memory[0] = ps(ns),
        "a line that no cache has, of the own socket's memory",
    ),
    key(
        "memory-ns",
        "hop",
        NS,
        Need::Sockets,
        |p, ns| p.memory[1] = ps(ns),
        "the same, of another socket's",
    ),
    key(
        "memory-ns",
        "two-hops",
        NS,
        Need::Groups,
        |p, ns| p.memory[2] = ps(ns),
        "the same, of a socket of another group",
    ),
    key(
        "memory-ns",
        "last-level",
        NS,
        Need::Always,
        |p, ns| p.last_level_ps = ps(ns),
        "a line that only the last-level cache has",
    ),
];

static LINE: [Key; 9] = [
    key(
        "line",
        "reuse-k",
        Range::Count(1, 64),
        Need::Always,
        |p, n| p.reuse_k = n as u16,
        "accesses that the owner of a line completes while others wait",
    ),
    key(
        "line",
        "local-batch",
        Range::Count(1, 1000),
        Need::Always,
        |p, n| p.local_batch = n as u16,
        "grants kept among neighbours while others wait",
    ),
    key(
        "line",
        "arbitration",
        Range::Word(&["socket", "cluster", "chip"]),
        Need::Always,
        |p, n| {
            p.arbitration =
                [Arbitration::Socket, Arbitration::Cluster, Arbitration::Chip][n as usize]
        },
        "who is a neighbour: \"socket\", \"cluster\" or \"chip\"",
    ),
    key(
        "line",
        "request-share",
        Range::Number(0.05, 0.9),
        Need::Always,
        |p, n| p.request_share_permille = (n * 1000.0).round() as u64,
        "share of a miss until its request reaches the line",
    ),
    key(
        "line",
        "read-occupancy-ns",
        NS,
        Need::Always,
        |p, ns| p.read_occupancy_ps = ps(ns),
        "how long a line is busy with a load of a clean copy",
    ),
    key(
        "line",
        "invalidate-each-ns",
        Range::Number(0.0, 1000.0),
        Need::Always,
        |p, ns| p.invalidate_each_ps = ps(ns),
        "added to a write for each copy that it invalidates",
    ),
    key(
        "line",
        "spin-exit-ns",
        Range::Number(0.0, 1000.0),
        Need::Always,
        |p, ns| p.spin_exit_ps = ps(ns),
        "until a spinning core notices that it may go on",
    ),
    key(
        "line",
        "home-extra-ns",
        Range::Number(0.0, 10_000.0),
        Need::Else(0.0),
        |p, ns| p.home_extra_ps = ps(ns),
        "added where a modified line is read whose memory is not on the owner's socket",
    ),
    key(
        "line",
        "home-remote-socket-ns",
        NS,
        Need::Optional,
        |p, ns| p.home_remote_socket_ps = Some(ps(ns)),
        "between clusters of a socket, where the line's memory is on another",
    ),
];

static FAR_ATOMICS: [Key; 2] = [
    key(
        "far-atomics",
        "latency-ns",
        NS,
        Need::Optional,
        |p, ns| far(p).latency_ps = ps(ns),
        "a fetch operation that is done at the line's home",
    ),
    key(
        "far-atomics",
        "occupancy-ns",
        NS,
        Need::Optional,
        |p, ns| far(p).occupancy_ps = ps(ns),
        "until the line's home can do the next",
    ),
];

static SHOOTDOWN: [Key; 3] = [
    key(
        "shootdown",
        "round-trip-ns",
        Range::Number(0.0, 1_000_000.0),
        Need::Always,
        |p, ns| p.shootdown.round_trip_ps = ps(ns),
        "from the first interrupt to the last answer, beside what each core adds",
    ),
    key(
        "shootdown",
        "each-ns",
        Range::Number(0.0, 1_000_000.0),
        Need::Always,
        |p, ns| p.shootdown.each_ps = ps(ns),
        "for each core that is interrupted, at the one that interrupts",
    ),
    key(
        "shootdown",
        "interrupted-ns",
        Range::Number(0.0, 1_000_000.0),
        Need::Always,
        |p, ns| p.shootdown.interrupted_ps = ps(ns),
        "what a core loses that is interrupted",
    ),
];

static WORK: [Key; 8] = [
    key(
        "work",
        "trap-ns",
        NS,
        Need::Always,
        |p, ns| p.work.trap_ps = ps(ns),
        "exception, return, and what the simulated kernel leaves out",
    ),
    key(
        "work",
        "read-section-ns",
        Range::Number(0.0, 1000.0),
        Need::Always,
        |p, ns| p.work.read_section_ps = ps(ns),
        "entering and leaving an RCU read section",
    ),
    key(
        "work",
        "clear-page-ns",
        NS,
        Need::Always,
        |p, ns| p.work.clear_page_ps = ps(ns),
        "clearing a page, one core alone",
    ),
    key(
        "work",
        "copy-page-ns",
        NS,
        Need::Always,
        |p, ns| p.work.copy_page_ps = ps(ns),
        "copying a page, one core alone",
    ),
    key(
        "work",
        "relax-ns",
        NS,
        Need::Always,
        |p, ns| p.work.relax_ps = ps(ns),
        "a turn of a spin loop",
    ),
    key(
        "work",
        "wake-ns",
        NS,
        Need::Always,
        |p, ns| p.work.wake_ps = ps(ns),
        "from a wake-up to the sleeper's first instruction",
    ),
    key(
        "work",
        "memory-gb-per-s",
        Range::Number(0.1, 100_000.0),
        Need::Optional,
        |p, n| p.memory_bytes_per_us = (n * 1000.0) as u64,
        "what a socket's memory takes, 1e9 bytes a second; without limit, unless given",
    ),
    key(
        "work",
        "smt-slowdown",
        Range::Number(1.0, 8.0),
        Need::Optional,
        |p, n| p.smt_slowdown_permille = (n * 1000.0).round() as u64,
        "private work and hits take so many times as long where both threads of a core storm",
    ),
];

fn far(parameters: &mut Parameters) -> &mut FarAtomics {
    parameters.far_atomics.get_or_insert(FarAtomics { latency_ps: 0, occupancy_ps: 0 })
}

/// All numbers, section by section.
pub fn keys() -> impl Iterator<Item = &'static Key> + Clone {
    let rows = WRITE_MODIFIED.iter().chain(&READ_MODIFIED).chain(&READ_SHARED).chain(&UPGRADE);
    SHAPE
        .iter()
        .chain(&HIT)
        .chain(rows)
        .chain(&MEMORY)
        .chain(&LINE)
        .chain(&FAR_ATOMICS)
        .chain(&SHOOTDOWN)
        .chain(&WORK)
}
