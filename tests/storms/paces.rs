//! Paces of writers, loops within loops, and the time of a rate.

use faultstorm::storm::Storm;
use faultstorm::strategy::{Entry, find};
use faultstorm::workload::{Action, Until};

use crate::ask::{Ask, parse, xeon};

fn mmap_lock() -> &'static Entry {
    find("mmap-lock").expect("it is in the table")
}

fn number(name: &str) -> usize {
    Action::NAMES.iter().position(|action| *action == name).expect("an action")
}

fn done(storm: &Storm, name: &str) -> u64 {
    storm.ops[number(name)].as_ref().map_or(0, |times| times.len())
}

/// Readers of 64 pages, whose rounds last for some ten microseconds in the model, beside a writer.
fn beside_paced(every: &str) -> String {
    format!(
        "summary = \"x\"\n[[vma]]\nname = \"heap\"\nsize = \"256KiB\"\n[[vma]]\nname = \"other\"\n\
         size = \"64KiB\"\n[[group]]\nname = \"readers\"\n[[group]]\nname = \"writer\"\n\
         threads = 1\n[[op]]\ngroup = \"readers\"\n\
         touch = {{ vma = \"heap\", access = \"read\", think = \"2us\" }}\n\
         [[op]]\ngroup = \"writer\"\n\
         mprotect = {{ vma = \"other\", prot = \"read\", every = \"{every}\" }}\n\
         [[op]]\ngroup = \"writer\"\nmprotect = {{ vma = \"other\", prot = \"read-write\" }}\n"
    )
}

#[test]
fn a_pace_is_kept_over_many_rounds_and_over_none() {
    const STORM_NS: u64 = 8_000_000;
    let per_s = |every: &str| {
        let workload = parse(&beside_paced(every));
        let ask = Ask::new(&workload, 4, Until::Duration(STORM_NS));
        let storm = ask.in_model(mmap_lock(), &xeon());
        assert!(storm.rounds > 100, "rounds are short: {}", storm.rounds);
        let asked = storm.asked_per_s[number("mprotect")];
        (asked, done(&storm, "mprotect") as f64 / storm.whole_ns * 1e9)
    };
    for (every, asked) in [("20us", 100e3), ("50us", 40e3), ("200us", 10e3), ("1ms", 2e3)] {
        let (asks, achieved) = per_s(every);
        assert_eq!(asks, asked, "both operations of a loop");
        // One operation of few may be due just after the end.
        let one = 1.1e9 / STORM_NS as f64;
        let off = (achieved - asked).abs();
        assert!(off < one.max(0.05 * asked), "every {every}: {achieved}/s");
    }
    assert_eq!(per_s("1s").1, 0.0, "the first would be after half a second");
}

/// Few CPUs and other work delay operations, but nothing makes them come early.
#[test]
fn a_pace_is_kept_by_threads() {
    const STORM_NS: u64 = 200_000_000;
    let workload = parse(&beside_paced("500us"));
    let storm = Ask::new(&workload, 1, Until::Duration(STORM_NS)).on_host(mmap_lock());
    let asked = storm.asked_per_s[number("mprotect")] * storm.whole_ns / 1e9;
    let share = done(&storm, "mprotect") as f64 / asked;
    assert!((0.3..1.05).contains(&share), "{share} of {asked}");
}

#[test]
fn who_waits_for_its_pace_does_no_work() {
    let workload = parse(&beside_paced("1ms"));
    let ask = Ask::new(&workload, 4, Until::Duration(4_000_000));
    let storm = ask.in_model(mmap_lock(), &xeon());
    let busy = storm.threads_ns / storm.whole_ns;
    assert!((3.0..4.1).contains(&busy), "four readers and an idle writer: {busy} threads");
}

#[test]
fn operations_repeat_within_a_loop() {
    let workload = parse(
        "summary = \"x\"\n[[vma]]\nname = \"m\"\nsize = \"64KiB\"\nscope = \"per-thread\"\n\
         mapped = false\n[[group]]\nname = \"g\"\nloops = 3\n[[op]]\nmmap = { vma = \"m\" }\n\
         [[op]]\nrepeat = 16\ntouch = { vma = \"m\", access = \"write\", touches = 1, \
         walks = true }\n[[op]]\nrepeat = 16\n\
         madvise_dontneed = { vma = \"m\", length = \"4KiB\" }\n[[op]]\nrepeat = 16\n\
         touch = { vma = \"m\", access = \"read\", touches = 1, walks = true }\n\
         [[op]]\nmunmap = { vma = \"m\" }\n",
    );
    for storm in [
        Ask::new(&workload, 2, Until::Rounds(1)).in_model(mmap_lock(), &xeon()),
        Ask::new(&workload, 2, Until::Rounds(1)).on_host(mmap_lock()),
    ] {
        let ops = ["mmap", "munmap", "madvise_dontneed"].map(|name| done(&storm, name));
        assert_eq!(ops, [6, 6, 6 * 16]);
        assert_eq!((storm.counts.touches, storm.counts.faults), (6 * 32, 6 * 32));
        let loops = storm.loops_done.expect("loops have several steps");
        assert_eq!((loops.begun, loops.whole, loops.touches), (6, 6, 32));
    }
    // Ten faults of each thread end its first loop in the middle.
    let storm = Ask::new(&workload, 2, Until::Faults(10)).in_model(mmap_lock(), &xeon());
    let loops = storm.loops_done.expect("loops have several steps");
    assert_eq!((loops.begun, loops.whole), (2, 0));
    assert_eq!(loops.never().collect::<Vec<_>>(), ["munmap"]);
}

/// One thread thinks ten times as long as the other.
fn unequal(rate_over: &str) -> Storm {
    let group = |name: &str, think: &str| {
        format!(
            "[[vma]]\nname = \"{name}\"\nsize = \"1MiB\"\n[[group]]\nname = \"{name}\"\n\
             threads = {{ weight = 1 }}\n[[op]]\ngroup = \"{name}\"\ntouch = {{ vma = \
             \"{name}\", access = \"write\", think = \"{think}\" }}\n"
        )
    };
    let (fast, slow) = (group("fast", "1us"), group("slow", "10us"));
    let workload = parse(&format!("summary = \"x\"\nrate_over = \"{rate_over}\"\n{fast}{slow}"));
    Ask::new(&workload, 2, Until::Faults(200)).in_model(mmap_lock(), &xeon())
}

#[test]
fn a_rate_is_never_that_of_a_small_part_of_a_storm() {
    for rate_over in ["together", "whole"] {
        let storm = unequal(rate_over);
        assert!(storm.overlap_share < 0.5, "{}", storm.overlap_share);
        assert_eq!(storm.window_ns, storm.whole_ns);
        assert_eq!(storm.threads.iter().map(|thread| thread.faults).sum::<u64>(), 400);
    }
}
