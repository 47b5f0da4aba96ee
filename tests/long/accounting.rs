//! The counting of transfers against a directory that saw the same accesses.
//!
//! `cargo test --test long accounting -- --nocapture` prints both.

use faultstorm::machine::host::Tally;
use faultstorm::storm::{Recording, Storm};
use faultstorm::strategy::{Entry, STRATEGIES};
use faultstorm::workload::{Until, Workload};

use crate::ask::{Ask, shipped};

const THREADS: usize = 2;
/// How far apart the two may be, as a share of the directory's count, in unoptimised storms:
/// the longer a fault takes, the more reads come between two writes.
const TOLERANCE: f64 = 0.02;
/// The same in the layout of a published kernel, where lock, owner and pgd are one line: a
/// write finds a neighbour's write only when that neighbour is read.
const TOLERANCE_CROWDED: f64 = 0.12;
/// The same where a lock is written among fields that every fault reads, as in
/// `per-vma-lock:embedded`: each read that finds the line gone hides a write.
const TOLERANCE_EMBEDDED: f64 = 0.2;
/// Transfers in a storm below which a share of them says nothing.
const TRANSFERS_MIN: u64 = 20_000;

fn audit(entry: &Entry, workload: &Workload) -> Storm {
    let until = Until::Duration(100_000_000);
    let ask = Ask::new(workload, THREADS, until);
    let recording = Recording::Audit;
    Ask { real_body: false, warmup_ns: 20_000_000, recording, ..ask }.on_host(entry)
}

fn transfers(tally: &Option<Tally>) -> u64 {
    let lines = &tally.as_ref().expect("an audit counts twice").0;
    lines.iter().map(|(_, line)| line.transfers).sum()
}

#[test]
fn counted_transfers_are_those_of_a_directory() {
    println!("\ntransfers a fault, {THREADS} threads, lock alone      counted directory");
    for name in ["huge-anon-read", "private-write"] {
        let workload = shipped(name);
        for entry in STRATEGIES.iter() {
            let storm = audit(entry, &workload);
            let (counted, directory) = (transfers(&storm.lines), transfers(&storm.directory));
            let per_fault = |moves: u64| moves as f64 / storm.counts.faults as f64;
            let (ours, theirs) = (per_fault(counted), per_fault(directory));
            println!("{name:<22} {:<22} {ours:>8.4} {theirs:>9.4}", entry.name);
            // In old kernels mmap_lock's count and owner share a line, as those of a VMA's
            // lock do.
            let (name_alone, variant) = entry.split();
            let old = variant.is_some_and(|v| v.starts_with(|c: char| c.is_ascii_digit()));
            let crowded = old || name_alone == "per-vma-lock";
            let tolerance = match variant {
                Some("embedded") => TOLERANCE_EMBEDDED,
                _ if crowded => TOLERANCE_CROWDED,
                _ => TOLERANCE,
            };
            assert!(
                directory < TRANSFERS_MIN || (ours / theirs - 1.0).abs() <= tolerance,
                "{name} under {}: {counted} counted, {directory} in the directory",
                entry.name
            );
        }
    }
}
