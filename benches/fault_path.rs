//! Time of a fault: strategy x workload x threads, the lock alone.
//!
//! `cargo bench --bench fault_path -- --save-baseline before`, a change, then `... -- --baseline
//! before`. An element is a fault. With several threads its time is the time between two faults of
//! the whole storm.

mod common;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use faultstorm::host::clock::Clock;
use faultstorm::mm::frames::Arena;
use faultstorm::storm::plan::total_threads;
use faultstorm::storm::{Executor, Recording, StormRequest, ThreadExecutor};
use faultstorm::strategy::{Entry, STRATEGIES};
use faultstorm::workload::{self, Until, Workload};
use std::time::Duration;

const WORKLOADS: [&str; 5] =
    ["huge-anon-read", "huge-anon", "file-fault-around", "file-no-fault-around", "private-write"];
/// Fewest faults of a storm. A shorter storm is over before all its threads have begun.
const FAULTS_MIN: u64 = 1 << 14;

fn fault_path(criterion: &mut Criterion) {
    let clock = Clock::new();
    for name in WORKLOADS {
        let workload = shipped(name);
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(1));
        for threads in common::thread_counts() {
            for entry in STRATEGIES.iter().filter(|entry| (entry.refuses)(&workload).is_none()) {
                let id = BenchmarkId::new(entry.name, threads);
                group.bench_function(id, |bencher| {
                    bencher.iter_custom(|faults| storm(entry, &workload, threads, faults, clock));
                });
            }
        }
        group.finish();
    }
}

fn shipped(name: &str) -> Workload {
    let (_, text) = workload::shipped().iter().find(|(n, _)| *n == name).expect("it is shipped");
    let strategies: Vec<&str> = STRATEGIES.iter().map(|entry| entry.name).collect();
    workload::parse(name, name, text, &strategies).expect("a shipped workload is right")
}

/// Returns the time of `faults` faults, from a storm of at least that many.
fn storm(
    entry: &Entry,
    workload: &Workload,
    threads: usize,
    faults: u64,
    clock: Clock,
) -> Duration {
    let cpus = common::cpus(total_threads(workload, threads));
    let storm = (entry.run)(&StormRequest {
        workload,
        weighted_threads: threads,
        real_body: false,
        entry_prefetch: false,
        kernel: None,
        seed: 1,
        warmup_ns: 0,
        until: Until::Faults(faults.div_ceil(threads as u64).max(FAULTS_MIN)),
        executor: Executor::Threads(ThreadExecutor {
            cpus: &cpus,
            recording: Recording::Throughput,
            sample_period: 0,
            clock,
            arena: &Arena::new(1).expect("there is memory for a page"),
        }),
    })
    .unwrap_or_else(|error| panic!("{} at {threads}: {error}", entry.name));
    let done: u64 = storm.threads.iter().map(|thread| thread.faults).sum();
    assert!(done > 0, "all threads stormed at the same time");
    Duration::from_nanos((storm.window_ns * faults as f64 / done as f64) as u64)
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = fault_path
}
criterion_main!(benches);
