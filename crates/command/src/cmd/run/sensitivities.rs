//! Sensitivity of the model's rates to the estimates of its machine.
//!
//! After the cells of the model have run, those that are near a base of the report run again, in
//! storms a sixteenth as long: once as they are, and once for each estimate of the machine, 30 %
//! higher. The change of the logarithm of the rate is the cell's sensitivity to that estimate, from
//! which reports see where an order may turn (`document::run::turning`). Storms of fewer than 1024
//! faults a thread are too short for that.

use std::collections::BTreeMap;

use super::models::{ModelCell, rate};
use super::plan::{CellGroup, Site};
use document::run::{Cell, Measured, NEAR, Status};
use host::interrupt;
use inputs::workload::Until;
use machine::model::Parameters;

/// Length of a storm over that of a short one.
const SHORTER: u64 = 16;
/// Fewest faults of a thread in a short storm: a core's batches of frames turn over.
const FAULTS_MIN: u64 = 64;

/// Returns the cells of groups that are near a base, or a base that others are near: `found` are
/// the cells of the groups after they have run.
pub(super) fn near<'a>(groups: &'a [CellGroup], found: &[Cell]) -> Vec<ModelCell<'a>> {
    let mut all = Vec::new();
    let mut first = 0;
    for group in groups {
        let cells = &found[first..first + group.cells.len()];
        let near = (0..cells.len()).filter(|at| {
            let others = cells.iter().enumerate().filter(|(other, _)| other != at);
            others.clone().any(|(_, other)| are_near(&cells[*at], other))
        });
        if let Site::Model(site) = &group.site {
            all.extend(near.map(|at| ModelCell {
                index: first + at,
                group,
                site,
                cell: &group.cells[at],
            }));
        }
        first += group.cells.len();
    }
    all
}

/// True if one of the two is a base, and their rates are near each other.
fn are_near(one: &Cell, other: &Cell) -> bool {
    let rate = |cell: &Cell| match (&cell.measured, cell.status) {
        (Some(found), Status::Ok) if is_long(cell, found) => Some(found.faults_per_s.median),
        _ => None,
    };
    let is_base = |cell: &Cell| report::BASES.contains(&cell.key.strategy_name().as_str());
    let (Some(a), Some(b)) = (rate(one), rate(other)) else { return false };
    (is_base(one) || is_base(other)) && (a / b).ln().abs() < NEAR
}

/// True if a storm of the cell has enough faults for a short one.
fn is_long(cell: &Cell, found: &Measured) -> bool {
    let storms = found.repeats.len() as u64 * u64::from(cell.key.threads);
    found.counts.faults >= storms * FAULTS_MIN * SHORTER
}

impl ModelCell<'_> {
    /// Returns the change of the logarithm of the rate with each estimate of the machine. An
    /// estimate with which the storm fails is left out. `None` if the user asked for the end.
    pub(super) fn sensitivities(&self) -> Option<BTreeMap<String, f64>> {
        let own = self.short_rate(&self.site.machine)?;
        let change = |raised: &inputs::machines::Variation| {
            let rate = self.short_rate(&raised.parameters)?;
            Some((raised.number.clone(), (rate / own).ln()))
        };
        let all = self.site.raised.iter().filter_map(change).collect();
        (!interrupt::is_requested()).then_some(all)
    }

    /// Returns the faults per second of a short storm on `machine`.
    fn short_rate(&self, machine: &Parameters) -> Option<f64> {
        let mut request = self.request_on(machine, 0);
        request.until = match request.until {
            Until::Faults(faults) => Until::Faults(faults / SHORTER),
            Until::Duration(ns) => Until::Duration((ns / SHORTER).max(1)),
            other => other,
        };
        rate(&(self.cell.run)(&request).ok()?).filter(|rate| *rate > 0.0)
    }
}
