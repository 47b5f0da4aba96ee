//! The numbers of a cell.

use std::collections::BTreeMap;
use std::fmt;

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::Interval;

use super::latency::LatencyDistribution;
use super::ops::{GracePeriods, LoopCounts, OpStats, PerOp, ShootdownCosts};
use super::waits::{LockHold, TimeUse};

/// The numbers of one cell. Totals are over all its repeats.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Measured {
    /// Faults per second of the window in which all threads storm: median over
    /// repeats, with a 95 % bootstrap interval.
    pub faults_per_s: Interval,
    /// Each storm by itself.
    pub repeats: Vec<Repeat>,
    /// Events, totals over repeats.
    pub counts: CellCounts,
    /// Fallbacks by reason, under the kernel's names; totals over repeats.
    pub fallbacks: BTreeMap<String, u64>,
    /// Operations other than touches, by name, as `munmap`.
    pub ops: BTreeMap<String, OpStats>,
    /// The event by which the workload wants its cells judged: `faults`, or an operation as in
    /// `ops`; left out if the workload does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headline: Option<String>,
    /// ShootdownCosts of cached translations that writers and copies waited for, totals over
    /// repeats; null without writers.
    pub shootdowns: Option<ShootdownCosts>,
    /// Cost of SRCU grace periods, totals over repeats, without those of resets; null for
    /// strategies that have none.
    #[serde(default)]
    pub grace_periods: Option<GracePeriods>,
    /// Loops of threads that consist of several operations; left out if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loops: Option<LoopCounts>,
    /// True if the workload wants the rate of faults over the whole storm, from the first start of
    /// a thread to the last stop; left out if not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_whole: bool,
    /// Latencies of sampled faults by kind, fallbacks and retries included.
    pub latency_ns: BTreeMap<FaultKind, LatencyDistribution>,
    /// Sleeps in place of I/O, totals over repeats; null if there were none.
    pub io: Option<IoSleeps>,
    /// Cache-line contention, from a pass of its own; null if not counted.
    pub lines: Option<Lines>,
    /// Nanoseconds per fault by stage; null if not timed.
    pub stages_ns: Option<BTreeMap<String, f64>>,
    /// Median nanoseconds of a stage; null if not timed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stages_median_ns: Option<BTreeMap<String, f64>>,
    /// Faults and operations that are neither in the stages nor in `time`, because their thread
    /// lost its CPU in the same batch of 64; left out if not timed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preempted_samples: Option<u64>,
    /// Nanoseconds per fault by the kind of work; null outside the model.
    pub time_split_ns: Option<TimeSplit>,
    /// Time of a fault (`fault`) and of each operation, by its name in `ops`, split by what it was
    /// spent on: in the model exact, on the host from a pass of its own that times waits; empty if
    /// not recorded.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub time: BTreeMap<String, TimeUse>,
    /// Locks that cores waited for, by holder, the longest wait first; only in the model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<LockHold>,
    /// Cost of the scheme in memory; null if not measured.
    pub memory: Option<SchemeMemory>,
    /// Counts of the running kernel; null in other worlds.
    #[serde(default)]
    pub kernel: Option<KernelFaults>,
    /// Transfers and times per operation, in a cell without faults; left out if there are
    /// faults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_op: Option<PerOp>,
    /// Hardware counters; null if not read, and `provenance.perf` says why.
    pub perf: Option<Perf>,
    /// Jain's index over the faults of each thread: 1 is equal; null without faults.
    pub fairness: Option<f64>,
    /// Change of the logarithm of `faults_per_s` with each estimate of the machine 30 % higher and
    /// each mechanism of the model the other way, from short storms; only in the model, and only
    /// where another strategy is near. Two strategies whose order such a change turns cannot be
    /// told apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sensitivities: Option<BTreeMap<String, f64>>,
}

/// One storm of a cell.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Repeat {
    /// Place of this storm among all storms of the run, from 0: strategies are interleaved.
    pub order: u32,
    /// Turn of its group, from 0. In a turn each competing cell storms once; if numbers of
    /// repeats differ between cells, the base storms twice. Left out if nothing takes turns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<u32>,
    /// Time in which all threads storm, in seconds; the sum over rounds. If the workload wants its
    /// rate over the whole storm (`is_whole`), or all threads storm in less than half of it: from
    /// the first start to the last stop.
    pub window_s: f64,
    /// Time spent between rounds, outside the window, in seconds.
    pub reset_s: f64,
    /// Faults inside the window.
    pub faults: u64,
    /// Share of the time from the first start to the last stop in which all threads storm, 0 to 1.
    pub overlap_share: f64,
    /// Time between the first and the last thread's start, in nanoseconds.
    pub start_skew_ns: f64,
    /// Each thread by itself, in the order of their numbers.
    pub per_thread: Vec<ThreadRepeat>,
}

/// One thread in one storm.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct ThreadRepeat {
    /// Its faults inside the window.
    pub faults: u64,
    /// Group of the workload that it belongs to.
    pub group: String,
    /// Logical CPU (in the model: core) that it was placed on; null if not placed.
    pub cpu: Option<u32>,
    /// Samples that found it on another CPU; null if not sampled.
    pub strayed: Option<u64>,
    /// Times it gave up spinning and yielded; null if not counted.
    pub yields: Option<u64>,
}

/// Events of a cell, totals over repeats.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct CellCounts {
    /// Accesses of the workload.
    pub touches: u64,
    /// Touches that trapped.
    pub faults: u64,
    /// Faults that installed a page; null on the running kernel, which does not count them.
    pub mapped: Option<u64>,
    /// Faults that found the page installed by someone else; null as `mapped`.
    pub raced: Option<u64>,
    /// Faults that ended beyond the end of a file.
    pub sigbus: u64,
    /// Faults that ended without a mapping or against its protection.
    pub segv: u64,
    /// Faults that ended for lack of memory.
    pub oom: u64,
    /// Pages installed, those mapped around a fault included; null as `mapped`.
    pub pages_mapped: Option<u64>,
    /// Passes through the handler: two for a fault that fell back; null as `mapped`.
    pub attempts: Option<u64>,
    /// Faults by kind; on the running kernel by the kind of the first touch of the page.
    pub by_kind: BTreeMap<FaultKind, u64>,
}

/// Counts of the running kernel for the faults of a cell.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct KernelFaults {
    /// Faults without I/O (`ru_minflt` of the storming threads), totals over repeats.
    pub minor_faults: u64,
    /// Faults that waited for I/O (`ru_majflt`), totals over repeats.
    pub major_faults: u64,
    /// Fewest faults that the touches can cause: 0 if a touch may find its page mapped.
    pub expected_min: u64,
    /// Most faults that the touches can cause.
    pub expected_max: u64,
    /// Bytes that a read fault of a file maps around it, in the whole system; null if debugfs
    /// cannot be read (65536 unless somebody changed it).
    pub fault_around_bytes: Option<u64>,
    /// True if huge pages were requested (`MADV_HUGEPAGE`); otherwise they are forbidden
    /// (`MADV_NOHUGEPAGE`).
    pub huge_pages: bool,
    /// State of each file before the first storm, by its name.
    pub files: BTreeMap<String, FileState>,
    /// Growth of `vma_lock_success` and the other per-VMA lock counters of the whole system,
    /// totals over repeats; null if the kernel does not count them, which says nothing about its
    /// lock.
    pub vma_lock_events: Option<BTreeMap<String, u64>>,
    /// Events of the kernel during a storm of their own; null if there was none.
    #[serde(default)]
    pub events: Option<KernelEvents>,
}

/// Events of the running kernel during one storm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct KernelEvents {
    /// Faults of the storming threads without I/O (`PERF_COUNT_SW_PAGE_FAULTS_MIN`).
    pub minor_faults: u64,
    /// Faults of the storming threads with I/O (`PERF_COUNT_SW_PAGE_FAULTS_MAJ`).
    pub major_faults: u64,
    /// Faults of the same storm by `getrusage`.
    pub rusage_faults: u64,
    /// Waits of storming threads for rw semaphores of the kernel, per fault
    /// (`lock:contention_begin`); null if `provenance.kernel_events` says why.
    pub rwsem_contentions_per_fault: Option<f64>,
}

/// A file on the running kernel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct FileState {
    /// Kind of its file system, as `tmpfs` or `ext4`; a number if the name is not known.
    pub file_system: String,
    /// Share of its pages that faults may need and that was in the page cache, 0 to 1.
    pub cached_share: f64,
}

/// The kind of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// Load from anonymous memory: the zero page is mapped.
    AnonRead,
    /// Store to anonymous memory: a cleared page is mapped.
    AnonWrite,
    /// Load from a cached file: the cached pages around are mapped.
    FileReadAround,
    /// Load from a cached file: one page is mapped.
    FileRead,
    /// Load from a file that misses the page cache.
    FileReadIo,
    /// Store to a private mapping of a file: the page is copied.
    PrivateWrite,
    /// Store to a shared mapping of a file.
    SharedWrite,
    /// Store to a write-protected page that is present.
    WpCopy,
    /// Access to a page that a scan of NUMA balancing made trap.
    NumaHint,
}

/// Sleeps in place of I/O: short ones take longer than requested.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct IoSleeps {
    /// Mean length that the workload requests, in nanoseconds.
    pub asked_ns: f64,
    /// Measured length.
    pub achieved_ns: LatencyDistribution,
}

/// Cache-line contention of a cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Lines {
    /// The accesses that are counted, on any line: `rmw+loads`, or `all` in the model.
    pub counted: String,
    /// Transfers of all lines per fault of the counting pass.
    pub transfers_per_fault: f64,
    /// Each named line, the one with most transfers first.
    pub by_name: Vec<LineCount>,
}

/// One named line, or all lines of one name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct LineCount {
    /// For instance `mm.mmap_lock`.
    pub name: String,
    /// The accesses that are counted on this line, as `rmw+loads` or `rmw`.
    pub counted: String,
    /// Loads; null if not counted.
    pub reads: Option<u64>,
    /// Stores and read-modify-writes; null if not counted.
    pub writes: Option<u64>,
    /// Times the line moved to another core.
    pub transfers: u64,
    /// Its share of all transfers, 0 to 1; null if no line moved.
    pub transfer_share: Option<f64>,
    /// Its share of the time that cores waited for lines, 0 to 1; null outside the model.
    pub stall_share: Option<f64>,
    /// Share of that time in which other cores were served first, 0 to 1; null outside the model.
    #[serde(default)]
    pub queued_share: Option<f64>,
    /// Transfers by pair of words; empty outside the model. Two words of different names are
    /// false sharing, unless one protects the other.
    #[serde(default)]
    pub word_pairs: Vec<WordPair>,
}

/// Transfers of a line between two of its words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct WordPair {
    /// Word that the previous owner of the line used last.
    pub left: String,
    /// Word that the line was fetched for.
    pub wanted: String,
    /// Number of transfers.
    pub transfers: u64,
}

/// Time of all cores by the kind of work, in nanoseconds per fault (in `per_op`: per
/// operation).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct TimeSplit {
    /// Work without shared lines, hits in the own cache included.
    pub private_work: f64,
    /// Waits for lines from other caches or from memory.
    pub coherence: f64,
    /// Spinning and sleeping for locks.
    pub lock_wait: f64,
    /// Sleeping for I/O.
    pub io: f64,
}

/// Cost of a scheme in memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct SchemeMemory {
    /// Size of one VMA, in bytes; null if the strategy does not define it.
    pub bytes_per_vma: Option<f64>,
    /// Most objects that waited for readers to leave at one time; null if none may wait.
    pub deferred_free_peak: Option<u64>,
}

/// Hardware counters over the window, all threads; null where the event does not exist.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Perf {
    /// CPU cycles.
    pub cycles: Option<u64>,
    /// Instructions retired.
    pub instructions: Option<u64>,
    /// The kernel's `cache-misses`: of the last level on Intel, of L2 on AMD Zen.
    pub cache_misses: Option<u64>,
    /// Loads that hit a line modified by another core.
    pub hitm: Option<u64>,
    /// Share of the time in which the counters ran, 0 to 1.
    pub running_share: f64,
    /// The same events per fault.
    pub per_fault: PerfPerFault,
}

/// Hardware counters per fault; null where the event does not exist.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct PerfPerFault {
    /// CPU cycles.
    pub cycles: Option<f64>,
    /// Instructions retired.
    pub instructions: Option<f64>,
    /// The kernel's `cache-misses`: of the last level on Intel, of L2 on AMD Zen.
    pub cache_misses: Option<f64>,
    /// Loads that hit a line modified by another core.
    pub hitm: Option<f64>,
}

impl Repeat {
    /// Returns the faults per second of this storm; `None` if its window is empty.
    pub fn faults_per_s(&self) -> Option<f64> {
        (self.window_s > 0.0).then(|| self.faults as f64 / self.window_s)
    }
}

impl Measured {
    /// Returns the faults per second of each repeat.
    pub fn rates(&self) -> Vec<f64> {
        self.repeats.iter().filter_map(Repeat::faults_per_s).collect()
    }
}

/// Largest difference between two counts of the same faults, as a share.
const COUNTS_APART_MAX: f64 = 0.001;
/// Most faults of a storm without warm-up on the code that its first touches run.
const OWN_FAULTS_MAX: f64 = 16.0;

impl KernelFaults {
    /// Returns true if the kernel counted as many faults as the touches can cause, within 0.1 %.
    pub fn agree(&self) -> bool {
        let found = (self.minor_faults + self.major_faults) as f64;
        found >= self.expected_min as f64 * (1.0 - COUNTS_APART_MAX)
            && found <= self.expected_max as f64 * (1.0 + COUNTS_APART_MAX) + OWN_FAULTS_MAX
    }
}

impl KernelEvents {
    /// Returns true if both counts are the same, within 0.1 %.
    pub fn agree(&self) -> bool {
        let (events, rusage) = (self.minor_faults + self.major_faults, self.rusage_faults);
        let apart = events.abs_diff(rusage) as f64;
        apart <= rusage as f64 * COUNTS_APART_MAX + OWN_FAULTS_MAX
    }
}

impl PerfPerFault {
    /// Divides totals by a number of faults above zero.
    pub fn of(perf: &Perf, faults: u64) -> PerfPerFault {
        let each =
            |total: Option<u64>| total.filter(|_| faults > 0).map(|n| n as f64 / faults as f64);
        PerfPerFault {
            cycles: each(perf.cycles),
            instructions: each(perf.instructions),
            cache_misses: each(perf.cache_misses),
            hitm: each(perf.hitm),
        }
    }
}

/// Returns Jain's fairness index over the threads' faults, averaged over the
/// repeats: 1 if all threads fault equally often, 1/n if one of n threads has all faults.
///
/// (sum x)^2 / (n * sum x^2), after Jain, Chiu and Hawe, "A quantitative measure
/// of fairness", DEC-TR-301, 1984. Repeats without faults are left out; `None` if no repeat
/// has faults.
pub fn fairness(repeats: &[Repeat]) -> Option<f64> {
    let indices: Vec<f64> = repeats.iter().filter_map(jain).collect();
    (!indices.is_empty()).then(|| indices.iter().sum::<f64>() / indices.len() as f64)
}

fn jain(repeat: &Repeat) -> Option<f64> {
    let faults = repeat.per_thread.iter().map(|thread| thread.faults as f64);
    let sum: f64 = faults.clone().sum();
    let squares: f64 = faults.clone().map(|x| x * x).sum();
    (squares > 0.0).then(|| sum * sum / (faults.len() as f64 * squares))
}

impl FaultKind {
    /// All kinds, in the order in which documents list them.
    pub const ALL: [FaultKind; 9] = [
        FaultKind::AnonRead,
        FaultKind::AnonWrite,
        FaultKind::FileReadAround,
        FaultKind::FileRead,
        FaultKind::FileReadIo,
        FaultKind::PrivateWrite,
        FaultKind::SharedWrite,
        FaultKind::WpCopy,
        FaultKind::NumaHint,
    ];

    /// Returns the name that documents have.
    pub fn name(self) -> &'static str {
        match self {
            FaultKind::AnonRead => "anon_read",
            FaultKind::AnonWrite => "anon_write",
            FaultKind::FileReadAround => "file_read_around",
            FaultKind::FileRead => "file_read",
            FaultKind::FileReadIo => "file_read_io",
            FaultKind::PrivateWrite => "private_write",
            FaultKind::SharedWrite => "shared_write",
            FaultKind::WpCopy => "wp_copy",
            FaultKind::NumaHint => "numa_hint",
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn storm(faults: &[u64]) -> Repeat {
        let thread = |&faults: &u64| ThreadRepeat { faults, ..ThreadRepeat::default() };
        Repeat {
            window_s: 0.5,
            faults: faults.iter().sum(),
            per_thread: faults.iter().map(thread).collect(),
            ..Repeat::default()
        }
    }

    #[test]
    fn fairness_is_one_for_equal_threads_and_one_nth_for_a_single_winner() {
        assert_eq!(fairness(&[storm(&[7, 7, 7])]), Some(1.0));
        assert_eq!(fairness(&[storm(&[0, 8, 0, 0])]), Some(0.25));
        // (1 + 3)^2 / (2 * (1 + 9)) = 0.8, beside a perfect repeat.
        assert_eq!(fairness(&[storm(&[1, 3]), storm(&[2, 2]), storm(&[0, 0])]), Some(0.9));
        assert_eq!(fairness(&[storm(&[0, 0])]), None);
        assert_eq!(fairness(&[]), None);
    }

    #[test]
    fn counts_agree_within_a_thousandth() {
        let agree = |minor_faults, expected_min, expected_max| {
            let kernel = KernelFaults {
                minor_faults,
                expected_min,
                expected_max,
                ..KernelFaults::default()
            };
            kernel.agree()
        };
        assert!(agree(1_000_000, 1_000_000, 1_000_000) && agree(7, 0, 7));
        assert!(agree(999_100, 1_000_000, 1_000_000) && !agree(998_900, 1_000_000, 1_000_000));
        assert!(agree(1_000_900, 0, 1_000_000) && !agree(1_001_100, 0, 1_000_000));
    }

    #[test]
    fn events_agree_with_other_counts_within_a_thousandth() {
        let agree = |minor_faults, rusage_faults| {
            let rwsem_contentions_per_fault = None;
            let major_faults = 10;
            KernelEvents { minor_faults, major_faults, rusage_faults, rwsem_contentions_per_fault }
                .agree()
        };
        assert!(agree(990, 1000) && agree(1000, 1000) && !agree(1020, 1000));
        assert!(agree(999_500, 1_000_000) && !agree(998_900, 1_000_000));
    }

    #[test]
    fn a_rate_needs_a_window() {
        assert_eq!(storm(&[3, 4]).faults_per_s(), Some(14.0));
        assert_eq!(Repeat { window_s: 0.0, ..storm(&[3]) }.faults_per_s(), None);
    }

    #[test]
    fn fault_kinds_have_one_name() {
        for kind in FaultKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }

    #[test]
    fn events_per_fault_are_null_without_events_or_faults() {
        let perf = Perf {
            cycles: Some(900),
            instructions: None,
            cache_misses: Some(0),
            hitm: None,
            running_share: 1.0,
            per_fault: PerfPerFault::default(),
        };
        let each = PerfPerFault::of(&perf, 300);
        assert_eq!((each.cycles, each.cache_misses), (Some(3.0), Some(0.0)));
        assert_eq!((each.instructions, each.hitm), (None, None));
        assert_eq!(PerfPerFault::of(&perf, 0), PerfPerFault::default());
    }
}
