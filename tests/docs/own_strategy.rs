//! `examples/own_strategy.rs` keeps its books balanced, with readers alone and with writers of
//! every kind, on this machine and in the model.

use std::process::Command;

use faultstorm::run::{Cell, Run, Status};

use crate::commands::example;

/// Storms workloads under the example's strategy, with four threads; returns its cells.
fn storm(worlds: &str, workloads: &[&str], faults: &str) -> Vec<Cell> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run.json");
    let output = Command::new(example("own_strategy"))
        .arg("run")
        .args(workloads)
        .args(worlds.split(' '))
        .args(["--strategy", "bravo"])
        .args("--threads 4 --repeats 1 --warmup 0s --body real --quiet".split(' '))
        .args(["--faults", faults, "--json"])
        .arg(&path)
        .output()
        .unwrap();
    // Exit code 4: a storm's books do not balance.
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let cells = Run::read(&path).unwrap().cells.into_iter();
    cells.filter(|cell| !cell.key.is_aa_twin).collect()
}

#[test]
fn without_writers_nobody_falls_back_and_no_line_is_written_by_two() {
    let cells = storm("--on model:xeon-icelake-2s", &["huge-anon-read"], "1000");
    let measured = cells[0].measured.as_ref().unwrap();
    assert_eq!(measured.counts.attempts, Some(measured.counts.faults));
    let lines = measured.lines.as_ref().unwrap();
    assert!(lines.transfers_per_fault < 0.1, "{lines:?}");
}

#[test]
fn its_books_balance_with_writers_of_every_kind() {
    let workloads = [
        "writers-same-vma",
        "mmap-munmap-storm",
        "mprotect-storm",
        "dontneed-storm",
        "mremap-storm",
        "truncate-storm",
        "fork-storm",
        "stack-growth",
        "io-heavy",
    ];
    // Host threads need not storm at the same time, so the test only requires balanced books.
    assert_eq!(storm("--on host", &workloads[..5], "100").len(), 5);
    let cells = storm("--on model:xeon-icelake-2s", &workloads, "200");
    assert_eq!(cells.len(), workloads.len());
    assert!(cells.iter().all(|cell| cell.status == Status::Ok));
    // The bias is revoked, and returns.
    let stack = cells.iter().find(|cell| cell.key.workload == "stack-growth").unwrap();
    let measured = stack.measured.as_ref().unwrap();
    let fallbacks: u64 = measured.fallbacks.values().sum();
    assert!(fallbacks > 0 && fallbacks < measured.counts.faults, "{:?}", measured.fallbacks);
}
