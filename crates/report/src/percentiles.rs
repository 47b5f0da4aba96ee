//! Percentiles of latency over all kinds of faults of a cell.

use document::run::{LatencyDistribution, Measured};
use hdrhistogram::Histogram;

/// Names of the percentiles that tables show.
pub(crate) const NAMES: [&str; 3] = ["p50", "p99", "p99.9"];

/// Returns p50, p99 and p99.9 over all kinds of faults.
pub(crate) fn percentiles(found: &Measured) -> [Option<u64>; 3] {
    let kinds: Vec<&LatencyDistribution> = found.latency_ns.values().collect();
    match kinds.as_slice() {
        [] => [None; 3],
        [one] => [Some(one.p50), Some(one.p99), Some(one.p999)],
        _ => match all_kinds(found) {
            Some(all) => [0.5, 0.99, 0.999].map(|q| Some(all.value_at_quantile(q))),
            None => [None; 3],
        },
    }
}

/// Returns the latencies of all kinds in one histogram; `None` if there are none, they were
/// sampled at different rates, or one cannot be read.
pub(crate) fn all_kinds(found: &Measured) -> Option<Histogram<u64>> {
    merged(&found.latency_ns.values().collect::<Vec<_>>())
}

fn merged(kinds: &[&LatencyDistribution]) -> Option<Histogram<u64>> {
    let (first, others) = kinds.split_first()?;
    let mut all = first.samples().ok()?;
    // A histogram that was read holds no value above its own largest.
    all.auto(true);
    for kind in others {
        if kind.sample_period != first.sample_period {
            return None;
        }
        all.add(kind.samples().ok()?).ok()?;
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latency(samples: std::ops::RangeInclusive<u64>, period: u64) -> LatencyDistribution {
        let mut histogram = Histogram::new(3).unwrap();
        samples.for_each(|ns| histogram.record(ns).unwrap());
        LatencyDistribution::of(&histogram, period).unwrap()
    }

    #[test]
    fn kinds_of_faults_merge_into_one_distribution() {
        let (fast, slow) = (latency(1..=100, 64), latency(100_001..=100_100, 64));
        let all = merged(&[&fast, &slow]).unwrap();
        assert_eq!((all.len(), all.value_at_quantile(0.5)), (200, 100));
        assert!(all.equivalent(all.max(), 100_100));
    }

    #[test]
    fn what_was_sampled_unevenly_does_not_merge() {
        assert_eq!(merged(&[&latency(1..=9, 64), &latency(1..=9, 1)]), None);
    }
}
