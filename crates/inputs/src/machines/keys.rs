//! The table of all numbers of a machine file.

use crate::sourced::AllowedValues::{Count, Number, Word};
use crate::sourced::Varied::{ByKey, BySection};
use crate::sourced::{FileKey, FileSection, Presence};
use machine::model::{Arbitration, Broadcast, FarAtomics, Latencies, Parameters};
use machine::model::{Shape, ShootdownTimes, WorkTimes};

/// The parameters before any number is set.
pub(super) const UNSET: Parameters = Parameters {
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
    local_batch: 1,
    arbitration: Arbitration::Socket,
    request_share_permille: 0,
    mispredict_ps: 0,
    spin_exit_ps: 0,
    hoist_loads: false,
    merge_own_requests: true,
    adjacent_pairs: false,
    memory_bytes_per_us: 0,
    shootdown: ShootdownTimes {
        round_trip_ps: 0,
        each_ps: 0,
        interrupted_ps: 0,
        broadcast: Broadcast::None,
        broadcast_ps: 0,
    },
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

type Key = FileKey<Parameters>;

/// Required of machines with several sockets.
const SOCKETS: Presence<Parameters> =
    Presence::If(|p| p.shape.sockets > 1, "required with several sockets");
/// Required of machines with sockets two hops apart.
const GROUPS: Presence<Parameters> = Presence::If(
    |p| (1..p.shape.sockets).contains(&p.shape.sockets_per_group),
    "required with several groups of sockets",
);

/// A machine with an instruction for shootdowns must have the number.
const BROADCASTS: Presence<Parameters> =
    Presence::If(|p| p.shootdown.broadcast != Broadcast::None, "required with a broadcast");

/// The keys of a latency at four distances.
macro_rules! by_distance {
    ($field:ident, $varied:literal, $about:literal) => {
        &[
            Key::ns("cluster", |p| &mut p.$field.0[0], $about).varied(BySection($varied)),
            Key::ns("socket", |p| &mut p.$field.0[1], $about).varied(BySection($varied)),
            Key::ns("hop", |p| &mut p.$field.0[2], $about).need(SOCKETS).varied(BySection($varied)),
            Key::ns("two-hops", |p| &mut p.$field.0[3], $about)
                .need(GROUPS)
                .varied(BySection($varied)),
        ]
    };
}

/// One row for each number: name, field of [`Parameters`], meaning, and exceptions from a
/// required time.
#[rustfmt::skip]
pub(super) static SECTIONS: &[FileSection<Parameters>] = &[
    FileSection { name: "shape", keys: &[
        Key::new("sockets", Count(1, 64), |p, n| p.shape.sockets = n as u16, "sockets"),
        Key::new("sockets-per-group", Count(1, 64), |p, n| p.shape.sockets_per_group = n as u16,
            "sockets one hop from each other; other groups are two hops away; all, unless given")
            .need(Presence::Optional),
        Key::new("cores-per-socket", Count(1, 1024), |p, n| p.shape.cores_per_socket = n as u16,
            "cores of a socket"),
        Key::new("cluster-cores", Count(1, 1024), |p, n| p.shape.cluster_cores = n as u16,
            "cores of a cluster: a CCX, a tile, or the whole socket"),
        Key::new("threads-per-core", Count(1, 8), |p, n| p.shape.smt = n as u16,
            "hardware threads of a core").need(Presence::Else(1.0)),
    ] },
    FileSection { name: "hit", keys: &[
        Key::ns("load-ns", |p| &mut p.load_hit_ps, "a load that hits the own cache"),
        Key::ns("rmw-ns", |p| &mut p.rmw_hit_ps, "a read-modify-write that hits the own cache"),
        Key::ns("store-ns", |p| &mut p.store_ps,
            "a plain store, for its core: it goes to the store buffer"),
    ] },
    FileSection { name: "write-modified-ns", keys: by_distance!(write_modified, "wrM",
        "a write of a line that another core has modified") },
    FileSection { name: "read-modified-ns", keys: by_distance!(read_modified, "rdM",
        "a load of a line that another core has modified") },
    FileSection { name: "read-shared-ns", keys: by_distance!(read_shared, "rdS",
        "a load of a line of which others have clean copies") },
    FileSection { name: "upgrade-ns", keys: by_distance!(upgrade, "upg",
        "a write of a line that the core shares with others") },
    FileSection { name: "memory-ns", keys: &[
        Key::ns("local", |p| &mut p.memory[0],
            "a line that no cache has, of the own socket's memory").varied(BySection("mem")),
        Key::ns("hop", |p| &mut p.memory[1], "the same, of another socket's")
            .need(SOCKETS).varied(BySection("mem")),
        Key::ns("two-hops", |p| &mut p.memory[2], "the same, of a socket of another group")
            .need(GROUPS).varied(BySection("mem")),
        Key::ns("last-level", |p| &mut p.last_level_ps,
            "a line that only the last-level cache has"),
    ] },
    FileSection { name: "line", keys: &[
        Key::new("local-batch", Count(1, 200), |p, n| p.local_batch = n as u8,
            "grants kept within a domain while others wait").varied(ByKey("local_batch")),
        Key::new("arbitration", Word(&["socket", "cluster", "chip"]), |p, n| p.arbitration =
            [Arbitration::Socket, Arbitration::Cluster, Arbitration::Chip][n as usize],
            "what a domain is, within which a line is handed on first and copies are fetched once: \
             \"socket\", \"cluster\" or \"chip\""),
        Key::new("request-share", Number(0.05, 1.0), |p, n| p.request_share_permille = permille(n),
            "share of a miss until its request reaches the line, and again until the next request \
             takes the line away").varied(ByKey("share")),
        Key::ns("read-occupancy-ns", |p| &mut p.read_occupancy_ps,
            "how long a line is busy with a load of a clean copy").varied(ByKey("o_read")),
        Key::ns("invalidate-each-ns", |p| &mut p.invalidate_each_ps,
            "added to a write for each copy that it invalidates")
            .from_0_to(1000.0).varied(ByKey("inv1")),
        Key::ns("mispredict-ns", |p| &mut p.mispredict_ps,
            "lost where the branch after a compare-exchange is mispredicted")
            .from_0_to(1000.0).need(Presence::Else(6.0)),
        Key::ns("spin-exit-ns", |p| &mut p.spin_exit_ps,
            "until a spinning core notices that it may go on").from_0_to(1000.0),
        Key::ns("home-extra-ns", |p| &mut p.home_extra_ps,
            "added where a modified line is read whose memory is not on the owner's socket")
            .from_0_to(10_000.0).need(Presence::Else(0.0)),
        Key::ns("home-remote-socket-ns", |p| p.home_remote_socket_ps.get_or_insert_default(),
            "between clusters of a socket, where the line's memory is on another")
            .need(Presence::Optional),
        Key::new("adjacent-pairs", Count(0, 1), |p, n| p.adjacent_pairs = n > 0.0,
            "1: a line is fetched along with the other one of its 128 bytes; 0: it is not")
            .need(Presence::Else(0.0)).varied(ByKey("pairs")),
    ] },
    FileSection { name: "far-atomics", keys: &[
        Key::ns("latency-ns", |p| &mut far(p).latency_ps,
            "a fetch operation that is done at the line's home").need(Presence::Optional),
        Key::ns("occupancy-ns", |p| &mut far(p).occupancy_ps,
            "until the line's home can do the next").need(Presence::Optional),
    ] },
    FileSection { name: "shootdown", keys: &[
        Key::ns("round-trip-ns", |p| &mut p.shootdown.round_trip_ps,
            "from the first interrupt to the last answer, beside what each core adds")
            .from_0_to(1e6).varied(ByKey("ipi")),
        Key::ns("each-ns", |p| &mut p.shootdown.each_ps,
            "for each core that is interrupted, at the one that interrupts")
            .from_0_to(1e6).varied(ByKey("ipi1")),
        Key::ns("interrupted-ns", |p| &mut p.shootdown.interrupted_ps,
            "what a core loses that is interrupted").from_0_to(1e6).varied(ByKey("ipi_lost")),
        Key::new("broadcast", Word(&["none", "tlbi", "invlpgb"]), |p, n| p.shootdown.broadcast =
            [Broadcast::None, Broadcast::Tlbi, Broadcast::Invlpgb][n as usize],
            "an instruction in place of interrupts: \"tlbi\" (Arm) always, \"invlpgb\" (AMD) \
             where the kernel uses it, or \"none\"").need(Presence::Else(0.0)),
        Key::ns("broadcast-ns", |p| &mut p.shootdown.broadcast_ps,
            "how long a shootdown by that instruction takes").need(BROADCASTS),
    ] },
    FileSection { name: "work", keys: &[
        Key::ns("trap-ns", |p| &mut p.work.trap_ps,
            "exception, return, and what the simulated kernel leaves out").varied(ByKey("trap")),
        Key::ns("read-section-ns", |p| &mut p.work.read_section_ps,
            "entering and leaving an RCU read section").from_0_to(1000.0),
        Key::ns("clear-page-ns", |p| &mut p.work.clear_page_ps, "clearing a page, one core alone"),
        Key::ns("copy-page-ns", |p| &mut p.work.copy_page_ps, "copying a page, one core alone"),
        Key::ns("relax-ns", |p| &mut p.work.relax_ps, "a turn of a spin loop"),
        Key::ns("wake-ns", |p| &mut p.work.wake_ps,
            "from a wake-up to the sleeper's first instruction"),
        Key::new("memory-gb-per-s", Number(0.1, 1e5), |p, n| p.memory_bytes_per_us =
            (n * 1000.0) as u64,
            "what a socket's memory takes, 1e9 bytes a second; without limit, unless given")
            .need(Presence::Optional),
        Key::new("smt-slowdown", Number(1.0, 8.0), |p, n| p.smt_slowdown_permille = permille(n),
            "private work and hits take this many times as long where both threads of a core storm")
            .need(Presence::Optional).varied(ByKey("smt")),
    ] },
];

fn permille(share: f64) -> u64 {
    (share * 1000.0).round() as u64
}

fn far(parameters: &mut Parameters) -> &mut FarAtomics {
    parameters.far_atomics.get_or_insert(FarAtomics { latency_ps: 0, occupancy_ps: 0 })
}
