//! Where, when and how a run came about.

use std::collections::BTreeMap;

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Interval;

/// Everything about a run that may differ when the same work is done again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Provenance {
    /// Start of the run, RFC 3339 in UTC.
    pub started_at: String,
    /// The command line, program name first.
    pub argv: Vec<String>,
    /// Version of faultstorm.
    pub version: String,
    /// Commit that the program was built from; null where unknown.
    pub git_revision: Option<String>,
    /// Whether the tree had uncommitted changes when the program was built.
    pub git_dirty: Option<bool>,
    /// Version of the compiler.
    pub rustc: Option<String>,
    /// `release` or `debug`.
    pub profile: String,
    /// Seed that every random draw comes from.
    pub seed: u64,
    /// The clock behind latencies on the host; null where only the model ran.
    pub clock: Option<Clock>,
    /// Whether page frames fit the last-level cache; null where no storm used them.
    pub body_cache: Option<BodyCache>,
    /// Which hardware counters were read, or why none were.
    pub perf: String,
    /// Which events of the running kernel were counted, or why none were; null where it was
    /// not stormed, or with `--no-lines`.
    #[serde(default)]
    pub kernel_events: Option<String>,
    /// The machine that ran the program.
    pub host: HostInfo,
    /// What the harness itself costs, in nanoseconds, by part: `clock_pair` (two
    /// readings around a sampled fault), `epoch_pin` (in every fault).
    pub harness_cost_ns: BTreeMap<String, f64>,
    /// Whether verdicts were looked at before the end, and cells whose verdict was sure were
    /// stormed no more: their repeats differ, and the looks are paid for.
    #[serde(default)]
    pub looked: bool,
    /// What looks wrong.
    pub warnings: Vec<Warning>,
    /// What each cell cost to run, by the id of the cell.
    pub cells: BTreeMap<String, CellCost>,
}

/// The clock that latencies are taken with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Clock {
    /// `tsc` (`rdtscp` with a fence) or `clock_monotonic`.
    pub name: String,
    /// What an interval with nothing in it measures, in nanoseconds. It is part of
    /// every latency: nothing is subtracted.
    pub cost_ns: f64,
    /// One fault in this many is timed.
    pub sample_period: u64,
}

/// Whether the page frames that a storm clears fit the last-level cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BodyCache {
    /// The arena is smaller than twice the last-level cache: clearing is cheaper
    /// than on a machine that has run for a while.
    Hot,
    /// The arena is larger than that.
    Cold,
}

/// Something that makes a number doubtful.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Warning {
    /// Stable name in snake case, for instance `oversubscribed`.
    pub code: String,
    /// Id of the cell that it is about; null for the whole run.
    pub cell: Option<String>,
    /// What looks wrong, why, and what to do, in sentences.
    pub text: String,
}

/// What one cell cost to run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct CellCost {
    /// Time that all repeats took, resets and set-up included, in seconds.
    pub wall_s: f64,
    /// Accesses that the model charged; null outside the model.
    pub tracked_accesses: Option<u64>,
}

/// The machine that ran the program; null for what it does not tell.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct HostInfo {
    /// Model name of the CPU.
    pub cpu_model: Option<String>,
    /// Microcode revision.
    pub microcode: Option<String>,
    /// Instruction set, as `x86_64`.
    pub architecture: Option<String>,
    /// Physical packages.
    pub sockets: Option<u32>,
    /// Physical cores.
    pub cores: Option<u32>,
    /// Logical CPUs online.
    pub cpus: Option<u32>,
    /// NUMA nodes.
    pub nodes: Option<u32>,
    /// Whether siblings share cores.
    pub smt: Option<bool>,
    /// Every logical CPU online with its place.
    pub topology: Option<Vec<HostCpu>>,
    /// CPUs that this process may use, where fewer than are online.
    pub allowed_cpus: Option<Vec<u32>>,
    /// Size of a last-level cache, in bytes.
    pub llc_bytes: Option<u64>,
    /// Memory of the machine, in bytes.
    pub memory_bytes: Option<u64>,
    /// Memory available when the run started, in bytes.
    pub memory_available_bytes: Option<u64>,
    /// Name of the operating system's distribution.
    pub os: Option<String>,
    /// Release of the kernel, as `6.18.0`.
    pub kernel: Option<String>,
    /// Which lock that kernel takes for a page fault; null in documents before it was read.
    #[serde(default)]
    pub kernel_locks: Option<KernelLocks>,
    /// What an empty page-fault exception costs in nanoseconds, at the most: the median of
    /// batches on every CPU of the largest storm, `low` and `high` the ends of the middle 90 %
    /// of them. Null unless asked for, and where the warning `no_trap_cost` says why.
    #[serde(default)]
    pub trap_cost_ns: Option<Interval>,
    /// Hypervisor, where the CPU reports one.
    pub hypervisor: Option<String>,
    /// Frequency governor.
    pub governor: Option<String>,
    /// Whether the CPU may exceed its base frequency.
    pub turbo: Option<bool>,
    /// Clock source of the kernel.
    pub clocksource: Option<String>,
    /// Setting of transparent huge pages: `always`, `madvise` or `never`.
    pub transparent_huge_pages: Option<String>,
    /// CPUs' worth of time that the control group allows.
    pub cgroup_cpus: Option<f64>,
    /// Memory that the control group allows, in bytes.
    pub cgroup_memory_bytes: Option<u64>,
    /// Load average over one minute when the run started.
    pub load_average: Option<f64>,
    /// Share of CPU time that the hypervisor took during the run, 0 to 1.
    pub steal_share: Option<f64>,
}

/// Which lock the running kernel takes for a page fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct KernelLocks {
    /// Whether it was built with per-VMA locks (`CONFIG_PER_VMA_LOCK`); null where its
    /// configuration is not to be seen.
    pub per_vma_lock: Option<bool>,
    /// File that says so.
    pub config: Option<String>,
    /// Whether it counts what becomes of per-VMA locks (`CONFIG_PER_VMA_LOCK_STATS`).
    pub counts_events: bool,
    /// The strategy that takes the same lock, by release and configuration; null where they
    /// are not known.
    pub strategy: Option<String>,
}

/// One logical CPU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct HostCpu {
    /// The kernel's number for it.
    pub cpu: u32,
    /// Its core, unique within the socket.
    pub core: u32,
    /// Its socket.
    pub socket: u32,
    /// Its NUMA node.
    pub node: u32,
}
