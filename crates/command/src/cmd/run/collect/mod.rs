//! From storms to the numbers of a cell.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use self::moved_lines::MovedLines;
use document::run::{
    CellCounts, FAULT, FaultKind, IoSleeps, KernelFaults, LatencyDistribution, Lines, LockHold,
    LoopCounts, Measured, PerOp, Perf, PerfPerFault, Repeat, SchemeMemory, ThreadRepeat, TimeSplit,
    TimeUse, fairness,
};
use host::perf;
use inputs::workload::Headline;
use mm::fault::{Fallback, Kind};
use mm::{self, stage};
use stats;
use storm::{self, OpTimes, Storm, ThreadStorm};

mod kernel;
mod model;
mod moved_lines;
mod ops;
mod time;

/// Measurements of the storms of one cell so far.
#[derive(Default)]
pub(super) struct Collected {
    repeats: Vec<Repeat>,
    counts: CellCounts,
    fallbacks: BTreeMap<String, u64>,
    latency: BTreeMap<FaultKind, Histogram<u64>>,
    io: Option<storm::IoWaits>,
    lines: Option<Lines>,
    stages_ns: Option<BTreeMap<String, f64>>,
    stages_median_ns: Option<BTreeMap<String, f64>>,
    preempted_samples: Option<u64>,
    time_split_ns: Option<TimeSplit>,
    time: BTreeMap<String, TimeUse>,
    holds: Vec<LockHold>,
    per_op: Option<PerOp>,
    bytes_per_vma: Option<u64>,
    perf: Option<Perf>,
    ops: OpTimes,
    /// Operations a second of each repeat.
    op_rates: Vec<ops::OpRates>,
    asked_per_s: storm::AskedRates,
    loops: Option<LoopCounts>,
    headline: Option<Headline>,
    is_whole: bool,
    shootdowns: mm::Shootdowns,
    grace_periods: Option<mm::GraceCosts>,
    deferred_free_peak: Option<u64>,
    kernel: Option<KernelFaults>,
    /// From first start to last end of its storms' legs, in nanoseconds.
    whole_ns: f64,
    /// Time that its storms took, set-up and teardown included.
    pub wall: Duration,
    /// True if the process was stopped during one of its storms.
    pub was_stopped: bool,
}

impl Collected {
    /// Adds a storm that measured throughput; `order` is its place in the run, `turn` that of
    /// its turn in the group.
    pub fn repeat(&mut self, mut storm: Storm, order: u32, turn: Option<u32>) {
        self.set_model(&storm);
        self.add_ops(&mut storm);
        self.add_loops(&storm);
        (self.headline, self.is_whole) = (storm.headline, storm.is_whole);
        add_counts(&mut self.counts, &storm);
        if let Some(found) = &storm.kernel {
            self.kernel = Some(kernel::added(self.kernel.take(), found));
        }
        for (reason, &count) in Fallback::ALL.iter().zip(&storm.counts.fallbacks) {
            if count > 0 {
                *self.fallbacks.entry(reason.name().to_owned()).or_default() += count;
            }
        }
        for (&kind, samples) in Kind::ALL.iter().zip(&storm.latency) {
            merge(self.latency.entry(fault_kind(kind)), samples);
        }
        self.perf = add_perf(self.perf.take(), storm.perf.as_ref().ok(), self.repeats.is_empty());
        self.bytes_per_vma = storm.bytes_per_vma;
        match &mut self.io {
            Some(io) => {
                io.achieved_ns.add(&storm.io.achieved_ns).expect("all have the same precision");
                io.asked_ns += storm.io.asked_ns;
            }
            None => self.io = Some(storm.io),
        }
        self.repeats.push(Repeat {
            order,
            turn,
            window_s: storm.window_ns / 1e9,
            reset_s: storm.reset_ns / 1e9,
            faults: storm.threads.iter().map(|thread| thread.faults).sum(),
            overlap_share: storm.overlap_share,
            start_skew_ns: storm.start_skew_ns,
            per_thread: storm.threads.into_iter().map(thread).collect(),
        });
    }

    /// Takes over what a storm that counted transfers found, or the kernel's events.
    pub fn lines(&mut self, storm: &Storm) {
        if let (Some(sum), Some(found)) = (&mut self.kernel, &storm.kernel) {
            sum.events = kernel::events(found);
        }
        let (faults, ops) = (storm.counts.faults, ops::done(storm));
        let moved = storm.lines.as_ref().map(MovedLines::counted);
        (self.lines, self.per_op) = match (moved, faults, ops) {
            (None, ..) | (Some(_), 0, 0) => (None, None),
            (Some(moved), 0, ops) => {
                (None, Some(PerOp { lines: Some(moved.per_op(ops)), time_split_ns: None }))
            }
            (Some(moved), faults, _) => (Some(moved.per_fault(faults)), None),
        };
    }

    /// Takes over what the model alone can tell; of several storms the last.
    fn set_model(&mut self, storm: &Storm) {
        let Some(model) = &storm.model else { return };
        self.time = time::of_model(&model.activities);
        self.holds = time::holds(&model.holds);
        let moved = model::moved(&model.accounts);
        let split = |events| Some(model::time_split(storm, &model.times, events));
        (self.lines, self.time_split_ns, self.per_op) = (None, None, None);
        match (storm.counts.faults, ops::done(storm)) {
            (0, 0) => {}
            (0, ops) => {
                let (lines, time_split_ns) = (Some(moved.per_op(ops)), split(ops));
                self.per_op = Some(PerOp { lines, time_split_ns });
            }
            (faults, _) => {
                (self.lines, self.time_split_ns) = (Some(moved.per_fault(faults)), split(faults));
            }
        }
    }

    /// Takes over what a storm that timed stages found.
    pub fn stages(&mut self, storm: &Storm) {
        let Some(times) = &storm.stages else { return };
        self.time = time::of_host(&times.activities);
        self.preempted_samples = Some(times.dropped);
        let Some(faults) = self.time.get(FAULT).map(|fault| fault.count) else { return };
        let named = || stage::NAMES.iter().enumerate().skip(stage::OUTSIDE + 1);
        let mean =
            |(at, name): (usize, &&str)| ((*name).to_owned(), times.stages_ns[at] / faults as f64);
        let median = |(at, name): (usize, &&str)| {
            ((*name).to_owned(), times.stages[at].value_at_quantile(0.5) as f64)
        };
        self.stages_ns = Some(named().map(mean).collect());
        self.stages_median_ns = Some(named().map(median).collect());
    }

    /// Repeats so far.
    pub fn repeats(&self) -> usize {
        self.repeats.len()
    }

    /// Returns the numbers so far; `None` before the first repeat with a window.
    pub fn measured(&self, seed: u64, sample_period: u64) -> Option<Measured> {
        let rates: Vec<f64> = self.repeats.iter().filter_map(Repeat::faults_per_s).collect();
        let latency_ns = self.latency.iter().filter_map(|(kind, samples)| {
            Some((*kind, LatencyDistribution::of(samples, sample_period)?))
        });
        Some(Measured {
            faults_per_s: stats::interval(&rates, seed)?,
            repeats: self.repeats.clone(),
            counts: self.counts.clone(),
            fallbacks: self.fallbacks.clone(),
            ops: self.op_stats(),
            headline: self.headline.map(|event| event.name().to_owned()),
            loops: self.loops.clone(),
            is_whole: self.is_whole,
            shootdowns: self.shootdown_stats(),
            grace_periods: self.grace_periods.map(ops::grace_periods),
            latency_ns: latency_ns.collect(),
            io: self.io.as_ref().and_then(io),
            lines: self.lines.clone(),
            stages_ns: self.stages_ns.clone(),
            stages_median_ns: self.stages_median_ns.clone(),
            preempted_samples: self.preempted_samples,
            time_split_ns: self.time_split_ns.clone(),
            time: self.time.clone(),
            holds: self.holds.clone(),
            per_op: self.per_op.clone(),
            memory: self.bytes_per_vma.map(|bytes| SchemeMemory {
                bytes_per_vma: Some(bytes as f64),
                deferred_free_peak: self.deferred_free_peak,
            }),
            kernel: self.kernel.clone(),
            perf: self.perf.clone().map(|perf| Perf {
                per_fault: PerfPerFault::of(&perf, self.counts.faults),
                ..perf
            }),
            fairness: fairness(&self.repeats),
            sensitivities: None,
        })
    }
}

fn thread(thread: ThreadStorm) -> ThreadRepeat {
    ThreadRepeat {
        faults: thread.faults,
        group: thread.group,
        cpu: Some(thread.cpu as u32),
        strayed: Some(thread.strayed),
        yields: Some(thread.yields),
    }
}

fn fault_kind(kind: Kind) -> FaultKind {
    match kind {
        Kind::AnonRead => FaultKind::AnonRead,
        Kind::AnonWrite => FaultKind::AnonWrite,
        Kind::FileReadAround => FaultKind::FileReadAround,
        Kind::FileRead => FaultKind::FileRead,
        Kind::FileReadIo => FaultKind::FileReadIo,
        Kind::PrivateWrite => FaultKind::PrivateWrite,
        Kind::SharedWrite => FaultKind::SharedWrite,
        Kind::WpCopy => FaultKind::WpCopy,
        Kind::NumaHint => FaultKind::NumaHint,
    }
}

fn add_counts(sum: &mut CellCounts, storm: &Storm) {
    let (is_simulated, storm) = (storm.kernel.is_none(), &storm.counts);
    let add = |sum: &mut Option<u64>, more: u64| {
        *sum = is_simulated.then(|| sum.unwrap_or(0) + more);
    };
    add(&mut sum.mapped, storm.mapped);
    add(&mut sum.raced, storm.raced);
    add(&mut sum.pages_mapped, storm.pages_mapped);
    add(&mut sum.attempts, storm.attempts);
    sum.touches += storm.touches;
    sum.faults += storm.faults;
    sum.sigbus += storm.sigbus;
    sum.segv += storm.segv;
    sum.oom += storm.oom;
    for (&kind, &count) in Kind::ALL.iter().zip(&storm.by_kind) {
        if count > 0 {
            *sum.by_kind.entry(fault_kind(kind)).or_default() += count;
        }
    }
}

fn merge(
    entry: std::collections::btree_map::Entry<'_, FaultKind, Histogram<u64>>,
    samples: &Histogram<u64>,
) {
    if samples.is_empty() {
        return;
    }
    entry
        .and_modify(|sum| sum.add(samples).expect("all have the same precision"))
        .or_insert_with(|| samples.clone());
}

/// Adds counters of one more storm: totals cover all repeats, or there are none.
fn add_perf(sum: Option<Perf>, storm: Option<&perf::Counts>, first: bool) -> Option<Perf> {
    let storm = storm?;
    let sum = match sum {
        Some(sum) => sum,
        None if first => Perf {
            cycles: Some(0),
            instructions: Some(0),
            cache_misses: Some(0),
            hitm: Some(0),
            running_share: 1.0,
            per_fault: PerfPerFault::default(),
        },
        None => return None,
    };
    Some(Perf {
        cycles: sum.cycles.map(|total| total + storm.cycles),
        instructions: sum.instructions.map(|total| total + storm.instructions),
        cache_misses: sum.cache_misses.map(|total| total + storm.cache_misses),
        hitm: sum.hitm.zip(storm.hitm_loads).map(|(total, loads)| total + loads),
        running_share: sum.running_share.min(storm.running_share),
        per_fault: sum.per_fault,
    })
}

fn io(io: &storm::IoWaits) -> Option<IoSleeps> {
    let achieved_ns = LatencyDistribution::of(&io.achieved_ns, 1)?;
    let asked_ns = io.asked_ns as f64 / achieved_ns.count as f64;
    Some(IoSleeps { asked_ns, achieved_ns })
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::Waited;
    use machine::host::{STAGES_MAX, StageTimes, TimedActivity, TimedWait};

    /// Returns the times of faults that took 1 ns to look up and 2 ns to unlock.
    fn stage_times(faults: u64) -> StageTimes {
        let mut lengths: Vec<_> = (0..STAGES_MAX).map(|_| Histogram::new(2).unwrap()).collect();
        lengths[stage::LOOKUP].record_n(1, faults).unwrap();
        lengths[stage::UNLOCK].record_n(2, faults).unwrap();
        let mut stages_ns = [0.0; STAGES_MAX];
        stages_ns[stage::LOOKUP] = faults as f64;
        stages_ns[stage::UNLOCK] = 2.0 * faults as f64;
        let mut wait = Histogram::new(2).unwrap();
        wait.record_n(40, 2).unwrap();
        let wait = TimedWait { waited: Waited::Ptl, total_ns: 80.0, lengths: wait };
        let total_ns = 10.0 * faults as f64;
        let fault =
            TimedActivity { activity: machine::FAULT, count: faults, total_ns, waits: vec![wait] };
        StageTimes { dropped: 7, stages_ns, stages: lengths, activities: vec![fault] }
    }

    pub(super) fn storm(faults: u64) -> Storm {
        let histogram = || Histogram::new(3).unwrap();
        let mut counts =
            storm::StormCounts { touches: faults, faults, ..storm::StormCounts::default() };
        counts.by_kind[Kind::FileRead as usize] = faults;
        counts.fallbacks[Fallback::Pmd as usize] = 2;
        let mut latency = vec![histogram(); Kind::ALL.len()];
        latency[Kind::FileRead as usize].record(200).unwrap();
        let mut achieved_ns = histogram();
        achieved_ns.record(150).unwrap();
        Storm {
            window_ns: 1e6,
            reset_ns: 5e5,
            overlap_share: 0.99,
            start_skew_ns: 40.0,
            threads_ns: 1e6,
            rounds: 1,
            threads: vec![ThreadStorm {
                group: "all".into(),
                cpu: 3,
                strayed: 0,
                yields: 1,
                faults,
            }],
            counts,
            latency,
            stages: Some(stage_times(faults)),
            io: storm::IoWaits { achieved_ns, asked_ns: 100 },
            bytes_per_vma: Some(192),
            perf: Err("none here".to_owned()),
            ..Storm::default()
        }
    }

    #[test]
    fn totals_are_over_repeats_and_medians_between_them() {
        let mut collected = Collected::default();
        assert!(collected.measured(1, 64).is_none());
        for (order, faults) in [100, 300, 200].into_iter().enumerate() {
            collected.repeat(storm(faults), order as u32 * 5, None);
        }
        let found = collected.measured(1, 64).unwrap();
        assert_eq!(found.faults_per_s.median, 200.0 / 1e-3);
        assert_eq!((found.counts.faults, found.fallbacks["PMD"]), (600, 6));
        assert_eq!(found.counts.by_kind, [(FaultKind::FileRead, 600)].into());
        let latency = &found.latency_ns[&FaultKind::FileRead];
        assert_eq!((latency.count, latency.p50, latency.sample_period), (3, 200, 64));
        let io = found.io.unwrap();
        assert_eq!((io.asked_ns, io.achieved_ns.p50), (100.0, 150));
        assert_eq!(found.repeats[1].order, 5);
        assert_eq!(found.repeats[1].per_thread[0].cpu, Some(3));
        assert_eq!((found.perf, found.lines, found.stages_ns), (None, None, None));
    }

    #[test]
    fn stages_are_per_fault_and_leave_out_what_is_no_fault() {
        let mut collected = Collected::default();
        collected.repeat(storm(50), 0, None);
        collected.stages(&storm(50));
        let stages = collected.measured(1, 64).unwrap().stages_ns.unwrap();
        assert_eq!((stages["lookup"], stages["unlock"], stages.len()), (1.0, 2.0, 6));
        let found = collected.measured(1, 64).unwrap();
        assert_eq!((found.stages_median_ns, found.preempted_samples), (Some(stages), Some(7)));
        let fault = &found.time[FAULT];
        assert_eq!((fault.count, fault.total_ns), (50, 10.0));
        let wait = &fault.waits[0];
        assert_eq!((wait.name.as_str(), wait.ns, wait.waits), ("ptl", 1.6, 2));
        assert_eq!((wait.median_ns, fault.work_ns), (Some(40.0), 8.4));
    }

    #[test]
    fn counters_cover_all_repeats_or_none() {
        let counts = perf::Counts {
            cycles: 10,
            instructions: 20,
            cache_misses: 1,
            hitm_loads: None,
            running_share: 0.5,
        };
        let one = add_perf(None, Some(&counts), true);
        let two = add_perf(one.clone(), Some(&counts), false).unwrap();
        assert_eq!((two.cycles, two.hitm, two.running_share), (Some(20), None, 0.5));
        assert_eq!(add_perf(one, None, false), None);
        assert_eq!(add_perf(None, Some(&counts), false), None);
    }
}
