//! Time of storms in the model by waits: nothing is left over, and nothing is counted twice.

use faultstorm::machine::model::{ActivityTime, WaitedPart};
use faultstorm::machine::{FAULT, FIRST_OP, Waited};
use faultstorm::storm::Storm;
use faultstorm::strategy::find;
use faultstorm::workload::{Action, Until, Workload};

use crate::ask::{Ask, entries, of_model, parse, shipped, xeon};

/// Readers of one mapping, and a writer that changes its protection.
const CONVOY: &str = r#"
summary = "readers, and a writer that they wait for"
[[vma]]
name = "heap"
size = "4MiB"
[[group]]
name = "readers"
[[group]]
name = "writer"
threads = 1
loops = "until-done"
[[op]]
group = "readers"
touch = { vma = "heap", access = "read" }
[[op]]
group = "writer"
mprotect = { vma = "heap", prot = "read", length = "4MiB", slices = "shared", every = "20us" }
[[op]]
group = "writer"
mprotect = { vma = "heap", prot = "read-write", length = "4MiB", slices = "shared", every = "20us" }
"#;

/// Threads that fault, and one that frees their pages.
const TRIMMED: &str = r#"
summary = "a heap that a thread trims"
[[vma]]
name = "heap"
size = "4MiB"
[[group]]
name = "users"
[[group]]
name = "trimmer"
threads = 1
loops = "until-done"
[[op]]
group = "users"
touch = { vma = "heap", access = "write" }
[[op]]
group = "trimmer"
madvise_dontneed = { vma = "heap", length = "1MiB", slices = "shared", every = "20us" }
"#;

fn storm(strategy: &str, workload: &Workload, threads: usize) -> Storm {
    let entry = find(strategy).expect("it is in the table");
    Ask::new(workload, threads, Until::Faults(192)).in_model(entry, &xeon())
}

fn time(storm: &Storm, activity: u16) -> &ActivityTime {
    let found = of_model(storm).activities.iter().find(|time| time.activity == activity);
    found.expect("it was done")
}

/// Returns the time of a fault that waits for a lock, as a share.
fn share(time: &ActivityTime, waited: Waited) -> f64 {
    let named = |(part, ps, _): &(WaitedPart, u64, u64)| {
        (*part == WaitedPart::Named(waited)).then_some(*ps)
    };
    time.waits.iter().find_map(named).unwrap_or(0) as f64 / time.total_ps as f64
}

/// Checks all parts of a storm against times that were measured without them.
fn check_sums(storm: &Storm, context: &str) {
    let activities = &of_model(storm).activities;
    for time in activities {
        let parts = time.work_ps + time.waits.iter().map(|(_, ps, _)| ps).sum::<u64>();
        assert_eq!(parts, time.total_ps, "{context}: the parts of activity {}", time.activity);
    }
    let all_ps: u64 = activities.iter().map(|time| time.total_ps).sum();
    assert!(all_ps as f64 <= storm.threads_ns * 1000.0, "{context}: threads have no more time");
    // Latencies are of whole nanoseconds with three digits, and begin after the exception.
    let sum = |taken: &hdrhistogram::Histogram<u64>| taken.mean() * taken.len() as f64;
    let latency_ns: f64 = storm.latency.iter().map(sum).sum();
    if storm.counts.faults > 0 {
        let faults = time(storm, FAULT);
        assert_eq!(faults.count, storm.counts.faults, "{context}");
        let traps_ps = faults.count * xeon().work.trap_ps;
        let expected = latency_ns * 1000.0 + traps_ps as f64;
        near(faults.total_ps, expected, faults.count, context);
    }
    for (op, taken) in storm.ops.iter().enumerate() {
        let Some(taken) = taken else { continue };
        let found = time(storm, FIRST_OP + op as u16);
        // An operation that found nothing to do has no latency.
        assert!(found.count >= taken.len(), "{context}: {}", Action::NAMES[op]);
        if found.count == taken.len() {
            near(found.total_ps, sum(taken) * 1000.0, found.count, context);
        }
    }
}

#[track_caller]
fn near(found_ps: u64, expected_ps: f64, count: u64, context: &str) {
    let apart = (found_ps as f64 - expected_ps).abs();
    let digits = expected_ps * 0.002 + count as f64 * 1000.0;
    assert!(apart <= digits, "{context}: {found_ps} ps instead of {expected_ps}");
}

#[test]
fn parts_add_up_to_the_time_of_faults_and_operations() {
    let names = ["huge-anon", "io-heavy", "fork-storm", "truncate-storm", "writers-disjoint"];
    let named = names.into_iter().map(|name| (name, shipped(name)));
    let written =
        [("convoy", CONVOY), ("trimmed", TRIMMED)].map(|(name, text)| (name, parse(text)));
    for (name, workload) in named.chain(written) {
        for entry in entries(&workload) {
            let ask = Ask::new(&workload, 5, Until::Faults(96));
            check_sums(&ask.in_model(entry, &xeon()), &format!("{name}, {}", entry.name));
        }
    }
}

#[test]
fn a_convoy_names_its_lock_and_who_held_it() {
    let workload = parse(CONVOY);
    let found = storm("mmap-lock", &workload, 24);
    let faults = time(&found, FAULT);
    let waits = share(faults, Waited::MmapLockRead);
    assert!(waits > 0.4, "{waits} of a fault");
    let mprotect =
        FIRST_OP + Action::NAMES.iter().position(|name| *name == "mprotect").unwrap() as u16;
    let holds = &of_model(&found).holds;
    let most = holds.iter().max_by_key(|hold| hold.waited_ps).expect("a lock was waited for");
    assert_eq!((most.lock, most.activity), (Waited::MmapLockWrite, mprotect));
    let (median_ns, longest_ns) = (most.lengths_ns.value_at_quantile(0.5), most.longest_ps / 1000);
    assert!(median_ns > 1_000 && median_ns <= longest_ns + 1 && most.waiters_max > 10);
}

#[test]
fn shootdowns_are_sent_waited_for_and_answered_by_others() {
    let found = storm("vm-refcnt", &parse(TRIMMED), 8);
    let writer = of_model(&found).activities.iter().find(|time| time.activity >= FIRST_OP).unwrap();
    assert!(share(writer, Waited::ShootdownSend) > 0.0);
    assert!(share(writer, Waited::ShootdownWait) > 0.0);
    assert!(share(time(&found, FAULT), Waited::Interrupted) > 0.0);
}

#[test]
fn io_is_a_wait_of_its_own() {
    let found = storm("mmap-lock", &shipped("io-heavy"), 4);
    let io_ps = share(time(&found, FAULT), Waited::Io) * time(&found, FAULT).total_ps as f64;
    let asked_ps = found.io.asked_ns as f64 * 1000.0;
    assert!((io_ps / asked_ps - 1.0).abs() < 0.01, "{io_ps} of {asked_ps}");
}
