//! The acceptance test of the whole program: every shipped workload under every strategy, on this
//! machine and in the model.

use faultstorm::workload::{self, Until, Workload};
use rayon::prelude::*;

use crate::ask::{Ask, entries, of_model, parse, shipped, xeon};

/// Faults of each storm on this machine, over all threads, unless `FAULTSTORM_FAULTS` gives another
/// number (`scripts/sanitize`: a million).
const MANY_FAULTS: u64 = 2_000;

/// A workload of writers alone has no faults.
fn has_touches(workload: &Workload) -> bool {
    workload.groups.iter().any(|group| group.touches().next().is_some())
}

#[test]
fn shipped_workloads_balance_on_this_machine() {
    for (name, text) in workload::shipped() {
        let workload = parse(text);
        let faults = if workload.may_wait() { 1000 } else { MANY_FAULTS };
        let faults =
            std::env::var("FAULTSTORM_FAULTS").map_or(faults, |n| n.parse().expect("a number"));
        for entry in entries(&workload) {
            let ask = Ask::new(&workload, 2, Until::Faults(faults / 2));
            let counts = Ask { real_body: false, ..ask }.on_host(entry).counts;
            // One of two threads may be a writer.
            let least = if has_touches(&workload) { faults / 2 } else { 0 };
            assert!(counts.faults >= least, "{name} under {}: {counts:?}", entry.name);
        }
    }
}

#[test]
fn shipped_workloads_balance_in_the_model() {
    for (name, _) in workload::shipped() {
        let workload = shipped(name);
        entries(&workload).collect::<Vec<_>>().par_iter().for_each(|entry| {
            let storm = Ask::new(&workload, 6, Until::Faults(60)).in_model(entry, &xeon());
            let counts = storm.counts;
            let place = format!("{name}, {}", entry.name);
            let ended = counts.mapped + counts.raced + counts.sigbus + counts.segv;
            assert_eq!(ended, counts.faults, "{place}");
            // All threads except one may be writers.
            assert!(counts.faults >= if has_touches(&workload) { 60 } else { 0 }, "{place}");
            assert!(storm.window_ns > 0.0 && of_model(&storm).accesses > 1000, "{place}");
        });
    }
}
