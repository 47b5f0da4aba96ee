//! Operations of writers in the numbers of a cell, and loops that they are part of.

use std::collections::BTreeSet;

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::latency::LatencyDistribution;
use super::measured::{LineCount, TimeSplit};

/// One kind of operation other than touches.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct OpStats {
    /// Number of operations.
    pub count: u64,
    /// Operations per second, from the first start of a thread to the last end; all threads
    /// together.
    pub per_s: f64,
    /// Operations per second of each repeat; left out for a single repeat, which has `per_s`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repeats_per_s: Vec<f64>,
    /// Latencies; null if not timed.
    pub latency_ns: Option<LatencyDistribution>,
    /// Operations per second that the workload asks for by `every`, all threads together; left
    /// out if nothing paces them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_per_s: Option<f64>,
}

/// Loops of the threads of a cell, without those that go on until others are done; totals over
/// repeats.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct LoopCounts {
    /// Loops that were begun.
    pub begun: u64,
    /// Loops that were done from the first operation to the last.
    pub whole: u64,
    /// Most touches of a whole loop.
    pub touches: u64,
    /// Operations of these loops that no thread came to in some repeat, by name.
    pub never: BTreeSet<String>,
}

/// Transfers and times per operation of writers, all operations together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct PerOp {
    /// Cache-line contention, from a pass of its own; null if not counted.
    pub lines: Option<OpLines>,
    /// Nanoseconds per operation by the kind of work; null outside the model.
    pub time_split_ns: Option<TimeSplit>,
}

/// Cache-line contention of a cell without faults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct OpLines {
    /// The accesses that are counted, on any line: `rmw+loads`, or `all` in the model.
    pub counted: String,
    /// Transfers of all lines per operation of the counting pass.
    pub transfers_per_op: f64,
    /// Each named line, the one with most transfers first.
    pub by_name: Vec<LineCount>,
}

/// ShootdownCosts of cached translations. On the host each is a membarrier, which takes a mutex of
/// the whole system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct ShootdownCosts {
    /// Number of shootdowns.
    pub count: u64,
    /// Mean length, in nanoseconds: part of the operations' time, and of faults that copy.
    pub mean_ns: f64,
}

/// Grace periods of SRCU, after which VMAs are freed. In the kernel a work queue ends them; here
/// writers do, and the wake-ups and delays that the work queue would have had are counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct GracePeriods {
    /// Grace periods that ended.
    pub ended: u64,
    /// Requests while no grace period was under way: the kernel wakes a worker then.
    pub wakeups: u64,
    /// Times that the counters of all cores were summed.
    pub looks: u64,
    /// Looks that found readers: the kernel delays its worker then, and schedules it again.
    pub put_off: u64,
}
