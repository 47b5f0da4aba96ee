//! Origin of a run: place, time, program, machine, and warnings.

use std::collections::BTreeMap;

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use stats::Interval;

/// Everything about a run that may differ when the same work is done again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Provenance {
    /// Start of the run, RFC 3339 in UTC.
    pub started_at: String,
    /// The command line, program name first.
    pub argv: Vec<String>,
    /// Version of faultstorm.
    pub version: String,
    /// Commit that the program was built from; null if unknown.
    pub git_revision: Option<String>,
    /// True if the tree had uncommitted changes when the program was built.
    pub git_dirty: Option<bool>,
    /// Version of the compiler.
    pub rustc: Option<String>,
    /// `release` or `debug`.
    pub profile: String,
    /// Seed that every random draw comes from.
    pub seed: u64,
    /// The clock of latencies on the host; null if only the model ran.
    pub clock: Option<LatencyClock>,
    /// Relation of the page frames to the last-level cache; null if no storm used them.
    pub body_cache: Option<BodyCache>,
    /// The hardware counters that were read, or why none was.
    pub perf: String,
    /// The events of the running kernel that were counted, or why none was; null if the kernel
    /// was not stormed, or with `--no-lines`.
    #[serde(default)]
    pub kernel_events: Option<String>,
    /// The machine that ran the program.
    pub host: HostInfo,
    /// Cost of the harness itself, in nanoseconds, by part: `clock_pair` (two
    /// readings around a sampled fault), `epoch_pin` (in every fault).
    pub harness_cost_ns: BTreeMap<String, f64>,
    /// True if verdicts were looked at before the end, and cells with a sure verdict were not
    /// stormed again. Numbers of repeats differ then, and the error is shared with the looks.
    #[serde(default)]
    pub looked: bool,
    /// Warnings.
    pub warnings: Vec<Warning>,
    /// Cost of running each cell, by the id of the cell.
    pub cells: BTreeMap<String, CellCost>,
}

/// The clock that latencies are taken with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct LatencyClock {
    /// `tsc` (`rdtscp` with a fence) or `clock_monotonic`.
    pub name: String,
    /// Length that the clock measures for an empty interval, in nanoseconds. It is part of
    /// every latency: nothing is subtracted.
    pub cost_ns: f64,
    /// One fault in this many is timed.
    pub sample_period: u64,
}

/// Size of the page frames that storms clear, relative to the last-level cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BodyCache {
    /// The arena is smaller than twice the last-level cache: clearing is cheaper than on a
    /// machine that has run for a while.
    Hot,
    /// The arena is at least that large.
    Cold,
}

/// Code of the warning that the threads of a cell outnumber their CPUs.
pub const OVERSUBSCRIBED: &str = "oversubscribed";

/// A warning that makes a number doubtful.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Warning {
    /// Stable name in snake case, for instance `oversubscribed`.
    pub code: String,
    /// Id of its cell; null for the whole run.
    pub cell: Option<String>,
    /// What looks wrong, why, and what to do, in sentences.
    pub text: String,
}

/// Cost of running one cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct CellCost {
    /// Time that all repeats took, resets and set-up included, in seconds.
    pub wall_s: f64,
    /// Accesses that the model charged; null outside the model.
    pub tracked_accesses: Option<u64>,
}

/// The machine that ran the program; null for what is not known.
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
    /// True if siblings share cores.
    pub smt: Option<bool>,
    /// Every logical CPU online with its place.
    pub topology: Option<Vec<HostCpu>>,
    /// CPUs that this process may use; null if it may use all that are online.
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
    /// The lock that this kernel takes for a page fault; null in documents of older versions.
    #[serde(default)]
    pub kernel_locks: Option<KernelLockInfo>,
    /// Upper bound of the cost of an empty page-fault exception, in nanoseconds: the median of
    /// batches on every CPU of the largest storm; `low` and `high` are the ends of their middle
    /// 90 %. Null if not asked for, or if it could not be measured (warning `no_trap_cost`).
    #[serde(default)]
    pub trap_cost_ns: Option<Interval>,
    /// Hypervisor, if the CPU reports one.
    pub hypervisor: Option<String>,
    /// Frequency governor.
    pub governor: Option<String>,
    /// True if the CPU may exceed its base frequency.
    pub turbo: Option<bool>,
    /// Clock source of the kernel.
    pub clocksource: Option<String>,
    /// Setting of transparent huge pages: `always`, `madvise` or `never`.
    pub transparent_huge_pages: Option<String>,
    /// CPU time that the control group allows, in CPUs.
    pub cgroup_cpus: Option<f64>,
    /// Memory that the control group allows, in bytes.
    pub cgroup_memory_bytes: Option<u64>,
    /// Load average over one minute when the run started.
    pub load_average: Option<f64>,
    /// Share of CPU time that the hypervisor took during the run, 0 to 1.
    pub steal_share: Option<f64>,
}

/// The lock that the running kernel takes for a page fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct KernelLockInfo {
    /// True if the kernel was built with per-VMA locks (`CONFIG_PER_VMA_LOCK`); null if its
    /// configuration cannot be read.
    pub per_vma_lock: Option<bool>,
    /// File of the configuration.
    pub config: Option<String>,
    /// True if the kernel counts per-VMA lock events (`CONFIG_PER_VMA_LOCK_STATS`).
    pub counts_events: bool,
    /// The strategy that takes the same lock, by release and configuration; null if they are
    /// not known.
    pub strategy: Option<String>,
}

/// One logical CPU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct HostCpu {
    /// Its number in the kernel.
    pub cpu: u32,
    /// Its core, unique within the socket.
    pub core: u32,
    /// Its socket.
    pub socket: u32,
    /// Its NUMA node.
    pub node: u32,
}
