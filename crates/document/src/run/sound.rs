//! Conditions on a document from elsewhere, checked before its numbers are used.

use std::collections::BTreeSet;

use base::shown::shown;
use serde_json::Value;

use super::cell::{Cell, Status};
use super::document::Run;
use super::latency::LatencyDistribution;
use super::measured::Measured;
use stats::Interval;

/// Most threads of a cell that are believed.
const THREADS_MAX: u32 = 1 << 20;

impl Run {
    /// Checks that cells are what they say and have numbers that can be.
    ///
    /// # Errors
    ///
    /// The first cell for which something does not hold, and what.
    pub(super) fn check(&self) -> Result<(), String> {
        let mut ids = BTreeSet::new();
        for cell in &self.cells {
            let id = &cell.id;
            if !ids.insert(id) {
                return Err(format!("two cells have the id '{id}'"));
            }
            self.check_key(cell).map_err(|why| format!("cell '{id}' {why}"))?;
            check_status(cell).map_err(|why| format!("cell '{id}' {why}"))?;
            if let Some(measured) = &cell.measured {
                check_numbers(measured).map_err(|why| format!("cell '{id}' has {why}"))?;
            }
        }
        Ok(())
    }

    fn check_key(&self, cell: &Cell) -> Result<(), String> {
        let key = &cell.key;
        if cell.id != key.id() {
            return Err(format!("has a key whose id is '{}'", key.id()));
        }
        if !(1..=THREADS_MAX).contains(&key.threads) {
            return Err(format!("has {} threads", key.threads));
        }
        if !self.workloads.contains_key(&key.workload_digest) {
            return Err(format!("has a workload that is missing, '{}'", key.workload_digest));
        }
        Ok(())
    }
}

fn check_status(cell: &Cell) -> Result<(), String> {
    match (cell.status, &cell.measured) {
        (Status::Ok, None) => Err("is ok, but has no numbers".to_owned()),
        (Status::Skipped | Status::Failed, Some(_)) => {
            Err(format!("is {}, but has numbers", cell.status))
        }
        _ => Ok(()),
    }
}

fn check_numbers(measured: &Measured) -> Result<(), String> {
    check_interval(&measured.faults_per_s)?;
    if measured.repeats.is_empty() {
        return Err("numbers without a repeat".to_owned());
    }
    for repeat in &measured.repeats {
        let times = [repeat.window_s, repeat.reset_s, repeat.overlap_share, repeat.start_skew_ns];
        if let Some(time) = times.into_iter().find(|time| *time < 0.0) {
            return Err(format!("a repeat with the time or share {time}"));
        }
    }
    for (name, op) in &measured.ops {
        if let Some(rate) = op.repeats_per_s.iter().chain([&op.per_s]).find(|rate| **rate < 0.0) {
            return Err(format!("the rate {rate} of '{name}'"));
        }
    }
    let of_ops = measured.ops.values().filter_map(|op| op.latency_ns.as_ref());
    let of_io = measured.io.iter().map(|io| &io.achieved_ns);
    measured.latency_ns.values().chain(of_ops).chain(of_io).try_for_each(check_latency)
}

fn check_interval(rate: &Interval) -> Result<(), String> {
    let Interval { median, low, high } = *rate;
    if median < 0.0 {
        return Err(format!("the rate {median}"));
    }
    let (low, high) = (low.unwrap_or(median), high.unwrap_or(median));
    match low <= median && median <= high {
        true => Ok(()),
        false => Err(format!("the rate {median} outside of its interval, {low} to {high}")),
    }
}

fn check_latency(latency: &LatencyDistribution) -> Result<(), String> {
    let samples = latency.samples().map_err(|why| format!("a latency whose {why}"))?;
    match samples.len() == latency.count {
        true => Ok(()),
        false => Err(format!(
            "a latency with {} samples, and {} in its histogram",
            latency.count,
            samples.len()
        )),
    }
}

/// True if text of JSON may hold characters that act on what shows them: as they are, or escaped.
pub(super) fn may_act(json: &str) -> bool {
    ["\\u", "\\b", "\\f", "\\r"].iter().any(|escape| json.contains(escape))
        || matches!(shown(json), std::borrow::Cow::Owned(_))
}

/// Replaces such characters in all texts of a document by what can be shown.
pub(super) fn disarm(value: &mut Value) {
    match value {
        Value::String(text) => *text = shown(text).into_owned(),
        Value::Array(items) => items.iter_mut().for_each(disarm),
        Value::Object(entries) => {
            let taken = std::mem::take(entries);
            entries.extend(taken.into_iter().map(|(key, mut value)| {
                disarm(&mut value);
                (shown(&key).into_owned(), value)
            }));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
