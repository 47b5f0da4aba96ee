//! Medians, intervals, and the one verdict on two cells.
//!
//! A cell's interval is a percentile bootstrap of the median over repeats, with a fixed number
//! of resamples from a seeded, value-stable generator: equal repeats and seed give equal bytes.
//!
//! Two cells are compared by the logarithms of their rates, without the slowest quarter of
//! each, since a disturbance makes a storm slower, sometimes by half. Student's t of the others
//! has an interval at any level, also with few repeats. Ranks and resamples do not: five repeats
//! are smaller than five others by chance in 2 of 252 cases, whatever the distance between them.
//! Both sides are assumed to have the same variance, as equal code has.
//!
//! Two cells may have several launches each: the program was started once for each launch, and
//! stormed several times in it. Repeats of a launch share its random placement (physical pages,
//! neighbours on the machine), so launches are drawn with replacement, and repeats within them.

mod looks;
#[cfg(test)]
mod simulated;
mod student;

use std::fmt;

use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use looks::{LOOKS, at_a_look, at_the_end};

/// Fewest repeats for an interval, and on each side for a verdict.
pub const MIN_REPEATS: usize = 3;
/// Level of a cell's interval.
pub const LEVEL: f64 = 0.95;
/// The chance that any of the ratios that are read together has a verdict although all sides
/// are equal.
pub const ERROR: f64 = 0.05;
/// Repeats of a side for each one that is left out of a comparison, the slowest first.
const SLOWEST: usize = 4;
/// Resamples of a bootstrap.
pub const RESAMPLES: usize = 4096;

/// A median with its interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Interval {
    /// Median over repeats.
    pub median: f64,
    /// Lower end; null if there were too few repeats for an interval.
    pub low: Option<f64>,
    /// Upper end; null if there were too few repeats for an interval.
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

/// The verdict on which of two cells is faster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The whole interval of the ratio lies above 1.
    Faster,
    /// The whole interval of the ratio lies below 1.
    Slower,
    /// The interval holds 1.
    NoDifferenceSeen,
    /// In the model: the order is another one if an estimate of the machine is somewhat off.
    CannotTell,
}

impl Verdict {
    /// True if it says which of the two is faster.
    pub fn is_sure(self) -> bool {
        matches!(self, Self::Faster | Self::Slower)
    }
}

/// The ratio of two cells' throughputs, and the verdict on it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JudgedRatio {
    /// Ratio of medians, with its corrected interval.
    pub ratio: Interval,
    /// `None` if a side has fewer than [`MIN_REPEATS`] repeats.
    pub verdict: Option<Verdict>,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Faster => "faster",
            Verdict::Slower => "slower",
            Verdict::NoDifferenceSeen => "no difference seen",
            Verdict::CannotTell => "cannot tell",
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
/// [`MIN_REPEATS`] values, `None` if there is no median.
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

/// Compares two cells by the rates of their repeats: `new` over `base`. If the cells are equal,
/// the verdict is wrong with probability `chance`.
///
/// Swapping the sides inverts ratio, interval and verdict. `None` if a side has no rate, or a
/// rate that is not above zero and finite.
pub fn compare(new: &[f64], base: &[f64], chance: f64) -> Option<JudgedRatio> {
    if !new.iter().chain(base).all(is_usable) {
        return None;
    }
    let ratio = median(new)? / median(base)?;
    if new.len().min(base.len()) < MIN_REPEATS {
        return Some(JudgedRatio::unjudged(ratio));
    }
    let (new, base) = (Kept::of(new, base.len()), Kept::of(base, new.len()));
    let degrees = new.count + base.count - 2;
    let variance = (new.squares + base.squares) / degrees as f64;
    let error = (variance * (1.0 / new.count as f64 + 1.0 / base.count as f64)).sqrt();
    let difference = new.mean - base.mean;
    let reach = student::quantile(chance, degrees) * error;
    Some(JudgedRatio::within(ratio, (difference - reach).exp(), (difference + reach).exp()))
}

/// Compares two cells with several launches each, as [`compare`] does: rates by launch. `seed`
/// is the seed of the resamples.
pub fn compare_launches(
    new: &[Vec<f64>],
    base: &[Vec<f64>],
    chance: f64,
    seed: u64,
) -> Option<JudgedRatio> {
    if !new.iter().chain(base).flatten().all(is_usable) {
        return None;
    }
    let with_repeats = |side: &[Vec<f64>]| -> Vec<Vec<f64>> {
        side.iter().filter(|launch| !launch.is_empty()).cloned().collect()
    };
    let (new, base) = (with_repeats(new), with_repeats(base));
    if let ([new], [base]) = (new.as_slice(), base.as_slice()) {
        return compare(new, base, chance);
    }
    // Draws depend on the order of the sides. With one order for both directions, "a is faster
    // than b" and "b is slower than a" agree.
    if new > base {
        return resampled(&base, &new, chance, seed).map(JudgedRatio::inverted);
    }
    resampled(&new, &base, chance, seed)
}

fn is_usable(rate: &f64) -> bool {
    *rate > 0.0 && rate.is_finite()
}

/// The logarithms of the rates of a side, without the slowest.
struct Kept {
    count: usize,
    mean: f64,
    /// Sum of squared distances from the mean. A rate that was left out counts as the slowest
    /// that is kept: without it the variance would be underestimated (Yuen 1974).
    squares: f64,
}

impl Kept {
    /// Leaves out the same share of both sides; the other side has `others` rates.
    fn of(rates: &[f64], others: usize) -> Kept {
        let mut logs: Vec<f64> = rates.iter().map(|rate| rate.ln()).collect();
        logs.sort_by(f64::total_cmp);
        let fewer = logs.len().min(others);
        let slowest = fewer / SLOWEST * logs.len() / fewer;
        let mean = |logs: &[f64]| logs.iter().sum::<f64>() / logs.len() as f64;
        let (count, kept) = (logs.len() - slowest, mean(&logs[slowest..]));
        let floor = logs[slowest];
        logs[..slowest].fill(floor);
        let middle = mean(&logs);
        let squares = logs.iter().map(|log| (log - middle).powi(2)).sum();
        Kept { count, mean: kept, squares }
    }
}

fn resampled(new: &[Vec<f64>], base: &[Vec<f64>], chance: f64, seed: u64) -> Option<JudgedRatio> {
    let (all_new, all_base) = (new.concat(), base.concat());
    let ratio = median(&all_new)? / median(&all_base)?;
    if all_new.len().min(all_base.len()) < MIN_REPEATS {
        return Some(JudgedRatio::unjudged(ratio));
    }
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let news: Vec<f64> = Resamples::of(new, &mut rng).collect();
    let bases = Resamples::of(base, &mut rng);
    let mut ratios: Vec<f64> = news.iter().zip(bases).map(|(new, base)| new / base).collect();
    let (low, high) = middle(&mut ratios, 1.0 - chance);
    Some(JudgedRatio::within(ratio, low, high))
}

impl JudgedRatio {
    /// Returns a ratio with too few repeats for an interval.
    fn unjudged(ratio: f64) -> JudgedRatio {
        let ratio = Interval { median: ratio, low: None, high: None };
        JudgedRatio { ratio, verdict: None }
    }

    /// Returns a ratio of medians, widens the interval to hold it, and adds the verdict.
    fn within(ratio: f64, low: f64, high: f64) -> JudgedRatio {
        let (low, high) = (low.min(ratio), high.max(ratio));
        let verdict = match (low > 1.0, high < 1.0) {
            (true, _) => Verdict::Faster,
            (_, true) => Verdict::Slower,
            _ => Verdict::NoDifferenceSeen,
        };
        let ratio = Interval { median: ratio, low: Some(low), high: Some(high) };
        JudgedRatio { ratio, verdict: Some(verdict) }
    }

    fn inverted(self) -> JudgedRatio {
        let Interval { median, low, high } = self.ratio;
        let invert = |x: f64| 1.0 / x;
        JudgedRatio {
            ratio: Interval {
                median: invert(median),
                low: high.map(invert),
                high: low.map(invert),
            },
            verdict: self.verdict.map(|verdict| match verdict {
                Verdict::Faster => Verdict::Slower,
                Verdict::Slower => Verdict::Faster,
                other @ (Verdict::NoDifferenceSeen | Verdict::CannotTell) => other,
            }),
        }
    }
}

/// Medians of resamples: launches are drawn with replacement, then repeats of each drawn
/// launch.
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

    /// Draws a number below `count`. Multiply and shift: biased by less than count / 2^32.
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
            // A single launch needs no draw.
            let launch = if launches.len() > 1 { self.below(launches.len()) } else { 0 };
            for _ in &launches[launch] {
                let rate = launches[launch][self.below(launches[launch].len())];
                self.drawn.push(rate);
            }
        }
        Some(median_in_place(&mut self.drawn))
    }
}

/// Sorts the values and returns the ends of their middle `level`, rounded outwards. There must be
/// a value.
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
        let comparison = compare(&[2.0, 2.0], &[1.0, 1.0, 1.0], 0.05).unwrap();
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
        let faster = compare(&fast, &slow, 0.0005).unwrap();
        assert_eq!(faster.verdict, Some(Verdict::Faster));
        assert_eq!(compare(&slow, &fast, 0.0005).unwrap().verdict, Some(Verdict::Slower));
        assert!(faster.ratio.low.unwrap() > 1.8 && faster.ratio.high.unwrap() < 2.2);
    }

    #[test]
    fn a_smaller_chance_widens_the_interval() {
        let (a, b) = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], [2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
        let one = compare(&a, &b, at_the_end(1, false)).unwrap().ratio;
        let many = compare(&a, &b, at_the_end(200, false)).unwrap().ratio;
        assert!(many.low < one.low && many.high > one.high, "{one:?} {many:?}");
        let looked = compare(&a, &b, at_the_end(1, true)).unwrap().ratio;
        let early = compare(&a, &b, at_a_look(1)).unwrap().ratio;
        assert!(looked.low < one.low && early.low < looked.low, "{looked:?} {early:?}");
    }

    #[test]
    fn one_slow_repeat_of_four_decides_nothing() {
        let base = [10.0, 10.1, 9.9, 10.0, 10.1, 9.9, 10.0, 5.0];
        let verdict = |new: &[f64]| compare(new, &base, 0.001).unwrap().verdict.unwrap();
        assert_eq!(verdict(&[10.1, 9.9, 10.0, 4.0]), Verdict::NoDifferenceSeen);
        // Neither does it hide a difference.
        assert_eq!(verdict(&[8.0, 8.1, 7.9, 4.0]), Verdict::Slower);
        assert_eq!(verdict(&[12.0, 12.1, 11.9, 6.0]), Verdict::Faster);
        // Two of four may be how fast it is.
        assert_eq!(verdict(&[8.0, 8.1, 4.0, 4.1]), Verdict::NoDifferenceSeen);
    }

    #[test]
    fn repeats_of_a_launch_are_not_independent() {
        // Each launch has its own luck, by far more than its repeats differ.
        let launch = |rate: f64| (0..8).map(|n| rate + f64::from(n) / 100.0).collect::<Vec<_>>();
        let (a, b) = ([10.0, 11.0, 12.0].map(launch), [10.5, 11.5, 12.5].map(launch));
        let apart = compare_launches(&a, &b, 0.05, 7).unwrap();
        assert_eq!(apart.verdict, Some(Verdict::NoDifferenceSeen));
        let pooled = compare(&a.concat(), &b.concat(), 0.05).unwrap();
        let width = |found: &JudgedRatio| found.ratio.high.unwrap() - found.ratio.low.unwrap();
        assert!(width(&apart) > width(&pooled), "{apart:?} {pooled:?}");
        let twice = [20.0, 22.0, 24.0].map(launch);
        let faster = compare_launches(&twice, &a, 0.05, 7).unwrap();
        assert_eq!(faster.verdict, Some(Verdict::Faster));
        // A launch without a repeat is none.
        let with_none = [a.to_vec(), vec![Vec::new()]].concat();
        assert_eq!(compare_launches(&with_none, &b, 0.05, 7), Some(apart));
    }

    /// In how many trials two sides get a verdict, the new one `ratio` times as fast: launches
    /// are 2 % apart, repeats of one 1 % (standard deviations), and 40 ratios are shown.
    fn told_apart(trials: usize, launches: usize, ratio: f64, rng: &mut Pcg64Mcg) -> usize {
        let (luck, noise) = (Normal::new(1.0, 0.02).unwrap(), Normal::new(1.0, 0.01).unwrap());
        let side = |rate: f64, rng: &mut Pcg64Mcg| -> Vec<Vec<f64>> {
            let launch = |rate: f64, rng: &mut Pcg64Mcg| -> Vec<f64> {
                (0..5).map(|_| rate * noise.sample(rng)).collect()
            };
            (0..launches).map(|_| launch(rate * luck.sample(rng), rng)).collect()
        };
        let mut trial = || {
            let (base, new) = (side(1.0, rng), side(ratio, rng));
            compare_launches(&new, &base, at_the_end(40, false), 1).unwrap().verdict
        };
        (0..trials).filter(|_| trial() != Some(Verdict::NoDifferenceSeen)).count()
    }

    #[test]
    fn launches_keep_equal_code_from_being_told_apart() {
        let (mut rng, trials) = (Pcg64Mcg::seed_from_u64(3), 32);
        let [one, two, five] = [1, 2, 5].map(|n| told_apart(trials, n, 1.0, &mut rng));
        assert!(one > trials / 16 && two <= one && five <= 1, "{one} {two} {five}");
        let seen = told_apart(trials, 5, 0.9, &mut rng);
        assert!(seen >= trials - 1, "a difference of 10 % is seen: {seen}");
    }

    #[test]
    #[ignore = "prints the table of METHODOLOGY.md, for which it takes some minutes"]
    fn launches_by_the_table() {
        let mut rng = Pcg64Mcg::seed_from_u64(4);
        for launches in [1, 2, 3, 5] {
            let [equal, tenth] = [1.0, 0.9].map(|ratio| told_apart(500, launches, ratio, &mut rng));
            println!("| {launches} | {} % | {} % |", equal as f64 / 5.0, tenth as f64 / 5.0);
        }
    }

    #[test]
    fn what_is_no_rate_is_not_compared() {
        assert_eq!(compare(&[], &[1.0], 0.05), None);
        assert_eq!(compare(&[1.0; 3], &[0.0; 3], 0.05), None);
        assert_eq!(compare(&[f64::NAN; 3], &[1.0; 3], 0.05), None);
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
            let both = |a: &[f64], b: &[f64]| [
                compare(a, b, 0.02).unwrap(),
                compare_launches(&[a.to_vec(), b.to_vec()], &[b.to_vec()], 0.02, seed).unwrap(),
            ];
            let there = both(&a, &b);
            let back = [
                compare(&b, &a, 0.02).unwrap(),
                compare_launches(&[b.to_vec()], &[a.to_vec(), b.to_vec()], 0.02, seed).unwrap(),
            ];
            let near = |x: f64, y: f64| (x / y - 1.0).abs() < 1e-9;
            for (there, back) in there.into_iter().zip(back.map(JudgedRatio::inverted)) {
                prop_assert!(near(there.ratio.median, back.ratio.median));
                prop_assert!(near(there.ratio.low.unwrap(), back.ratio.low.unwrap()));
                prop_assert_eq!(there.verdict, back.verdict);
            }
        }

        #[test]
        fn a_sample_does_not_differ_from_itself(a in rates(), chance in 1e-6f64..0.5) {
            let same = compare(&a, &a, chance).unwrap();
            prop_assert_eq!(same.ratio.median, 1.0);
            prop_assert_eq!(same.verdict, Some(Verdict::NoDifferenceSeen));
        }

        #[test]
        fn the_ratio_of_medians_lies_in_its_interval(a in rates(), b in rates()) {
            let Interval { median, low, high } = compare(&a, &b, 0.05).unwrap().ratio;
            prop_assert!(low.unwrap() <= median && median <= high.unwrap());
        }
    }
}
