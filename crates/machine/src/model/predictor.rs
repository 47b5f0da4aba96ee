//! Prediction of the branch after a compare-exchange.
//!
//! A core runs on along the path that it predicts. If the prediction is right, what follows a
//! compare-exchange, a second try or the work after it, waits for nothing; if it is wrong the core
//! begins again after `mispredict-ns`. A loop whose first try always loses and whose second wins is
//! predicted. The predictor is the textbook's with local history: counters of two bits, chosen by
//! the last outcomes (T.-Y. Yeh and Y. N. Patt, Two-Level Adaptive Training Branch Prediction,
//! MICRO-24, 1991). What processors have since is better and not published.

use super::ledger::NAMES_MAX;
use super::multicore::Multicore;
use std::cell::Cell;

/// Outcomes that choose a counter.
const HISTORY: u32 = 4;

/// Predictor of one core for the compare-exchanges on lines of one name: each is another branch of
/// the code.
#[derive(Debug)]
pub(super) struct Predictor {
    /// The last outcomes, a bit each: 1 is won.
    history: Cell<u8>,
    /// A counter for each history: 2 and 3 predict that the compare-exchange wins.
    counters: Cell<u32>,
}

impl Default for Predictor {
    fn default() -> Self {
        // Weakly "wins", as programs without contention have taught it.
        Self { history: Cell::new(u8::MAX), counters: Cell::new(0xAAAA_AAAA) }
    }
}

impl Predictor {
    /// Learns an outcome; true if it was predicted.
    #[inline]
    pub fn predicts(&self, won: bool) -> bool {
        let at = 2 * (u32::from(self.history.get()) & ((1 << HISTORY) - 1));
        let counter = self.counters.get() >> at & 3;
        let next = if won { (counter + 1).min(3) } else { counter.saturating_sub(1) };
        self.counters.set(self.counters.get() & !(3 << at) | next << at);
        self.history.set(self.history.get() << 1 | u8::from(won));
        (counter >= 2) == won
    }
}

/// Predictors of all cores.
#[derive(Debug)]
pub(super) struct Predictors(Box<[Predictor]>);

impl Predictors {
    pub fn new(cores: usize) -> Self {
        Self((0..cores * NAMES_MAX).map(|_| Predictor::default()).collect())
    }
}

impl Multicore {
    /// Delays the running core if it has mispredicted the outcome of a compare-exchange on a line
    /// of this name.
    #[inline(always)]
    pub(super) fn note_outcome(&self, name: u16, won: bool) {
        if self.is_direct() {
            return;
        }
        if !self.predictors.0[self.core() * NAMES_MAX + usize::from(name)].predicts(won) {
            self.advance(self.parameters().mispredict_ps);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mispredictions(outcomes: impl Iterator<Item = bool>) -> usize {
        let predictor = Predictor::default();
        outcomes.filter(|won| !predictor.predicts(*won)).count()
    }

    #[test]
    fn a_loop_that_wins_at_its_second_try_is_predicted_and_chance_is_not() {
        assert_eq!(mispredictions([true; 1000].into_iter()), 0, "nobody else is there");
        let second_try = (0..1000).map(|n| n % 2 == 1);
        assert!(mispredictions(second_try) < 10, "it is learned");
        let mut seed = 1u32;
        let chance = (0..1000).map(|_| {
            seed = seed.wrapping_mul(1_103_515_245).wrapping_add(12345);
            seed >> 16 & 1 == 1
        });
        assert!((400..600).contains(&mispredictions(chance)));
    }
}
