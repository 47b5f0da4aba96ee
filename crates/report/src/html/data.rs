//! The data of the page as JSON: names once, then a row for each cell.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use document::run::{
    Body, BreakEvenPlace, Interval, KernelEvents, LockHold, ScalabilityLaw, Status,
};

use super::families::StrategyPart;

/// Quantiles of a latency that are drawn: dense in the tail.
pub(super) const QUANTILES: [f64; 18] = [
    0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995, 0.9975, 0.999, 0.9995, 0.99975,
    0.9999, 0.99995, 0.99999, 0.999999,
];

/// The data of the page. A number in place of a name is its index in the list of names.
#[derive(Serialize)]
pub(super) struct Page {
    /// What spoils the numbers, the worst first.
    pub doubts: Vec<WarningPart>,
    pub runs: Vec<RunPart>,
    pub worlds: Vec<WorldPart>,
    pub workloads: Vec<WorkloadPart>,
    pub strategies: Vec<StrategyPart>,
    /// Families of strategies, which have the colours.
    pub families: Vec<&'static str>,
    pub variations: Vec<String>,
    pub lines: Vec<String>,
    /// Bodies of the cells, each with its name.
    pub bodies: Vec<(Body, &'static str)>,
    /// Parts of the time of an event: its own work, and what it waits for.
    pub time_parts: Vec<TimePart>,
    /// Stages of a fault, in their order.
    pub stages: Vec<String>,
    /// Reasons for fallbacks.
    pub fallbacks: Vec<String>,
    pub bases: [&'static str; 2],
    pub quantiles: [f64; 18],
    /// Share of the throughput of `unlocked` that is lost at a break-even rate.
    pub lost_share: f64,
    pub cells: Vec<CellPart>,
    pub fits: Vec<FitPart>,
}

/// A part of the time of an event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct TimePart {
    pub name: String,
    /// `work`, or the kind of what is waited for.
    pub kind: &'static str,
}

/// One document.
#[derive(Serialize)]
pub(super) struct RunPart {
    /// Program and machine, in a line.
    pub title: String,
    /// Its worlds with their placements, in a line.
    pub worlds: String,
    pub digest: Option<String>,
    /// Without warnings, costs of cells and the list of CPUs.
    pub provenance: Value,
    pub noise: String,
    pub reading: String,
    pub machines: BTreeMap<String, Value>,
}

/// A warning with the cells that it is about.
#[derive(Serialize)]
pub(super) struct WarningPart {
    pub code: String,
    pub text: String,
}

/// A world of one run; worlds stand side by side.
#[derive(Serialize)]
pub(super) struct WorldPart {
    pub name: String,
}

#[derive(Serialize)]
pub(super) struct WorkloadPart {
    pub name: String,
    pub summary: String,
    /// Paragraphs.
    pub analysis: Vec<String>,
    pub resolved: Value,
}

#[derive(Serialize)]
pub(super) struct CellPart {
    #[serde(flatten)]
    pub place: CellPlace,
    pub threads: u32,
    pub status: Status,
    /// Why the cell is not complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub break_even: Option<BreakEvenPart>,
    #[serde(flatten)]
    pub numbers: Option<Numbers>,
}

/// The rate of faults above which the cell's strategy matters: one for all think times.
#[derive(Serialize)]
pub(super) struct BreakEvenPart {
    pub faults_per_thread_s: Option<f64>,
    /// The rate, or the end of the sweep beyond which it is.
    pub at_per_thread_s: f64,
    pub place: BreakEvenPlace,
    /// The place in words.
    pub position: &'static str,
    pub swept: [f64; 2],
}

/// The place of a cell or a fit.
#[derive(Serialize)]
pub(super) struct CellPlace {
    pub world: usize,
    pub workload: usize,
    pub strategy: usize,
    pub body: Body,
    pub variation: usize,
}

#[derive(Serialize)]
pub(super) struct FitPart {
    #[serde(flatten)]
    pub place: CellPlace,
    #[serde(flatten)]
    pub law: ScalabilityLaw,
    /// Threads and throughput along the law.
    pub curve: Vec<[f64; 2]>,
}

#[derive(Serialize)]
pub(super) struct Numbers {
    /// The event by which the cell is judged: `faults`, or an operation of writers.
    pub counted: String,
    pub repeats: usize,
    /// The event that transfers are given for: `fault`, or `operation` of any kind.
    pub each: &'static str,
    /// What the cell did: faults, and operations of writers by their names.
    pub events: BTreeMap<String, EventPart>,
    /// Line, its transfers, and the nanoseconds that cores waited for it, of each fault or
    /// operation.
    pub lines: Vec<(usize, f64, Option<f64>)>,
    pub stages_ns: Option<BTreeMap<String, f64>>,
    /// Holds of locks that others waited for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<LockHold>,
    /// Per fault, by reason.
    pub fallbacks: BTreeMap<String, f64>,
    pub fairness: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<KernelPart>,
}

#[derive(Serialize)]
pub(super) struct RatioPart {
    #[serde(flatten)]
    pub ratio: Interval,
    /// The verdict, or why there is none.
    pub verdict: String,
    /// `faster` or `slower` if that is known; empty else.
    pub side: &'static str,
}

/// The numbers of one event.
#[derive(Serialize)]
pub(super) struct EventPart {
    /// Over all repeats.
    pub count: u64,
    /// Per second.
    pub rate: Option<Interval>,
    /// One for each of the bases.
    pub ratios: [Option<RatioPart>; 2],
    pub latency: Option<LatencyPart>,
    /// Parts of the time of one, by index, in nanoseconds.
    pub time_ns: Vec<(usize, f64)>,
    /// Event whose time it is: one event, or an operation of any kind.
    pub time_each: String,
}

/// Numbers of the running kernel.
#[derive(Serialize)]
pub(super) struct KernelPart {
    pub fault_ns: Option<f64>,
    /// Cost of an empty exception.
    pub trap_ns: Option<Interval>,
    pub fault_ns_without_trap: Option<f64>,
    pub events: Option<KernelEvents>,
}

/// The [`QUANTILES`] for which there are enough samples, and the largest sample.
#[derive(Serialize)]
pub(super) struct LatencyPart {
    pub samples: u64,
    /// 50th, 99th and 99.9th percentile, in nanoseconds.
    pub percentiles_ns: [Option<u64>; 3],
    pub ns: Vec<u64>,
    pub max_ns: u64,
}
