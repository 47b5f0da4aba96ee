//! Actions of faults and writers by the rules of their kernel or outline, counted in the model.

use faultstorm::kernels::KernelFile;
use faultstorm::machine::model::{Model, Multicore, Place};
use faultstorm::machine::{LineName, Machine};
use faultstorm::mm::Config;
use faultstorm::mm::fault::Kind;
use faultstorm::mm::frames::{Arena, Frames};
use faultstorm::mm::zones::{FRAME_BATCH, PageLists};
use faultstorm::storm::Storm;
use faultstorm::strategy::find;
use faultstorm::sync::spinlock::Waiters;
use faultstorm::workload::{KernelParts, Until, Workload};
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::ask::{Ask, linux, of_model, parse, shipped, xeon};

/// A storm of one thread that has a mapping of 16 pages for itself.
fn alone(strategy: &str, release: &str, ops: &[&str]) -> Storm {
    let ops: String = ops.iter().map(|op| format!("[[op]]\n{op}\n")).collect();
    let workload = parse(&format!(
        "summary = \"x\"\n[[vma]]\nname = \"v\"\nsize = \"64KiB\"\nscope = \"per-thread\"\n{ops}"
    ));
    let entry = find(strategy).expect("it is in the table");
    let ask = Ask::new(&workload, 1, Until::Rounds(1));
    Ask { kernel: Some(linux(release)), ..ask }.in_model(entry, &xeon())
}

const READ: &str = "touch = { vma = \"v\", access = \"read\" }";
const WRITE: &str = "touch = { vma = \"v\", access = \"write\" }";
const PROTECT: &str = "mprotect = { vma = \"v\", prot = \"read\" }";
const ALLOW: &str = "mprotect = { vma = \"v\", prot = \"read-write\" }";

/// Returns shootdowns, faults, and the copies among the faults.
fn counts(storm: &Storm) -> [u64; 3] {
    let copies = storm.counts.by_kind[Kind::WpCopy as usize];
    [storm.shootdowns.count, storm.counts.faults, copies]
}

#[test]
fn mprotect_shoots_down_where_a_page_has_lost_or_gained_a_right() {
    for strategy in ["mmap-lock", "rcu-map-pages", "vm-refcnt"] {
        let of = |ops: &[&str]| counts(&alone(strategy, "7.2", ops));
        assert_eq!(of(&[PROTECT, ALLOW]), [0, 0, 0], "{strategy}: nothing is mapped");
        assert_eq!(of(&[READ, PROTECT, ALLOW]), [0, 16, 0], "{strategy}: the zero page");
        // A copy of the zero page causes a shootdown of its own.
        assert_eq!(of(&[READ, PROTECT, ALLOW, WRITE]), [16, 32, 16], "{strategy}");
        assert_eq!(of(&[WRITE, PROTECT]), [1, 16, 0], "{strategy}");
        // Pages that nobody shares can be written at once.
        assert_eq!(of(&[WRITE, PROTECT, ALLOW, WRITE]), [2, 16, 0], "{strategy}");
    }
}

#[test]
fn mprotect_of_5_12_shoots_down_where_a_page_is_mapped() {
    let of = |ops: &[&str]| counts(&alone("mmap-lock", "5.12", ops));
    assert_eq!(of(&[PROTECT, ALLOW]), [0, 0, 0], "nothing is mapped");
    assert_eq!(of(&[READ, PROTECT, ALLOW]), [2, 16, 0], "the zero page");
    // A write to a page that is mapped read-only faults.
    assert_eq!(of(&[WRITE, PROTECT, ALLOW, WRITE]), [2, 32, 16]);
}

/// A page that a child shares is not exclusive, until a write finds that it is no longer shared.
#[test]
fn mprotect_gives_no_right_to_what_a_child_shares() {
    // One shootdown for the fork, one for each copy; the ptes have lost the right to write already.
    let forked = [WRITE, "fork = {}", PROTECT, ALLOW, WRITE];
    assert_eq!(counts(&alone("vm-refcnt", "7.2", &forked)), [1 + 16, 32, 16]);
}

/// Returns the stores to mmap_lock's line by threads that free 50 pages each, one by one.
fn stores_to_mmap_lock(strategy: &str, release: &str) -> u64 {
    let workload = parse(
        "summary = \"x\"\n[[vma]]\nname = \"v\"\nsize = \"64KiB\"\nscope = \"per-thread\"\n\
         [[group]]\nname = \"g\"\nloops = 50\n[[op]]\n\
         touch = { vma = \"v\", access = \"write\", touches = 1 }\n[[op]]\n\
         madvise_dontneed = { vma = \"v\" }\n",
    );
    let entry = find(strategy).expect("it is in the table");
    let ask = Ask::new(&workload, 2, Until::Rounds(1));
    let storm = Ask { kernel: Some(linux(release)), ..ask }.in_model(entry, &xeon());
    assert_eq!(storm.counts.faults, 100);
    let named = |line: &&(&LineName, _)| line.0.name == "mm.mmap_lock";
    of_model(&storm).accounts.0.iter().find(named).map_or(0, |(_, account)| account.writes)
}

#[test]
fn dontneed_leaves_mmap_lock_alone_where_the_lock_of_the_vma_is_enough() {
    for strategy in ["per-vma-lock", "vm-refcnt"] {
        let of = |release| stores_to_mmap_lock(strategy, release);
        assert!(of("6.15") > 2 * 100, "{strategy}: as kernels before 6.17");
        assert!(of("7.2") < 20, "{strategy}: {}", of("7.2"));
    }
}

/// Threads that map memory for themselves take VMAs, and their locks, from separate slabs.
#[test]
fn locks_of_threads_that_map_for_themselves_share_no_line() {
    let workload = parse(
        "summary = \"x\"\n[[vma]]\nname = \"v\"\nsize = \"256KiB\"\nscope = \"per-thread\"\n\
         mapped = false\n[[group]]\nname = \"g\"\nloops = 4\n[[op]]\nmmap = { vma = \"v\" }\n\
         [[op]]\ntouch = { vma = \"v\", access = \"write\" }\n[[op]]\nmunmap = { vma = \"v\" }\n",
    );
    let entry = find("per-vma-lock").expect("it is in the table");
    let storm = Ask::new(&workload, 8, Until::Rounds(1)).in_model(entry, &xeon());
    let lines = of_model(&storm).accounts.0.iter().filter(|line| line.0.name == "vma_lock");
    let (moved, faults) = (lines.map(|line| line.1.transfers).sum::<u64>(), storm.counts.faults);
    assert!(moved < faults / 20, "{moved} in {faults} faults");
}

/// A piece is protected and unprotected over and over: each time it is split off its neighbours
/// and merged with them again, under their locks.
#[test]
fn a_piece_is_merged_with_its_neighbours_when_it_is_like_them() {
    let workload = parse(
        "summary = \"x\"\n[[vma]]\nname = \"v\"\nsize = \"64KiB\"\nscope = \"per-thread\"\n\
         [[group]]\nname = \"g\"\nloops = 50\n[[op]]\n\
         mprotect = { vma = \"v\", prot = \"read\", length = \"16KiB\" }\n[[op]]\n\
         mprotect = { vma = \"v\", prot = \"read-write\", length = \"16KiB\" }\n",
    );
    for strategy in ["mmap-lock", "rcu-map-pages", "per-vma-lock", "vm-refcnt"] {
        let entry = find(strategy).expect("it is in the table");
        let storm = Ask::new(&workload, 1, Until::Rounds(1)).in_model(entry, &xeon());
        let named = |line: &&(&LineName, _)| line.0.name == "slab.vm_area";
        let slab = of_model(&storm).accounts.0.iter().find(named);
        let slab = slab.map_or(0, |(_, account)| account.writes);
        // A split each time, and a VMA that is given back.
        assert!(slab > 100, "{strategy}: {slab}");
    }
}

/// Step 5 of the outline does not depend on whether the mapping maps pages around.
#[test]
fn rcu_map_pages_needs_no_reference_for_a_cached_page() {
    let workload = parse(
        "summary = \"x\"\n[[file]]\nname = \"f\"\nsize = \"1MiB\"\n[[vma]]\nname = \"v\"\n\
         size = \"1MiB\"\nfile = \"f\"\nfault_around_order = 0\n[[op]]\n\
         touch = { vma = \"v\", access = \"read\" }\n",
    );
    let storm = |strategy: &str| {
        let entry = find(strategy).expect("it is in the table");
        Ask::new(&workload, 4, Until::Rounds(1)).in_model(entry, &xeon())
    };
    let references = |storm: &Storm| {
        let lines =
            of_model(storm).accounts.0.iter().filter(|(line, _)| line.name == "vma.vm_refcnt");
        lines.map(|(_, line)| line.writes).sum::<u64>()
    };
    let found = storm("rcu-map-pages");
    assert_eq!(references(&found), 0);
    assert_eq!(found.counts.by_kind[Kind::FileRead as usize], 256);
    assert!(references(&storm("vma-refcount")) >= 2 * 256);
}

/// The index of a file is walked from its root once for a window of 16 pages, not for each page.
#[test]
fn a_window_stays_in_the_lowest_node_of_the_index() {
    let entry = find("unlocked").expect("it is in the table");
    let workload = shipped("file-fault-around");
    let storm = Ask::new(&workload, 1, Until::Faults(256)).in_model(entry, &xeon());
    let named = |line: &&(&LineName, _)| line.0.name == "mapping.i_pages";
    let account = &of_model(&storm).accounts.0.iter().find(named).expect("the root is read").1;
    let faults = storm.counts.by_kind[Kind::FileReadAround as usize];
    assert_eq!((account.reads, account.writes), (faults, 0));
}

/// A reader loads the owner before it stores its name; in some kernels it loads the owner again
/// when it leaves, to remove the name.
#[test]
fn a_reader_loads_the_owner_that_it_stores() {
    let workload = shipped("huge-anon-read");
    let lock = |release: &str| {
        let entry = find("mmap-lock").expect("it is in the table");
        let ask = Ask::new(&workload, 1, Until::Faults(500));
        let storm = Ask { kernel: Some(linux(release)), ..ask }.in_model(entry, &xeon());
        let named = |line: &&(&LineName, _)| line.0.name == "mm.mmap_lock";
        let account = &of_model(&storm).accounts.0.iter().find(named).expect("the lock is taken").1;
        let faults = storm.counts.faults;
        (account.reads / faults, account.writes / faults)
    };
    // The count is loaded, raised and lowered, and the owner is on the same line.
    assert_eq!(lock("7.2"), (1 + 2, 2 + 2));
    // Here pgd and mm_users are on it too.
    assert_eq!(lock("6.12").1, 2 + 1);
}

/// `detached` is not on the line of the count, which another fault has written meanwhile.
#[test]
fn a_fault_has_the_line_of_a_vma_count_twice() {
    let workload = shipped("huge-anon-read");
    let entry = find("vma-refcount").expect("it is in the table");
    let storm = Ask::new(&workload, 16, Until::Faults(200)).in_model(entry, &xeon());
    let named = |line: &&(&LineName, _)| line.0.name == "vma.vm_refcnt";
    let account = &of_model(&storm).accounts.0.iter().find(named).expect("it is taken").1;
    assert_eq!(account.reads, storm.counts.faults, "once, before it is raised");
}

/// Returns the accesses to each line in a storm of `per-vma-lock` in a kernel: that of 6.12, of
/// whose file one number is changed.
fn lines_with(workload: &Workload, threads: usize, changed: Option<(&str, &str)>) -> Accesses {
    let mut text = KernelFile::find("6.12").unwrap_or_else(|wrong| panic!("{wrong}")).to_toml();
    if let Some((number, other)) = changed {
        assert_eq!(text.matches(number).count(), 1, "{number}");
        text = text.replace(number, other);
    }
    let file = KernelFile::parse("mine", "mine.toml", &text);
    let kernel = file.unwrap_or_else(|wrong| panic!("{wrong}")).kernel();
    let entry = find("per-vma-lock").expect("it is in the table");
    let ask = Ask::new(workload, threads, Until::Faults(512));
    let storm = Ask { kernel: Some(kernel), ..ask }.in_model(entry, &xeon());
    let mut accesses = Accesses::new();
    // Several lines have one name.
    for (line, account) in &of_model(&storm).accounts.0 {
        let (all, moved) = accesses.entry(line.name).or_default();
        *all += account.reads + account.writes;
        *moved += account.transfers;
    }
    accesses
}

/// Accesses and transfers by the name of a line.
type Accesses = BTreeMap<&'static str, (u64, u64)>;

#[test]
fn fields_of_zone_and_lruvec_are_on_the_lines_of_the_kernels_file() {
    let lines = |changed| lines_with(&shipped("huge-anon"), 1, changed);
    let shipped = lines(None);
    assert!(["zone.lock", "lruvec.lists"].iter().all(|name| shipped[name].0 > 0), "{shipped:?}");
    let apart = lines(Some(("\nflags = { is = 1240", "\nflags = { is = 64")));
    assert!(!shipped.contains_key("zone.flags") && apart["zone.flags"].0 >= 512, "{apart:?}");
    let beside = lines(Some(("lruvec_lru_lock = { is = 144", "lruvec_lru_lock = { is = 112")));
    assert!(!beside.contains_key("lruvec.lists") && beside["lruvec.lru_lock"].0 > 0, "{beside:?}");
}

/// Locks of 64 bytes share no line.
#[test]
fn locks_of_vmas_are_as_large_as_in_the_kernels_file() {
    let transfers = |changed| lines_with(&shipped("vma-per-thread"), 8, changed)["vma_lock"].1;
    let large = transfers(Some(("\nsize = { is = 40", "\nsize = { is = 64")));
    assert!(transfers(None) > 2 * large, "{} and {large}", transfers(None));
}

/// A frame comes from a core's own list, but its zone is still checked.
#[test]
fn an_allocation_looks_at_its_zone() {
    let reads = |zone_lock: bool| {
        let kernel = KernelParts { zone_lock, ..KernelParts::default() };
        let workload = Workload { kernel, ..shipped("huge-anon") };
        let entry = find("unlocked").expect("it is in the table");
        let storm = Ask::new(&workload, 1, Until::Faults(2048)).in_model(entry, &xeon());
        ["zone.lock", "zone.vm_stat"].map(|name| {
            let lines = of_model(&storm).accounts.0.iter().filter(|(line, _)| line.name == name);
            lines.map(|(_, line)| line.reads).sum::<u64>() as f64 / 2048.0
        })
    };
    let [flags, free] = reads(true);
    assert!((1.0..1.2).contains(&flags) && free >= 1.0, "{flags}, {free}");
    assert_eq!(reads(false)[0], 0.0);
}

/// A core that takes a batch of frames loads the line of each `struct page`, under `zone->lock`.
#[test]
fn a_batch_of_frames_takes_their_lines_from_memory() {
    let machine = xeon();
    let multicore = Multicore::new(&machine, &[Place { agent: 0, socket: 0 }]);
    let _here = multicore.enter();
    let config = Config { frames: 200, nodes: [0].into(), ..Config::default() };
    let frames = Frames::<Model>::new(Arena::new(1).expect("a page"), &config, linux("7.2"));
    let shared = Rc::new((frames, Waiters::<Model>::new(1)));
    let ran = multicore.run(move |core| {
        let (frames, waiters) = &*shared;
        let mut lists = PageLists::new(&frames.zones, core);
        [0, 1].map(|_| {
            let from_ns = Model::now_ns();
            lists.take(frames, waiters).expect("there are frames");
            Model::now_ns() - from_ns
        })
    });
    let [first_ns, second_ns] = ran.unwrap_or_else(|_| panic!("it ends"))[0];
    let memory_ns = machine.memory[0] / 1000;
    assert!(first_ns > FRAME_BATCH as u64 * memory_ns, "{first_ns}");
    assert!(second_ns < memory_ns, "{second_ns}");
}

/// Counts of resident pages are added to those of the space by batches of pages, or of faults.
#[test]
fn a_task_of_5_12_adds_its_resident_pages_once_in_66_faults() {
    let entry = find("mmap-lock").expect("it is in the table");
    let workload = shipped("huge-anon");
    let writes = |release: &str| {
        let ask = Ask::new(&workload, 2, Until::Faults(66 * 20));
        let storm = Ask { kernel: Some(linux(release)), ..ask }.in_model(entry, &xeon());
        let named = |line: &&(&LineName, _)| line.0.name == "mm.rss_stat";
        let account = of_model(&storm).accounts.0.iter().find(named).expect("it is counted");
        (account.1.writes, storm.counts.faults)
    };
    // An atomic addition each; 128 hardware threads make a batch of 256 pages: lock, count, unlock.
    let (by_task, faults) = writes("5.12");
    assert!(by_task.abs_diff(faults / 66) <= 2, "{by_task} in {faults} faults");
    let (by_cpu, faults) = writes("6.2");
    assert!(by_cpu.abs_diff(3 * faults / 256) <= 3, "{by_cpu} in {faults} faults");
}
