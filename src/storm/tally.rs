//! What a thread of a storm counts, and the latencies that it samples.

use super::Counts;
use crate::mm::fault::Kind;
use hdrhistogram::Histogram;
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// Longest latency that a histogram tells from longer ones.
const LATENCY_MAX_NS: u64 = 60_000_000_000;

/// An empty histogram of latencies: 1 ns to 60 s, three digits.
pub(super) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_MAX_NS, 3).expect("the bounds are in order")
}

/// Counts and samples of a thread.
pub struct Tally {
    pub(super) counts: Counts,
    /// By [`Kind`].
    pub(super) latency: Vec<Histogram<u64>>,
    /// How many go by before the next is sampled.
    pub(super) until_sample: u64,
    sample_period: u64,
    random: Pcg64Mcg,
}

impl Tally {
    pub(super) fn new(sample_period: u64, seed: u64, thread: usize) -> Self {
        let mut tally = Self {
            counts: Counts::default(),
            latency: Kind::ALL.map(|_| histogram()).into(),
            until_sample: 0,
            sample_period,
            random: Pcg64Mcg::seed_from_u64(seed ^ thread as u64 ^ 0x73_616d),
        };
        tally.draw_sample();
        tally
    }

    /// Forgets what was counted in the warm-up.
    pub(super) fn forget(&mut self) {
        self.counts = Counts::default();
        // To clear an empty one would touch all its memory.
        let used = self.latency.iter_mut().filter(|histogram| !histogram.is_empty());
        used.for_each(Histogram::reset);
    }

    /// Takes a sample over.
    pub(super) fn record(&mut self, kind: Kind, ns: f64) {
        self.latency[kind as usize].saturating_record((ns as u64).max(1));
    }

    /// Draws when the next sample is: after 0 to 2 (period - 1), evenly, so that samples do
    /// not march in step with tables, windows or batches.
    pub(super) fn draw_sample(&mut self) {
        self.until_sample = match self.sample_period {
            0 => u64::MAX,
            period => self.random.next_u64() % (2 * period - 1),
        };
    }
}
