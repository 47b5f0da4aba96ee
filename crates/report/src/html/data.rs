//! The data of the page as JSON: names once, then a row for each cell.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use document::run::{Body, BreakEvenPlace, Interval, KernelEvents, ScalabilityLaw, Status};

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
    pub strategies: Vec<String>,
    pub variations: Vec<String>,
    pub lines: Vec<String>,
    /// Bodies of the cells, each with its name.
    pub bodies: Vec<(Body, &'static str)>,
    /// Parts of the time of a fault in the model, and stages, in their order.
    pub time_parts: [&'static str; 4],
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
    /// Rate of the event, per second.
    pub rate: Option<Interval>,
    pub repeats: usize,
    /// The event that transfers and times are given for: `fault` or `operation`.
    pub each: &'static str,
    /// One for each of the bases.
    pub ratios: [Option<RatioPart>; 2],
    pub latency: Option<LatencyPart>,
    /// Transfers of all lines per fault, or per operation without faults.
    pub transfers: Option<f64>,
    /// Line, its transfers, its share of the time that cores waited for lines.
    pub lines: Vec<(usize, f64, Option<f64>)>,
    /// Parts of the time in nanoseconds, by name.
    pub time_ns: Option<Vec<(&'static str, f64)>>,
    pub stages_ns: Option<BTreeMap<String, f64>>,
    /// Per fault, by reason.
    pub fallbacks: BTreeMap<String, f64>,
    pub fairness: Option<f64>,
    /// Operations of writers, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub ops: BTreeMap<String, OpPart>,
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

#[derive(Serialize)]
pub(super) struct OpPart {
    pub count: u64,
    pub per_s: f64,
    pub latency: Option<LatencyPart>,
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
