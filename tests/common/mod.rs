//! A run made by hand, with every state that a cell can be in.

use std::collections::BTreeMap;

use faultstorm::run::{
    Body, BodyCache, Cell, CellCost, CellCounts, FaultKind, GracePeriods, HostInfo, Key,
    LatencyClock, LatencyDistribution, LineCount, Lines, Measured, OVERSUBSCRIBED, Provenance,
    Repeat, Run, ThreadRepeat, Warning, World, fairness,
};
use faultstorm::stats;
use hdrhistogram::Histogram;

/// Returns a made-up digest of a workload.
fn digest(workload: &str) -> String {
    format!("{workload}-digest")
}

pub fn key(workload: &str, strategy: &str, threads: u32, body: Body) -> Key {
    let (strategy, variant) = match strategy.split_once(':') {
        Some((name, variant)) => (name, Some(variant.to_owned())),
        None => (strategy, None),
    };
    Key {
        workload: workload.to_owned(),
        workload_digest: digest(workload),
        strategy: strategy.to_owned(),
        variant,
        world: World::Host,
        machine: "example-cpu".to_owned(),
        machine_digest: None,
        kernel: None,
        kernel_digest: None,
        is_own_kernel: false,
        threads,
        placement: "scatter".to_owned(),
        entry_prefetch: false,
        body,
        seed: 42,
        vary: BTreeMap::new(),
        is_aa_twin: false,
    }
}

/// Returns numbers around `faults_per_s`, with repeats that spread over this share.
pub fn measured(key: &Key, faults_per_s: f64, spread: f64, repeats: usize) -> Measured {
    let repeats: Vec<Repeat> = (0..repeats)
        .map(|n| {
            // Fixed and uneven: 0, 3, 6, 2, 5 eighths of the spread around the middle.
            let offset = ((n * 3) % 8) as f64 / 8.0 - 0.4;
            storm(key, n as u32, faults_per_s * (1.0 + spread * offset))
        })
        .collect();
    let rates: Vec<f64> = repeats.iter().filter_map(Repeat::faults_per_s).collect();
    let faults = repeats.iter().map(|repeat| repeat.faults).sum();
    let mean_ns = 1e9 * f64::from(key.threads) / faults_per_s;
    Measured {
        faults_per_s: stats::interval(&rates, 42).unwrap(),
        fairness: fairness(&repeats),
        sensitivities: None,
        repeats,
        counts: CellCounts {
            touches: faults,
            faults,
            mapped: Some(faults),
            raced: Some(0),
            pages_mapped: Some(faults),
            attempts: Some(faults),
            by_kind: [(FaultKind::AnonWrite, faults)].into(),
            ..CellCounts::default()
        },
        latency_ns: [(FaultKind::AnonWrite, latency(mean_ns))].into(),
        ..Measured::default()
    }
}

fn storm(key: &Key, order: u32, faults_per_s: f64) -> Repeat {
    let each = (faults_per_s / 10.0) as u64 / u64::from(key.threads);
    let thread = |cpu| ThreadRepeat {
        faults: each,
        group: "all".to_owned(),
        cpu: Some(cpu),
        strayed: Some(0),
        yields: None,
    };
    Repeat {
        order,
        turn: Some(order),
        window_s: 0.1,
        reset_s: 0.02,
        faults: each * u64::from(key.threads),
        overlap_share: 0.999,
        start_skew_ns: 850.0,
        per_thread: (0..key.threads).map(thread).collect(),
    }
}

pub fn latency(mean_ns: f64) -> LatencyDistribution {
    let mut samples = Histogram::<u64>::new(3).unwrap();
    for n in 0..2000 {
        let tail = if n % 100 == 99 { 8.0 } else { 1.0 } * if n == 1999 { 40.0 } else { 1.0 };
        samples.record((mean_ns * tail) as u64).unwrap();
    }
    LatencyDistribution::of(&samples, 64).unwrap()
}

pub fn lines(transfers_per_fault: f64, by_name: &[(&str, u64)]) -> Lines {
    let total: u64 = by_name.iter().map(|(_, transfers)| transfers).sum();
    let line = |&(name, transfers): &(&str, u64)| LineCount {
        name: name.to_owned(),
        counted: "rmw+loads".to_owned(),
        reads: Some(3 * transfers + 100),
        writes: Some(2 * transfers),
        transfers,
        transfer_share: (total > 0).then(|| transfers as f64 / total as f64),
        stall_share: None,
        queued_share: None,
        word_pairs: Vec::new(),
    };
    Lines {
        counted: "rmw+loads".to_owned(),
        transfers_per_fault,
        by_name: by_name.iter().map(line).collect(),
    }
}

pub fn provenance() -> Provenance {
    Provenance {
        started_at: "2026-03-14T15:09:26Z".to_owned(),
        argv: ["faultstorm", "run", "huge-anon", "my storms/churn.toml", "--threads", "1,2,4"]
            .map(str::to_owned)
            .into(),
        version: "0.1.0".to_owned(),
        git_revision: Some("0123456789abcdef0123456789abcdef01234567".to_owned()),
        git_dirty: Some(true),
        rustc: Some("rustc 1.95.0".to_owned()),
        profile: "release".to_owned(),
        seed: 42,
        clock: Some(LatencyClock { name: "rdtscp".to_owned(), cost_ns: 17.6, sample_period: 64 }),
        body_cache: Some(BodyCache::Cold),
        perf: "no counters: the CPU's are hidden by the hypervisor".to_owned(),
        host: HostInfo {
            cpu_model: Some("Example CPU 9000 @ 2.40GHz".to_owned()),
            sockets: Some(1),
            cores: Some(2),
            cpus: Some(2),
            memory_bytes: Some(8 << 30),
            kernel: Some("6.18.5".to_owned()),
            hypervisor: Some("KVM".to_owned()),
            ..HostInfo::default()
        },
        harness_cost_ns: [("touch".to_owned(), 4.25), ("epoch_pin".to_owned(), 7.0)].into(),
        ..Provenance::default()
    }
}

/// Returns a run of two workloads: one without problems, one with every problem.
pub fn run() -> Run {
    let mut run = Run::new(provenance());
    run.complete = true;
    run.workloads.insert(
        digest("huge-anon"),
        serde_json::json!({ "summary": "one huge anonymous VMA, first touch by writes" }),
    );
    run.workloads.insert(
        digest("churn"),
        serde_json::json!({
            "summary": "faults beside a thread that maps and unmaps",
            "analysis": "The writer takes mmap_lock for write, so every strategy that reads it \
                         waits.\n\nCompare the strategies by their p99.9.",
        }),
    );
    huge_anon(&mut run);
    churn(&mut run);
    run.mark_oversubscribed();
    for cell in &run.cells {
        let cost = CellCost { wall_s: 0.75, tracked_accesses: None };
        run.provenance.cells.insert(cell.id.clone(), cost);
    }
    run.provenance.warnings.insert(
        0,
        Warning {
            code: "hypervisor".to_owned(),
            cell: None,
            text:
                "the machine is virtual: other guests may take its cores and caches at any time. \
               Use bare metal for numbers that are to be quoted."
                    .to_owned(),
        },
    );
    run
}

fn huge_anon(run: &mut Run) {
    // Million faults per second at 1 and 2 threads, and the lines that contend at 2.
    let mmap_lock: &[(&str, u64)] = &[("mm.mmap_lock", 196_000), ("page_table.ptl", 4_000)];
    let refcount: &[(&str, u64)] = &[("vma.vm_refcnt", 198_000), ("page_table.ptl", 2_000)];
    type Moved<'a> = &'a [(&'a str, u64)];
    let rows: [(&str, f64, f64, f64, Moved<'_>); 5] = [
        ("unlocked", 31.2, 61.8, 0.02, &[("page_table.ptl", 2_000)]),
        ("mmap-lock", 18.9, 8.43, 2.01, mmap_lock),
        ("vma-refcount", 21.4, 8.61, 2.00, refcount),
        ("speculative", 28.7, 56.9, 0.02, &[("page_table.ptl", 2_000)]),
        ("speculative:refcount", 20.1, 8.02, 2.03, refcount),
    ];
    for body in [Body::None, Body::Real] {
        for threads in [1, 2] {
            for (n, (strategy, one, two, transfers, by_name)) in rows.into_iter().enumerate() {
                let key = key("huge-anon", strategy, threads, body);
                let rate = 1e6 * if threads == 1 { one } else { two };
                let cost = if body == Body::Real { 400e-9 } else { 0.0 };
                let rate = 1.0 / (1.0 / rate + cost / f64::from(threads));
                let mut found = measured(&key, rate, 0.02, 5);
                if body == Body::None {
                    found.lines = Some(match threads {
                        1 => lines(0.0, &[("mm.mmap_lock", 0)]),
                        _ => lines(transfers, by_name),
                    });
                }
                if strategy.starts_with("speculative") {
                    let faults = found.counts.faults;
                    found.fallbacks =
                        [("PMD".to_owned(), faults / 512), ("SEQ".to_owned(), 0)].into();
                    found.counts.attempts = Some(faults + faults / 512);
                }
                run.cells.push(Cell::ok(key.clone(), found.clone()));
                if n == 0 {
                    let twin = key.aa_twin();
                    let found = measured(&twin, rate * 0.994, 0.02, 5);
                    run.cells.push(Cell::ok(twin, found));
                }
            }
        }
    }
}

fn churn(run: &mut Run) {
    for threads in [2, 4] {
        let unlocked = key("churn", "unlocked", threads, Body::None);
        run.cells.push(Cell::skipped(unlocked, "the workload has writers"));
        let base = key("churn", "mmap-lock", threads, Body::None);
        let mut found = measured(&base, 2.5e6 / f64::from(threads), 0.3, 5);
        let stages = [("lookup", 21.5), ("lock", 310.25), ("allocate", 40.0), ("clear", 0.5)];
        found.stages_ns = Some(stages.map(|(name, ns)| (name.to_owned(), ns)).into());
        found.latency_ns.insert(FaultKind::WpCopy, latency(4_000.0));
        if threads == 4 {
            run.provenance.warnings.push(Warning {
                code: OVERSUBSCRIBED.to_owned(),
                cell: Some(base.id()),
                text: "more threads than cores: a preempted holder stops all others. Use at most \
                       as many --threads as cores."
                    .to_owned(),
            });
        }
        run.cells.push(Cell::ok(base, found));
        let counted = key("churn", "vma-refcount", threads, Body::None);
        let reason = "books do not balance: 4096 present ptes, but rss is 4095";
        run.cells.push(match threads {
            2 => Cell::failed(counted, reason),
            _ => Cell::partial(counted, "not run yet", None),
        });
        let srcu = key("churn", "srcu", threads, Body::None);
        let mut found = measured(&srcu, 2.1e6, 0.3, 5);
        found.grace_periods = Some(GracePeriods { ended: 90, wakeups: 4, looks: 250, put_off: 70 });
        run.cells.push(Cell::ok(srcu, found));
        let speculative = key("churn", "speculative", threads, Body::None);
        let found = measured(&speculative, 2.4e6, 0.3, if threads == 2 { 5 } else { 2 });
        run.cells.push(match threads {
            2 => Cell::ok(speculative, found),
            _ => Cell::partial(speculative, "2 of 5 repeats", Some(found)),
        });
    }
}
