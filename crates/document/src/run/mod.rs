//! The run document: what a run measured, and everything needed to judge or
//! repeat it.
//!
//! The document is a promise to scripts and papers. Within `faultstorm.run/1`
//! keys are only ever added, readers ignore keys that they do not know, and a
//! key keeps its meaning and unit. Keys are written in the order of declaration here,
//! map entries in the order of their names, so that equal runs give equal bytes.
//!
//! What was not measured is `null`, never zero. Only [`Provenance`] holds what can differ
//! between two runs of the same work in the model.

mod break_even;
mod cell;
mod document;
mod estimates;
mod key;
mod latency;
mod measured;
mod ops;
mod provenance;
mod rate;
mod scaling;
mod sides;
mod sound;
mod waits;
mod write;

pub use break_even::{BreakEven, BreakEvenPlace, LOST_SHARE};
pub use cell::{Cell, Status, distinct, grouped};
#[cfg(feature = "schema")]
pub use document::schema;
pub use document::{ReadError, Run, SCHEMA, SCHEMA_ID};
pub use estimates::{NEAR, turning};
pub use key::{Body, EVERY, Key, KeyPart, KeyWithout, THINK, World};
pub use latency::LatencyDistribution;
pub use measured::{
    CellCounts, FaultKind, FileState, IoSleeps, KernelEvents, KernelFaults, LineCount, Lines,
    Measured, Perf, PerfPerFault, Repeat, SchemeMemory, ThreadRepeat, TimeSplit, WordPair,
    fairness,
};
pub use ops::{GracePeriods, LoopCounts, OpLines, OpStats, PerOp, ShootdownCosts};
pub use provenance::{
    BodyCache, CellCost, HostCpu, HostInfo, KernelLockInfo, LatencyClock, OVERSUBSCRIBED,
    Provenance, Warning,
};
pub use rate::{Moves, RatedEvent};
pub use scaling::{POINTS_MIN, ScalabilityLaw, Scaling, fit};
pub use sides::sides;
pub use stats::Interval;
pub use waits::{FAULT, LockHold, TimeUse, WaitKind, WaitedFor};
pub use write::{WriteError, reserve, to_json, write_atomically};
