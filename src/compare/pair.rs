//! Cells that are alike but for the axis, and the verdicts on them.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use super::side::{Part, Sides};
use super::{Axis, CompareError, Document, Options, Unpaired};
use crate::run::{Cell, Interval, Measured, Run, Status, World};
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
    /// Whether the ratio is exact for its seed: both are of the model, which has no noise.
    pub exact: bool,
    /// Whether this is what the comparison was told to fail on.
    pub found: bool,
    /// Why they are not compared; null where they are.
    pub reason: Option<String>,
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

    /// Those that others have not.
    fn without<'b>(&'b self, others: &Places<'_>) -> impl Iterator<Item = &'b Cells<'a>> {
        let others: BTreeSet<String> = others.cells.keys().cloned().collect();
        let alone = self.order.iter().filter(move |place| !others.contains(*place));
        alone.map(|place| &self.cells[place])
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

    fn workloads(&self) -> BTreeSet<&str> {
        self.0.iter().map(|(_, cell)| cell.key.workload_digest.as_str()).collect()
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
    let (mut pairs, mut unpaired) = (Vec::new(), Vec::new());
    let old = Places::of(by, &sides.base);
    for part in &sides.new {
        let new = Places::of(by, part);
        for place in &old.order {
            let Some(counterpart) = new.cells.get(place) else { continue };
            pairs.push(pair(place, &part.name, &old.cells[place], counterpart, options.force));
        }
        for (name, own, others) in [(&sides.base.name, &old, &new), (&part.name, &new, &old)] {
            let alone = own.without(others).map(|cells| cells.0[0].1.id.clone());
            unpaired.extend(alone.map(|id| Unpaired { side: name.clone(), id }));
        }
    }
    if pairs.is_empty() {
        let first = |part| Places::of(by, part).order.first().cloned().unwrap_or_default();
        return Err(CompareError::NoPair {
            base: sides.base.name.clone(),
            new: sides.new[0].name.clone(),
            example: first(&sides.base),
            other: first(&sides.new[0]),
            axis: by.name(),
        });
    }
    unpaired.dedup();
    let is_refused =
        |pair: &&Pair| pair.reason.as_ref().is_some_and(|why| why.starts_with(OTHER_WORKLOAD));
    match pairs.iter().find(is_refused) {
        Some(refused) if pairs.iter().all(|pair| pair.rates.is_none()) => {
            Err(CompareError::Refused { why: refused.reason.clone().unwrap_or_default() })
        }
        _ => Ok((pairs, unpaired)),
    }
}

/// How the reason begins of those that only `force` compares.
const OTHER_WORKLOAD: &str = "the workloads differ";

fn pair(place: &str, side: &str, old: &Cells<'_>, new: &Cells<'_>, force: bool) -> Pair {
    let (base, counterpart) = (old.half(), new.half());
    let reason = why_not(old, new, &base, &counterpart, force);
    let is_model = |cells: &Cells<'_>| cells.0.iter().all(|(_, c)| c.key.world == World::Model);
    Pair {
        cell: place.to_owned(),
        side: side.to_owned(),
        ratio: None,
        verdict: None,
        exact: is_model(old) && is_model(new),
        found: false,
        rates: reason.is_none().then(|| [new.rates(), old.rates()]),
        reason,
        base,
        new: counterpart,
    }
}

/// Why two cells are not compared.
fn why_not(
    old: &Cells<'_>,
    new: &Cells<'_>,
    base: &Half,
    counterpart: &Half,
    force: bool,
) -> Option<String> {
    for (name, half) in [("base", base), ("new", counterpart)] {
        if half.status == Status::Failed || half.faults_per_s.is_none() {
            let why = half.reason.as_deref().unwrap_or("it has no repeat");
            return Some(format!("{name} {}: {why}", half.status));
        }
        if half.warnings.iter().any(|warning| warning.code == "oversubscribed") {
            return Some(format!("threads outnumber the CPUs of {name}: no ratio says much"));
        }
    }
    let workloads: BTreeSet<&str> = old.workloads().union(&new.workloads()).copied().collect();
    (workloads.len() > 1 && !force).then(|| {
        let keys = differing_keys(old.0[0], new.0[0]);
        let keys = if keys.is_empty() { "digest".to_owned() } else { keys.join(", ") };
        format!("{OTHER_WORKLOAD} in {keys}: storm the same, or --force")
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

/// Gives every pair its ratio and verdict, and finds those that are slower by more than
/// `fail_above`.
pub(super) fn judge(pairs: &mut [Pair], fail_above: Option<f64>, seed: u64) {
    let comparisons = pairs.iter().filter(|pair| pair.rates.is_some()).count();
    for pair in pairs {
        let compared = pair
            .rates
            .take()
            .and_then(|[new, base]| stats::compare_launches(&new, &base, comparisons, seed));
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
