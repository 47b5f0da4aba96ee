//! The result of a storm.

use super::kernel::found::KernelFindings;
use super::loop_tally::LoopTally;
use super::pace::AskedRates;
use super::samples::histogram;
use hdrhistogram::Histogram;
use host::perf;
use machine::host::{StageTimes, Tally};
use machine::model::{Accounts, ActivityTime, CoreTimes, HoldAccount, Traced};
use mm::fault::{Fallback, Kind};
use mm::{GraceCosts, Shootdowns};
use workload::{Action, Headline};

/// The result of a storm.
#[derive(Debug, Clone)]
pub struct Storm {
    /// Time of the rate of faults, in nanoseconds, the sum over rounds: that in which all threads
    /// stormed, or `whole_ns` if the workload wants that, or all stormed in less than half of it.
    pub window_ns: f64,
    /// Time between rounds, in nanoseconds.
    pub reset_ns: f64,
    /// Share of the time from first start to last stop in which all threads stormed.
    pub overlap_share: f64,
    /// Largest time between the first and the last thread's start of a round.
    pub start_skew_ns: f64,
    /// From each thread's start to its end, without the time before operations that were not due;
    /// all threads and rounds together.
    pub threads_ns: f64,
    /// Rounds.
    pub rounds: u64,
    /// Each thread by itself.
    pub threads: Vec<ThreadStorm>,
    /// Events of the whole storm, warm-up excluded.
    pub counts: StormCounts,
    /// Sampled latencies in nanoseconds by [`Kind`], fallbacks and retries included.
    pub latency: Vec<Histogram<u64>>,
    /// Transfers, if recorded.
    pub lines: Option<Tally>,
    /// The same by a directory, if audited.
    pub directory: Option<Tally>,
    /// Times of stages and waits of all threads, if recorded.
    pub stages: Option<StageTimes>,
    /// Sleeps in place of I/O.
    pub io: IoWaits,
    /// Bytes of a VMA under this strategy; unknown for the running kernel.
    pub bytes_per_vma: Option<u64>,
    /// The most VMAs and page tables that ever waited for readers to leave; none without
    /// writers.
    pub deferred_free_peak: Option<u64>,
    /// From first start to last end, in nanoseconds; the sum over legs.
    pub whole_ns: f64,
    /// Time of each operation of writers.
    pub ops: OpTimes,
    /// Operations per second that the workload asks for by `every`, all threads together; infinite
    /// if nothing paces some of them, or they end before the storm.
    pub asked_per_s: AskedRates,
    /// The event by which the workload wants its cells judged.
    pub headline: Option<Headline>,
    /// True if the workload wants the rate of faults over the whole storm.
    pub is_whole: bool,
    /// Loops of several steps; `None` if there are none.
    pub loops_done: Option<LoopTally>,
    /// Shootdowns, summed over threads.
    pub shootdowns: Shootdowns,
    /// Cost of grace periods of SRCU, summed over threads; none if the scheme has none.
    pub grace_periods: Option<GraceCosts>,
    /// Hardware counters summed over threads, or why there are none.
    pub perf: Result<perf::Counts, String>,
    /// Found by the running kernel alone.
    pub kernel: Option<KernelFindings>,
    /// Found by the model alone.
    pub model: Option<ModelFindings>,
}

/// A storm that has measured nothing.
impl Default for Storm {
    fn default() -> Self {
        Self {
            window_ns: 0.0,
            reset_ns: 0.0,
            overlap_share: 0.0,
            start_skew_ns: 0.0,
            threads_ns: 0.0,
            rounds: 0,
            threads: Vec::new(),
            counts: StormCounts::default(),
            latency: Kind::ALL.map(|_| histogram()).into(),
            lines: None,
            directory: None,
            stages: None,
            io: IoWaits { achieved_ns: histogram(), asked_ns: 0 },
            bytes_per_vma: None,
            deferred_free_peak: None,
            whole_ns: 0.0,
            ops: Default::default(),
            asked_per_s: AskedRates::default(),
            headline: None,
            is_whole: false,
            loops_done: None,
            shootdowns: Shootdowns::default(),
            grace_periods: None,
            perf: Err("nothing was measured".to_owned()),
            kernel: None,
            model: None,
        }
    }
}

/// Findings of the model alone.
#[derive(Debug, Clone)]
pub struct ModelFindings {
    /// Each line by name.
    pub accounts: Accounts,
    /// Time of each core by use.
    pub times: Vec<CoreTimes>,
    /// Time of faults and of each operation, split by waits.
    pub activities: Vec<ActivityTime>,
    /// Locks that cores waited for, by holder.
    pub holds: Vec<HoldAccount>,
    /// Accesses that were charged.
    pub accesses: u64,
    /// The fault that was traced; empty if none was.
    pub traced: Vec<Traced>,
}

/// Duration of operations of writers, in nanoseconds by [`Action::NAMES`]; none if
/// there was none.
pub type OpTimes = [Option<Histogram<u64>>; Action::NAMES.len()];

/// Sleeps in place of I/O: short ones are not exact.
#[derive(Debug, Clone)]
pub struct IoWaits {
    /// Length of each, in nanoseconds.
    pub achieved_ns: Histogram<u64>,
    /// Nanoseconds asked for, in total.
    pub asked_ns: u64,
}

/// One thread of a storm.
#[derive(Debug, Clone)]
pub struct ThreadStorm {
    /// Name of its group.
    pub group: String,
    /// CPU that it was pinned to.
    pub cpu: usize,
    /// Samples of its placement that found it elsewhere.
    pub strayed: u64,
    /// Times that it gave up its CPU while it waited for a spinlock.
    pub yields: u64,
    /// Faults inside the window.
    pub faults: u64,
}

/// Events of a storm.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StormCounts {
    /// Accesses.
    pub touches: u64,
    /// Touches that trapped.
    pub faults: u64,
    /// Faults that waited for I/O, as the running kernel counts them; 0 in other worlds.
    pub major: u64,
    /// Faults that mapped their page. This, `raced`, `pages_mapped` and `attempts` the
    /// running kernel does not tell.
    pub mapped: u64,
    /// Faults whose page another core mapped first.
    pub raced: u64,
    /// Faults after the end of a file.
    pub sigbus: u64,
    /// Faults without a VMA, or against its protection.
    pub segv: u64,
    /// Faults for which no memory was left.
    pub oom: u64,
    /// Pages mapped, those around a fault included.
    pub pages_mapped: u64,
    /// Passes through the handler.
    pub attempts: u64,
    /// Faults by [`Kind`].
    pub by_kind: [u64; Kind::ALL.len()],
    /// Fallbacks by [`Fallback`].
    pub fallbacks: [u64; Fallback::ALL.len()],
}
