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

/// Latencies of one thread, in nanoseconds.
#[derive(Default)]
pub struct Samples(Option<Histogram<u64>>);

impl Samples {
    /// Makes room for all samples if a storm must not allocate; a model of a
    /// thousand cores has no memory for that (200 KiB each), and pays nothing for allocating.
    pub fn new<P: Platform>() -> Samples {
        Samples((!P::ALLOCATES_FREELY).then(histogram))
    }

    /// Takes a latency.
    pub fn record(&mut self, ns: u64) {
        let growing = || Histogram::new(DIGITS).expect("there are so many digits");
        let taken = self.0.get_or_insert_with(growing);
        taken.record(ns.clamp(1, LATENCY_MAX_NS)).expect("it has room or grows");
    }

    /// Drops all samples.
    pub fn forget(&mut self) {
        // To clear an empty one would touch all its memory.
        if let Some(taken) = self.0.as_mut().filter(|taken| !taken.is_empty()) {
            taken.reset();
        }
    }

    /// Returns the samples, if any were taken.
    pub fn taken(&self) -> Option<&Histogram<u64>> {
        self.0.as_ref().filter(|taken| !taken.is_empty())
    }

    /// Adds the samples to a sum over threads.
    pub fn add_to(&self, sum: &mut Histogram<u64>) {
        if let Some(taken) = self.taken() {
            sum.add(taken).expect("no sample is past the bounds of the sum");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::host::{Bare, Host};
    use machine::model::Model;

    #[test]
    fn both_kinds_take_the_same_and_the_longest_is_held() {
        let (mut ready, mut lazy) = (Samples::new::<Host<Bare>>(), Samples::new::<Model>());
        assert!(ready.0.is_some() && lazy.0.is_none());
        let mut sums = [histogram(), histogram()];
        for (samples, sum) in [&mut ready, &mut lazy].into_iter().zip(&mut sums) {
            samples.record(7);
            samples.forget();
            assert!(samples.taken().is_none());
            [0, 1, 5_000, 1 << 40].into_iter().for_each(|ns| samples.record(ns));
            samples.add_to(sum);
            assert_eq!((sum.len(), sum.min()), (4, 1));
            assert!(sum.max() >= LATENCY_MAX_NS);
        }
        assert_eq!(sums[0], sums[1]);
    }
}
