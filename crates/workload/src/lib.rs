//! A valid workload: an address space, and the threads that storm it.
//!
//! Indices point at something, sizes are whole pages, no storm is empty. `faultstorm-inputs` reads
//! and checks files, and makes workloads of them.
//!
//! The serde attributes are the form in which run documents have a workload, with units in the
//! names of keys (`size_bytes`). Documents refer to files and VMAs by name, the types here by
//! index: `faultstorm-inputs` replaces one by the other.

mod action;
mod expect;
mod file;
mod form;
mod group;
mod headline;
mod kernel;
mod limits;
mod op;
mod possible;
#[cfg(feature = "schema")]
mod schema;
mod sound;
mod touch;
pub mod units;
mod vma;

pub use action::{Action, Change, Pieces};
pub use expect::{Expect, Metric};
pub use file::{IoLatency, WorkloadFile};
pub use group::{Loops, Phase, ThreadGroup, Threads};
pub use headline::{Headline, RateWindow};
pub use kernel::{KernelParts, MEMCG_DEPTH_MAX, NODES_PER_SOCKET_MAX};
pub use limits::{
    FOLIO_PAGES_MAX, FOLIO_PAGES_MIN, PAGE_BYTES, PAGES_PER_TABLE, PAUSE_MAX_NS, THREADS_MAX,
    TIME_MAX_NS, WEIGHT_MAX,
};
pub use op::Op;
pub use touch::{LoadOrStore, Order, Slices, Touch};
pub use vma::{Backing, Scope, WorkloadVma};

use form::is_default;
use serde::{Deserialize, Serialize};

/// One storm: an address space and the threads that fault in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Workload {
    /// The file's stem: `huge-anon` for `workloads/huge-anon.toml`.
    pub name: String,
    /// One line, shown by `faultstorm list workloads`.
    pub summary: String,
    /// Prose that the report prints beside the numbers.
    pub analysis: Option<String>,
    /// Files that VMAs map.
    pub files: Vec<WorkloadFile>,
    /// Mappings, in address order.
    pub vmas: Vec<WorkloadVma>,
    /// Groups of threads, each running its phases.
    pub groups: Vec<ThreadGroup>,
    /// Structures of the simulated kernel.
    pub kernel: KernelParts,
    /// True if the running kernel may use huge pages for the mappings. The simulated one has
    /// none.
    #[serde(default, skip_serializing_if = "is_default")]
    pub huge_pages: bool,
    /// Effect of the reset between rounds.
    pub reset: Reset,
    /// The end of a storm.
    pub until: Until,
    /// Length of the warm-up of each storm, in nanoseconds.
    pub warmup_ns: u64,
    /// The event by which cells are judged; `None`: faults, or the operation that there is.
    #[serde(default, skip_serializing_if = "is_default")]
    pub headline: Option<Headline>,
    /// The time over which the rate of faults is measured.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rate_over: RateWindow,
    /// Statements that `faultstorm check` verifies. A workload read from a document has none.
    #[serde(skip_deserializing)]
    pub expect: Vec<Expect>,
}

/// Effect of the reset between rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reset {
    /// Frees pages and clears ptes; page tables stay.
    Zap,
    /// Frees page tables too, as in a fresh mapping.
    Remap,
}

/// The end of a storm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// After this time, in nanoseconds; it takes as many rounds as fit.
    #[serde(rename = "duration_ns")]
    Duration(u64),
    /// After this many touches of each thread.
    #[serde(rename = "touches_per_thread")]
    Touches(u64),
    /// After this many faults of each thread (`--faults`).
    #[serde(rename = "faults_per_thread")]
    Faults(u64),
    /// After this many whole rounds.
    Rounds(u64),
}
