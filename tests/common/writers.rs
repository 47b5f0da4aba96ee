//! Cells of writers, made by hand.

use std::collections::BTreeMap;

use faultstorm::run::{CellCounts, Interval, Key, Measured, OpStats};

use super::common::{latency, measured};

/// Returns the numbers of a cell without faults, with operations around these rates.
pub fn of_writers(key: &Key, ops: &[(&str, f64)], spread: f64, repeats: usize) -> Measured {
    let mut found = measured(key, 1e6, spread, repeats);
    for repeat in &mut found.repeats {
        repeat.faults = 0;
        repeat.per_thread.iter_mut().for_each(|thread| thread.faults = 0);
    }
    let ops = ops.iter().map(|&(name, per_s)| (name.to_owned(), op(per_s, spread, repeats)));
    Measured {
        faults_per_s: Interval { median: 0.0, low: None, high: None },
        counts: CellCounts::default(),
        ops: ops.collect(),
        latency_ns: BTreeMap::new(),
        fairness: None,
        sensitivities: None,
        ..found
    }
}

/// Returns an operation around this rate.
pub fn op(per_s: f64, spread: f64, repeats: usize) -> OpStats {
    let rates = (0..repeats).map(|n| per_s * (1.0 + spread * (((n * 3) % 8) as f64 / 8.0 - 0.4)));
    OpStats {
        count: (per_s / 10.0) as u64,
        per_s,
        repeats_per_s: rates.filter(|_| repeats > 1).collect(),
        latency_ns: Some(latency(1e9 / per_s)),
        ..OpStats::default()
    }
}
