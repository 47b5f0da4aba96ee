//! A storm as a workload file asks for it, once it is known to be valid.
//!
//! A workload is valid by type: indices point at something, sizes are whole pages, no storm
//! is empty. Files are read, checked and lowered to it in `faultstorm-inputs`.
//!
//! The types are also what run documents hold of a workload: serde writes and reads them with a
//! unit in each name (`size_bytes`). Only where a name is an index here, `faultstorm-inputs`
//! puts the one for the other.

mod action;
mod expect;
mod file;
mod form;
mod group;
mod kernel;
mod limits;
mod op;
mod possible;
#[cfg(feature = "schema")]
mod schema;
mod touch;
pub mod units;
mod vma;

pub use action::{Action, Change, Pieces};
pub use expect::{Expect, Metric};
pub use file::{IoLatency, WorkloadFile};
pub use group::{Loops, Phase, ThreadGroup, Threads};
pub use kernel::{KernelParts, MEMCG_DEPTH_MAX};
pub use limits::{PAGE_BYTES, PAGES_PER_TABLE, PAUSE_MAX_NS, THREADS_MAX, WEIGHT_MAX};
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
    /// What the kernel keeps behind its locks.
    pub kernel: KernelParts,
    /// Whether the running kernel may use huge pages for the mappings. The simulated one has
    /// none.
    #[serde(default, skip_serializing_if = "is_default")]
    pub huge_pages: bool,
    /// What is undone between rounds.
    pub reset: Reset,
    /// When a storm ends.
    pub until: Until,
    /// Unmeasured storming at the start of each storm, in nanoseconds.
    pub warmup_ns: u64,
    /// What `faultstorm check` verifies. A workload that is read from a document has none.
    #[serde(skip_deserializing)]
    pub expect: Vec<Expect>,
}

/// What is undone between rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reset {
    /// Ptes and pages go, page tables stay.
    Zap,
    /// Page tables go too, as a fresh mapping has it.
    Remap,
}

/// When a storm ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// After this much storming, in nanoseconds, in as many rounds as it takes.
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
