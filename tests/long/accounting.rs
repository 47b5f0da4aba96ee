//! The counts of transfers compared with those of a directory that saw the same accesses.
//!
//! `cargo test --test long accounting -- --nocapture` prints both.

use faultstorm::machine::host::Tally;
use faultstorm::storm::{Recording, Storm};
use faultstorm::strategy::{Entry, STRATEGIES};
use faultstorm::workload::{Until, Workload};

use crate::ask::{Ask, shipped};

const THREADS: usize = 2;
/// Largest difference of the two in unoptimised storms, as a share of the directory's count. The
/// longer a fault takes, the more reads come between two writes.
const TOLERANCE: f64 = 0.02;
/// The same in the layout of a published kernel, in which lock, owner and pgd are on one line: a
/// write brings a neighbour's write, which is found only when that neighbour is read.
const TOLERANCE_CROWDED: f64 = 0.12;
/// The same if a lock is on a line with fields that every fault reads, as in
/// `per-vma-lock:embedded`: each read that finds the line gone hides a write.
const TOLERANCE_EMBEDDED: f64 = 0.2;
/// Fewest transfers of a storm for which a share of them means anything.
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
            // In old kernels count and owner of mmap_lock share a line, and so do those of a VMA's
            // lock.
            let (name_alone, variant) = entry.split();
            let lock = &entry.kernel.mm;
            let crowded = lock.mmap_count.line == lock.mmap_owner.line;
            let crowded = crowded || name_alone == "per-vma-lock";
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
