//! Cells that are alike but for the axis, and the verdicts on them.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use super::side::{Part, Sides};
use super::{Axis, CompareError, Document, Options, Unpaired};
use crate::run::{Cell, Interval, Measured, Run, Status, World, sides};
use crate::stats::{self, MIN_REPEATS, Verdict};

/// A cell of the base and its counterpart.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Pair {
    /// What both have in common: `WORKLOAD/STRATEGY/WORLD/THREADS/BODY` without the axis.
    pub cell: String,
    /// Name of the side that the counterpart is of.
    pub side: String,
    /// The base's.
    pub base: Half,
    /// The counterpart.
    pub new: Half,
    /// Throughput of the new over the base, with an interval whose level is corrected for
    /// the number of ratios; null where they are not compared.
    pub ratio: Option<Interval>,
    /// `faster`, `slower` or `no difference seen`; null where a side has too few repeats.
    pub verdict: Option<String>,
    /// Whether the ratio is exact for its seed: both are of the model, which has no noise, and
    /// have too few repeats for an interval.
    pub exact: bool,
    /// Whether this is what the comparison was told to fail on.
    pub found: bool,
    /// Why they are not compared; null where they are.
    pub reason: Option<String>,
    /// Their workloads differ, and nobody asked for them to be compared all the same.
    #[serde(skip)]
    is_refused: bool,
    #[serde(skip)]
    rates: Option<[Vec<Vec<f64>>; 2]>,
}

/// One side of a pair.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Half {
    /// Id of the cell in its run.
    pub id: String,
    /// How it ended; of several launches the worst.
    pub status: Status,
    /// Why it was skipped, is partial or failed.
    pub reason: Option<String>,
    /// Median over all repeats, in faults per second; null where there is none.
    pub faults_per_s: Option<f64>,
    /// Repeats with a rate, over all launches.
    pub repeats: usize,
    /// Launches that have the cell.
    pub launches: usize,
    /// What makes its numbers doubtful.
    pub warnings: Vec<CellWarning>,
}

/// Something that makes the numbers of a cell doubtful.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct CellWarning {
    /// Stable name in snake case, for instance `oversubscribed`.
    pub code: String,
    /// What looks wrong, in sentences.
    pub text: String,
}

/// The cells of a part at one place, one a launch.
#[derive(Default)]
struct Cells<'a>(Vec<(&'a Document, &'a Cell)>);

/// The cells of a part by place, and the places in the order of its cells.
struct Places<'a> {
    order: Vec<String>,
    cells: BTreeMap<String, Cells<'a>>,
}

impl<'a> Places<'a> {
    fn of(by: Axis, part: &Part<'a>) -> Self {
        let (mut order, mut cells) = (Vec::new(), BTreeMap::<String, Cells<'a>>::new());
        for &launch in &part.launches {
            for cell in part.cells(launch) {
                let place = by.place(&cell.key);
                if !cells.contains_key(&place) {
                    order.push(place.clone());
                }
                cells.entry(place).or_default().0.push((launch, cell));
            }
        }
        Places { order, cells }
    }

    /// Those that none of the others has; `side`: the name of whose they are.
    fn without(&self, others: &[Places<'_>], side: &str) -> Vec<Unpaired> {
        let has = |place: &String| others.iter().any(|other| other.cells.contains_key(place));
        let alone = self.order.iter().filter(|place| !has(place));
        let id = |place: &String| self.cells[place].0[0].1.id.clone();
        alone.map(|place| Unpaired { side: side.to_owned(), id: id(place) }).collect()
    }
}

impl Cells<'_> {
    /// Rates of each launch.
    fn rates(&self) -> Vec<Vec<f64>> {
        let rates = |cell: &Cell| cell.measured.as_ref().map(Measured::rates).unwrap_or_default();
        self.0.iter().map(|(_, cell)| rates(cell)).collect()
    }

    fn half(&self) -> Half {
        let severity = |status: Status| match status {
            Status::Ok => 0,
            Status::Skipped => 1,
            Status::Partial => 2,
            Status::Failed => 3,
        };
        let worst = self.0.iter().map(|(_, cell)| cell).max_by_key(|cell| severity(cell.status));
        let worst = worst.expect("a pair has cells");
        let rates = self.rates().concat();
        let warnings = self.0.iter().flat_map(|(document, cell)| warnings(&document.run, cell));
        let failed = worst.status == Status::Failed;
        Half {
            id: worst.id.clone(),
            status: worst.status,
            reason: worst.reason.clone(),
            faults_per_s: if failed { None } else { stats::median(&rates) },
            repeats: rates.len(),
            launches: self.0.len(),
            warnings: warnings.collect::<BTreeSet<_>>().into_iter().collect(),
        }
    }
}

fn warnings(run: &Run, cell: &Cell) -> Vec<CellWarning> {
    let about = run.provenance.warnings.iter().filter(|w| w.cell.as_ref() == Some(&cell.id));
    about.map(|w| CellWarning { code: w.code.clone(), text: w.text.clone() }).collect()
}

/// Puts cells beside each other, in the order of the base.
///
/// # Errors
/// Where no cell of a side has a counterpart, or all are of different workloads.
pub(super) fn all(
    by: Axis,
    sides: &Sides<'_>,
    options: &Options,
) -> Result<(Vec<Pair>, Vec<Unpaired>), CompareError> {
    let old = Places::of(by, &sides.base);
    let news: Vec<Places<'_>> = sides.new.iter().map(|part| Places::of(by, part)).collect();
    let mut pairs: Vec<Pair> = Vec::new();
    for (part, new) in sides.new.iter().zip(&news) {
        for place in &old.order {
            let Some(counterpart) = new.cells.get(place) else { continue };
            pairs.push(pair(place, &part.name, &old.cells[place], counterpart, options.force));
        }
    }
    if pairs.is_empty() {
        let first = |places: &Places<'_>| places.order.first().cloned().unwrap_or_default();
        return Err(CompareError::NoPair {
            base: sides.base.name.clone(),
            new: sides.new[0].name.clone(),
            example: first(&old),
            other: first(&news[0]),
            axis: by.name(),
        });
    }
    match pairs.iter().find(|pair| pair.is_refused) {
        Some(refused) if pairs.iter().all(|pair| pair.rates.is_none()) => {
            Err(CompareError::Refused { why: refused.reason.clone().unwrap_or_default() })
        }
        _ => {
            let mut unpaired = old.without(&news, &sides.base.name);
            for (part, new) in sides.new.iter().zip(&news) {
                unpaired.extend(new.without(std::slice::from_ref(&old), &part.name));
            }
            Ok((pairs, unpaired))
        }
    }
}

fn pair(place: &str, side: &str, old: &Cells<'_>, new: &Cells<'_>, force: bool) -> Pair {
    let (base, counterpart) = (old.half(), new.half());
    let reason = no_numbers(&base, &counterpart);
    let refusal = (!force && reason.is_none()).then(|| other_workload(old, new)).flatten();
    let keys = || old.0.iter().chain(&new.0).map(|(_, cell)| &cell.key);
    let seeds: BTreeSet<u64> = keys().map(|key| key.seed).collect();
    Pair {
        cell: place.to_owned(),
        side: side.to_owned(),
        ratio: None,
        verdict: None,
        exact: keys().all(|key| key.world == World::Model) && seeds.len() == 1,
        found: false,
        is_refused: refusal.is_some(),
        rates: reason.is_none().then(|| rates(old, new)).filter(|_| refusal.is_none()),
        reason: reason.or(refusal),
        base,
        new: counterpart,
    }
}

/// Returns the rates of the new side and of the old, by launch. Cells of one run are compared
/// as its report does it.
fn rates(old: &Cells<'_>, new: &Cells<'_>) -> [Vec<Vec<f64>>; 2] {
    let of_launch = |(document, cell): &(&Document, &Cell)| {
        let base = old.0.iter().find(|(other, _)| std::ptr::eq(*other, *document))?;
        sides(&document.run.cells, cell, base.1)
    };
    let launches: Option<Vec<_>> = new.0.iter().map(of_launch).collect();
    match launches.filter(|launches| launches.len() == old.0.len()) {
        Some(launches) => {
            let (new, old) = launches.into_iter().map(|[new, old]| (new, old)).unzip();
            [new, old]
        }
        None => [new.rates(), old.rates()],
    }
}

/// Why two cells have nothing to compare.
fn no_numbers(base: &Half, new: &Half) -> Option<String> {
    for (name, half) in [("base", base), ("new", new)] {
        if half.faults_per_s.is_none() {
            let why = half.reason.as_deref().unwrap_or("it has no repeat");
            return Some(format!("{name} {}: {why}", half.status));
        }
        if half.warnings.iter().any(|warning| warning.code == "oversubscribed") {
            return Some(format!("threads outnumber the CPUs of {name}: no ratio says much"));
        }
    }
    None
}

/// In what the workloads of two cells differ, where they do.
fn other_workload(old: &Cells<'_>, new: &Cells<'_>) -> Option<String> {
    let digest = |cells: &Cells<'_>| -> BTreeSet<String> {
        cells.0.iter().map(|(_, cell)| cell.key.workload_digest.clone()).collect()
    };
    let all: BTreeSet<String> = digest(old).union(&digest(new)).cloned().collect();
    (all.len() > 1).then(|| {
        let keys = differing_keys(old.0[0], new.0[0]);
        let keys = if keys.is_empty() { "digest".to_owned() } else { keys.join(", ") };
        format!("the workloads differ in {keys}: storm the same, or --force")
    })
}

/// Keys of the resolved workloads of two cells that differ.
fn differing_keys(one: (&Document, &Cell), other: (&Document, &Cell)) -> Vec<String> {
    let keys = |(document, cell): (&Document, &Cell)| {
        let workload = document.run.workloads.get(&cell.key.workload_digest)?;
        workload.as_object().cloned()
    };
    let (Some(one), Some(other)) = (keys(one), keys(other)) else { return Vec::new() };
    let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let differ = names.into_iter().filter(|key| one.get(*key) != other.get(*key));
    let matters = |key: &&String| !["summary", "analysis", "expect"].contains(&key.as_str());
    differ.filter(matters).cloned().collect()
}

/// Gives every pair its ratio and verdict (`looked`: some run looked at verdicts before its
/// end), and finds those that are slower by more than
/// `fail_above`.
pub(super) fn judge(pairs: &mut [Pair], fail_above: Option<f64>, looked: bool, seed: u64) {
    let comparisons = pairs.iter().filter(|pair| pair.rates.is_some()).count();
    let chance = stats::at_the_end(comparisons, looked);
    for pair in pairs {
        let compared = pair
            .rates
            .take()
            .and_then(|[new, base]| stats::compare_launches(&new, &base, chance, seed));
        let verdict = compared.and_then(|compared| compared.verdict);
        pair.ratio = compared.map(|compared| compared.ratio);
        pair.verdict = verdict.map(|verdict| verdict.to_string());
        pair.exact &= pair.base.repeats.min(pair.new.repeats) < MIN_REPEATS;
        let Some(share) = fail_above else { continue };
        let is_sure = verdict == Some(Verdict::Slower) || pair.exact;
        let is_slower = pair.ratio.is_some_and(|ratio| ratio.median < 1.0 - share);
        // A storm that has begun to fail is no better than a slow one.
        let fails = pair.new.status == Status::Failed && pair.base.status != Status::Failed;
        pair.found = is_sure && is_slower || fails;
    }
}

impl Pair {
    /// Whether the two are known to differ.
    pub fn differs(&self) -> bool {
        let differs = self.ratio.is_some_and(|ratio| ratio.median != 1.0);
        match &self.verdict {
            Some(verdict) => *verdict != Verdict::NoDifferenceSeen.to_string(),
            None => self.exact && differs,
        }
    }

    /// Its place among others: what differs most comes first, what is not compared last.
    pub(super) fn rank(&self) -> f64 {
        let Some(ratio) = self.ratio else { return f64::INFINITY };
        let effect = ratio.median.ln().abs();
        // Far above any effect.
        if self.differs() { -effect } else { 1e9 - effect }
    }
}
