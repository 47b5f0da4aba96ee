//! The cells of one side of a comparison.

use std::collections::{BTreeMap, BTreeSet};

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::Serialize;

use super::axis::Axis;
use super::document::Document;
use super::side::Part;
use crate::run::{Cell, RatedEvent, Run, Status};

/// One side of a pair.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Half {
    /// Id of the cell in its run.
    pub id: String,
    /// End of the cell; the worst of several launches.
    pub status: Status,
    /// Reason why it was skipped, is partial or failed.
    pub reason: Option<String>,
    /// Median over all repeats, in faults per second; null without faults.
    pub faults_per_s: Option<f64>,
    /// Median over all repeats of the compared event, per second; null if it never occurred.
    pub per_s: Option<f64>,
    /// Number of repeats with a rate, over all launches.
    pub repeats: usize,
    /// Number of launches that have the cell.
    pub launches: usize,
    /// Warnings that make its numbers doubtful.
    pub warnings: Vec<CellWarning>,
    #[serde(skip)]
    pub(super) has_numbers: bool,
    #[serde(skip)]
    pub(super) is_oversubscribed: bool,
}

/// Something that makes the numbers of a cell doubtful.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct CellWarning {
    /// Stable name in snake case, for instance `oversubscribed`.
    pub code: String,
    /// What looks wrong, in sentences.
    pub text: String,
}

/// The cells of a side at one place, one per launch.
#[derive(Default)]
pub(super) struct Cells<'a>(pub(super) Vec<(&'a Document, &'a Cell)>);

/// The cells of a side by place, and the places in the order of the cells.
pub(super) struct Places<'a> {
    pub order: Vec<String>,
    pub cells: BTreeMap<String, Cells<'a>>,
}

impl<'a> Places<'a> {
    pub fn of(by: Axis, part: &Part<'a>) -> Self {
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

    /// Returns the ids of the cells at places that none of the others has.
    pub fn without(&self, others: &[Places<'_>]) -> Vec<String> {
        let has = |place: &String| others.iter().any(|other| other.cells.contains_key(place));
        let alone = self.order.iter().filter(|place| !has(place));
        alone.map(|place| self.cells[place].0[0].1.id.clone()).collect()
    }
}

impl Cells<'_> {
    /// Returns the cells of all launches.
    pub fn cells(&self) -> impl Iterator<Item = &Cell> + Clone {
        self.0.iter().map(|(_, cell)| *cell)
    }

    /// Returns the rates of each launch.
    pub fn rates(&self, event: &RatedEvent) -> Vec<Vec<f64>> {
        self.cells().map(|cell| cell.rates(event)).collect()
    }

    /// Returns the median over all repeats of all launches.
    pub fn median(&self, event: &RatedEvent) -> Option<f64> {
        stats::median(&self.rates(event).concat()).filter(|median| *median > 0.0)
    }

    /// Returns the number of events in all launches.
    pub fn count(&self, event: &RatedEvent) -> u64 {
        self.cells().map(|cell| cell.count(event)).sum()
    }

    /// Returns the cells as one half of a pair that is judged by `event`.
    pub fn half(&self, event: &RatedEvent) -> Half {
        let severity = |status: Status| match status {
            Status::Ok => 0,
            Status::Skipped => 1,
            Status::Partial => 2,
            Status::Failed => 3,
        };
        let worst = self.0.iter().map(|(_, cell)| cell).max_by_key(|cell| severity(cell.status));
        let worst = worst.expect("a pair has cells");
        let warnings = self.0.iter().flat_map(|(document, cell)| warnings(&document.run, cell));
        let failed = worst.status == Status::Failed;
        Half {
            id: worst.id.clone(),
            status: worst.status,
            reason: worst.reason.clone(),
            faults_per_s: self.median(&RatedEvent::Faults).filter(|_| !failed),
            per_s: self.median(event).filter(|_| !failed),
            repeats: self.rates(event).concat().len(),
            launches: self.0.len(),
            warnings: warnings.collect::<BTreeSet<_>>().into_iter().collect(),
            is_oversubscribed: self.cells().any(|cell| cell.is_oversubscribed),
            has_numbers: !failed && self.cells().any(|cell| cell.measured.is_some()),
        }
    }
}

fn warnings(run: &Run, cell: &Cell) -> Vec<CellWarning> {
    let about = run.provenance.warnings.iter().filter(|w| w.cell.as_ref() == Some(&cell.id));
    about.map(|w| CellWarning { code: w.code.clone(), text: w.text.clone() }).collect()
}
