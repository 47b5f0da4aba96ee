//! Counts and latency samples of a thread.

use super::StormCounts;
use super::platform::Platform;
use super::samples::Samples;
use mm::fault::Kind;
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// Counts and samples of a thread.
pub struct TouchTally {
    pub(super) counts: StormCounts,
    /// By [`Kind`].
    pub(super) latency: [Samples; Kind::ALL.len()],
    /// Faults before the next sample.
    pub(super) until_sample: u64,
    sample_period: u64,
    random: Pcg64Mcg,
}

impl TouchTally {
    pub(super) fn new<P: Platform>(sample_period: u64, seed: u64, thread: usize) -> Self {
        let mut tally = Self {
            counts: StormCounts::default(),
            latency: Kind::ALL.map(|_| Samples::new::<P>()),
            until_sample: 0,
            sample_period,
            random: Pcg64Mcg::seed_from_u64(seed ^ thread as u64 ^ 0x73_616d),
        };
        tally.draw_sample();
        tally
    }

    /// Drops the counts of the warm-up.
    pub(super) fn forget(&mut self) {
        self.counts = StormCounts::default();
        self.latency.iter_mut().for_each(Samples::forget);
    }

    /// Takes a sample over.
    pub(super) fn record(&mut self, kind: Kind, ns: f64) {
        self.latency[kind as usize].record(ns as u64);
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
