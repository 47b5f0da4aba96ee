//! A workload file as it is written: TOML with the place of every value.
//!
//! Every key is optional here, so that one missing key hides no other mistake:
//! `lower` says which are required (and the editor schema, by
//! `schemars(required)`). Enums are externally tagged, since serde loses spans
//! in the other forms.

#[cfg(feature = "schema")]
mod forms;
mod op;
mod values;

use std::ops::Range;

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use toml::Spanned;

pub(in crate::workload) use op::{Grow, Op, PieceOrder, Touch, Truncate, Written};
pub(in crate::workload) use values::{Latency, Loops, Size, Threads, Time};

/// A value with its place in the text.
type Field<T> = Option<Spanned<T>>;

/// One table of a file, with its place.
#[derive(Debug)]
pub(in crate::workload) struct Entry<T> {
    /// Where the table begins: its header.
    pub span: Range<usize>,
    /// What the table says.
    pub table: T,
    /// Keys that were written but could not be read, and are reported already.
    pub unread: Vec<String>,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entry<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<T>::deserialize(deserializer)?;
        Ok(Self { span: spanned.span(), table: spanned.into_inner(), unread: Vec::new() })
    }
}

/// A faultstorm workload: an address space and the threads that storm it.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", schemars(
    title = "faultstorm workload",
    extend("required" = ["summary", "vma", "op"])
))]
pub(in crate::workload) struct Document {
    /// One line that `faultstorm list workloads` shows.
    #[cfg_attr(feature = "schema", schemars(required, with = "String"))]
    pub summary: Field<String>,
    /// Prose that the report prints beside the numbers.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub analysis: Field<String>,
    /// What is undone between rounds: `"zap"` (ptes and pages go, tables stay)
    /// or `"remap"` (tables go too, the default).
    #[cfg_attr(feature = "schema", schemars(with = "Option<Reset>"))]
    pub reset: Field<Reset>,
    /// Unmeasured storming at the start of each storm, `"50ms"` by default.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    pub warmup: Field<Time>,
    /// How long a storm lasts, `"100ms"` by default. At most one of `duration`,
    /// `touches` and `rounds`.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    pub duration: Field<Time>,
    /// How many touches each thread makes in a storm, at least 1.
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>", range(min = 1)))]
    pub touches: Field<u64>,
    /// How many whole rounds a storm lasts, at least 1.
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>", range(min = 1)))]
    pub rounds: Field<u64>,
    /// Whether the running kernel may use huge pages for the mappings (default false). The
    /// simulated one has none.
    #[cfg_attr(feature = "schema", schemars(with = "Option<bool>"))]
    pub huge_pages: Field<bool>,
    /// Reserved for several processes that share a file; only 1 can be written.
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>", range(min = 1, max = 1)))]
    pub processes: Field<u64>,
    /// What the kernel keeps behind its locks.
    pub kernel: Option<Kernel>,
    /// Files that VMAs map.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<File>"))]
    pub file: Vec<Entry<File>>,
    /// Mappings, in address order; at least one.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(required, with = "Vec<Vma>"))]
    pub vma: Vec<Entry<Vma>>,
    /// Groups of threads; without any, all threads are one group `faulters`.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<Group>"))]
    pub group: Vec<Entry<Group>>,
    /// What the threads do; at least one.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(required, with = "Vec<Op>"))]
    pub op: Vec<Entry<Op>>,
    /// Counts that `faultstorm check` verifies.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<Expect>"))]
    pub expect: Vec<Entry<Expect>>,
}

/// Structures that all threads share beside locks: each is a line or a few, and can be left
/// out to see what it costs.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::workload) struct Kernel {
    /// Whether each NUMA node has a zone and an lruvec of its own (default true).
    #[cfg_attr(feature = "schema", schemars(with = "Option<bool>"))]
    pub numa: Field<bool>,
    /// Whether pages are put on LRU lists (default true).
    #[cfg_attr(feature = "schema", schemars(with = "Option<bool>"))]
    pub lru: Field<bool>,
    /// Memory cgroups above the one that pages are charged to (default 2); 0 is the root
    /// group, in which nothing is charged.
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>", range(min = 0, max = 16)))]
    pub memcg_depth: Field<u64>,
    /// Whether pages of the space are counted (default true).
    #[cfg_attr(feature = "schema", schemars(with = "Option<bool>"))]
    pub rss: Field<bool>,
    /// Whether its page tables are counted (default true).
    #[cfg_attr(feature = "schema", schemars(with = "Option<bool>"))]
    pub pgtables_bytes: Field<bool>,
    /// Whether zones and nodes count their pages (default true).
    #[cfg_attr(feature = "schema", schemars(with = "Option<bool>"))]
    pub vm_stat: Field<bool>,
    /// Whether the free lists of zones and their locks cost anything (default true); false only
    /// in the model.
    #[cfg_attr(feature = "schema", schemars(with = "Option<bool>"))]
    pub zone_lock: Field<bool>,
    /// Whether a page table is installed under a lock (default true), else by a
    /// compare-exchange; false only without writers.
    #[cfg_attr(feature = "schema", schemars(with = "Option<bool>"))]
    pub pmd_lock: Field<bool>,
    /// Whether each pmd table has a lock of its own (default true).
    #[cfg_attr(feature = "schema", schemars(with = "Option<bool>"))]
    pub split_pmd_locks: Field<bool>,
}

/// A file in the page cache.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::workload) struct File {
    /// Name that `[[vma]]` refers to.
    #[cfg_attr(feature = "schema", schemars(required, with = "String"))]
    pub name: Field<String>,
    /// Length, in whole pages of 4KiB.
    #[cfg_attr(feature = "schema", schemars(required, with = "Size"))]
    pub size: Field<Size>,
    /// Share of the pages that are cached when a round starts, 0 to 1 (default 1).
    #[cfg_attr(feature = "schema", schemars(with = "Option<f64>", range(min = 0, max = 1)))]
    pub cached: Field<f64>,
    /// Share of the cached pages that are locked when a round starts, by reads that are
    /// under way (default 0).
    #[cfg_attr(feature = "schema", schemars(with = "Option<f64>", range(min = 0, max = 1)))]
    pub locked: Field<f64>,
    /// Share of the cached pages that are not up to date when a round starts (default 0).
    #[cfg_attr(feature = "schema", schemars(with = "Option<f64>", range(min = 0, max = 1)))]
    pub not_uptodate: Field<f64>,
    /// Share of the cached pages that are marked for readahead when a round starts
    /// (default 0).
    #[cfg_attr(feature = "schema", schemars(with = "Option<f64>", range(min = 0, max = 1)))]
    pub readahead: Field<f64>,
    /// How long a read of a page sleeps: required below `cached = 1.0`, and where pages
    /// are `locked` or `not_uptodate`.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Latency>"))]
    pub io_latency: Field<Latency>,
    /// Whether the file system lets speculative faults call into it (default true).
    #[cfg_attr(feature = "schema", schemars(with = "Option<bool>"))]
    pub speculation: Field<bool>,
    /// On the running kernel: where the file is made, as an absolute path (default: in
    /// memory). It has no name there, and is gone after the storm.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub directory: Field<String>,
    /// One for all threads (`"shared"`, the default), or one for each that maps it.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Scope>"))]
    pub scope: Field<Scope>,
}

/// A mapping, or `count` equal ones.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::workload) struct Vma {
    /// Name that `[[op]]` refers to.
    #[cfg_attr(feature = "schema", schemars(required, with = "String"))]
    pub name: Field<String>,
    /// Length of each mapping, in whole pages of 4KiB.
    #[cfg_attr(feature = "schema", schemars(required, with = "Size"))]
    pub size: Field<Size>,
    /// How many equal mappings stand one after another (default 1).
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>", range(min = 1)))]
    pub count: Field<u64>,
    /// One for all threads (`"shared"`, the default) or one for each.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Scope>"))]
    pub scope: Field<Scope>,
    /// Protection, `"read-write"` by default.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Prot>"))]
    pub prot: Field<Prot>,
    /// Name of the `[[file]]` that is mapped; without it the memory is anonymous.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub file: Field<String>,
    /// Where in the file the mapping starts, in whole pages (default `"0"`).
    #[cfg_attr(feature = "schema", schemars(with = "Option<Size>"))]
    pub offset: Field<Size>,
    /// `MAP_PRIVATE` (the default) or `MAP_SHARED`; only with `file`.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Sharing>"))]
    pub sharing: Field<Sharing>,
    /// A read fault maps up to 2^order cached pages around it (default 4, which is
    /// the kernel's 64KiB; 0 maps one page); only with `file`.
    #[cfg_attr(feature = "schema", schemars(with = "Option<u8>", range(min = 0, max = 9)))]
    pub fault_around_order: Field<u8>,
    /// Whether it is mapped when a round starts (default true); else `mmap` maps it.
    #[cfg_attr(feature = "schema", schemars(with = "Option<bool>"))]
    pub mapped: Field<bool>,
    /// Makes anonymous memory grow down as a stack does: so much of it, at its upper end,
    /// is mapped when a round starts, and `expand_stack` grows it.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Size>"))]
    pub grows_down: Field<Size>,
}

/// A named group of threads.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::workload) struct Group {
    /// Name that `[[op]]` refers to.
    #[cfg_attr(feature = "schema", schemars(required, with = "String"))]
    pub name: Field<String>,
    /// How many threads: `"all"` of the run's (the default), a number, or `{ weight = 0.5 }`.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Threads>"))]
    pub threads: Field<Threads>,
    /// How often the operations of a phase are done, a number or `"until-done"` (default:
    /// once; until the groups that touch are done, for a group that does not).
    #[cfg_attr(feature = "schema", schemars(with = "Option<Loops>"))]
    pub loops: Field<Loops>,
}

/// A statement about the counts of a storm.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::workload) struct Expect {
    /// Only for this strategy (default: for all).
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub strategy: Field<String>,
    /// Only at this many threads (default: at all).
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>", range(min = 1)))]
    pub threads: Field<u64>,
    /// What is compared.
    #[cfg_attr(feature = "schema", schemars(required, with = "Metric"))]
    pub metric: Field<Metric>,
    /// Only fallbacks of this reason; only with `metric = "fallbacks-per-fault"`.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub reason: Field<String>,
    /// Only transfers of this line; only with `metric = "transfers-per-fault"`.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub line: Field<String>,
    /// Smallest value that holds.
    #[cfg_attr(feature = "schema", schemars(with = "Option<f64>"))]
    pub min: Field<f64>,
    /// Largest value that holds.
    #[cfg_attr(feature = "schema", schemars(with = "Option<f64>"))]
    pub max: Field<f64>,
}

/// What is undone between rounds.
#[derive(Debug, Clone, Copy, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(in crate::workload) enum Reset {
    Zap,
    Remap,
}

/// For whom a mapping, or a file, is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(in crate::workload) enum Scope {
    Shared,
    PerThread,
}

/// What a mapping allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(in crate::workload) enum Prot {
    Read,
    ReadWrite,
}

/// `MAP_PRIVATE` or `MAP_SHARED`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(in crate::workload) enum Sharing {
    Private,
    Shared,
}

/// Load or store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(in crate::workload) enum Access {
    Read,
    Write,
}

/// In which order the pages of a slice are touched.
#[derive(Debug, Clone, Copy, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(in crate::workload) enum Order {
    /// Page after page.
    Sequential,
    /// Each page once, in a seeded permutation.
    Random,
    /// The first page under each page table: one per 2MiB.
    OnePerTable,
    /// Every nth page, then every nth from the second, and so on.
    Strided(#[cfg_attr(feature = "schema", schemars(range(min = 2)))] u64),
    /// With replacement, rank k with probability proportional to k^-exponent.
    Zipf(f64),
}

/// Which part of a mapping a thread touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(in crate::workload) enum Slices {
    Disjoint,
    Shared,
}

/// What an expectation compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(in crate::workload) enum Metric {
    FaultsPerTouch,
    PagesPerFault,
    RacedPerFault,
    AttemptsPerFault,
    FallbacksPerFault,
    TransfersPerFault,
}
