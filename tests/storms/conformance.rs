//! The same storms under every strategy: counts are those of the workload, and the books balance (a
//! storm whose books do not balance is an error).

use faultstorm::host::affinity;
use faultstorm::mm::fault::{Fallback, Kind};
use faultstorm::storm::{Recording, Storm, StormCounts};
use faultstorm::strategy::{Entry, STRATEGIES};
use faultstorm::workload::{Until, Workload};

use crate::ask::{Ask, parse};

fn storm(entry: &Entry, workload: &Workload, threads: usize, until: Until, real: bool) -> Storm {
    Ask { real_body: real, ..Ask::new(workload, threads, until) }.on_host(entry)
}

const ANON: &str = r#"
summary = "every page of an anonymous mapping is written once"
[[vma]]
name = "heap"
size = "16MiB"
[[op]]
touch = { vma = "heap", access = "write" }
"#;

const FILE: &str = r#"
summary = "every page of a cached file is read once"
[[file]]
name = "data"
size = "16MiB"
[[vma]]
name = "map"
size = "16MiB"
file = "data"
prot = "read"
fault_around_order = 4
[[op]]
touch = { vma = "map", access = "read" }
"#;

const COLD: &str = r#"
summary = "half of the pages must be read"
[[file]]
name = "data"
size = "1MiB"
cached = 0.5
io_latency = "20us"
[[vma]]
name = "map"
size = "1MiB"
file = "data"
prot = "read"
fault_around_order = 0
[[op]]
touch = { vma = "map", access = "read", order = "random", slices = "shared" }
"#;

fn kind(counts: &StormCounts, kind: Kind) -> u64 {
    counts.by_kind[kind as usize]
}

fn fallbacks(counts: &StormCounts, reason: Fallback) -> u64 {
    counts.fallbacks[reason as usize]
}

#[test]
fn dense_first_touch_is_one_fault_a_page() {
    let workload = parse(ANON);
    for entry in STRATEGIES.iter() {
        for threads in [1, 2, 5] {
            let storm = storm(entry, &workload, threads, Until::Rounds(3), true);
            let counts = storm.counts;
            assert_eq!((counts.touches, counts.faults), (3 * 4096, 3 * 4096), "{}", entry.name);
            assert_eq!((counts.mapped, counts.pages_mapped), (3 * 4096, 3 * 4096));
            assert_eq!(kind(&counts, Kind::AnonWrite), counts.faults);
            assert_eq!(storm.rounds, 3);
            // Nothing is waited for, so every repetition is a fallback.
            let again = counts.fallbacks.iter().sum::<u64>();
            assert_eq!(counts.attempts, counts.faults + again, "{}", entry.name);
            let no_table = fallbacks(&counts, Fallback::Pmd) + fallbacks(&counts, Fallback::Pud);
            let allocates = entry.traits.allocates_tables.starts_with("yes");
            assert!(!allocates || no_table == 0, "{}: {counts:?}", entry.name);
            // 8 tables per round; a single thread does not even try under some strategies.
            assert!(allocates || threads == 1 || again >= 3 * 8, "{}: {counts:?}", entry.name);
        }
    }
}

#[test]
fn fault_around_maps_sixteen_pages_a_fault() {
    let workload = parse(FILE);
    for entry in STRATEGIES.iter() {
        let counts = storm(entry, &workload, 2, Until::Rounds(2), true).counts;
        assert_eq!((counts.touches, counts.faults), (8192, 512), "{}", entry.name);
        assert_eq!(counts.pages_mapped, 8192);
        assert_eq!(kind(&counts, Kind::FileReadAround), 512);
    }
}

#[test]
fn without_fault_around_every_page_faults() {
    let workload = parse(&FILE.replace("fault_around_order = 4", "fault_around_order = 0"));
    for entry in STRATEGIES.iter() {
        let counts = storm(entry, &workload, 2, Until::Rounds(2), true).counts;
        assert_eq!((counts.faults, kind(&counts, Kind::FileRead)), (8192, 8192), "{}", entry.name);
    }
}

#[test]
fn a_private_write_copies_the_cached_page() {
    let text = FILE.replace(r#"prot = "read""#, r#"prot = "read-write""#);
    let workload = parse(&text.replace(r#"access = "read""#, r#"access = "write""#));
    for entry in STRATEGIES.iter() {
        let counts = storm(entry, &workload, 2, Until::Rounds(2), true).counts;
        assert_eq!(
            (counts.mapped, kind(&counts, Kind::PrivateWrite)),
            (8192, 8192),
            "{}",
            entry.name
        );
    }
}

#[test]
fn misses_are_read_once_by_whoever_comes_first() {
    let workload = parse(COLD);
    for entry in STRATEGIES.iter() {
        let storm = storm(entry, &workload, 3, Until::Rounds(2), true);
        let counts = storm.counts;
        assert_eq!(counts.touches, 3 * 2 * 256);
        assert_eq!(counts.mapped, 2 * 256, "{}: each page is mapped once a round", entry.name);
        let reads = storm.io.achieved_ns.len();
        assert!((180..330).contains(&reads), "{}: half of 512 pages, not {reads}", entry.name);
        assert!(kind(&counts, Kind::FileReadIo) >= reads, "{}: {counts:?}", entry.name);
        assert!(storm.io.asked_ns == reads * 20_000 && storm.io.achieved_ns.min() >= 20_000);
        assert!(counts.attempts > counts.faults);
    }
}

/// Kinds of faults that a strategy ends on its own path if page tables, an `anon_vma` and the
/// cached pages exist. A, B: read and write of anonymous memory; C, D: read of a file with and
/// without the pages around; F: private write; G: shared write; H: write after a read. The others
/// always fall back.
const ENDED: [(&str, &str); 18] = [
    ("unlocked", "ABCDFGH"),
    ("mmap-lock", "ABCDFGH"),
    ("mmap-lock:blind-cas", "ABCDFGH"),
    ("vma-refcount", "ABCDFGH"),
    ("speculative", "ABCDFH"),
    ("speculative:refcount", "ABCDFH"),
    ("speculative:fields", "ABCDFH"),
    ("mm-seq", "ABCDFH"),
    // Reads alone never make the `anon_vma` that they require.
    ("speculative-vma", "BH"),
    ("speculative-vma:rwlock", "BH"),
    ("hazard", "ABCDFH"),
    ("srcu", "ABCDFH"),
    ("srcu:tables", "ABCDFH"),
    ("rcu-map-pages", "ABCDFGH"),
    ("rcu-map-pages:hold", "ABCDFGH"),
    ("per-vma-lock", "ABCDFGH"),
    ("per-vma-lock:embedded", "ABCDFGH"),
    ("vm-refcnt", "ABCDFGH"),
];

/// Returns a workload for each of those kinds. Tables stay from round to round.
fn workloads_by_kind() -> [(char, Kind, Workload); 7] {
    let zap = |text: &str| parse(&format!("reset = \"zap\"\n{text}"));
    let reads = ANON.replace(r#"access = "write""#, r#"access = "read""#);
    let then_writes = ANON.split_once("[[op]]").expect("it has an operation").1;
    let writes = FILE.replace(r#"prot = "read""#, r#"prot = "read-write""#);
    let writes = writes.replace(r#"access = "read""#, r#"access = "write""#);
    let shared = writes.replace("[[op]]", "sharing = \"shared\"\n[[op]]");
    [
        ('A', Kind::AnonRead, zap(&reads)),
        ('B', Kind::AnonWrite, zap(ANON)),
        ('C', Kind::FileReadAround, zap(FILE)),
        ('D', Kind::FileRead, zap(&FILE.replace("order = 4", "order = 0"))),
        ('F', Kind::PrivateWrite, zap(&writes)),
        ('G', Kind::SharedWrite, zap(&shared)),
        ('H', Kind::WpCopy, zap(&format!("{reads}[[op]]{then_writes}"))),
    ]
}

#[test]
fn each_kind_ends_where_its_strategy_says() {
    for (letter, its_kind, workload) in workloads_by_kind() {
        for (name, ended) in ENDED {
            let entry = faultstorm::strategy::find(name).expect("it is in the table");
            let counts = storm(entry, &workload, 2, Until::Rounds(4), false).counts;
            let fell_back = counts.fallbacks.iter().sum::<u64>();
            assert!(kind(&counts, its_kind) > 0, "{letter} under {name}: {counts:?}");
            if ended.contains(letter) {
                assert!(fell_back * 4 < counts.faults, "{letter} under {name}: {counts:?}");
            } else {
                assert_eq!(fell_back, counts.faults, "{letter} under {name}");
            }
        }
    }
}

#[test]
fn speculation_falls_back_once_a_table_and_never_alone() {
    let workload = parse(ANON);
    for name in ["speculative", "speculative:refcount", "speculative:fields"] {
        let entry = faultstorm::strategy::find(name).expect("it is in the table");
        let counts = storm(entry, &workload, 2, Until::Rounds(4), false).counts;
        // 8 tables per round; the very first fault also finds the upper levels missing.
        let missing = fallbacks(&counts, Fallback::Pmd) + fallbacks(&counts, Fallback::Pud);
        assert!((32..=40).contains(&missing), "{counts:?}");
        assert_eq!(counts.attempts, counts.faults + counts.fallbacks.iter().sum::<u64>());
        let alone = storm(entry, &workload, 1, Until::Rounds(1), false).counts;
        assert_eq!(alone.fallbacks, [0; Fallback::ALL.len()], "mm_users is 1: no speculation");
        assert_eq!(alone.attempts, alone.faults);
    }
}

#[test]
fn a_file_system_may_refuse_speculation() {
    let workload = parse(
        &FILE
            .replace("size = \"16MiB\"\n[[vma]]", "size = \"16MiB\"\nspeculation = false\n[[vma]]"),
    );
    let entry = faultstorm::strategy::find("speculative").expect("it is in the table");
    let counts = storm(entry, &workload, 2, Until::Rounds(1), false).counts;
    assert_eq!(fallbacks(&counts, Fallback::NoSpeculate), counts.faults);
}

#[test]
fn one_thread_transfers_nothing_and_two_on_one_line_do() {
    let workload = parse(&ANON.replace("write", "read").replace("16MiB", "32MiB"));
    let per_fault = |name: &str, threads| {
        let entry = faultstorm::strategy::find(name).expect("it is in the table");
        let ask = Ask::new(&workload, threads, Until::Rounds(4));
        let storm = Ask { real_body: false, recording: Recording::Lines, ..ask }.on_host(entry);
        let lines = storm.lines.expect("lines were recorded").0;
        let moved: u64 = lines.iter().map(|(_, tally)| tally.transfers).sum();
        moved as f64 / storm.counts.faults as f64
    };
    for entry in STRATEGIES.iter() {
        assert_eq!(per_fault(entry.name, 1), 0.0, "{}", entry.name);
    }
    if affinity::allowed_cpus().is_ok_and(|cpus| cpus.len() >= 2) {
        assert!(per_fault("unlocked", 2) < 0.1);
        assert!(per_fault("mmap-lock", 2) > 0.3);
    }
}

/// A panic in the set-up, such as with an arena that is too small, is an error of that storm only.
#[test]
fn a_panic_outside_of_threads_is_the_error_of_its_storm() {
    let workload = parse(ANON);
    let entry = faultstorm::strategy::find("mmap-lock").expect("it is in the table");
    let error = Ask::new(&workload, 1, Until::Faults(10)).with_cores(1, entry.run);
    let error = error.expect_err("one frame is too few").to_string();
    let said = "thread 'the storm itself' panicked: the arena has memory for every frame";
    assert_eq!(error, said);
}
