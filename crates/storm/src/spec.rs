//! What a storm is asked for, and what it answers.

use super::kernel::KernelStorm;
use super::needs::TooLarge;
use hdrhistogram::Histogram;
use host::clock::Clock;
use host::perf;
use machine::host::Tally;
use mm::fault::{Fallback, Kind};
use mm::frames::Arena;
use mm::kernel::Kernel;
use mm::{GraceCosts, Shootdowns, stage};
use std::sync::Arc;
use workload::{Action, Until, Workload};

/// What is recorded beside counts. Each costs time, so each is a storm of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recording {
    /// Throughput and sampled latency.
    Throughput,
    /// Transfers of lines; of the running kernel, which shows none, its events.
    Lines,
    /// Transfers of lines, and what a directory says of the same accesses.
    Audit,
    /// Time by stage of a fault.
    Stages,
}

/// A storm that is to be run.
#[derive(Clone)]
pub struct Spec<'a> {
    /// What is stormed.
    pub workload: &'a Workload,
    /// Threads that groups with a weight share; those of groups with a fixed number
    /// come on top.
    pub threads: usize,
    /// The CPU of each thread, those of fixed groups included.
    pub cpus: &'a [usize],
    /// Whether pages are cleared, copied and written.
    pub real_body: bool,
    /// Whether the fault entry asks for mmap_lock's line, whatever the kernel does.
    pub entry_prefetch: bool,
    /// The kernel; `None`: the scheme's own.
    pub kernel: Option<&'static Kernel>,
    /// Of every random draw.
    pub seed: u64,
    /// Storming before the measurement, in nanoseconds.
    pub warmup_ns: u64,
    /// When the storm ends.
    pub until: Until,
    /// What is recorded.
    pub recording: Recording,
    /// Faults, on average, for each one whose latency is sampled; 0: none is.
    pub sample_period: u64,
    /// The clock of windows and latencies.
    pub clock: Clock,
    /// Memory for frames: at least as many as the plan says, where `real_body` is set.
    pub arena: &'a Arc<Arena>,
}

/// What a storm measured.
#[derive(Debug, Clone)]
pub struct Storm {
    /// Time in which all threads stormed, in nanoseconds; the sum over rounds.
    pub window_ns: f64,
    /// Time between rounds, in nanoseconds.
    pub reset_ns: f64,
    /// Share of the time from first start to last stop in which all threads stormed.
    pub overlap_share: f64,
    /// Largest time between the first and the last thread's start of a round.
    pub start_skew_ns: f64,
    /// From each thread's start to its end, all threads and rounds together.
    pub threads_ns: f64,
    /// Rounds.
    pub rounds: u64,
    /// Each thread by itself.
    pub threads: Vec<ThreadStorm>,
    /// Events of the whole storm, warm-up excluded.
    pub counts: Counts,
    /// Sampled latencies in nanoseconds by [`Kind`], fallbacks and retries included.
    pub latency: Vec<Histogram<u64>>,
    /// Transfers, where recorded.
    pub lines: Option<Tally>,
    /// The same by a directory, where audited.
    pub directory: Option<Tally>,
    /// Nanoseconds by stage, summed over threads, where recorded.
    pub stages_ns: Option<[f64; stage::NAMES.len()]>,
    /// Sleeps that stood for I/O.
    pub io: Io,
    /// Bytes of a VMA under this strategy; the running kernel does not tell.
    pub bytes_per_vma: Option<u64>,
    /// The most VMAs and page tables that ever waited for readers to leave; none without
    /// writers.
    pub deferred_free_peak: Option<u64>,
    /// From first start to last end, in nanoseconds; the sum over legs.
    pub whole_ns: f64,
    /// Time of each operation of writers.
    pub ops: OpTimes,
    /// Shootdowns, summed over threads.
    pub shootdowns: Shootdowns,
    /// What grace periods of SRCU cost, summed over threads; none where the strategy has none.
    pub grace_periods: Option<GraceCosts>,
    /// Hardware counters summed over threads, or why there are none.
    pub perf: Result<perf::Counts, String>,
    /// What the running kernel tells; none in the other worlds.
    pub kernel: Option<KernelStorm>,
}

/// How long operations of writers took, in nanoseconds by [`Action::NAMES`]; none where
/// there was none.
pub type OpTimes = [Option<Histogram<u64>>; Action::NAMES.len()];

/// Sleeps that stood for I/O: short ones are not exact.
#[derive(Debug, Clone)]
pub struct Io {
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
    /// How often it gave up its CPU while it waited for a spinlock.
    pub yields: u64,
    /// Faults inside the window.
    pub faults: u64,
}

/// Events of a storm.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Accesses.
    pub touches: u64,
    /// Touches that trapped.
    pub faults: u64,
    /// Faults that waited for I/O, as the running kernel counts them; 0 in other worlds.
    pub major: u64,
    /// Faults that mapped their page. This, `raced`, `pages_mapped` and `attempts` the
    /// running kernel does not tell.
    pub mapped: u64,
    /// Faults whose page somebody else mapped first.
    pub raced: u64,
    /// Faults behind the end of a file.
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

/// Why a storm has no result.
#[derive(Debug, thiserror::Error)]
pub enum StormError {
    /// A thread panicked.
    #[error("thread '{thread}' panicked: {message}")]
    Panicked {
        /// Its name.
        thread: String,
        /// What it said.
        message: String,
    },
    /// A thread does not come to the end of a round. It still runs, and cannot be ended.
    #[error("{}thread '{thread}' is stuck: no end of its round after {waited_s} s", first(.after))]
    Stuck {
        /// Its name.
        thread: String,
        /// How long it was waited for.
        waited_s: u64,
        /// What happened before, such as a panic of a thread that held what others wait for.
        after: Option<Box<StormError>>,
    },
    /// No core of the model can go on.
    #[error("no core can go on: {0}")]
    Deadlock(String),
    /// A core of the model loses for ever.
    #[error(
        "starved: {0}; a loop can lose for ever in the model, above all where `reuse-k` is 1 \
         (METHODOLOGY.md)"
    )]
    Starved(String),
    /// The space does not add up.
    #[error("the books do not balance: {0}")]
    Books(String),
    /// The machine did not give what the storm needs.
    #[error("{0}")]
    Machine(String),
}

fn first(after: &Option<Box<StormError>>) -> String {
    after.as_ref().map_or_else(String::new, |error| format!("{error}; then "))
}

impl From<TooLarge> for StormError {
    fn from(error: TooLarge) -> Self {
        Self::Machine(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_stuck_is_told_with_what_came_before() {
        let stuck = |after: Option<StormError>| {
            let (thread, after) = ("storm-1".to_owned(), after.map(Box::new));
            StormError::Stuck { thread, waited_s: 60, after }.to_string()
        };
        let alone = "thread 'storm-1' is stuck: no end of its round after 60 s";
        assert_eq!(stuck(None), alone);
        let panicked = StormError::Panicked { thread: "storm-0".into(), message: "oh".into() };
        let both = stuck(Some(panicked));
        assert_eq!(both, format!("thread 'storm-0' panicked: oh; then {alone}"));
    }
}
