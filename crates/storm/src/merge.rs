//! Threads' results, put together.

use super::loop_tally::LoopTally;
use super::pace::AskedRates;
use super::samples::{Samples, histogram};
use super::{Storm, StormCounts, StormError, ThreadStorm};
use host::perf;
use machine::host::{Recorded, StageTimes, Tally};
use mm::fault::Kind;
use mm::{GraceCosts, Shootdowns};
use workload::{Action, RateWindow, Workload};

/// Time of a storm, the sum over its legs.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Window {
    pub rounds: u64,
    /// From the last start to the first end.
    pub window_ns: f64,
    /// From the first start to the last end.
    pub whole_ns: f64,
    pub reset_ns: f64,
    pub skew_ns_max: f64,
    /// This thread's faults inside the window.
    pub faults: f64,
    /// From this thread's start to its end, without the time before operations that were not due.
    pub own_ns: f64,
}

/// Measurements of one thread.
pub(super) struct ThreadResult {
    pub thread: ThreadStorm,
    pub counts: StormCounts,
    pub latency: [Samples; Kind::ALL.len()],
    pub recorded: Recorded,
    pub io: Samples,
    /// Nanoseconds of I/O that were asked for.
    pub io_asked_ns: u64,
    pub perf: Result<perf::Counts, String>,
    pub window: Window,
    /// Time of each operation of writers, in nanoseconds by [`Action::NAMES`].
    pub ops: [Samples; Action::NAMES.len()],
    /// Operations per second that the workload asks for.
    pub asked_per_s: AskedRates,
    /// `None` if parts of its loops are as good as whole ones.
    pub loops_done: Option<LoopTally>,
    /// Shootdowns that it asked for.
    pub shootdowns: Shootdowns,
    /// Its work for grace periods of SRCU, if the scheme has any.
    pub grace_periods: Option<GraceCosts>,
    /// Whether the translations that it had cached were true.
    pub translations: Result<(), String>,
}

/// Share of a storm in which all threads storm, below which the time in which they do says nothing
/// about the storm.
const OVERLAP_SHARE_MIN: f64 = 0.5;

/// Adds threads up. Touches that end in a signal are an error, unless the workload has them.
pub(super) fn merge(
    results: Vec<ThreadResult>,
    bytes_per_vma: Option<u64>,
    workload: &Workload,
) -> Result<Storm, StormError> {
    let first = results.first().expect("a storm has a thread");
    let window = first.window;
    let overlap_share =
        if window.whole_ns > 0.0 { window.window_ns / window.whole_ns } else { 0.0 };
    let is_whole = workload.rate_over == RateWindow::Whole || overlap_share < OVERLAP_SHARE_MIN;
    let mut storm = Storm {
        window_ns: if is_whole { window.whole_ns } else { window.window_ns },
        reset_ns: window.reset_ns,
        overlap_share,
        headline: workload.headline,
        is_whole: workload.rate_over == RateWindow::Whole,
        start_skew_ns: window.skew_ns_max,
        whole_ns: window.whole_ns,
        rounds: window.rounds,
        lines: first.recorded.lines.as_ref().map(|_| Tally::default()),
        directory: first.recorded.directory.as_ref().map(|_| Tally::default()),
        stages: first.recorded.stages.as_ref().map(|_| StageTimes::default()),
        bytes_per_vma,
        perf: first.perf.clone(),
        ..Storm::default()
    };
    for (index, mut result) in results.into_iter().enumerate() {
        std::mem::replace(&mut result.translations, Ok(())).map_err(StormError::Books)?;
        if is_whole {
            result.thread.faults = result.counts.faults;
        }
        add(&mut storm, result, index == 0);
    }
    let segv = if workload.may_segv() { 0 } else { storm.counts.segv };
    let sigbus = if workload.may_sigbus() { 0 } else { storm.counts.sigbus };
    match [segv, sigbus, storm.counts.oom] {
        [0, 0, 0] => Ok(storm),
        [0, 0, oom] => {
            Err(StormError::Machine(format!("{oom} faults found no free frame or table")))
        }
        [0, sigbus, _] => Err(StormError::Machine(format!(
            "{sigbus} touches of pages of a file ended in SIGBUS: its file system is full, or \
             its disk has an error"
        ))),
        [segv, ..] => {
            Err(StormError::Books(format!("{segv} touches of mapped pages ended in SIGSEGV")))
        }
    }
}

fn add(storm: &mut Storm, result: ThreadResult, first: bool) {
    storm.threads_ns += result.window.own_ns;
    storm.counts.add(&result.counts);
    for (sum, own) in storm.latency.iter_mut().zip(&result.latency) {
        own.add_to(sum);
    }
    if let (Some(sum), Some(lines)) = (&mut storm.lines, &result.recorded.lines) {
        sum.add(lines);
    }
    if let (Some(sum), Some(moves)) = (&mut storm.directory, &result.recorded.directory) {
        sum.add(moves);
    }
    if let (Some(sum), Some(stages)) = (&mut storm.stages, &result.recorded.stages) {
        sum.add(stages);
    }
    result.io.add_to(&mut storm.io.achieved_ns);
    storm.io.asked_ns += result.io_asked_ns;
    for (sum, own) in storm.ops.iter_mut().zip(&result.ops) {
        if !own.is_empty() {
            own.add_to(sum.get_or_insert_with(histogram));
        }
    }
    storm.asked_per_s.iter_mut().zip(result.asked_per_s).for_each(|(sum, own)| *sum += own);
    if let Some(loops) = result.loops_done {
        storm.loops_done.get_or_insert_default().add(&loops);
    }
    storm.shootdowns.count += result.shootdowns.count;
    storm.shootdowns.ns += result.shootdowns.ns;
    if let Some(costs) = result.grace_periods {
        storm.grace_periods.get_or_insert_default().add(&costs);
    }
    if !first {
        storm.perf = match (&storm.perf, result.perf) {
            (Ok(sum), Ok(counts)) => Ok(sum.plus(&counts)),
            (Err(why), _) => Err(why.clone()),
            (_, Err(why)) => Err(why),
        };
    }
    storm.threads.push(result.thread);
}

impl StormCounts {
    fn add(&mut self, other: &StormCounts) {
        self.touches += other.touches;
        self.major += other.major;
        self.faults += other.faults;
        self.mapped += other.mapped;
        self.raced += other.raced;
        self.sigbus += other.sigbus;
        self.segv += other.segv;
        self.oom += other.oom;
        self.pages_mapped += other.pages_mapped;
        self.attempts += other.attempts;
        self.by_kind.iter_mut().zip(other.by_kind).for_each(|(sum, n)| *sum += n);
        self.fallbacks.iter_mut().zip(other.fallbacks).for_each(|(sum, n)| *sum += n);
    }
}
