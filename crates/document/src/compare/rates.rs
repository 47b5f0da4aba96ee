//! The rates of two cells, and the verdict on them.

use std::collections::BTreeMap;

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::Serialize;

use super::cells::Cells;
use super::document::Document;
use crate::run::{Cell, Interval, RatedEvent, sides, turning};
use stats::{self, MIN_REPEATS, Verdict};

/// An event other than the compared one, in a cell of the base and in its counterpart.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct OpPair {
    /// Median over all repeats of the base, per second.
    pub base_per_s: f64,
    /// Median over all repeats of the counterpart, per second; 0 if it had none.
    pub new_per_s: f64,
    /// The ratio of the two.
    #[serde(flatten)]
    pub judged: PairRatio,
    #[serde(skip)]
    pub(super) rates: Option<Rates>,
}

/// The ratio of two rates, and the verdict on it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct PairRatio {
    /// Rate of the new side over that of the base, with an interval whose level is corrected for
    /// the number of ratios; null if the two are not compared.
    pub ratio: Option<Interval>,
    /// `faster`, `slower` or `no difference seen`; null if a side has too few repeats. In the
    /// model `cannot tell`, if the order hangs on an estimate of the machine.
    pub verdict: Option<String>,
    /// True if the ratio is exact for its seed: both cells ran in the model, which has no noise,
    /// and have too few repeats for an interval.
    pub exact: bool,
    /// True if the comparison was asked to fail on this ratio.
    pub found: bool,
}

/// The rates of two sides, by launch and repeat.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rates {
    new: Vec<Vec<f64>>,
    base: Vec<Vec<f64>>,
    /// Total number of events, of the new side and of the base.
    counts: [u64; 2],
    /// Neither side has noise.
    are_exact: bool,
    /// The order of the two hangs on an estimate of the model's machine.
    turns: bool,
}

impl Rates {
    pub fn of(old: &Cells<'_>, new: &Cells<'_>, event: &RatedEvent, are_exact: bool) -> Rates {
        let counts = [new.count(event), old.count(event)];
        let turns = match (old.0.as_slice(), new.0.as_slice()) {
            ([(_, old)], [(_, new)]) => turning(new, old, event).is_some(),
            _ => false,
        };
        let [new, base] = by_launch(old, new, event);
        Rates { new, base, counts, are_exact, turns }
    }

    /// Compares the two sides. If they are equal, the verdict is wrong with `chance`.
    pub fn judge(&self, chance: f64, seed: u64, fail_above: Option<f64>) -> PairRatio {
        let compared = stats::compare_launches(&self.new, &self.base, chance, seed);
        let Some(compared) = compared else { return PairRatio::default() };
        let repeats = |side: &[Vec<f64>]| side.iter().map(Vec::len).sum::<usize>();
        let fewest = repeats(&self.new).min(repeats(&self.base));
        let verdict = if self.turns { Some(Verdict::CannotTell) } else { compared.verdict };
        let exact = self.are_exact && fewest < MIN_REPEATS && !self.turns;
        let is_sure = verdict == Some(Verdict::Slower) || exact;
        let ratio = compared.ratio.median * self.one_more();
        PairRatio {
            ratio: Some(compared.ratio),
            verdict: verdict.map(|verdict| verdict.to_string()),
            exact,
            found: fail_above.is_some_and(|share| is_sure && ratio < 1.0 - share),
        }
    }

    /// Returns the factor by which one more event would raise the new rate. If the counts of the
    /// sides differ, a storm may have ended just before an event.
    fn one_more(&self) -> f64 {
        let [new, base] = self.counts;
        if new == base { 1.0 } else { 1.0 + 1.0 / new.max(1) as f64 }
    }
}

/// Returns the rates of the new side and of the old, by launch. Cells of one run are compared
/// as in the report of that run.
fn by_launch(old: &Cells<'_>, new: &Cells<'_>, event: &RatedEvent) -> [Vec<Vec<f64>>; 2] {
    let of_launch = |(document, cell): &(&Document, &Cell)| {
        let base = old.0.iter().find(|(other, _)| std::ptr::eq(*other, *document))?;
        Some(sides(&document.run.cells, cell, base.1, event))
    };
    let launches: Option<Vec<_>> = new.0.iter().map(of_launch).collect();
    match launches.filter(|launches| launches.len() == old.0.len()) {
        Some(launches) => {
            let (new, old) = launches.into_iter().map(|[new, old]| (new, old)).unzip();
            [new, old]
        }
        None => [new.rates(event), old.rates(event)],
    }
}

/// Returns the events of the base, without the compared one.
pub(super) fn ops(
    old: &Cells<'_>,
    new: &Cells<'_>,
    event: &RatedEvent,
    are_exact: bool,
) -> BTreeMap<String, OpPair> {
    let is_covered = |of: &RatedEvent| old.cells().chain(new.cells()).all(|it| it.is_covered(of));
    let others = RatedEvent::all(old.cells()).into_iter();
    let others = others.filter(|other| other != event && is_covered(other));
    let pair = |other: RatedEvent| {
        let new_per_s = new.median(&other);
        let rates = || Rates::of(old, new, &other, are_exact);
        let pair = OpPair {
            base_per_s: old.median(&other)?,
            new_per_s: new_per_s.unwrap_or(0.0),
            judged: PairRatio::default(),
            rates: new_per_s.map(|_| rates()),
        };
        Some((other.name().to_owned(), pair))
    };
    others.filter_map(pair).collect()
}

impl PairRatio {
    /// Returns true if the two sides are known to differ.
    pub fn differs(&self) -> bool {
        match &self.verdict {
            Some(verdict) => {
                let unsure = [Verdict::NoDifferenceSeen, Verdict::CannotTell];
                unsure.iter().all(|it| *verdict != it.to_string())
            }
            None => self.exact && self.ratio.is_some_and(|ratio| ratio.median != 1.0),
        }
    }

    /// Returns true if the ratio has a verdict or is exact.
    pub fn is_sure(&self) -> bool {
        self.exact || self.verdict.is_some()
    }

    /// Returns the place among others: the largest difference first, no ratio last.
    pub(super) fn rank(&self) -> f64 {
        let Some(ratio) = self.ratio else { return f64::INFINITY };
        let effect = ratio.median.ln().abs();
        // Far above any logarithm of a ratio.
        if self.differs() { -effect } else { 1e9 - effect }
    }
}
