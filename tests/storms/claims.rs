//! Threads that claim parts of one pass: together they touch each page once, and what they wait for
//! their counter is no wait of the kernel's.

use faultstorm::storm::kernel;
use faultstorm::workload::{Until, Workload};

use crate::ask::{Ask, entries, of_model, parse, xeon};

/// Pages of a MiB.
const PAGES: u64 = 256;

fn claiming(mib: u64, keys: &str) -> Workload {
    parse(&format!(
        "summary = \"x\"\n[[vma]]\nname = \"v\"\nsize = \"{mib}MiB\"\n[[op]]\n\
         touch = {{ vma = \"v\", access = \"write\", slices = \"shared\", {keys} }}\n"
    ))
}

#[test]
fn each_page_is_touched_once_by_all_threads_together() {
    let keys = ["claims = 16", "claims = 7, order = \"random\"", "claims = 5000"];
    for workload in keys.map(|keys| claiming(1, keys)) {
        for entry in entries(&workload) {
            let ask = Ask::new(&workload, 3, Until::Rounds(2));
            for storm in [ask.on_host(entry), ask.in_model(entry, &xeon())] {
                let counts = &storm.counts;
                let found = (counts.touches, counts.faults, counts.raced);
                assert_eq!(found, (2 * PAGES, 2 * PAGES, 0), "{}", entry.name);
            }
        }
        let ask = Ask::new(&workload, 3, Until::Rounds(2));
        let counts = ask.with_cores(1, &kernel::run).unwrap().counts;
        assert_eq!(counts.touches, 2 * PAGES);
        assert!(counts.faults >= 2 * PAGES, "{counts:?}");
    }
}

/// A storm ends after the touches that it may make, in the middle of a claim too.
#[test]
fn a_claim_may_be_left_in_the_middle() {
    let workload = claiming(4, "claims = 16");
    let entry = entries(&workload).next().unwrap();
    let storm = Ask::new(&workload, 3, Until::Touches(100)).in_model(entry, &xeon());
    assert_eq!((storm.counts.touches, storm.counts.faults), (300, 300));
}

#[test]
fn the_counter_costs_time_and_is_no_line_of_the_kernel() {
    let [one, many] = ["claims = 1", "claims = 64"].map(|keys| {
        let workload = claiming(4, keys);
        let entry = entries(&workload).find(|entry| entry.name == "unlocked").unwrap();
        let storm = Ask::new(&workload, 16, Until::Rounds(1)).in_model(entry, &xeon());
        let lines = of_model(&storm).accounts.0.clone();
        assert!(lines.iter().all(|(name, _)| name.name != "program.counter"));
        let stalls: u64 = lines.iter().map(|(_, line)| line.stall_ps).sum();
        let waits: u64 = of_model(&storm).times.iter().map(|core| core.coherence_ps).sum();
        (storm.threads_ns, stalls, waits)
    });
    println!("{one:?} {many:?}");
    assert!(one.0 > many.0, "a claim for each page costs time: {one:?} {many:?}");
}
