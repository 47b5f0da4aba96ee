//! Writers together with faults, under every strategy, in the host's world and in the model: their
//! operations are counted, and the books balance (a storm whose books do not balance is an error).

use faultstorm::mm::GraceCosts;
use faultstorm::mm::fault::Kind;
use faultstorm::storm::Storm;
use faultstorm::strategy::{self, Entry};
use faultstorm::workload::{Action, Until};

use crate::ask::{Ask, entries, of_model, parse, xeon};

/// Runs a workload under every strategy and in both worlds. Books are checked in both; counts only
/// in the model, because with few CPUs the system may not let a writer run in so short a storm.
fn everywhere(text: &str, threads: usize, check: impl FnMut(&str, &Storm)) {
    everywhere_until(text, threads, Until::Rounds(2), check);
}

fn everywhere_until(text: &str, threads: usize, until: Until, mut check: impl FnMut(&str, &Storm)) {
    let workload = parse(text);
    for entry in entries(&workload) {
        let ask = Ask::new(&workload, threads, until);
        ask.on_host(entry);
        check(entry.name, &ask.in_model(entry, &xeon()));
    }
}

fn in_both_worlds(entry: &Entry, ask: Ask<'_>) -> [Storm; 2] {
    [ask.on_host(entry), ask.in_model(entry, &xeon())]
}

fn done(storm: &Storm, name: &str) -> u64 {
    let number = Action::NAMES.iter().position(|action| *action == name).expect("an action");
    storm.ops[number].as_ref().map_or(0, |times| times.len())
}

const HEAP: &str = r#"
summary = "faults beside a writer"
[[vma]]
name = "heap"
size = "4MiB"
[[group]]
name = "faulters"
threads = "all"
[[group]]
name = "writer"
threads = 1
[[op]]
group = "faulters"
touch = { vma = "heap", access = "write", order = "random" }
"#;

#[test]
fn madvise_zaps_beside_faults() {
    let text = format!(
        "{HEAP}[[op]]\ngroup = \"writer\"\n\
         madvise_dontneed = {{ vma = \"heap\", length = \"2MiB\", slices = \"shared\" }}\n"
    );
    everywhere(&text, 3, |name, storm| {
        assert!(done(storm, "madvise_dontneed") > 0, "{name}");
        assert!(storm.counts.faults >= storm.counts.touches, "{name}: {:?}", storm.counts);
        assert_eq!(storm.counts.segv, 0, "{name}");
    });
}

/// A table that madvise frees waits for readers; faults that need a table wait with it.
#[test]
fn tables_given_back_over_and_over_come_back() {
    let workload = parse(
        r#"
summary = "one page written and its whole table given back, over and over"
[[vma]]
name = "heap"
size = "2MiB"
scope = "per-thread"
[[group]]
name = "faulters"
loops = 400
[[op]]
touch = { vma = "heap", access = "write", touches = 1 }
[[op]]
madvise_dontneed = { vma = "heap" }
"#,
    );
    for entry in entries(&workload) {
        let storm = Ask::new(&workload, 2, Until::Rounds(1)).on_host(entry);
        assert_eq!((storm.counts.faults, storm.counts.oom), (800, 0), "{}", entry.name);
        assert_eq!(done(&storm, "madvise_dontneed"), 800, "{}", entry.name);
    }
}

/// The zero page has no frame to free, but a core that has cached its translation must forget it
/// too, also a core that found it mapped by another core's fault.
#[test]
fn a_zero_page_that_is_zapped_is_forgotten() {
    let text = format!(
        "{HEAP}[[op]]\ngroup = \"writer\"\n\
         madvise_dontneed = {{ vma = \"heap\", length = \"64KiB\", slices = \"shared\" }}\n"
    );
    let text = text.replace("\"write\", order = \"random\"", "\"read\", slices = \"shared\"");
    let workload = parse(&text);
    for entry in entries(&workload) {
        let storm = Ask::new(&workload, 3, Until::Rounds(1)).in_model(entry, &xeon());
        assert!(done(&storm, "madvise_dontneed") > 0, "{}", entry.name);
        assert_eq!(storm.counts.by_kind[Kind::AnonRead as usize], storm.counts.faults);
    }
}

#[test]
fn munmap_and_mmap_take_pieces_away() {
    let text = format!(
        "{HEAP}[[op]]\ngroup = \"writer\"\nmunmap = {{ vma = \"heap\", length = \"192KiB\" }}\n\
         [[op]]\ngroup = \"writer\"\nmmap = {{ vma = \"heap\", length = \"192KiB\" }}\n"
    );
    everywhere(&text, 3, |name, storm| {
        assert!(done(storm, "munmap") > 0 && done(storm, "mmap") > 0, "{name}");
        assert_eq!(storm.counts.oom, 0, "{name}");
        let worked = |costs: GraceCosts| costs.wakeups > 0 && costs.looks > costs.put_off;
        assert_eq!(storm.grace_periods.map(worked), name.starts_with("srcu").then_some(true));
    });
}

#[test]
fn mprotect_takes_the_right_to_write_and_gives_it_back() {
    let text = format!(
        "{HEAP}[[op]]\ngroup = \"writer\"\n\
         mprotect = {{ vma = \"heap\", length = \"64KiB\", prot = \"read\" }}\n\
         [[op]]\ngroup = \"writer\"\n\
         mprotect = {{ vma = \"heap\", length = \"64KiB\", prot = \"read-write\" }}\n"
    );
    everywhere(&text, 3, |name, storm| {
        assert!(done(storm, "mprotect") > 1, "{name}");
    });
}

#[test]
fn mremap_moves_pages_away_and_back() {
    for length in ["64KiB", "2MiB"] {
        let text = format!(
            "{HEAP}[[op]]\ngroup = \"writer\"\n\
             mremap = {{ vma = \"heap\", length = \"{length}\" }}\n"
        );
        everywhere(&text, 3, |name, storm| assert!(done(storm, "mremap") > 0, "{name}"));
    }
}

#[test]
fn fork_makes_writes_copy() {
    let text = format!("{HEAP}[[op]]\ngroup = \"writer\"\nfork = {{ }}\n")
        .replace("order = \"random\" }", "order = { zipf = 0.9 }, slices = \"shared\" }")
        .replace("4MiB", "1MiB");
    everywhere(&text, 3, |name, storm| {
        assert!(done(storm, "fork") > 0, "{name}");
        assert!(storm.counts.by_kind[Kind::WpCopy as usize] > 0, "{name}: {:?}", storm.counts);
    });
}

/// A reader of smaps changes nothing, and loads flags and references of each page that is mapped.
#[test]
fn smaps_looks_at_every_page_beside_faults_and_writers() {
    let op = |op: &str| format!("[[op]]\ngroup = \"writer\"\n{op}\n");
    let protect = op("mprotect = { vma = \"heap\", length = \"64KiB\", prot = \"read\" }")
        + &op("mprotect = { vma = \"heap\", length = \"64KiB\", prot = \"read-write\" }");
    everywhere(&format!("{HEAP}{}{protect}", op("smaps = {}")), 3, |name, storm| {
        assert!(done(storm, "smaps") > 0, "{name}");
    });
    let write = "[[op]]\ntouch = { vma = \"v\", access = \"write\" }\n";
    let once = format!("summary = \"x\"\n[[vma]]\nname = \"v\"\nsize = \"1MiB\"\n{write}");
    let [with, without] = [format!("{once}[[op]]\nsmaps = {{}}\n"), once].map(|text| {
        let (workload, entry) = (parse(&text), strategy::find("mmap-lock").unwrap());
        let storm = Ask::new(&workload, 1, Until::Rounds(1)).in_model(entry, &xeon());
        let lines = &of_model(&storm).accounts.0;
        lines.iter().find(|(name, _)| name.name == "folio").expect("it is touched").1.reads
    });
    // Batches of the LRU lists hold references of some pages, whose mapcount is read too.
    assert!((2 * 256..3 * 256).contains(&(with - without)), "{with} and {without}");
}

#[test]
fn a_numa_scan_makes_each_mapped_page_fault_once_more() {
    let touch =
        |access: &str| format!("[[op]]\ntouch = {{ vma = \"v\", access = \"{access}\" }}\n");
    let scan = "[[op]]\nnuma_scan = { vma = \"v\" }\n";
    let text = format!(
        "summary = \"x\"\n[[vma]]\nname = \"v\"\nsize = \"1MiB\"\n{}{scan}{}{}{scan}{}",
        touch("write"),
        touch("read"),
        touch("read"),
        touch("write")
    );
    everywhere(&text, 1, |name, storm| {
        let of = |kind: Kind| storm.counts.by_kind[kind as usize];
        assert_eq!((of(Kind::AnonWrite), of(Kind::NumaHint)), (2 * 256, 2 * 512), "{name}");
        assert_eq!(storm.counts.faults, 2 * 768, "{name}");
    });
    // Beside others, and with everything else that changes ptes.
    let op = |op: &str| format!("[[op]]\ngroup = \"writer\"\n{op}\n");
    let piece = "vma = \"heap\", length = \"64KiB\"";
    let text = format!("{HEAP}{}", op("numa_scan = { vma = \"heap\", length = \"256KiB\" }"))
        + &op(&format!("mprotect = {{ {piece}, prot = \"read\" }}"))
        + &op("fork = {}")
        + &op(&format!("madvise_dontneed = {{ {piece} }}"))
        + &op(&format!("mprotect = {{ {piece}, prot = \"read-write\" }}"));
    everywhere_until(&text, 3, Until::Faults(200), |name, storm| {
        assert!(done(storm, "numa_scan") > 0, "{name}");
    });
}

/// Pages that may be reclaimed are still there, and on the other list of their lruvec.
#[test]
fn madvise_free_moves_folios_and_leaves_pages_mapped() {
    let write = "[[op]]\ntouch = { vma = \"v\", access = \"write\" }\n";
    let free = "[[op]]\nmadvise_free = { vma = \"v\", length = \"96KiB\" }\n";
    for (folio, faults) in [("4KiB", 256), ("64KiB", 16)] {
        let text = format!(
            "summary = \"x\"\n[[vma]]\nname = \"v\"\nsize = \"1MiB\"\nfolio = \"{folio}\"\n\
             [[group]]\nname = \"g\"\nloops = 11\n{write}{free}"
        );
        everywhere(&text, 1, |name, storm| {
            assert_eq!(storm.counts.faults, 2 * faults, "{name}");
            assert_eq!(done(storm, "madvise_free"), 2 * 11, "{name}");
        });
    }
    let op = |op: &str| {
        format!("[[op]]\ngroup = \"writer\"\n{op} = {{ vma = \"heap\", length = \"64KiB\" }}\n")
    };
    let text = format!("{HEAP}{}{}", op("madvise_free"), op("madvise_dontneed"));
    everywhere(&text, 3, |name, storm| assert!(done(storm, "madvise_free") > 0, "{name}"));
}

/// Writes of the line of mmap_lock, and loads and writes of lines of folios, in the model.
fn accesses(text: &str, name: &str) -> [u64; 2] {
    let (workload, entry) = (parse(text), strategy::find("mmap-lock").unwrap());
    let storm = Ask::new(&workload, 1, Until::Rounds(1)).in_model(entry, &xeon());
    let lines = &of_model(&storm).accounts.0;
    let account = lines.iter().find(|(line, _)| line.name == name);
    account.map_or([0; 2], |(_, account)| [account.reads, account.writes])
}

/// Advice about reads locks the space, changed or not; if it changes, VMAs are split and merged.
#[test]
fn advice_about_reads_splits_and_merges() {
    let advice = |advice: &str| {
        format!(
            "[[op]]\ngroup = \"writer\"\n\
             madvise_{advice} = {{ vma = \"heap\", length = \"64KiB\" }}\n"
        )
    };
    let [normal, sequential, random] = ["normal", "sequential", "random"].map(advice);
    everywhere(&format!("{HEAP}{sequential}{random}{normal}"), 3, |name, storm| {
        assert!(done(storm, "madvise_normal") > 0, "{name}");
        assert_eq!(storm.counts.segv, 0, "{name}");
    });
    let freed = |ops: &str| {
        let (workload, entry) = (parse(&format!("{HEAP}{ops}")), strategy::find("mmap-lock"));
        let ask = Ask::new(&workload, 2, Until::Rounds(1));
        let storm = ask.in_model(entry.unwrap(), &xeon());
        assert!(done(&storm, "madvise_normal") > 1);
        storm.deferred_free_peak.unwrap()
    };
    assert_eq!(freed(&normal), 0, "nothing changes");
    assert!(freed(&format!("{random}{normal}")) > 0, "VMAs that were merged are freed");
    let v = "summary = \"x\"\n[[vma]]\nname = \"v\"\nsize = \"1MiB\"\n\
             [[op]]\ntouch = { vma = \"v\", access = \"read\" }\n";
    let once = format!("{v}[[op]]\nmadvise_normal = {{ vma = \"v\" }}\n");
    let writes = |text: &str| accesses(text, "mm.mmap_lock")[1];
    assert!(writes(&once) > writes(v), "the lock is taken all the same");
}

#[test]
fn populated_pages_do_not_fault() {
    let populate = |access: &str, length: &str| {
        format!(
            "summary = \"x\"\n[[vma]]\nname = \"v\"\nsize = \"1MiB\"\n\
             [[op]]\nmadvise_populate_{access} = {{ vma = \"v\", length = \"{length}\" }}\n\
             [[op]]\ntouch = {{ vma = \"v\", access = \"write\" }}\n"
        )
    };
    for (access, length, faults) in
        [("write", "1MiB", 0), ("write", "64KiB", 240), ("read", "1MiB", 256)]
    {
        everywhere(&populate(access, length), 1, |name, storm| {
            assert_eq!(storm.counts.faults, 2 * faults, "{name}: {access}, {length}");
            assert_eq!(done(storm, &format!("madvise_populate_{access}")), 2, "{name}");
        });
    }
    // The lock is taken once, for however many pages.
    let writes = |text: &str| accesses(text, "mm.mmap_lock")[1];
    let [page, all] = ["4KiB", "1MiB"].map(|length| {
        let text = populate("write", length);
        let touches = "[[op]]\ntouch = { vma = \"v\", access = \"write\" }\n";
        writes(&text.replace(touches, ""))
    });
    assert_eq!(page, all);
}

/// A page that is read in is waited for without the lock, so that writers can go on.
#[test]
fn populating_waits_beside_everything_else() {
    let op = |op: &str| format!("[[op]]\ngroup = \"writer\"\n{op}\n");
    let piece = "vma = \"map\", length = \"64KiB\"";
    let writer = op(&format!("madvise_populate_read = {{ {piece} }}"))
        + &op(&format!("madvise_dontneed = {{ {piece} }}"))
        + &op(&format!("mincore = {{ {piece} }}"))
        + &op(&format!("madvise_populate_write = {{ {piece} }}"))
        + &op(&format!("munmap = {{ {piece} }}"))
        + &op(&format!("mmap = {{ {piece} }}"))
        + &op("truncate = { file = \"data\", size = \"256KiB\" }")
        + &op("truncate = { file = \"data\", size = \"512KiB\" }");
    let cold = FILE.replace("io_latency", "cached = 0.5\nio_latency");
    everywhere(&format!("{cold}{writer}"), 3, |name, storm| {
        assert!(done(storm, "madvise_populate_read") > 0, "{name}");
        assert_eq!(storm.counts.oom, 0, "{name}");
    });
}

/// mincore takes a reference on each cached page that is not mapped, and on no other.
#[test]
fn mincore_looks_up_what_is_not_mapped() {
    let text = |touch: &str, loops: u64| {
        format!(
            "summary = \"x\"\n[[file]]\nname = \"f\"\nsize = \"1MiB\"\n\
             [[vma]]\nname = \"v\"\nsize = \"1MiB\"\nfile = \"f\"\n\
             [[group]]\nname = \"g\"\nloops = {loops}\n{touch}[[op]]\nmincore = {{ vma = \"v\" }}\n"
        )
    };
    let writes = |touch: &str| {
        let [once, twice] = [1, 2].map(|loops| accesses(&text(touch, loops), "folio")[1]);
        twice - once
    };
    assert_eq!(writes(""), 2 * 256, "a reference of each page comes and goes");
    assert_eq!(writes("[[op]]\ntouch = { vma = \"v\", access = \"read\" }\n"), 0);
    everywhere(&text("", 3), 1, |name, storm| assert_eq!(done(storm, "mincore"), 2 * 3, "{name}"));
}

const FILE: &str = r#"
summary = "faults in a file beside a truncate"
[[file]]
name = "data"
size = "512KiB"
io_latency = "2us"
[[vma]]
name = "map"
size = "512KiB"
file = "data"
[[group]]
name = "faulters"
threads = "all"
[[group]]
name = "writer"
threads = 1
[[op]]
group = "faulters"
touch = { vma = "map", access = "read", order = "random", slices = "shared" }
[[op]]
group = "faulters"
touch = { vma = "map", access = "write", order = "random", slices = "shared" }
"#;

#[test]
fn truncate_takes_pages_from_under_faults() {
    let text = format!(
        "{FILE}[[op]]\ngroup = \"writer\"\ntruncate = {{ file = \"data\", size = \"256KiB\" }}\n\
         [[op]]\ngroup = \"writer\"\ntruncate = {{ file = \"data\", size = \"512KiB\" }}\n"
    );
    everywhere(&text, 3, |name, storm| {
        assert!(done(storm, "truncate") > 1, "{name}");
        assert_eq!(storm.counts.segv, 0, "{name}");
    });
    everywhere(
        &text.replace("file = \"data\"\n", "file = \"data\"\nsharing = \"shared\"\n"),
        3,
        |name, storm| {
            assert!(done(storm, "truncate") > 1, "{name}");
        },
    );
}

#[test]
fn a_stack_grows_to_its_full_size() {
    let text = HEAP.replace("size = \"4MiB\"", "size = \"4MiB\"\ngrows_down = \"64KiB\"");
    let text = format!(
        "{text}[[op]]\ngroup = \"writer\"\n\
         expand_stack = {{ vma = \"heap\", length = \"64KiB\" }}\n"
    );
    everywhere(&text, 3, |name, storm| assert!(done(storm, "expand_stack") > 0, "{name}"));
}

const STATES: &str = r#"
summary = "pages in all states"
[[file]]
name = "data"
size = "2MiB"
locked = 0.1
not_uptodate = 0.1
readahead = 0.1
io_latency = "2us"
[[vma]]
name = "map"
size = "2MiB"
file = "data"
sharing = "shared"
[[op]]
touch = { vma = "map", access = "write", order = "random", slices = "shared" }
"#;

#[test]
fn pages_in_all_states_are_mapped_in_the_end() {
    let reads = STATES.replace("access = \"write\"", "access = \"read\"");
    for text in [STATES, &reads] {
        everywhere(text, 3, |name, storm| {
            let counts = &storm.counts;
            assert_eq!(counts.sigbus + counts.segv + counts.oom, 0, "{name}");
            assert!(counts.attempts > counts.faults, "{name}: {counts:?}");
        });
    }
}

const PHASES: &str = r#"
summary = "two groups that touch, one in each phase, beside a writer with a number of loops"
[[vma]]
name = "heap"
size = "1MiB"
[[group]]
name = "first"
threads = { weight = 1 }
[[group]]
name = "second"
threads = { weight = 1 }
[[group]]
name = "writer"
threads = 1
loops = 2
[[op]]
group = "first"
touch = { vma = "heap", access = "write" }
[[op]]
group = "second"
phase = 2
touch = { vma = "heap", access = "write", touches = 200 }
[[op]]
group = "writer"
madvise_dontneed = { vma = "heap", length = "64KiB" }
"#;

/// Threads that do not touch are not waited for; threads that touch only in the first phase are.
#[test]
fn every_thread_that_touches_makes_its_touches() {
    let workload = parse(PHASES);
    for entry in entries(&workload) {
        for storm in in_both_worlds(entry, Ask::new(&workload, 2, Until::Touches(700))) {
            assert_eq!(storm.counts.touches, 1400, "{}", entry.name);
        }
    }
}

const MAPPED_LATE: &str = r#"
summary = "memory that is mapped in a round, and not when the next begins"
reset = "zap"
[[vma]]
name = "heap"
size = "40KiB"
[[vma]]
name = "late"
size = "4MiB"
mapped = false
[[op]]
touch = { vma = "heap", access = "write", slices = "shared" }
[[op]]
mmap = { vma = "late", slices = "shared" }
[[op]]
touch = { vma = "late", access = "write", slices = "shared", touches = 1 }
"#;

/// The second round ends before the mapping is made again, so its table may be missing.
#[test]
fn no_table_stays_for_what_is_not_mapped_when_a_round_starts() {
    everywhere_until(MAPPED_LATE, 2, Until::Touches(15), |name, storm| {
        assert_eq!(storm.counts.touches, 30, "{name}");
    });
}

const PAGE_BY_PAGE: &str = r#"
summary = "each page written, given back and read, one and a half times"
[[vma]]
name = "own"
size = "256KiB"
scope = "per-thread"
[[group]]
name = "threads"
loops = 96
[[op]]
touch = { vma = "own", access = "write", touches = 1, walks = true }
[[op]]
madvise_dontneed = { vma = "own", length = "4KiB" }
[[op]]
touch = { vma = "own", access = "read", touches = 1, walks = true }
"#;

#[test]
fn loops_walk_from_page_to_page_with_the_pieces_of_writers() {
    let workload = parse(PAGE_BY_PAGE);
    for entry in entries(&workload) {
        for storm in in_both_worlds(entry, Ask::new(&workload, 2, Until::Rounds(2))) {
            let kind = |kind: Kind| storm.counts.by_kind[kind as usize];
            assert_eq!(storm.counts.faults, 2 * 2 * 2 * 96, "{}: {:?}", entry.name, storm.counts);
            assert_eq!(kind(Kind::AnonRead), 2 * 2 * 96, "{}", entry.name);
            // In the second pass each page is still mapped to the zero page by its read.
            assert_eq!(kind(Kind::AnonWrite), 2 * 2 * 64, "{}: {:?}", entry.name, storm.counts);
            assert_eq!(done(&storm, "madvise_dontneed"), 2 * 2 * 96, "{}", entry.name);
        }
    }
}

/// As many touches as there are pages; the last part is shorter; there is memory for all.
#[test]
fn a_touch_that_walks_comes_to_each_page_once_in_a_pass() {
    for order in ["\"sequential\"", "\"random\"", "{ strided = 7 }"] {
        let workload = parse(&format!(
            "summary = \"x\"\n[[vma]]\nname = \"v\"\nsize = \"16MiB\"\n[[group]]\nname = \"g\"\n\
             loops = 35\n[[op]]\ntouch = {{ vma = \"v\", access = \"write\", order = {order}, \
             touches = 60, walks = true }}\n"
        ));
        let entry = entries(&workload).next().expect("some run it");
        for storm in in_both_worlds(entry, Ask::new(&workload, 2, Until::Rounds(1))) {
            let counts = &storm.counts;
            assert_eq!((counts.touches, counts.faults), (4096, 4096), "{order}");
        }
    }
}
