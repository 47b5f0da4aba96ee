//! Storms on the running kernel: its counts match the touches, and it names what it cannot do.
//! Without privileges: no debugfs, no counters.

use faultstorm::host::Roots;
use faultstorm::host::events::PerfEvents;
use faultstorm::mm::fault::Kind;
use faultstorm::storm::{KernelFindings, Recording, Storm, StormError, kernel};
use faultstorm::workload::{Action, Until, Workload};

use crate::ask::{Ask, parse};

/// Most faults of threads on this program's own code and memory, which a first batch may bring in.
const OWN_MAX: u64 = 16;

fn try_storm(workload: &Workload, threads: usize, until: Until) -> Result<Storm, StormError> {
    Ask::new(workload, threads, until).with_cores(1, &kernel::run)
}

fn storm(workload: &Workload, threads: usize, until: Until) -> (Storm, KernelFindings) {
    let storm = try_storm(workload, threads, until).unwrap_or_else(|error| panic!("{error}"));
    let told = storm.kernel.clone().expect("the kernel tells");
    (storm, told)
}

fn kind(storm: &Storm, kind: Kind) -> u64 {
    storm.counts.by_kind[kind as usize]
}

/// Returns a workload of one mapping of a megabyte, 256 pages.
fn one_mapping(vma: &str, touch: &str) -> Workload {
    parse(&format!(
        "summary = \"x\"\n[[file]]\nname = \"data\"\nsize = \"1MiB\"\n\
         [[vma]]\nname = \"map\"\nsize = \"1MiB\"\n{vma}\n\
         [[vma]]\nname = \"other\"\nsize = \"4KiB\"\nfile = \"data\"\n\
         [[op]]\ntouch = {{ vma = \"map\", {touch} }}\n\
         [[op]]\ntouch = {{ vma = \"other\", access = \"write\" }}\n"
    ))
}

#[test]
fn every_first_touch_is_one_fault_of_the_kernel() {
    let private = "file = \"data\"\nsharing = \"private\"";
    for (vma, touch, expected) in [
        ("", "access = \"write\"", Kind::AnonWrite),
        ("", "access = \"read\"", Kind::AnonRead),
        ("", "access = \"write\", order = \"random\"", Kind::AnonWrite),
        (private, "access = \"write\"", Kind::PrivateWrite),
    ] {
        for (threads, rounds) in [(1, 3), (2, 3)] {
            let workload = one_mapping(vma, touch);
            let (found, told) = storm(&workload, threads, Until::Rounds(rounds));
            // The mapping, and one page of the other.
            let touches = rounds * 257;
            assert_eq!(found.counts.touches, touches);
            assert_eq!(told.expected, touches..=touches);
            let faults = found.counts.faults;
            assert!(
                (touches..=touches + OWN_MAX).contains(&faults),
                "{faults} of {touches}: {touch}"
            );
            assert!(kind(&found, expected) >= rounds * 256, "{:?}", found.counts);
            assert_eq!((told.minor, told.major), (faults, 0));
            let samples: u64 = found.latency.iter().map(|histogram| histogram.len()).sum();
            assert!(samples > 0 && samples < faults, "{samples} samples of {faults} faults");
        }
    }
}

#[test]
fn events_count_the_same_faults_where_they_may_be_counted() {
    let workload = one_mapping("", "access = \"write\"");
    let found = Ask { recording: Recording::Lines, ..Ask::new(&workload, 2, Until::Rounds(8)) };
    let found = found.with_cores(1, &kernel::run).unwrap();
    let told = found.kernel.unwrap();
    let events = told.events.expect("they are recorded");
    if let Err(why) = PerfEvents::open(&Roots::default()) {
        assert_eq!(events, Err(why));
        return;
    }
    let (events, rusage) = (events.unwrap(), told.minor + told.major);
    assert!(rusage >= 8 * 257);
    let apart = (events.minor + events.major).abs_diff(rusage);
    assert!(apart <= 2 * OWN_MAX, "{events:?}, and {rusage} by getrusage");
    let told = storm(&workload, 1, Until::Rounds(1)).1;
    assert_eq!(told.events, None, "they cost time, so only where asked for");
}

#[test]
fn zapped_and_remapped_pages_fault_again() {
    for reset in ["zap", "remap"] {
        let text = "[[vma]]\nname = \"v\"\nsize = \"2MiB\"\ncount = 3\n\
                    [[op]]\ntouch = { vma = \"v\", access = \"write\" }\n";
        let workload = parse(&format!("summary = \"x\"\nreset = \"{reset}\"\n{text}"));
        let (found, _) = storm(&workload, 2, Until::Rounds(4));
        assert!(
            (6144..=6144 + OWN_MAX).contains(&found.counts.faults),
            "{reset}: {}",
            found.counts.faults
        );
        assert_eq!(found.rounds, 4);
    }
}

#[test]
fn a_storm_ends_after_so_many_faults_or_when_its_time_is_over() {
    let workload = one_mapping("", "access = \"write\"");
    let (found, _) = storm(&workload, 1, Until::Faults(1000));
    assert!((1000..=1000 + OWN_MAX).contains(&found.counts.faults), "{}", found.counts.faults);
    let (found, _) = storm(&workload, 1, Until::Duration(3_000_000));
    assert!(found.window_ns >= 3e6 && found.counts.faults > 257);
    assert!(found.reset_ns > 0.0, "mappings were made anew outside of the window");
}

#[test]
fn advice_of_all_kinds_is_given() {
    let names = [
        "madvise_normal",
        "madvise_sequential",
        "madvise_random",
        "madvise_populate_read",
        "madvise_populate_write",
        "mincore",
    ];
    for name in names {
        let text = format!(
            "summary = \"x\"\n[[vma]]\nname = \"v\"\nsize = \"32MiB\"\n\
             [[op]]\n{name} = {{ vma = \"v\" }}\n\
             [[op]]\ntouch = {{ vma = \"v\", access = \"write\", touches = 256 }}\n"
        );
        let (found, told) = storm(&parse(&text), 1, Until::Rounds(2));
        let number = Action::NAMES.iter().position(|action| *action == name).unwrap();
        assert_eq!(found.ops[number].as_ref().map(|times| times.len()), Some(2), "{name}");
        let populates = name == "madvise_populate_write";
        let faults = if populates { 0..=OWN_MAX } else { 512..=512 + OWN_MAX };
        assert!(faults.contains(&found.counts.faults), "{name}: {}", found.counts.faults);
        let least = if name.contains("populate") { 0 } else { 512 };
        assert_eq!(told.expected, least..=512, "{name}");
    }
}

#[test]
fn files_are_in_memory_or_in_a_directory() {
    let directory = tempfile::tempdir().expect("there is a directory for temporary files");
    let path = directory.path().display();
    let of = |key: &str| {
        parse(&format!(
            "summary = \"x\"\n[[file]]\nname = \"f\"\nsize = \"1MiB\"\n{key}\n[[vma]]\n\
             name = \"v\"\nsize = \"1MiB\"\nfile = \"f\"\nsharing = \"shared\"\n\
             [[op]]\ntouch = {{ vma = \"v\", access = \"write\" }}\n"
        ))
    };
    let (found, told) = storm(&of(""), 1, Until::Rounds(2));
    assert_eq!(told.files["f"].system.to_string(), "tmpfs");
    assert_eq!(told.files["f"].cached_share, 1.0);
    assert_eq!(kind(&found, Kind::SharedWrite), found.counts.faults - told.major);
    assert!(told.expected.contains(&found.counts.faults), "{told:?}");
    let (found, told) = storm(&of(&format!("directory = \"{path}\"")), 1, Until::Rounds(2));
    assert!(told.expected.contains(&found.counts.faults), "{told:?}");
    let left = std::fs::read_dir(directory.path()).expect("it is there").count();
    assert_eq!(left, 0, "the file had no name");
    let error = try_storm(&of("directory = \"/no/such\""), 1, Until::Rounds(1)).unwrap_err();
    assert!(matches!(error, StormError::Machine(_)) && error.to_string().contains("/no/such"));
}

#[test]
fn pages_that_are_not_cached_are_read_from_the_disk_in_each_round() {
    let directory = tempfile::tempdir().expect("there is a directory for temporary files");
    let workload = parse(&format!(
        "summary = \"x\"\n[[file]]\nname = \"f\"\nsize = \"1MiB\"\ncached = 0.5\n\
         io_latency = \"80us\"\ndirectory = \"{}\"\n[[vma]]\nname = \"v\"\nsize = \"1MiB\"\n\
         file = \"f\"\nprot = \"read\"\n[[op]]\ntouch = {{ vma = \"v\", access = \"read\" }}\n",
        directory.path().display()
    ));
    assert!(kernel::remarks(&workload)[0].contains("`io_latency`"));
    let (found, told) = storm(&workload, 1, Until::Rounds(2));
    assert!(told.expected.contains(&found.counts.faults), "{told:?}");
    assert_eq!(kind(&found, Kind::FileReadIo), told.major);
    let file = &told.files["f"];
    // Other file systems may drop more pages, or none.
    if file.system.to_string() == "ext4" {
        assert!((file.cached_share - 0.5).abs() < 0.15, "{file:?}");
        assert!(told.major > 2 * 64, "{told:?}");
    }
}

#[test]
fn reads_of_a_file_map_what_is_around() {
    let touch = "access = \"read\"";
    let (found, told) =
        storm(&one_mapping("file = \"data\"\nprot = \"read\"", touch), 1, Until::Rounds(2));
    assert!(told.expected.contains(&found.counts.faults), "{told:?}");
    assert!(found.counts.faults < found.counts.touches / 2, "{:?}", found.counts);
}

/// Returns the number of an action in results.
fn number(name: &str) -> usize {
    Action::NAMES.iter().position(|action| *action == name).unwrap()
}

#[test]
fn writers_unmap_and_protect_beside_faults() {
    let of = |op: &str| {
        parse(&format!(
            "summary = \"x\"\n[[vma]]\nname = \"v\"\nsize = \"1MiB\"\n\
             [[group]]\nname = \"faulters\"\nloops = 4\n\
             [[group]]\nname = \"writer\"\nthreads = 1\n\
             [[op]]\ngroup = \"faulters\"\ntouch = {{ vma = \"v\", access = \"write\" }}\n{op}"
        ))
    };
    let mprotect = |prot: &str| {
        format!(
            "[[op]]\ngroup = \"writer\"\n\
             mprotect = {{ vma = \"v\", prot = \"{prot}\", length = \"64KiB\" }}\n"
        )
    };
    let unmap = "[[op]]\ngroup = \"writer\"\nmunmap = { vma = \"v\", length = \"64KiB\" }\n\
                 [[op]]\ngroup = \"writer\"\nmmap = { vma = \"v\", length = \"64KiB\" }\n";
    let drop_pages = "[[op]]\ngroup = \"writer\"\nmadvise_dontneed = { vma = \"v\" }\n";
    let moves = "[[op]]\ngroup = \"writer\"\nmremap = { vma = \"v\", length = \"64KiB\" }\n";
    let protect = mprotect("read") + &mprotect("read-write");
    for (op, actions) in [
        (protect.as_str(), &["mprotect"][..]),
        (unmap, &["mmap", "munmap"]),
        (drop_pages, &["madvise_dontneed"]),
        (moves, &["mremap"]),
    ] {
        let workload = of(op);
        assert_eq!(kernel::refuses(&workload), None);
        let (found, told) = storm(&workload, 2, Until::Rounds(40));
        assert_eq!(found.counts.touches, 40 * 4 * 256);
        for action in actions {
            let times = found.ops[number(action)].as_ref();
            assert!(times.is_some_and(|times| !times.is_empty()), "{op}");
        }
        // A page may fault again while another thread changes it, but not often.
        assert!(*told.expected.start() == 0, "others take pages away");
        assert_eq!(told.minor + told.major + found.counts.segv, found.counts.faults);
    }
}

#[test]
fn touches_behind_the_end_of_a_file_are_counted_and_survived() {
    let workload = parse(
        "summary = \"x\"\n[[file]]\nname = \"f\"\nsize = \"1MiB\"\n[[vma]]\nname = \"v\"\n\
         size = \"1MiB\"\nfile = \"f\"\nsharing = \"shared\"\n\
         [[op]]\ntruncate = { file = \"f\", size = \"512KiB\" }\n\
         [[op]]\ntouch = { vma = \"v\", access = \"write\" }\n",
    );
    let (found, _) = storm(&workload, 1, Until::Rounds(3));
    assert_eq!(found.counts.sigbus, 3 * 128);
    assert_eq!(found.counts.segv, 0);
    assert_eq!(found.ops[number("truncate")].as_ref().map(|times| times.len()), Some(3));
}

#[test]
fn memory_that_a_thread_maps_is_its_own() {
    let workload = parse(
        "summary = \"x\"\n[[vma]]\nname = \"v\"\nsize = \"1MiB\"\nscope = \"per-thread\"\n\
         mapped = false\n[[group]]\nname = \"g\"\nloops = 3\n[[op]]\nmmap = { vma = \"v\" }\n\
         [[op]]\ntouch = { vma = \"v\", access = \"write\" }\n[[op]]\nmunmap = { vma = \"v\" }\n",
    );
    let (found, told) = storm(&workload, 2, Until::Rounds(2));
    let touches = 2 * 2 * 3 * 256;
    assert_eq!((found.counts.touches, found.counts.segv), (touches, 0));
    assert_eq!(told.expected, touches..=touches, "each loop unmaps what it touched");
    assert!(
        (touches..=touches + OWN_MAX).contains(&found.counts.faults),
        "{}",
        found.counts.faults
    );
    let done = |action: usize| found.ops[action].as_ref().map(|times| times.len());
    assert_eq!((done(0), done(1)), (Some(12), Some(12)));
}

#[test]
fn loops_go_from_page_to_page() {
    let workload = parse(
        "summary = \"x\"\n[[vma]]\nname = \"v\"\nsize = \"1MiB\"\nscope = \"per-thread\"\n\
         [[group]]\nname = \"g\"\nloops = 256\n\
         [[op]]\ntouch = { vma = \"v\", access = \"write\", touches = 1, walks = true }\n\
         [[op]]\nmadvise_dontneed = { vma = \"v\", length = \"4KiB\" }\n\
         [[op]]\ntouch = { vma = \"v\", access = \"read\", touches = 1, walks = true }\n",
    );
    let (found, told) = storm(&workload, 2, Until::Rounds(2));
    let (touches, faults) = (2 * 2 * 256 * 2, found.counts.faults);
    assert_eq!(found.counts.touches, touches);
    assert!((touches..=touches + OWN_MAX).contains(&faults), "{faults} of {touches}");
    assert!(told.expected.contains(&faults.min(touches)), "{told:?}");
}

#[test]
fn what_the_kernel_cannot_do_is_said() {
    let stack = parse(
        "summary = \"x\"\n[[vma]]\nname = \"s\"\nsize = \"1MiB\"\ngrows_down = \"4KiB\"\n\
         [[op]]\ntouch = { vma = \"s\", access = \"write\" }\n\
         [[op]]\nexpand_stack = { vma = \"s\" }\n[[op]]\nfork = {}\n",
    );
    let why = kernel::refuses(&stack).expect("stacks are refused");
    assert!(why.contains("a stack of the kernel") && why.contains("is not forked"), "{why}");
    let [four, five] = ["4", "5"].map(|order| {
        let vma = format!("file = \"data\"\nfault_around_order = {order}");
        one_mapping(&vma, "access = \"read\"")
    });
    // One of the two differs from the system's value; the user's rights decide if it can be set.
    let refused = [&four, &five].map(|workload| kernel::refuses(workload).is_some());
    assert_ne!(refused, [true, true]);
    for (workload, refused) in [&four, &five].into_iter().zip(refused) {
        assert_eq!(try_storm(workload, 1, Until::Rounds(1)).is_err(), refused);
    }
}
