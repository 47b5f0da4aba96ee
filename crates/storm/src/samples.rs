//! Latencies that a thread takes while it storms.

use super::platform::Platform;
use hdrhistogram::Histogram;

/// Longest latency that is kept exactly; longer ones count as this.
const LATENCY_MAX_NS: u64 = 60_000_000_000;
/// Digits that are kept of a latency.
const DIGITS: u8 = 3;

/// Returns an empty histogram of latencies: 1 ns to 60 s.
pub(super) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_MAX_NS, DIGITS).expect("the bounds are in order")
}

/// Returns the bytes of such a histogram.
pub(super) fn bytes_each() -> u64 {
    (histogram().distinct_values() * size_of::<u64>()) as u64
}

/// Most latencies that are kept as they came: a histogram that grows with them has 50 KiB and more,
/// and a short storm of the model has a histogram for each of many cores.
const FEW_MAX: usize = 512;

/// Latencies of one thread, in nanoseconds.
pub enum Samples {
    /// As they came.
    Few(Vec<u64>),
    /// Counted.
    Many(Histogram<u64>),
}

impl Default for Samples {
    fn default() -> Self {
        Samples::Few(Vec::new())
    }
}

impl Samples {
    /// Makes room for all samples if a storm must not allocate; a model of a
    /// thousand cores has no memory for that (200 KiB each), and pays nothing for allocating.
    pub fn new<P: Platform>() -> Samples {
        if P::ALLOCATES_FREELY { Samples::default() } else { Samples::Many(histogram()) }
    }

    /// Takes a latency.
    pub fn record(&mut self, ns: u64) {
        let ns = ns.clamp(1, LATENCY_MAX_NS);
        match self {
            Samples::Few(values) if values.len() < FEW_MAX => values.push(ns),
            Samples::Few(values) => {
                let mut counts = Histogram::new(DIGITS).expect("there are so many digits");
                values.iter().for_each(|ns| count(&mut counts, *ns));
                count(&mut counts, ns);
                *self = Samples::Many(counts);
            }
            Samples::Many(counts) => count(counts, ns),
        }
    }

    /// Drops all samples.
    pub fn forget(&mut self) {
        match self {
            Samples::Few(values) => values.clear(),
            // To clear an empty one would touch all its memory.
            Samples::Many(counts) if counts.is_empty() => {}
            Samples::Many(counts) => counts.reset(),
        }
    }

    /// True if no sample was taken.
    pub fn is_empty(&self) -> bool {
        match self {
            Samples::Few(values) => values.is_empty(),
            Samples::Many(counts) => counts.is_empty(),
        }
    }

    /// Adds the samples to a sum over threads.
    pub fn add_to(&self, sum: &mut Histogram<u64>) {
        match self {
            Samples::Few(values) => values.iter().for_each(|ns| count(sum, *ns)),
            Samples::Many(counts) if counts.is_empty() => {}
            Samples::Many(counts) => sum.add(counts).expect("no sample is past the sum's bounds"),
        }
    }
}

fn count(counts: &mut Histogram<u64>, ns: u64) {
    counts.record(ns).expect("it has room or grows");
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::host::{Bare, Host};
    use machine::model::Model;

    #[test]
    fn both_kinds_take_the_same_and_the_longest_is_held() {
        let (mut ready, mut lazy) = (Samples::new::<Host<Bare>>(), Samples::new::<Model>());
        assert!(matches!((&ready, &lazy), (Samples::Many(_), Samples::Few(_))));
        let mut sums = [histogram(), histogram()];
        for (samples, sum) in [&mut ready, &mut lazy].into_iter().zip(&mut sums) {
            samples.record(7);
            samples.forget();
            assert!(samples.is_empty());
            [0, 1, 5_000, 1 << 40].into_iter().for_each(|ns| samples.record(ns));
            samples.add_to(sum);
            assert_eq!((sum.len(), sum.min()), (4, 1));
            (0..1000).for_each(|ns| samples.record(ns));
            samples.add_to(sum);
            assert_eq!(sum.len(), 1008);
            assert!(sum.max() >= LATENCY_MAX_NS);
        }
        assert_eq!(sums[0], sums[1]);
    }
}
