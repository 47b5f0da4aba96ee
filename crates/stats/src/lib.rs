//! Medians, bootstrap intervals, and the one verdict on two cells.
//!
//! An interval is a percentile bootstrap of the median over repeats, with a
//! fixed number of resamples from a seeded, value-stable generator: equal
//! repeats and seed give equal bytes.
//!
//! Two cells may have several launches each: the program was started anew for each, and
//! stormed several times in it. Repeats of a launch share what it got by chance (which
//! physical pages, which neighbours), so launches are drawn first, and repeats within them.
//!
//! What it cannot do: a bootstrap never looks beyond the repeats that it has.
//! Two equal strategies come out fully apart by chance in some cases, as by
//! [`separation_chance`], and no level of confidence helps against those. So a
//! difference that matters deserves more than the fewest repeats.

use std::fmt;

use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Fewest repeats for an interval, and on each side for a verdict.
pub const MIN_REPEATS: usize = 3;
/// Level of an interval, before it is corrected for the number of comparisons.
pub const LEVEL: f64 = 0.95;
/// Resamples of a bootstrap.
pub const RESAMPLES: usize = 4096;

/// A median with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Interval {
    /// Median over repeats.
    pub median: f64,
    /// Lower end; null where there were too few repeats for an interval.
    pub low: Option<f64>,
    /// Upper end; null where there were too few repeats for an interval.
    pub high: Option<f64>,
}

impl Interval {
    /// Returns half the interval's width as a share of the median; `None`
    /// without an interval.
    pub fn spread(&self) -> Option<f64> {
        let (low, high) = (self.low?, self.high?);
        (self.median != 0.0).then(|| (high - low) / 2.0 / self.median.abs())
    }
}

/// What two cells' repeats say about which is faster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The whole interval of the ratio lies above 1.
    Faster,
    /// The whole interval of the ratio lies below 1.
    Slower,
    /// The interval holds 1.
    NoDifferenceSeen,
}

/// One cell's throughput against another's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// Ratio of medians, with its corrected interval.
    pub ratio: Interval,
    /// `None` where a side has fewer than [`MIN_REPEATS`] repeats.
    pub verdict: Option<Verdict>,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Faster => "faster",
            Verdict::Slower => "slower",
            Verdict::NoDifferenceSeen => "no difference seen",
        })
    }
}

/// Returns the median, the mean of the middle two for an even number of values;
/// `None` without values or with a NaN among them.
pub fn median(values: &[f64]) -> Option<f64> {
    if values.is_empty() || values.iter().any(|value| value.is_nan()) {
        return None;
    }
    Some(median_in_place(&mut values.to_vec()))
}

/// Returns the median with its 95 % bootstrap interval; no interval below
/// [`MIN_REPEATS`] values, `None` where there is no median.
pub fn interval(values: &[f64], seed: u64) -> Option<Interval> {
    let median = median(values)?;
    if values.len() < MIN_REPEATS {
        return Some(Interval { median, low: None, high: None });
    }
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let launch = [values.to_vec()];
    let mut medians: Vec<f64> = Resamples::of(&launch, &mut rng).collect();
    let (low, high) = middle(&mut medians, LEVEL);
    Some(Interval { median, low: Some(low), high: Some(high) })
}

/// Compares two cells by the rates of their repeats: `new` over `base`.
///
/// The interval's level is corrected after Bonferroni for the number of
/// `comparisons` that the reader is shown together: 1 - 0.05 / comparisons.
/// Swapping the sides inverts ratio, interval and verdict. `None` where a side
/// has no rate, or one that is not above zero and finite.
pub fn compare(new: &[f64], base: &[f64], comparisons: usize, seed: u64) -> Option<Comparison> {
    compare_launches(&[new.to_vec()], &[base.to_vec()], comparisons, seed)
}

/// The same of several launches on each side: rates by launch.
pub fn compare_launches(
    new: &[Vec<f64>],
    base: &[Vec<f64>],
    comparisons: usize,
    seed: u64,
) -> Option<Comparison> {
    let usable = |rate: &f64| *rate > 0.0 && rate.is_finite();
    if !new.iter().chain(base).flatten().all(usable) {
        return None;
    }
    let with_repeats = |side: &[Vec<f64>]| -> Vec<Vec<f64>> {
        side.iter().filter(|launch| !launch.is_empty()).cloned().collect()
    };
    let (new, base) = (with_repeats(new), with_repeats(base));
    // Draws depend on the order of the sides. One order for both directions
    // keeps "a is faster than b" and "b is slower than a" from disagreeing.
    if new > base {
        return compare_ordered(&base, &new, comparisons, seed).map(Comparison::inverted);
    }
    compare_ordered(&new, &base, comparisons, seed)
}

/// Returns how often two equal cells come out fully apart by chance, and so get
/// a verdict at any level: 2 of C(2n, n) orders of `repeats` on each side. That
/// is 10 % with 3 repeats, 0.8 % with 5 and 0.001 % with 10.
pub fn separation_chance(repeats: usize) -> f64 {
    // C(2n, n) as a product of (n + k) / k.
    let orders: f64 = (1..=repeats).map(|k| (repeats + k) as f64 / k as f64).product();
    (2.0 / orders).min(1.0)
}

fn compare_ordered(
    new: &[Vec<f64>],
    base: &[Vec<f64>],
    comparisons: usize,
    seed: u64,
) -> Option<Comparison> {
    let (all_new, all_base) = (new.concat(), base.concat());
    let ratio = median(&all_new)? / median(&all_base)?;
    if all_new.len().min(all_base.len()) < MIN_REPEATS {
        let ratio = Interval { median: ratio, low: None, high: None };
        return Some(Comparison { ratio, verdict: None });
    }
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let news: Vec<f64> = Resamples::of(new, &mut rng).collect();
    let bases = Resamples::of(base, &mut rng);
    let mut ratios: Vec<f64> = news.iter().zip(bases).map(|(new, base)| new / base).collect();
    let level = 1.0 - (1.0 - LEVEL) / comparisons.max(1) as f64;
    let (low, high) = middle(&mut ratios, level);
    let verdict = match (low > 1.0, high < 1.0) {
        (true, _) => Verdict::Faster,
        (_, true) => Verdict::Slower,
        _ => Verdict::NoDifferenceSeen,
    };
    let ratio = Interval { median: ratio, low: Some(low), high: Some(high) };
    Some(Comparison { ratio, verdict: Some(verdict) })
}

impl Comparison {
    fn inverted(self) -> Comparison {
        let Interval { median, low, high } = self.ratio;
        let invert = |x: f64| 1.0 / x;
        Comparison {
            ratio: Interval {
                median: invert(median),
                low: high.map(invert),
                high: low.map(invert),
            },
            verdict: self.verdict.map(|verdict| match verdict {
                Verdict::Faster => Verdict::Slower,
                Verdict::Slower => Verdict::Faster,
                Verdict::NoDifferenceSeen => Verdict::NoDifferenceSeen,
            }),
        }
    }
}

/// Medians of resamples drawn with replacement: launches, and repeats of each that was
/// drawn.
struct Resamples<'a> {
    launches: &'a [Vec<f64>],
    rng: &'a mut Pcg64Mcg,
    drawn: Vec<f64>,
    left: usize,
}

impl<'a> Resamples<'a> {
    fn of(launches: &'a [Vec<f64>], rng: &'a mut Pcg64Mcg) -> Resamples<'a> {
        Resamples { launches, rng, drawn: Vec::new(), left: RESAMPLES }
    }

    /// A number below `count`. Multiply and shift: biased by less than count / 2^32.
    fn below(&mut self, count: usize) -> usize {
        ((u64::from(self.rng.next_u32()) * count as u64) >> 32) as usize
    }
}

impl Iterator for Resamples<'_> {
    type Item = f64;

    fn next(&mut self) -> Option<f64> {
        self.left = self.left.checked_sub(1)?;
        self.drawn.clear();
        let launches = self.launches;
        for _ in launches {
            // Of one launch nothing is to be drawn.
            let launch = if launches.len() > 1 { self.below(launches.len()) } else { 0 };
            for _ in &launches[launch] {
                let rate = launches[launch][self.below(launches[launch].len())];
                self.drawn.push(rate);
            }
        }
        Some(median_in_place(&mut self.drawn))
    }
}

/// Returns the ends of the middle `level` of the values, of which there is one, rounded
/// outwards. It sorts them.
pub fn middle(values: &mut [f64], level: f64) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let last = values.len() - 1;
    let cut = ((1.0 - level) / 2.0 * values.len() as f64) as usize;
    (values[cut.min(last / 2)], values[last - cut.min(last / 2)])
}

fn median_in_place(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    if values.len() % 2 == 1 { values[half] } else { (values[half - 1] + values[half]) / 2.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand_distr::{Distribution, Normal};

    #[test]
    fn medians() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 5.0]), Some(5.0));
        assert_eq!(median(&[9.0, 1.0, 5.0, 3.0]), Some(4.0));
        assert_eq!(median(&[1.0, f64::NAN]), None);
    }

    #[test]
    fn two_repeats_give_no_interval_and_no_verdict() {
        let two = interval(&[1.0, 3.0], 0).unwrap();
        assert_eq!((two.median, two.low, two.high), (2.0, None, None));
        let comparison = compare(&[2.0, 2.0], &[1.0, 1.0, 1.0], 1, 0).unwrap();
        assert_eq!((comparison.ratio.median, comparison.ratio.low), (2.0, None));
        assert_eq!(comparison.verdict, None);
    }

    #[test]
    fn an_interval_is_a_constant_of_its_seed() {
        // Guards the value-stability of the generator across releases.
        let found = interval(&[10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 17.0, 18.0], 42).unwrap();
        assert_eq!((found.median, found.low, found.high), (14.0, Some(11.0), Some(17.0)));
    }

    #[test]
    fn separate_samples_have_a_verdict() {
        let (slow, fast) = ([10.0, 10.1, 9.9, 10.0, 10.2], [20.0, 20.5, 19.5, 20.1, 20.2]);
        let faster = compare(&fast, &slow, 100, 1).unwrap();
        assert_eq!(faster.verdict, Some(Verdict::Faster));
        assert_eq!(compare(&slow, &fast, 100, 1).unwrap().verdict, Some(Verdict::Slower));
        assert!(faster.ratio.low.unwrap() > 1.9 && faster.ratio.high.unwrap() < 2.1);
    }

    #[test]
    fn more_comparisons_widen_the_interval() {
        let (a, b) = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], [2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
        let one = compare(&a, &b, 1, 7).unwrap().ratio;
        let many = compare(&a, &b, 200, 7).unwrap().ratio;
        assert!(many.low < one.low && many.high > one.high, "{one:?} {many:?}");
    }

    #[test]
    fn repeats_of_a_launch_are_not_independent() {
        // Each launch has its own luck, by far more than its repeats differ.
        let launch = |rate: f64| (0..8).map(|n| rate + f64::from(n) / 100.0).collect::<Vec<_>>();
        let (a, b) = ([10.0, 11.0, 12.0].map(launch), [10.5, 11.5, 12.5].map(launch));
        let apart = compare_launches(&a, &b, 1, 7).unwrap();
        assert_eq!(apart.verdict, Some(Verdict::NoDifferenceSeen));
        let pooled = compare(&a.concat(), &b.concat(), 1, 7).unwrap();
        let width = |found: &Comparison| found.ratio.high.unwrap() - found.ratio.low.unwrap();
        assert!(width(&apart) > width(&pooled), "{apart:?} {pooled:?}");
        let twice = [20.0, 22.0, 24.0].map(launch);
        let faster = compare_launches(&twice, &a, 1, 7).unwrap();
        assert_eq!(faster.verdict, Some(Verdict::Faster));
        // A launch without a repeat is none.
        let with_none = [a.to_vec(), vec![Vec::new()]].concat();
        assert_eq!(compare_launches(&with_none, &b, 1, 7), Some(apart));
    }

    /// Trials of each kind. The shares in METHODOLOGY.md are of 500.
    const TRIALS: usize = 16;

    /// In how many trials two sides get a verdict, the new one `ratio` times as fast: launches
    /// are 2 % apart, repeats of one 1 % (standard deviations), and 40 ratios are shown.
    fn told_apart(launches: usize, ratio: f64, rng: &mut Pcg64Mcg) -> usize {
        let (luck, noise) = (Normal::new(1.0, 0.02).unwrap(), Normal::new(1.0, 0.01).unwrap());
        let side = |rate: f64, rng: &mut Pcg64Mcg| -> Vec<Vec<f64>> {
            let launch = |rate: f64, rng: &mut Pcg64Mcg| -> Vec<f64> {
                (0..5).map(|_| rate * noise.sample(rng)).collect()
            };
            (0..launches).map(|_| launch(rate * luck.sample(rng), rng)).collect()
        };
        let mut trial = || {
            let (base, new) = (side(1.0, rng), side(ratio, rng));
            compare_launches(&new, &base, 40, 1).unwrap().verdict
        };
        (0..TRIALS).filter(|_| trial() != Some(Verdict::NoDifferenceSeen)).count()
    }

    #[test]
    fn launches_keep_equal_code_from_being_told_apart() {
        let mut rng = Pcg64Mcg::seed_from_u64(3);
        let [one, two, five] = [1, 2, 5].map(|launches| told_apart(launches, 1.0, &mut rng));
        assert!(one > TRIALS / 4 && two < one && five <= 1, "{one} {two} {five}");
        let seen = told_apart(5, 0.9, &mut rng);
        assert!(seen >= TRIALS - 1, "a difference of 10 % is seen: {seen}");
    }

    #[test]
    fn few_repeats_separate_by_chance() {
        let near = |x: f64, y: f64| (x / y - 1.0).abs() < 1e-12;
        assert!(near(separation_chance(3), 0.1) && near(separation_chance(5), 2.0 / 252.0));
        assert_eq!((separation_chance(0), separation_chance(1)), (1.0, 1.0));
    }

    #[test]
    fn what_is_no_rate_is_not_compared() {
        assert_eq!(compare(&[], &[1.0], 1, 0), None);
        assert_eq!(compare(&[1.0; 3], &[0.0; 3], 1, 0), None);
        assert_eq!(compare(&[f64::NAN; 3], &[1.0; 3], 1, 0), None);
    }

    fn rates() -> impl proptest::strategy::Strategy<Value = Vec<f64>> {
        proptest::collection::vec(1.0f64..1e9, 3..9)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn an_interval_holds_its_median(values in rates(), seed: u64) {
            let found = interval(&values, seed).unwrap();
            let (low, high) = (found.low.unwrap(), found.high.unwrap());
            prop_assert!(low <= found.median && found.median <= high);
            let inside = |end| values.iter().any(|v| *v <= end) && values.iter().any(|v| *v >= end);
            prop_assert!(inside(low) && inside(high));
        }

        #[test]
        fn swapping_sides_inverts(a in rates(), b in rates(), seed: u64) {
            let (there, back) = (compare(&a, &b, 3, seed), compare(&b, &a, 3, seed));
            let (there, back) = (there.unwrap(), back.unwrap().inverted());
            let near = |x: f64, y: f64| (x / y - 1.0).abs() < 1e-12;
            prop_assert!(near(there.ratio.median, back.ratio.median));
            prop_assert!(near(there.ratio.low.unwrap(), back.ratio.low.unwrap()));
            prop_assert_eq!(there.verdict, back.verdict);
        }

        #[test]
        fn a_sample_does_not_differ_from_itself(a in rates(), seed: u64) {
            let same = compare(&a, &a, 1, seed).unwrap();
            prop_assert_eq!(same.ratio.median, 1.0);
            prop_assert_eq!(same.verdict, Some(Verdict::NoDifferenceSeen));
        }
    }
}
