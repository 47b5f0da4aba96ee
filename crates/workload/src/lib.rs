//! A storm as a workload file asks for it, once it is known to be valid.
//!
//! A workload is valid by type: indices point at something, sizes are whole pages, no storm
//! is empty. Files are read, checked and lowered to it in `faultstorm-inputs`.

mod change;
mod kernel;
pub mod units;

pub use kernel::{Kernel, MEMCG_DEPTH_MAX};

use serde::{Deserialize, Serialize};

/// Bytes in a page: x86-64 without huge pages.
pub const PAGE_BYTES: u64 = 4096;
/// Pages under one page table of the lowest level (512 entries: 2 MiB).
pub const PAGES_PER_TABLE: u64 = 512;

/// Threads of a storm, at the most.
pub const THREADS_MAX: usize = 1024;
/// Weight of a group, at the most: above it one has nearly all threads, or the others have.
pub const WEIGHT_MAX: f64 = 1e6;
/// The longest `think` and `io_latency`, in nanoseconds: a thread that makes no progress for a
/// minute is taken for stuck.
pub const PAUSE_MAX_NS: u64 = 1_000_000_000;

/// One storm: an address space and the threads that fault in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// The file's stem: `huge-anon` for `workloads/huge-anon.toml`.
    pub name: String,
    /// One line, shown by `faultstorm list workloads`.
    pub summary: String,
    /// Prose that the report prints beside the numbers.
    pub analysis: Option<String>,
    /// Files that VMAs map.
    pub files: Vec<File>,
    /// Mappings, in address order.
    pub vmas: Vec<Vma>,
    /// Groups of threads, each running its phases.
    pub groups: Vec<Group>,
    /// What the kernel keeps behind its locks.
    pub kernel: Kernel,
    /// Whether the running kernel may use huge pages for the mappings. The simulated one has
    /// none.
    pub huge_pages: bool,
    /// What is undone between rounds.
    pub reset: Reset,
    /// When a storm ends.
    pub until: Until,
    /// Unmeasured storming at the start of each storm, in nanoseconds.
    pub warmup_ns: u64,
    /// What `faultstorm check` verifies.
    pub expect: Vec<Expect>,
}

/// A file in the simulated page cache.
#[derive(Debug, Clone, PartialEq)]
pub struct File {
    /// Name that `[[vma]]` refers to.
    pub name: String,
    /// Length in pages, at least 1.
    pub pages: u64,
    /// Share of the pages that are in the page cache when a round starts, 0 to 1.
    pub cached: f64,
    /// Share of the cached pages that are locked when a round starts, 0 to 1, as by reads
    /// that are under way: who needs one waits for [`File::io`].
    pub locked: f64,
    /// Share of the cached pages that are not up to date when a round starts, 0 to 1:
    /// who needs one reads it, which takes [`File::io`].
    pub not_uptodate: f64,
    /// Share of the cached pages that are marked for readahead when a round starts, 0
    /// to 1. No page is in two of the three shares: their sum is at most 1.
    pub readahead: f64,
    /// How long a read that misses the page cache sleeps; `Fixed(0)` where the file
    /// names no latency, which only a file may that no fault has to read.
    pub io: Latency,
    /// Whether the file system lets a speculative fault call into it: the
    /// per-filesystem bit of the 2021 series.
    pub speculation: bool,
    /// On the running kernel: where the file is made, an absolute path; `None`: in memory.
    pub directory: Option<String>,
    /// One for all threads, or one for each thread that maps it: then every VMA of it is
    /// [`Scope::PerThread`], and nobody truncates it.
    pub scope: Scope,
}

/// A distribution of I/O latencies, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Latency {
    /// Every read takes this long.
    Fixed(u64),
    /// Evenly between the two, the second included.
    Uniform(u64, u64),
    /// Memoryless with this mean.
    Exponential(u64),
}

/// One mapping, or `count` equal ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Vma {
    /// Name that `[[op]]` refers to.
    pub name: String,
    /// Pages of each mapping, at least 1.
    pub pages: u64,
    /// How many equal mappings stand one after another, at least 1.
    pub count: u64,
    /// One set of mappings for all threads, or one for each.
    pub scope: Scope,
    /// What is mapped.
    pub backing: Backing,
    /// Whether the protection allows writes when a round starts.
    pub writable: bool,
    /// Whether it is mapped when a round starts; else an [`Action::Mmap`] maps it.
    pub mapped: bool,
    /// For anonymous memory that grows down as a stack does: how many pages, the uppermost
    /// ones, are mapped when a round starts. At least 1 and less than `pages`; `count` is
    /// 1, and an [`Action::ExpandStack`] grows it.
    pub grows_down: Option<u64>,
}

impl Vma {
    /// Pages of all `count` mappings.
    pub fn total_pages(&self) -> u64 {
        self.pages.saturating_mul(self.count)
    }

    /// Page tables of the lowest level under all `count` mappings, each of which
    /// starts at the beginning of a table.
    pub fn tables(&self) -> u64 {
        self.pages.div_ceil(PAGES_PER_TABLE).saturating_mul(self.count)
    }
}

/// For whom a mapping, or a file, is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// One, that all threads touch.
    Shared,
    /// One for each thread of the group that touches it.
    PerThread,
}

/// What a mapping maps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Backing {
    /// Memory of no file.
    Anonymous,
    /// Pages of a file.
    File {
        /// Index into [`Workload::files`].
        file: usize,
        /// First page of the file that is mapped.
        offset_pages: u64,
        /// `MAP_SHARED`, else `MAP_PRIVATE`.
        shared: bool,
        /// A read fault maps up to `1 << order` cached pages around it (0: only its own).
        fault_around_order: u8,
    },
}

/// A named group of threads that runs the same phases.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Name that `[[op]]` refers to.
    pub name: String,
    /// How many of the run's threads belong to it.
    pub threads: Threads,
    /// How often its threads do the operations of a phase.
    pub loops: Loops,
    /// Run one after another; all threads of the storm meet between phases.
    pub phases: Vec<Phase>,
}

/// How often the threads of a group do the operations of a phase, all of them in order
/// each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loops {
    /// So many times, at least once.
    Times(u64),
    /// Until every thread of the groups that touch and are not themselves `UntilDone` has
    /// ended the phase. There is such a group, and it touches in the same phase.
    UntilDone,
}

/// How many threads a group has.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Threads {
    /// This weight among the groups with a weight, of the run's threads (`--threads`).
    Weight(f64),
    /// Exactly this many, whatever the run says.
    Fixed(usize),
}

/// Operations that a thread does one after another.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Phase {
    /// In order; empty where only other groups have work in this phase.
    pub ops: Vec<Op>,
}

/// One operation.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// Accesses to the pages of a mapping.
    Touch(Touch),
    /// What a writer does: it changes mappings, a file or the whole space.
    Change(Change),
}

/// Accesses to the pages of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub struct Touch {
    /// Index into [`Workload::vmas`].
    pub vma: usize,
    /// Loads or stores.
    pub access: Access,
    /// In which order.
    pub order: Order,
    /// Which part of the mapping a thread touches.
    pub slices: Slices,
    /// Accesses a thread makes in each loop; `None`: as many as its slice has
    /// pages (for [`Order::OnePerTable`]: tables).
    pub touches: Option<u64>,
    /// True if each loop goes on where the last one stopped; else each begins at the start.
    /// Only with `touches`, and in a group that loops.
    pub walks: bool,
    /// Private work between two touches, in nanoseconds.
    pub think_ns: u64,
}

/// Load or store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// A load.
    Read,
    /// A store.
    Write,
}

/// In which order the pages of a slice are touched.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Page after page.
    Sequential,
    /// Every `n`th page, then every `n`th from the second, until each was touched once.
    #[serde(rename = "strided_pages")]
    Strided(u64),
    /// Each page once, in a seeded permutation.
    Random,
    /// With replacement, rank `k` with probability proportional to `k^-exponent`;
    /// ranks are scattered over the slice by a seeded permutation.
    Zipf(f64),
    /// The first page under each page table: one touch per 2 MiB.
    OnePerTable,
}

/// Which part of a mapping a thread touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Slices {
    /// A contiguous part of its own, split at 2 MiB boundaries where the
    /// mapping has one such part for each thread.
    Disjoint,
    /// The whole mapping, as every other thread of the group.
    Shared,
}

/// A writer's operation on piece after piece of a mapping (or a file, or the space).
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What is done.
    pub action: Action,
    /// Time from the start of one such operation to the start of the next, in nanoseconds;
    /// 0: at once.
    pub every_ns: u64,
}

/// What a writer does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Maps the piece, if nothing of it is mapped.
    Mmap(Pieces),
    /// Unmaps what is mapped of the piece.
    Munmap(Pieces),
    /// Changes the protection of what is mapped of the piece.
    Mprotect {
        /// Of what.
        pieces: Pieces,
        /// Whether the new protection allows writes.
        writable: bool,
    },
    /// Zaps the piece: its pages go, its mapping stays.
    MadviseDontneed(Pieces),
    /// Moves the piece to a place of its own and, the next time, back.
    Mremap(Pieces),
    /// Grows a mapping that [grows down](Vma::grows_down) by one piece, until it has its
    /// full size.
    ExpandStack {
        /// Index into [`Workload::vmas`].
        vma: usize,
        /// Pages of a piece, at least 1.
        pages: u64,
    },
    /// Sets the file's length; what lies behind it leaves the page cache and all mappings.
    Truncate {
        /// Index into [`Workload::files`].
        file: usize,
        /// The new length in pages, at most [`File::pages`].
        pages: u64,
    },
    /// Write-protects the whole space as fork does; the child holds its references until
    /// the next fork or the end of the round.
    Fork,
}

/// The pieces of a mapping that a writer works on, one each time: the `n`th loop of its
/// group works on the `n`th piece, and again from the first after the last.
#[derive(Debug, Clone, PartialEq)]
pub struct Pieces {
    /// Index into [`Workload::vmas`].
    pub vma: usize,
    /// Pages of each piece, at least 1 and at most [`Vma::pages`]. A piece ends with its
    /// mapping and with the slice at the latest.
    pub pages: u64,
    /// In which order: [`Order::Sequential`] or [`Order::Random`].
    pub order: Order,
    /// Of which part of the mapping the pieces are.
    pub slices: Slices,
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

/// A statement about the counts of a storm, verified by `faultstorm check`.
#[derive(Debug, Clone, PartialEq)]
pub struct Expect {
    /// Only for this strategy (`NAME` or `NAME:VARIANT`); `None`: for all.
    pub strategy: Option<String>,
    /// Only at this many threads; `None`: at all.
    pub threads: Option<usize>,
    /// What is compared.
    pub metric: Metric,
    /// Smallest value that holds.
    pub min: Option<f64>,
    /// Largest value that holds.
    pub max: Option<f64>,
}

/// What an [`Expect`] compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Metric {
    /// Faults per touch.
    FaultsPerTouch,
    /// Pages mapped per fault.
    PagesPerFault,
    /// Faults that someone else finished first, per fault.
    RacedPerFault,
    /// Attempts per fault.
    AttemptsPerFault,
    /// Fallbacks per fault: of all reasons, or of the one named.
    FallbacksPerFault(Option<String>),
    /// Transfers of all lines per fault, or of the one named (`mm.mmap_lock`).
    TransfersPerFault(Option<String>),
}
