//! A cell: one combination of workload, strategy, world and parameters.

use std::fmt;

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::key::Key;
use super::measured::{Measured, Repeat};
use super::rate::RatedEvent;

/// Least share of a storm in which all threads storm, for a rate of faults that stands for it.
const HALF: f64 = 0.5;

/// One combination of workload, strategy, world and parameters, and its result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Cell {
    /// Unique in the document: `WORKLOAD/STRATEGY/WORLD/THREADS/BODY`, then what is varied.
    pub id: String,
    /// The parameters that were run.
    pub key: Key,
    /// End of the cell: all repeats are in, or not, or it was skipped or failed.
    pub status: Status,
    /// The reason for a status other than `ok`; null for `ok`.
    pub reason: Option<String>,
    /// The numbers; null for `skipped` and `failed`.
    pub measured: Option<Measured>,
    /// True if its threads outnumber their CPUs: a ratio would show the scheduler. The document
    /// says so by the warning `oversubscribed`.
    #[serde(skip)]
    pub is_oversubscribed: bool,
}

/// The end of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// All repeats are in and the books balance.
    Ok,
    /// Not run, since the strategy or the machine cannot run it.
    Skipped,
    /// Some repeats are in: the run goes on, or was cut short.
    Partial,
    /// The storm failed: books that do not balance, a panic, a stuck thread.
    Failed,
}

impl Cell {
    fn new(key: Key, status: Status, reason: Option<String>, measured: Option<Measured>) -> Cell {
        Cell { id: key.id(), key, status, reason, measured, is_oversubscribed: false }
    }

    /// Returns a cell whose repeats are all in.
    pub fn ok(key: Key, measured: Measured) -> Cell {
        Cell::new(key, Status::Ok, None, Some(measured))
    }

    /// Returns a cell with some of its repeats; `measured` is null before the first.
    pub fn partial(key: Key, reason: impl Into<String>, measured: Option<Measured>) -> Cell {
        Cell::new(key, Status::Partial, Some(reason.into()), measured)
    }

    /// Returns a cell that was not run.
    pub fn skipped(key: Key, reason: impl Into<String>) -> Cell {
        Cell::new(key, Status::Skipped, Some(reason.into()), None)
    }

    /// Returns a cell whose storm failed. It has no numbers: what did not
    /// balance is no result.
    pub fn failed(key: Key, reason: impl Into<String>) -> Cell {
        Cell::new(key, Status::Failed, Some(reason.into()), None)
    }

    /// Returns true if the rate of an event is one of the storm and not of a small part of it. That
    /// of faults is not if all threads stormed together for less than half of some repeat, unless
    /// the workload wants its rate over the whole storm.
    pub fn is_covered(&self, event: &RatedEvent) -> bool {
        let Some(found) = &self.measured else { return true };
        let is_short = |repeat: &Repeat| repeat.overlap_share < HALF;
        *event != RatedEvent::Faults || found.is_whole || !found.repeats.iter().any(is_short)
    }

    /// Returns why it has no numbers or not all, on one line.
    pub fn why(&self) -> String {
        let reason = self.reason.as_deref().unwrap_or("no reason given");
        reason.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// Returns the cells but for the A/A twins, which are there to show the noise of the run.
pub(super) fn strategies(cells: &[Cell]) -> impl Iterator<Item = &Cell> {
    cells.iter().filter(|cell| !cell.key.is_aa_twin)
}

/// Returns items in groups of equal `key`, groups and items in the order of the items.
pub fn grouped<T, K: PartialEq>(
    items: impl IntoIterator<Item = T>,
    key: impl Fn(&T) -> K,
) -> Vec<Vec<T>> {
    let mut groups: Vec<(K, Vec<T>)> = Vec::new();
    for item in items {
        let key = key(&item);
        match groups.iter_mut().find(|(group, _)| *group == key) {
            Some((_, items)) => items.push(item),
            None => groups.push((key, vec![item])),
        }
    }
    groups.into_iter().map(|(_, items)| items).collect()
}

/// Returns each of the items once, in their order.
pub fn distinct<T: PartialEq>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut found = Vec::new();
    for item in items {
        if !found.contains(&item) {
            found.push(item);
        }
    }
    found
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Status::Ok => "ok",
            Status::Skipped => "skipped",
            Status::Partial => "partial",
            Status::Failed => "failed",
        })
    }
}
