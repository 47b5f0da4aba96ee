//! Pairs of cells that differ in the axis alone, and the verdicts on them.

use std::collections::{BTreeMap, BTreeSet};

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::Serialize;

use super::axis::Axis;
use super::cells::{Cells, Half, Places};
use super::document::Document;
use super::error::CompareError;
use super::rates::{OpPair, PairRatio, Rates, ops};
use super::side::Sides;
use crate::run::{Cell, RatedEvent, Status, World};

/// A cell of the base and its counterpart.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Pair {
    /// The part of the id that both share: `WORKLOAD/STRATEGY/WORLD/THREADS/BODY` without the
    /// axis.
    pub cell: String,
    /// Name of the counterpart's side.
    pub side: String,
    /// The cell of the base.
    pub base: Half,
    /// The counterpart.
    pub new: Half,
    /// The event whose rates `ratio` compares: the one that the workload is judged by; else
    /// `faults`, or an operation of writers if neither side has faults.
    pub counted: String,
    /// The ratio of the two.
    #[serde(flatten)]
    pub judged: PairRatio,
    /// Reason why the two are not compared; null if they are.
    pub reason: Option<String>,
    /// Other events of the base, by name: operations of writers, and `faults` if an operation is
    /// compared.
    pub ops: BTreeMap<String, OpPair>,
    /// The workloads differ, and `--force` was not given.
    #[serde(skip)]
    is_refused: bool,
    #[serde(skip)]
    rates: Option<Rates>,
}

/// A cell without a counterpart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Unpaired {
    /// Name of its side.
    pub side: String,
    /// Its id in the run.
    pub id: String,
}

/// Pairs the cells of the sides, in the order of the base.
///
/// # Errors
/// If no cell of a side has a counterpart, or all pairs are of different workloads.
pub(super) fn all(
    by: Axis,
    sides: &Sides<'_>,
    force: bool,
) -> Result<(Vec<Pair>, Vec<Unpaired>), CompareError> {
    let old = Places::of(by, &sides.base);
    let news: Vec<Places<'_>> = sides.new.iter().map(|part| Places::of(by, part)).collect();
    let mut pairs: Vec<Pair> = Vec::new();
    for (part, new) in sides.new.iter().zip(&news) {
        for place in &old.order {
            let Some(counterpart) = new.cells.get(place) else { continue };
            pairs.push(pair(place, &part.name, &old.cells[place], counterpart, force));
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
            let of = |side: &str, ids: Vec<String>| {
                let side = side.to_owned();
                ids.into_iter().map(move |id| Unpaired { side: side.clone(), id })
            };
            let mut unpaired: Vec<Unpaired> = of(&sides.base.name, old.without(&news)).collect();
            for (part, new) in sides.new.iter().zip(&news) {
                unpaired.extend(of(&part.name, new.without(std::slice::from_ref(&old))));
            }
            Ok((pairs, unpaired))
        }
    }
}

fn pair(place: &str, side: &str, old: &Cells<'_>, new: &Cells<'_>, force: bool) -> Pair {
    let event = RatedEvent::of(old.cells().chain(new.cells()));
    let (base, counterpart) = (old.half(&event), new.half(&event));
    let barred = barred(&base, &counterpart);
    let refusal = (!force && barred.is_none()).then(|| other_workload(old, new)).flatten();
    let is_refused = refusal.is_some();
    let barred = barred.or(refusal);
    let are_exact = are_exact(old, new);
    let ops = match barred {
        None => ops(old, new, &event, are_exact),
        Some(_) => BTreeMap::new(),
    };
    let reason = barred
        .or_else(|| no_rate(&base, &counterpart, &event))
        .or_else(|| not_covered(old, new, &event));
    let is_compared = reason.is_none();
    Pair {
        cell: place.to_owned(),
        side: side.to_owned(),
        counted: event.name().to_owned(),
        judged: PairRatio::default(),
        reason,
        ops,
        is_refused,
        rates: is_compared.then(|| Rates::of(old, new, &event, are_exact)),
        base,
        new: counterpart,
    }
}

/// Returns true if all cells ran in the model with one seed.
fn are_exact(old: &Cells<'_>, new: &Cells<'_>) -> bool {
    let keys = || old.cells().chain(new.cells()).map(|cell| &cell.key);
    let seeds: BTreeSet<u64> = keys().map(|key| key.seed).collect();
    keys().all(|key| key.world == World::Model) && seeds.len() == 1
}

/// Returns why no number of two cells may be compared.
fn barred(base: &Half, new: &Half) -> Option<String> {
    for (name, half) in [("base", base), ("new", new)] {
        if !half.has_numbers {
            let why = half.reason.as_deref().unwrap_or("it has no repeat");
            return Some(format!("{name} {}: {why}", half.status));
        }
        if half.is_oversubscribed {
            return Some(format!("threads outnumber the CPUs of {name}: no ratio says much"));
        }
    }
    None
}

/// Returns which of two cells has none of the compared event.
fn no_rate(base: &Half, new: &Half, event: &RatedEvent) -> Option<String> {
    let halves = [("base", base), ("new", new)];
    let without = halves.into_iter().find(|(_, half)| half.per_s.is_none())?;
    Some(format!("{} has no {}", without.0, event.name()))
}

/// Returns which of two sides has a rate of less than half of a storm.
fn not_covered(old: &Cells<'_>, new: &Cells<'_>, event: &RatedEvent) -> Option<String> {
    let sides = [("base", old), ("new", new)];
    let short = sides.into_iter().find(|(_, side)| side.cells().any(|it| !it.is_covered(event)))?;
    Some(format!("all threads of {} stormed together for less than half of a storm", short.0))
}

/// Returns the keys in which the workloads of two cells differ, as a reason not to compare.
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

/// Returns the keys of the resolved workloads that differ between two cells.
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

/// Gives every pair its ratios and verdicts, and marks those that are slower by more than
/// `fail_above`. `looked`: a run looked at verdicts before its end.
pub(super) fn judge(pairs: &mut [Pair], fail_above: Option<f64>, looked: bool, seed: u64) {
    let of_pair = |pair: &Pair| usize::from(pair.rates.is_some()) + pair.ops.len();
    let comparisons = pairs.iter().map(of_pair).sum();
    let chance = stats::at_the_end(comparisons, looked);
    for pair in pairs {
        for op in pair.ops.values_mut() {
            // An event that no longer happens is no better than a slow one.
            op.judged = match op.rates.take() {
                Some(rates) => rates.judge(chance, seed, fail_above),
                None => PairRatio { found: fail_above.is_some(), ..PairRatio::default() },
            };
        }
        if let Some(rates) = pair.rates.take() {
            pair.judged = rates.judge(chance, seed, fail_above);
            if pair.judged.ratio.is_none() {
                pair.reason = Some(format!("in some repeat there were no {}", pair.counted));
            }
        }
        // A storm that began to fail, or did not run, is no better than a slow one.
        let had_result = pair.base.status == Status::Ok;
        let has_none = pair.new.status != Status::Ok || pair.is_refused;
        pair.judged.found |= had_result && has_none && fail_above.is_some();
    }
}

impl Pair {
    /// Returns the ratio of the cell, then those of its operations.
    pub fn ratios(&self) -> impl Iterator<Item = &PairRatio> {
        std::iter::once(&self.judged).chain(self.ops.values().map(|op| &op.judged))
    }
}
