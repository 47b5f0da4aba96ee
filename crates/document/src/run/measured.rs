//! What a cell measured.

use std::collections::BTreeMap;
use std::fmt;

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::Interval;

use super::Latency;

/// The numbers of one cell. Totals are over all its repeats.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Measured {
    /// Faults per second of the window in which all threads storm: median over
    /// repeats, with a 95 % bootstrap interval.
    pub faults_per_s: Interval,
    /// Each storm by itself.
    pub repeats: Vec<Repeat>,
    /// Events, totals over repeats.
    pub counts: Counts,
    /// Fallbacks by reason, under the kernel's names; totals over repeats.
    pub fallbacks: BTreeMap<String, u64>,
    /// Operations other than touches, by name, as `munmap`.
    pub ops: BTreeMap<String, OpStats>,
    /// Shootdowns of cached translations that writers and copies waited for, totals over
    /// repeats; null without writers.
    pub shootdowns: Option<Shootdowns>,
    /// What grace periods of SRCU cost, totals over repeats, without those of resets; null for
    /// strategies that have none.
    #[serde(default)]
    pub grace_periods: Option<GracePeriods>,
    /// Latency of sampled faults by kind, fallbacks and retries included.
    pub latency_ns: BTreeMap<FaultKind, Latency>,
    /// Sleeps that stood for I/O, totals over repeats; null where there were none.
    pub io: Option<Io>,
    /// Cache-line contention, from a pass of its own; null where not counted.
    pub lines: Option<Lines>,
    /// Nanoseconds per fault by stage; null where not timed.
    pub stages_ns: Option<BTreeMap<String, f64>>,
    /// Nanoseconds per fault by what a core did; null outside the model.
    pub time_split_ns: Option<TimeSplit>,
    /// What the scheme costs in memory; null where not measured.
    pub memory: Option<Memory>,
    /// What the running kernel told; null in other worlds.
    #[serde(default)]
    pub kernel: Option<KernelFaults>,
    /// Costs of operations in a cell without faults, for which lines and times are given else;
    /// left out if there are faults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_op: Option<PerOp>,
    /// Hardware counters; null where not read, and `provenance.perf` says why.
    pub perf: Option<Perf>,
    /// Jain's index over the faults of each thread: 1 is equal; null without faults.
    pub fairness: Option<f64>,
}

/// One storm of a cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Repeat {
    /// Place of this storm among all storms of the run, from 0: strategies are interleaved.
    pub order: u32,
    /// Turn of its group, from 0, in which what competes storms once, and what others are
    /// compared with twice where repeats differ between cells; left out where nothing takes
    /// turns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<u32>,
    /// Time in which all threads storm, in seconds; the sum over rounds.
    pub window_s: f64,
    /// Time spent between rounds, outside the window, in seconds.
    pub reset_s: f64,
    /// Faults inside the window.
    pub faults: u64,
    /// Share of the time from first start to last stop in which all threads storm, 0 to 1.
    pub overlap_share: f64,
    /// Time between the first and the last thread's start, in nanoseconds.
    pub start_skew_ns: f64,
    /// Each thread by itself, in the order of their numbers.
    pub per_thread: Vec<ThreadRepeat>,
}

/// One thread in one storm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct ThreadRepeat {
    /// Its faults inside the window.
    pub faults: u64,
    /// Group of the workload that it belongs to.
    pub group: String,
    /// Logical CPU (in the model: core) that it was placed on; null where not placed.
    pub cpu: Option<u32>,
    /// Samples that found it on another CPU; null where not sampled.
    pub strayed: Option<u64>,
    /// Times it gave up spinning and yielded; null where not counted.
    pub yields: Option<u64>,
}

/// Events of a cell, totals over repeats.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Counts {
    /// Accesses that the workload asked for.
    pub touches: u64,
    /// Touches that trapped.
    pub faults: u64,
    /// Faults that installed a page; null on the running kernel, which does not tell.
    pub mapped: Option<u64>,
    /// Faults that found the page installed by someone else; null as `mapped`.
    pub raced: Option<u64>,
    /// Faults that ended beyond the end of a file.
    pub sigbus: u64,
    /// Faults that ended without a mapping or against its protection.
    pub segv: u64,
    /// Faults that ended for want of memory.
    pub oom: u64,
    /// Pages installed, those mapped around a fault included; null as `mapped`.
    pub pages_mapped: Option<u64>,
    /// Passes through the handler: a fault that fell back made two; null as `mapped`.
    pub attempts: Option<u64>,
    /// Faults by kind; on the running kernel by what a first touch of the page does.
    pub by_kind: BTreeMap<FaultKind, u64>,
}

/// What the running kernel told of the faults of a cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct KernelFaults {
    /// Faults without I/O (`ru_minflt` of the storming threads), totals over repeats.
    pub minor_faults: u64,
    /// Faults that waited for I/O (`ru_majflt`), totals over repeats.
    pub major_faults: u64,
    /// The fewest faults that so many touches can be: 0 where a touch may find its page
    /// mapped.
    pub expected_min: u64,
    /// The most faults that so many touches can be.
    pub expected_max: u64,
    /// Bytes that a read fault of a file maps around it, of the whole system; null where
    /// debugfs does not tell (65536 unless somebody changed it).
    pub fault_around_bytes: Option<u64>,
    /// Whether huge pages were asked for (`MADV_HUGEPAGE`); else they are forbidden
    /// (`MADV_NOHUGEPAGE`).
    pub huge_pages: bool,
    /// Each file as it was before the first storm, by its name.
    pub files: BTreeMap<String, KernelFile>,
    /// By how much `vma_lock_success` and its like grew in the whole system, totals over
    /// repeats; null where the kernel does not count them, which says nothing about its lock.
    pub vma_lock_events: Option<BTreeMap<String, u64>>,
    /// What its events say of a storm of its own; null where there was none.
    #[serde(default)]
    pub events: Option<KernelEvents>,
}

/// What the running kernel's events say of one storm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct KernelEvents {
    /// Faults of the storming threads without I/O (`PERF_COUNT_SW_PAGE_FAULTS_MIN`).
    pub minor_faults: u64,
    /// Faults of the storming threads with I/O (`PERF_COUNT_SW_PAGE_FAULTS_MAJ`).
    pub major_faults: u64,
    /// Faults of the same storm by `getrusage`.
    pub rusage_faults: u64,
    /// How often a storming thread waited for a rw semaphore of the kernel, per fault
    /// (`lock:contention_begin`); null where `provenance.kernel_events` says why.
    pub rwsem_contentions_per_fault: Option<f64>,
}

/// A file on the running kernel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct KernelFile {
    /// The kind of file system that it is on, as `tmpfs` or `ext4`; a number where its name
    /// is not known.
    pub file_system: String,
    /// Share of the pages that faults may ask for that was in the page cache, 0 to 1.
    pub cached_share: f64,
}

/// What a fault has to do.
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
}

/// One kind of operation other than touches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct OpStats {
    /// How many were done.
    pub count: u64,
    /// How many a second, from the first start of a thread to the last end; all threads
    /// together.
    pub per_s: f64,
    /// The rate of each repeat, a second; left out of a single one, which has `per_s`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repeats_per_s: Vec<f64>,
    /// How long they took; null where not timed.
    pub latency_ns: Option<Latency>,
}

/// Costs of writers' operations, all kinds of them together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct PerOp {
    /// Cache-line contention, from a pass of its own; null where not counted.
    pub lines: Option<OpLines>,
    /// Nanoseconds per operation by what a core did; null outside the model.
    pub time_split_ns: Option<TimeSplit>,
}

/// Cache-line contention of a cell without faults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct OpLines {
    /// Accesses that were counted, at most: `rmw+loads`, or `all` in the model.
    pub counted: String,
    /// Transfers of all lines per operation of the counting pass.
    pub transfers_per_op: f64,
    /// Each named line, that with most transfers first.
    pub by_name: Vec<LineCount>,
}

/// Shootdowns of cached translations. On the host a membarrier stands for one, and takes a
/// mutex of the whole system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Shootdowns {
    /// How many.
    pub count: u64,
    /// How long each took, in nanoseconds: part of the operations' time, and of faults that
    /// copy.
    pub mean_ns: f64,
}

/// Grace periods of SRCU, behind which VMAs are freed. What a work queue does in a kernel,
/// writers do here; what it would have been of wake-ups and scheduling is counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct GracePeriods {
    /// How many ended.
    pub ended: u64,
    /// How often nothing was under way when one was asked for: a kernel wakes a worker then.
    pub wakeups: u64,
    /// How often the counters of all cores were summed.
    pub looks: u64,
    /// Looks that found readers: a kernel puts its worker off then, and schedules it again.
    pub put_off: u64,
}

/// Sleeps that stood for I/O: short ones take longer than asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Io {
    /// Mean that the workload asked for, in nanoseconds.
    pub asked_ns: f64,
    /// How long they took.
    pub achieved_ns: Latency,
}

/// Cache-line contention of a cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Lines {
    /// What was counted, at most: `rmw+loads`, or `all` in the model.
    pub counted: String,
    /// Transfers of all lines per fault of the counting pass.
    pub transfers_per_fault: f64,
    /// Each named line, that with most transfers first.
    pub by_name: Vec<LineCount>,
}

/// One named line, or all lines of that name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct LineCount {
    /// For instance `mm.mmap_lock`.
    pub name: String,
    /// What was counted on this line, as `rmw+loads` or `rmw`.
    pub counted: String,
    /// Loads; null where not counted.
    pub reads: Option<u64>,
    /// Stores and read-modify-writes; null where not counted.
    pub writes: Option<u64>,
    /// Times the line moved to another core.
    pub transfers: u64,
    /// Its share of all transfers, 0 to 1; null where no line moved.
    pub transfer_share: Option<f64>,
    /// Its share of the time that cores waited for lines, 0 to 1; null outside the model.
    pub stall_share: Option<f64>,
    /// Of that time, the share in which others were served first; null outside the model.
    #[serde(default)]
    pub queued_share: Option<f64>,
    /// Transfers by the words concerned; empty outside the model. Two names that differ are
    /// false sharing, unless one of them protects the other.
    #[serde(default)]
    pub word_pairs: Vec<WordPair>,
}

/// Transfers of a line between two of its words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct WordPair {
    /// The word last used where the line was.
    pub left: String,
    /// The word that it was fetched for.
    pub wanted: String,
    /// How often.
    pub transfers: u64,
}

/// Where the time went, in nanoseconds per fault (or per operation, in `per_op`), over all
/// cores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct TimeSplit {
    /// Work without shared lines, hits of the own cache included.
    pub private_work: f64,
    /// Waiting for lines from other caches or from memory.
    pub coherence: f64,
    /// Spinning and sleeping for locks.
    pub lock_wait: f64,
    /// Sleeping for I/O.
    pub io: f64,
}

/// What a scheme costs in memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Memory {
    /// Size of one VMA, in bytes; null where the strategy does not tell.
    pub bytes_per_vma: Option<f64>,
    /// Most objects that ever waited for readers to leave; null where none may.
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
    /// Share of the time in which the counters really ran, 0 to 1.
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
    /// Returns the faults per second of this storm; `None` where its window is empty.
    pub fn faults_per_s(&self) -> Option<f64> {
        (self.window_s > 0.0).then(|| self.faults as f64 / self.window_s)
    }
}

impl Measured {
    /// Returns the faults per second of each repeat.
    pub fn rates(&self) -> Vec<f64> {
        self.repeats.iter().filter_map(Repeat::faults_per_s).collect()
    }

    /// Returns the line that moved most, the first of equals; `None` where no
    /// line was counted or none moved.
    pub fn hottest_line(&self) -> Option<&LineCount> {
        let lines = self.moves().into_iter().flat_map(|moves| moves.by_name);
        lines.rev().filter(|line| line.transfers > 0).max_by_key(|line| line.transfers)
    }
}

/// How far the kernel's counts may be from what touches can be, as a share.
const COUNTS_APART_MAX: f64 = 0.001;
/// Faults that a storm without a warm-up may have on the code that its first touches run.
const OWN_FAULTS_MAX: f64 = 16.0;

impl KernelFaults {
    /// Whether the kernel counted so many faults as the touches can be, within 0.1 %.
    pub fn agree(&self) -> bool {
        let found = (self.minor_faults + self.major_faults) as f64;
        found >= self.expected_min as f64 * (1.0 - COUNTS_APART_MAX)
            && found <= self.expected_max as f64 * (1.0 + COUNTS_APART_MAX) + OWN_FAULTS_MAX
    }
}

impl KernelEvents {
    /// Whether both counts are the same, within 0.1 %.
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
/// repeats: 1 where all threads fault equally often, 1/n where one of n has all.
///
/// (sum x)^2 / (n * sum x^2), after Jain, Chiu and Hawe, "A quantitative measure
/// of fairness", DEC-TR-301, 1984. Repeats without faults say nothing about it
/// and are left out; `None` where all are.
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
    pub const ALL: [FaultKind; 8] = [
        FaultKind::AnonRead,
        FaultKind::AnonWrite,
        FaultKind::FileReadAround,
        FaultKind::FileRead,
        FaultKind::FileReadIo,
        FaultKind::PrivateWrite,
        FaultKind::SharedWrite,
        FaultKind::WpCopy,
    ];

    /// Returns the name as it stands in documents.
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
        Repeat {
            turn: None,
            order: 0,
            window_s: 0.5,
            reset_s: 0.0,
            faults: faults.iter().sum(),
            overlap_share: 1.0,
            start_skew_ns: 0.0,
            per_thread: faults
                .iter()
                .map(|&faults| ThreadRepeat {
                    faults,
                    group: "all".to_owned(),
                    cpu: None,
                    strayed: None,
                    yields: None,
                })
                .collect(),
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
                major_faults: 0,
                expected_min,
                expected_max,
                fault_around_bytes: None,
                huge_pages: false,
                files: BTreeMap::new(),
                vma_lock_events: None,
                events: None,
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
