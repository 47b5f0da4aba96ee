//! One thread of a storm: its operations, its looks at the clock.
//!
//! The only word that it publishes while it storms, its progress, is on a line that
//! no other storming thread reads.

use super::gate::GateBroken;
use super::loop_tally::LoopTally;
use super::merge::{ThreadResult, Window};
use super::meter::Meter;
use super::notes::Notes;
use super::order::PagesIter;
use super::pace::{Paces, asked_per_s};
use super::plan::Plan;
use super::platform::{Platform, TickClock};
use super::samples::Samples;
use super::steps::{ChangePlan, ThreadStep, TouchPlan};
use super::target::{Shared, StormTarget, Toucher};
use super::{StormCounts, ThreadStorm};
use ::host::perf;
use machine::Ordering;
use machine::host::Recorded;
use workload::{Action, Loops, Until};

/// Looks at the clock between two looks at the CPU that the thread is on.
const CHECKS_PER_PLACEMENT: u64 = 64;

/// Time within which a thread looks at the clock, unless a single touch takes longer.
const CHECK_WITHIN_NS: u64 = 1_000_000_000;
/// Turns in a row that may take no time, before a thread that goes on until others are done
/// lets some pass.
const TURNS_AT_ONCE: u32 = 1 << 12;
/// Time that it lets pass, in nanoseconds.
const LET_PASS_NS: u64 = 1_000;

/// Hardware counters of a thread, or why there are none.
pub(super) type PerfCounts = Result<perf::Counts, String>;

/// A phase that is under way, in ticks of the clock.
pub(super) struct Leg {
    phase: usize,
    start: u64,
    deadline: u64,
    /// The last look at the clock.
    now: u64,
    /// Repetitions of the steps so far.
    turn: u64,
    /// Ticks without work, before operations that were not due.
    idle: u64,
    /// True if the loop that is under way will not be whole.
    pub(super) is_cut: bool,
    /// Repetitions in a row that took no time.
    at_once: u32,
}

/// A thread's own state.
pub(super) struct Worker<'a, T: StormTarget> {
    pub shared: &'a Shared<T>,
    pub thread: usize,
    pub toucher: Toucher<T>,
    /// Sleeps in place of I/O.
    pub io: Samples,
    /// Nanoseconds of sleep that were asked for.
    pub io_asked_ns: u64,
    pub strayed: u64,
    /// Touches that it may still make.
    pub touches_left: u64,
    /// Faults at which it stops.
    pub faults_end: u64,
    /// Time and faults so far, at looks at the clock in this leg.
    pub notes: Notes,
    /// Times of operations of writers, by [`Action::NAMES`].
    pub ops: [Samples; Action::NAMES.len()],
    pub paces: Paces,
    /// `None` if parts of its loops are as good as whole ones.
    loops_done: Option<LoopTally>,
}

impl<'a, T: StormTarget> Worker<'a, T> {
    pub fn new(shared: &'a Shared<T>, thread: usize) -> Self {
        let plan = &shared.plan.threads[thread];
        let phases = &plan.phases;
        Self {
            shared,
            thread,
            toucher: Toucher::new(shared, thread),
            io: Samples::new::<T>(),
            io_asked_ns: 0,
            strayed: 0,
            touches_left: u64::MAX,
            faults_end: u64::MAX,
            notes: Notes::new(looks(&shared.plan, thread, T::TOUCHES_PER_CHECK)),
            ops: samples_of_ops::<T>(phases),
            paces: Paces::new(plan, |ns| shared.clock.ticks(ns)),
            loops_done: LoopTally::of(plan),
        }
    }

    /// Storms until `until`, after a warm-up if there is one; `forget` is called between the
    /// two, and `open` opens the counters of the measurement.
    pub fn measure(
        &mut self,
        warmup: Option<Until>,
        until: Until,
        forget: impl FnOnce(),
        open: impl FnOnce() -> Meter,
    ) -> Result<(Window, Meter), GateBroken> {
        if let Some(warmup) = warmup {
            self.rounds(warmup, &mut Meter::closed())?;
            self.reset()?;
        }
        self.forget();
        forget();
        let mut meter = open();
        let window = self.rounds(until, &mut meter)?;
        Ok((window, meter))
    }

    /// Gives back all that the thread has, and returns what it measured.
    pub fn finish(self, window: Window, recorded: Recorded, perf: PerfCounts) -> ThreadResult {
        let (shared, toucher) = (self.shared, self.toucher);
        let end = T::retire(&*shared.space, toucher.core);
        let (counts, attempts) = (toucher.tally.counts, end.attempts);
        let plan = &shared.plan.threads[self.thread];
        ThreadResult {
            thread: ThreadStorm {
                group: shared.group_names[plan.group].clone(),
                cpu: shared.cpus[self.thread],
                strayed: self.strayed,
                yields: 0,
                faults: window.faults.round() as u64,
            },
            counts: StormCounts {
                attempts: attempts.attempts,
                fallbacks: attempts.fallbacks,
                ..counts
            },
            latency: toucher.tally.latency,
            recorded,
            io: self.io,
            io_asked_ns: self.io_asked_ns,
            perf,
            window,
            ops: self.ops,
            asked_per_s: asked_per_s(plan, shared.group_names.len() == 1),
            loops_done: self.loops_done,
            shootdowns: end.shootdowns,
            grace_periods: end.grace_periods,
            translations: end.translations,
        }
    }

    /// Drops the counts of the warm-up.
    fn forget(&mut self) {
        self.toucher.forget();
        self.io.forget();
        self.io_asked_ns = 0;
        self.ops.iter_mut().for_each(Samples::forget);
        self.strayed = 0;
        let clock = self.shared.clock;
        self.paces = Paces::new(&self.shared.plan.threads[self.thread], |ns| clock.ticks(ns));
        if let Some(loops) = &mut self.loops_done {
            loops.forget();
        }
    }

    /// Does the steps of a phase until they are done or `deadline` has passed.
    /// Returns when it began and ended, and the time that it had nothing to do, in ticks.
    pub fn storm(&mut self, phase: usize, deadline: u64) -> (u64, u64, u64) {
        let shared = self.shared;
        let (clock, steps) = (shared.clock, &shared.plan.threads[self.thread].phases[phase]);
        let start = clock.start();
        self.notes.begin(start, self.faults());
        let (now, turn, idle, at_once) = (start, 0, 0, 0);
        let mut leg = Leg { phase, start, deadline, now, turn, idle, is_cut: false, at_once };
        while !self.is_over(&leg) {
            let began = leg.now;
            self.do_loop(steps, &mut leg);
            leg.turn += 1;
            self.let_time_pass(&mut leg, began);
        }
        let end = clock.end();
        self.notes.end(end, self.faults());
        if self.loops() != Loops::UntilDone {
            self.shared.foreground.fetch_sub(1, Ordering::Relaxed);
        }
        (start, end, leg.idle)
    }

    /// Does one loop: each run of steps that repeat equally often, that often.
    fn do_loop(&mut self, steps: &[ThreadStep], leg: &mut Leg) {
        leg.is_cut = false;
        let mut first = 0;
        for run in steps.chunk_by(|a, b| a.repeat() == b.repeat()) {
            let repeat = run[0].repeat();
            let from = leg.turn.saturating_mul(repeat);
            for turn in from..from.saturating_add(repeat) {
                if repeat > 1 && self.is_over(leg) {
                    leg.is_cut = true;
                    break;
                }
                for (step, place) in run.iter().zip(first..) {
                    match step {
                        ThreadStep::Touch(touch) if touch.claims.is_some() => {
                            self.touch_claimed(touch, leg);
                        }
                        ThreadStep::Touch(touch) => self.touch(touch, turn, leg),
                        ThreadStep::Change(change) => self.change(change, place, turn, leg),
                    }
                }
            }
            first += run.len();
        }
        if let Some(loops) = &mut self.loops_done {
            loops.begun += 1;
            loops.whole += u64::from(!leg.is_cut);
        }
    }

    /// Repetitions of the steps of a phase by this thread.
    pub fn loops(&self) -> Loops {
        self.shared.plan.threads[self.thread].loops
    }

    fn is_over(&self, leg: &Leg) -> bool {
        let over = match self.loops() {
            Loops::Times(times) => leg.turn >= times,
            Loops::UntilDone => {
                // A thread that panicked does not reach its end.
                let shared = self.shared;
                shared.foreground.load(Ordering::Relaxed) == 0 || shared.gate.is_broken()
            }
        };
        over || leg.now >= leg.deadline || self.is_done()
    }

    /// Keeps a thread that waits for others from going on for ever at one instant: in the model
    /// touches of what is mapped take no time, and others run only when it passes.
    fn let_time_pass(&self, leg: &mut Leg, began: u64) {
        if leg.now != began || self.loops() != Loops::UntilDone {
            leg.at_once = 0;
            return;
        }
        leg.at_once += 1;
        if leg.at_once == TURNS_AT_ONCE {
            let clock = self.shared.clock;
            T::wait_until(&clock, leg.now + clock.ticks(LET_PASS_NS));
            T::give_way();
            leg.now = clock.unordered();
            leg.at_once = 0;
        }
    }

    /// Touches pages for the time number `turn`.
    fn touch(&mut self, touch: &TouchPlan, turn: u64, leg: &mut Leg) {
        let (pages, touches) = touch.of_loop(turn);
        self.touch_some(touch, pages, touches, leg);
    }

    /// Returns true if the thread may make another touch in this phase.
    pub(super) fn may_touch(&self, leg: &Leg) -> bool {
        self.touches_left > 0 && leg.now < leg.deadline && self.faults() < self.faults_end
    }

    /// Makes `touches` touches of these pages, or as many as it may.
    pub(super) fn touch_some(
        &mut self,
        touch: &TouchPlan,
        mut pages: PagesIter<'_>,
        touches: u64,
        leg: &mut Leg,
    ) {
        let mut left = touches.min(self.touches_left);
        leg.is_cut |= left < touches;
        let per_check = touches_per_check(touch, T::TOUCHES_PER_CHECK);
        self.touches_left -= left;
        while left > 0 && leg.now < leg.deadline && self.faults() < self.faults_end {
            // A touch faults once, so that no batch goes far past the end.
            let faults_left = self.faults_end - self.faults();
            let batch = left.min(per_check).min(faults_left);
            T::touch(&*self.shared.space, &mut self.toucher, touch, &mut pages, batch);
            left -= batch;
            self.toucher.tally.counts.touches += batch;
            leg.now = self.shared.clock.unordered();
            self.check();
            // Close to the last fault batches are short, and would fill the notes.
            if batch == per_check || left == 0 {
                self.notes.take(leg.now, self.faults());
            }
        }
        leg.is_cut |= left > 0;
        self.touches_left = self.touches_left.saturating_add(left);
    }

    /// Waits until the step at `place` of the phase is due, or the leg is over.
    fn wait_for_pace(&mut self, place: usize, leg: &mut Leg) {
        let clock = self.shared.clock;
        let at = self.paces.due(leg.phase, place, leg.start).min(leg.deadline);
        let from = clock.unordered();
        leg.now = from;
        while leg.now < at && !self.is_over(leg) {
            T::wait_until(&clock, at);
            leg.now = clock.unordered();
            self.check();
        }
        leg.idle += leg.now - from;
    }

    /// Does one operation of a writer, the step at `place` of the phase, for the time number
    /// `turn`; not before it is due, and not if the leg is over then.
    fn change(&mut self, change: &ChangePlan, place: usize, turn: u64, leg: &mut Leg) {
        let clock = self.shared.clock;
        if change.every_ns > 0 {
            self.wait_for_pace(place, leg);
        }
        if self.is_over(leg) {
            leg.is_cut = true;
            return;
        }
        self.paces.begun(leg.phase, place, clock.ticks(change.every_ns));
        if let Some(loops) = &mut self.loops_done {
            loops.reached[change.action] = true;
        }
        let edit = &change.turns[(turn % change.turns.len() as u64) as usize];
        let start = clock.start();
        T::begin_op(change.action);
        let done = T::edit(&*self.shared.space, &mut self.toucher.core, edit);
        T::end_op();
        let end = clock.end();
        if done {
            let ns = clock.delta_ns(start, end) as u64;
            self.ops[change.action].record(ns);
        }
        leg.now = end;
        T::note_progress();
        self.check();
    }

    /// Takes over the sleeps of a round.
    pub fn take_io(&mut self) {
        self.io_asked_ns += T::take_io(&mut self.toucher.core, &mut self.io);
    }

    /// Faults so far.
    fn faults(&self) -> u64 {
        self.toucher.tally.counts.faults
    }

    /// Whether it has made all touches or faults that it may.
    pub fn is_done(&self) -> bool {
        self.touches_left == 0 || self.faults() >= self.faults_end
    }

    /// Publishes progress, and looks at times at the CPU that the thread is on.
    fn check(&mut self) {
        let progress = &self.shared.progress[self.thread];
        let checks = progress.load(Ordering::Relaxed) + 1;
        progress.store(checks, Ordering::Relaxed);
        if checks.is_multiple_of(CHECKS_PER_PLACEMENT) {
            self.strayed += u64::from(!T::is_on(self.shared.cpus[self.thread]));
        }
        T::stop_if_hopeless();
        if self.shared.gate.is_broken() {
            self.faults_end = 0;
        }
    }
}

/// Touches between two looks at the clock: few enough that no thread is taken for stuck, or
/// waits long for the end of its storm.
fn touches_per_check(touch: &TouchPlan, most: u64) -> u64 {
    let claimed = touch.claims.map_or(u64::MAX, |claims| claims.touches);
    most.min(CHECK_WITHIN_NS / touch.longest_ns.max(1)).min(claimed).max(1)
}

/// Returns an upper bound of the looks at the clock of a thread in a round, if there are at most
/// `most` touches between two of them.
pub(super) fn looks(plan: &Plan, thread: usize, most: u64) -> u64 {
    let phases = &plan.threads[thread].phases;
    let once = |steps: &Vec<ThreadStep>| steps.iter().map(ThreadStep::repeat).sum::<u64>();
    let ops = phases.iter().map(once).max().unwrap_or(0);
    let steps = phases.iter().flatten().filter_map(ThreadStep::touch);
    let per_check = steps.map(|touch| touches_per_check(touch, most)).min().unwrap_or(1);
    match plan.threads[thread].loops {
        // Each operation ends with a batch that may be short.
        Loops::Times(times) => {
            ops.saturating_mul(times).saturating_add(plan.touches(thread) / per_check)
        }
        Loops::UntilDone => u64::MAX,
    }
}

/// Ready for the operations that these phases have, so that none allocates.
fn samples_of_ops<T: Platform>(phases: &[Vec<ThreadStep>]) -> [Samples; Action::NAMES.len()] {
    let mut ops: [Samples; Action::NAMES.len()] = Default::default();
    for step in phases.iter().flatten() {
        if let ThreadStep::Change(change) = step {
            ops[change.action] = Samples::new::<T>();
        }
    }
    ops
}
