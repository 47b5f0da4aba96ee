//! Time of each stage of a fault, measured when the code reaches the end of the stage, and of the
//! waits of faults and operations.
//!
//! Faults and operations are kept in batches. A batch during which the thread lost its CPU is
//! dropped: its times would be those of the scheduler.

use super::host::{BareLine, Record, Recorded};
use crate::{FAULT, Waited};
use hdrhistogram::Histogram;
use host::clock::Clock;
use host::preemption::preemptions;
use std::cell::RefCell;

/// Largest number of stages.
pub const STAGES_MAX: usize = 8;
/// Faults and operations of a batch.
const BATCH: usize = 64;
/// Most waits of a batch.
const WAITS_MAX: usize = 4 * BATCH;
/// Digits that are kept of a time.
const DIGITS: u8 = 2;

/// Recorder that times the stages of a fault, and waits. Two readings of the clock are between
/// neighbouring stages, so each mark adds the cost of one reading to its stage (some stages have
/// two or three marks).
pub struct Staged;

/// Times of one thread, or of several together, without those of batches that were dropped.
#[derive(Debug, Clone, Default)]
pub struct StageTimes {
    /// Faults and operations in batches that were dropped.
    pub dropped: u64,
    /// Nanoseconds by stage, summed over faults.
    pub stages_ns: [f64; STAGES_MAX],
    /// Nanoseconds of each fault by stage; empty before the first fault.
    pub stages: Vec<Histogram<u64>>,
    /// Faults and operations by number of the activity.
    pub activities: Vec<TimedActivity>,
}

/// Times of faults, or of operations with one number.
#[derive(Debug, Clone, Default)]
pub struct TimedActivity {
    /// [`FAULT`], or [`FIRST_OP`](crate::FIRST_OP) and the number of the operation.
    pub activity: u16,
    /// Number that was kept.
    pub count: u64,
    /// Nanoseconds from their beginnings to their ends.
    pub total_ns: f64,
    /// Waits by what was waited for.
    pub waits: Vec<TimedWait>,
}

/// Times of the waits for one thing.
#[derive(Debug, Clone)]
pub struct TimedWait {
    /// What was waited for.
    pub waited: Waited,
    /// Nanoseconds of all waits.
    pub total_ns: f64,
    /// Nanoseconds of each wait.
    pub lengths: Histogram<u64>,
}

impl StageTimes {
    /// Adds another thread's times.
    pub fn add(&mut self, other: &StageTimes) {
        self.dropped += other.dropped;
        self.stages_ns.iter_mut().zip(other.stages_ns).for_each(|(sum, ns)| *sum += ns);
        if self.stages.is_empty() {
            self.stages = other.stages.clone();
        } else {
            for (sum, stage) in self.stages.iter_mut().zip(&other.stages) {
                sum.add(stage).expect("histograms grow");
            }
        }
        for theirs in &other.activities {
            let ours = self.activity(theirs.activity);
            ours.count += theirs.count;
            ours.total_ns += theirs.total_ns;
            for wait in &theirs.waits {
                let sum = ours.wait(wait.waited);
                sum.total_ns += wait.total_ns;
                sum.lengths.add(&wait.lengths).expect("histograms grow");
            }
        }
    }

    /// Returns the times of an activity, which are new if there are none.
    fn activity(&mut self, activity: u16) -> &mut TimedActivity {
        let at = self.activities.iter().position(|known| known.activity == activity);
        let at = at.unwrap_or_else(|| {
            self.activities.push(TimedActivity { activity, ..TimedActivity::default() });
            self.activities.len() - 1
        });
        &mut self.activities[at]
    }
}

impl TimedActivity {
    fn wait(&mut self, waited: Waited) -> &mut TimedWait {
        let at = self.waits.iter().position(|known| known.waited == waited);
        let at = at.unwrap_or_else(|| {
            self.waits.push(TimedWait { waited, total_ns: 0.0, lengths: histogram() });
            self.waits.len() - 1
        });
        &mut self.waits[at]
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new(DIGITS).expect("histograms have such digits")
}

/// A fault or an operation.
#[derive(Debug, Clone, Copy)]
struct Event {
    activity: u16,
    begun: u64,
    ticks: u64,
    stages: [u64; STAGES_MAX],
}

struct Stopwatch {
    clock: Clock,
    /// The fault or operation that the thread is in.
    now: Option<Event>,
    /// End of the last stage.
    last: u64,
    /// Waits that the thread is in: the outermost one is timed.
    depth: u32,
    wait: Option<(Waited, u64)>,
    batch: Vec<Event>,
    /// Waits of the batch, by the number of their event in it.
    waits: Vec<(usize, Waited, u64)>,
    preemptions: u64,
    times: StageTimes,
}

thread_local! {
    static STOPWATCH: RefCell<Option<Stopwatch>> = const { RefCell::new(None) };
}

fn with_stopwatch(change: impl FnOnce(&mut Stopwatch)) {
    STOPWATCH.with_borrow_mut(|watch| watch.as_mut().map(change));
}

impl Record for Staged {
    type Line = BareLine;

    fn mark(stage: usize) {
        with_stopwatch(|watch| match stage {
            0 => watch.begin(FAULT),
            stage => watch.mark(stage),
        });
    }

    fn begin_op(activity: u16) {
        with_stopwatch(|watch| watch.begin(activity));
    }

    fn end_op() {
        with_stopwatch(|watch| {
            let end = watch.clock.end();
            if let Some(event) = &mut watch.now {
                event.ticks = end.saturating_sub(event.begun);
            }
            watch.close();
        });
    }

    fn begin_wait(waited: Waited) {
        with_stopwatch(|watch| {
            watch.depth += 1;
            if watch.depth == 1 && watch.now.is_some() && watch.waits.len() < WAITS_MAX {
                watch.wait = Some((waited, watch.clock.start()));
            }
        });
    }

    fn end_wait() {
        with_stopwatch(|watch| {
            watch.depth = watch.depth.saturating_sub(1);
            if watch.depth == 0
                && let Some((waited, from)) = watch.wait.take()
            {
                let ticks = watch.clock.end().saturating_sub(from);
                watch.waits.push((watch.batch.len(), waited, ticks));
            }
        });
    }

    fn start() {
        STOPWATCH.set(Some(Stopwatch {
            clock: Clock::new(),
            now: None,
            last: 0,
            depth: 0,
            wait: None,
            batch: Vec::with_capacity(BATCH),
            waits: Vec::with_capacity(WAITS_MAX),
            preemptions: preemptions(),
            times: StageTimes::default(),
        }));
    }

    fn forget() {
        Self::start();
    }

    fn pause(_: bool) {
        with_stopwatch(Stopwatch::close);
    }

    fn finish() -> Recorded {
        let times = STOPWATCH.take().map(|mut watch| {
            watch.close();
            watch.keep();
            watch.times
        });
        Recorded { stages: times, ..Recorded::default() }
    }
}

impl Stopwatch {
    /// Begins a fault or an operation, and ends the fault before it.
    fn begin(&mut self, activity: u16) {
        self.close();
        let begun = self.clock.start();
        self.now = Some(Event { activity, begun, ticks: 0, stages: [0; STAGES_MAX] });
        self.last = begun;
    }

    /// Ends a stage of the fault; operations have none.
    fn mark(&mut self, stage: usize) {
        let Some(event) = self.now.as_mut().filter(|event| event.activity == FAULT) else { return };
        let now = self.clock.end();
        event.stages[stage] += now.saturating_sub(self.last);
        event.ticks = now.saturating_sub(event.begun);
        self.last = self.clock.start();
    }

    /// Ends the fault or operation: a fault at its last mark.
    fn close(&mut self) {
        if let Some(event) = self.now.take() {
            self.batch.push(event);
            if self.batch.len() == BATCH {
                self.keep();
            }
        }
    }

    /// Keeps the batch, unless the thread lost its CPU.
    fn keep(&mut self) {
        let before = std::mem::replace(&mut self.preemptions, preemptions());
        if self.preemptions != before {
            self.times.dropped += self.batch.len() as u64;
        } else {
            self.add();
        }
        self.batch.clear();
        self.waits.clear();
    }

    fn add(&mut self) {
        let ns = |ticks: u64| self.clock.delta_ns(0, ticks);
        for event in &self.batch {
            let activity = self.times.activity(event.activity);
            activity.count += 1;
            activity.total_ns += ns(event.ticks);
            if event.activity != FAULT {
                continue;
            }
            if self.times.stages.is_empty() {
                self.times.stages = (0..STAGES_MAX).map(|_| histogram()).collect();
            }
            let sums = self.times.stages_ns.iter_mut().zip(&mut self.times.stages);
            for ((sum, lengths), ticks) in sums.zip(event.stages) {
                *sum += ns(ticks);
                lengths.record(ns(ticks) as u64).expect("histograms grow");
            }
        }
        for (event, waited, ticks) in &self.waits {
            // The last fault of a batch that ended within a wait is not in it.
            let Some(event) = self.batch.get(*event) else { continue };
            let wait = self.times.activity(event.activity).wait(*waited);
            wait.total_ns += ns(*ticks);
            wait.lengths.record(ns(*ticks) as u64).expect("histograms grow");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FIRST_OP;
    use std::thread::sleep;
    use std::time::Duration;

    const PAUSE: Duration = Duration::from_millis(2);

    /// Runs `what` until the thread keeps its CPU.
    fn times(what: impl Fn()) -> StageTimes {
        for _ in 0..100 {
            Staged::start();
            what();
            let times = Staged::finish().stages.expect("it was started");
            if times.dropped == 0 {
                return times;
            }
        }
        panic!("the thread always loses its CPU");
    }

    #[test]
    fn time_goes_to_the_stage_that_ended() {
        let times = times(|| {
            Staged::mark(0);
            Staged::mark(3);
            sleep(PAUSE);
            Staged::mark(5);
        });
        let ns = times.stages_ns;
        assert!(ns[5] >= 2e6, "the sleep is the fifth stage's: {ns:?}");
        assert!(ns[3] < ns[5] && ns[4] == 0.0);
        assert!(times.stages[5].value_at_quantile(0.5) >= 1_980_000);
        let fault = &times.activities[0];
        assert_eq!((fault.activity, fault.count), (FAULT, 1));
        assert!(fault.total_ns >= ns[5]);
    }

    #[test]
    fn the_outermost_wait_is_timed_for_its_fault_or_operation() {
        let times = times(|| {
            Staged::mark(0);
            Staged::mark(1);
            Staged::begin_op(FIRST_OP);
            Staged::begin_wait(Waited::MmapLockWrite);
            Staged::begin_wait(Waited::WaitLock);
            sleep(PAUSE);
            Staged::end_wait();
            Staged::end_wait();
            Staged::end_op();
            Staged::begin_wait(Waited::Ptl);
            Staged::end_wait();
        });
        let [fault, op] = times.activities.as_slice() else { panic!("{:?}", times.activities) };
        assert!(fault.waits.is_empty() && op.activity == FIRST_OP);
        let [wait] = op.waits.as_slice() else { panic!("{:?}", op.waits) };
        assert_eq!((wait.waited, wait.lengths.len()), (Waited::MmapLockWrite, 1));
        assert!(wait.total_ns >= 2e6 && wait.total_ns <= op.total_ns);
    }

    #[test]
    fn marks_in_an_operation_are_no_stages() {
        let times = times(|| {
            Staged::begin_op(FIRST_OP);
            Staged::mark(3);
            Staged::end_op();
        });
        assert_eq!((times.stages_ns, times.activities.len()), ([0.0; STAGES_MAX], 1));
        assert_eq!((times.activities[0].activity, times.activities[0].count), (FIRST_OP, 1));
    }

    #[test]
    fn threads_add_up() {
        let one = || {
            times(|| {
                (0..3).for_each(|_| {
                    Staged::mark(0);
                    Staged::begin_wait(Waited::Ptl);
                    Staged::end_wait();
                    Staged::mark(2);
                });
            })
        };
        let (mut sum, other) = (StageTimes::default(), one());
        sum.add(&one());
        sum.add(&other);
        let fault = &sum.activities[0];
        assert_eq!((fault.count, fault.waits[0].lengths.len(), sum.stages[2].len()), (6, 6, 6));
    }

    #[test]
    fn nothing_is_timed_before_the_start() {
        Staged::mark(1);
        Staged::begin_wait(Waited::Ptl);
        Staged::end_wait();
        assert!(Staged::finish().stages.is_none());
    }
}
