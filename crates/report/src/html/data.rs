//! What the page is given as JSON: names once, then a row for each cell.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use document::run::{
    self, Body, Interval, KernelEvents, Provenance, ScalabilityLaw, Status, TimeSplit,
};

/// Quantiles of a latency that are drawn: dense where the tail is.
pub(super) const QUANTILES: [f64; 18] = [
    0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995, 0.9975, 0.999, 0.9995, 0.99975,
    0.9999, 0.99995, 0.99999, 0.999999,
];

/// Everything that the page shows. A number in place of a name is its place in the list.
#[derive(Serialize)]
pub(super) struct Page {
    /// What is wrong with the runs together.
    pub notes: Vec<String>,
    pub runs: Vec<RunPart>,
    pub worlds: Vec<WorldPart>,
    pub workloads: Vec<WorkloadPart>,
    pub strategies: Vec<String>,
    pub variations: Vec<String>,
    pub lines: Vec<String>,
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
    pub complete: bool,
    pub digest: Option<String>,
    /// Without warnings, costs of cells and the list of CPUs.
    pub provenance: Provenance,
    pub noise: String,
    pub reading: String,
    pub warnings: Vec<WarningPart>,
    pub machines: BTreeMap<String, Value>,
}

/// A warning, with the cells that it is about.
#[derive(Serialize)]
pub(super) struct WarningPart {
    pub code: String,
    pub text: String,
    pub cells: Vec<String>,
}

/// A world of one run: what stands side by side.
#[derive(Serialize)]
pub(super) struct WorldPart {
    pub name: String,
    pub run: usize,
    /// Without noise: a ratio within it is exact for its seed.
    pub model: bool,
    pub placement: String,
    pub entry_prefetch: bool,
}

#[derive(Serialize)]
pub(super) struct WorkloadPart {
    pub name: String,
    pub summary: String,
    pub analysis: String,
    pub resolved: Value,
}

#[derive(Serialize)]
pub(super) struct CellPart {
    #[serde(flatten)]
    pub place: Place,
    pub threads: u32,
    pub status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub break_even: Option<BreakEvenPart>,
    #[serde(flatten)]
    pub numbers: Option<Numbers>,
}

/// The rate of faults from which on the cell's strategy matters: one for all think times.
#[derive(Serialize)]
pub(super) struct BreakEvenPart {
    pub faults_per_thread_s: Option<f64>,
    pub place: run::BreakEvenPlace,
    pub swept: [f64; 2],
}

/// Where a cell or a fit belongs.
#[derive(Serialize)]
pub(super) struct Place {
    pub world: usize,
    pub workload: usize,
    pub strategy: usize,
    pub body: Body,
    pub variation: usize,
}

#[derive(Serialize)]
pub(super) struct FitPart {
    #[serde(flatten)]
    pub place: Place,
    #[serde(flatten)]
    pub law: ScalabilityLaw,
}

#[derive(Serialize)]
pub(super) struct Numbers {
    /// The events by which the cell is judged: `faults`, or an operation of writers.
    pub counted: String,
    /// Their rate a second.
    pub rate: Option<Interval>,
    pub repeats: usize,
    /// One for each of the bases.
    pub ratios: [Option<RatioPart>; 2],
    pub latency: Option<LatencyPart>,
    /// Transfers of all lines for each fault, or operation where there are no faults.
    pub transfers: Option<f64>,
    /// Line, its part of these transfers, share of the time that cores waited for lines.
    pub lines: Vec<(usize, f64, Option<f64>)>,
    pub time_ns: Option<TimeSplit>,
    pub stages_ns: Option<BTreeMap<String, f64>>,
    /// Per fault, by reason.
    pub fallbacks: BTreeMap<String, f64>,
    pub fairness: Option<f64>,
    /// What writers did, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub ops: BTreeMap<String, OpPart>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<KernelPart>,
}

#[derive(Serialize)]
pub(super) struct RatioPart {
    #[serde(flatten)]
    pub ratio: Interval,
    pub verdict: Option<String>,
}

#[derive(Serialize)]
pub(super) struct OpPart {
    pub count: u64,
    pub per_s: f64,
    pub latency: Option<LatencyPart>,
}

/// What the running kernel told.
#[derive(Serialize)]
pub(super) struct KernelPart {
    pub fault_ns: Option<f64>,
    pub events: Option<KernelEvents>,
}

/// As many of [`QUANTILES`] as the samples tell, and the largest.
#[derive(Serialize)]
pub(super) struct LatencyPart {
    pub samples: u64,
    pub ns: Vec<u64>,
    pub max_ns: u64,
}
