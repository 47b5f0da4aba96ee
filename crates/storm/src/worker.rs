//! One thread of a storm: its operations, its looks at the clock.
//!
//! The one thing that it publishes while it storms, its progress, stands on a line that
//! no other storming thread reads.

use super::notes::Notes;
use super::round::Shared;
use super::samples::Samples;
use super::steps::{ChangePlan, Step, TouchPlan};
use super::world::{Clock, Counting, Ground, Meeting, World};
use machine::Ordering;
use workload::{Action, Loops};

/// Looks at the clock between two looks at the CPU that the thread is on.
const CHECKS_PER_PLACEMENT: u64 = 64;

/// Time within which a thread looks at the clock, where no single touch takes longer.
const CHECK_WITHIN_NS: u64 = 1_000_000_000;
/// Turns in a row that may take no time, before a thread that goes on until others are done
/// lets some pass.
const TURNS_AT_ONCE: u32 = 1 << 12;
/// How much.
const LET_PASS_NS: u64 = 1_000;

/// A phase that is under way, in ticks of the clock.
struct Leg {
    start: u64,
    deadline: u64,
    /// The last look at the clock.
    now: u64,
    /// How often the steps have been done.
    turn: u64,
    /// How often in a row that took no time.
    at_once: u32,
}

/// A thread's own state.
pub(super) struct Worker<'a, W: Ground> {
    pub shared: &'a Shared<W>,
    pub thread: usize,
    pub hands: W::Hands,
    /// Sleeps that stood for I/O.
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
}

impl<'a, W: Ground> Worker<'a, W> {
    pub fn new(shared: &'a Shared<W>, thread: usize) -> Self {
        let touches = shared.plan.touches(thread);
        let phases = &shared.plan.threads[thread].phases;
        let ops = phases.iter().map(Vec::len).max().unwrap_or(0) as u64;
        let steps = phases.iter().flatten().filter_map(Step::touch);
        let per_check = steps.map(touches_per_check::<W>).min().unwrap_or(1);
        // Each operation ends with a batch that may be short.
        let looks = match shared.plan.threads[thread].loops {
            Loops::Times(times) => ops.saturating_mul(times).saturating_add(touches / per_check),
            Loops::UntilDone => u64::MAX,
        };
        Self {
            shared,
            thread,
            hands: W::hands(shared, thread),
            io: Samples::new::<W>(),
            io_asked_ns: 0,
            strayed: 0,
            touches_left: u64::MAX,
            faults_end: u64::MAX,
            notes: Notes::new(looks),
            ops: samples_of_ops::<W>(phases),
        }
    }

    /// Forgets what was counted in the warm-up.
    pub fn forget(&mut self) {
        self.hands.forget();
        self.io.forget();
        self.io_asked_ns = 0;
        self.ops.iter_mut().for_each(Samples::forget);
        self.strayed = 0;
    }

    /// Does the steps of a phase until they are done or `deadline` has passed.
    /// Returns when it began and ended, in ticks.
    pub fn storm(&mut self, phase: &[Step], deadline: u64) -> (u64, u64) {
        let clock = self.shared.clock;
        let start = clock.start();
        self.notes.begin(start, self.faults());
        let mut leg = Leg { start, deadline, now: start, turn: 0, at_once: 0 };
        while !self.is_over(&leg) {
            let began = leg.now;
            for step in phase {
                match step {
                    Step::Touch(touch) => self.touch(touch, &mut leg),
                    Step::Change(change) => self.change(change, &mut leg),
                }
            }
            leg.turn += 1;
            self.let_time_pass(&mut leg, began);
        }
        let end = clock.end();
        self.notes.end(end, self.faults());
        if self.loops() != Loops::UntilDone {
            self.shared.foreground.fetch_sub(1, Ordering::Relaxed);
        }
        (start, end)
    }

    /// How often this thread does the steps of a phase.
    pub fn loops(&self) -> Loops {
        self.shared.plan.threads[self.thread].loops
    }

    fn is_over(&self, leg: &Leg) -> bool {
        let over = match self.loops() {
            Loops::Times(times) => leg.turn >= times,
            Loops::UntilDone => {
                // Those who panicked do not come to their end.
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
            W::wait_until(&clock, leg.now + clock.ticks(LET_PASS_NS));
            W::give_way();
            leg.now = clock.unordered();
            leg.at_once = 0;
        }
    }

    fn touch(&mut self, touch: &TouchPlan, leg: &mut Leg) {
        let (mut pages, touches) = touch.of_loop(leg.turn);
        let mut left = touches.min(self.touches_left);
        let per_check = touches_per_check::<W>(touch);
        self.touches_left -= left;
        while left > 0 && leg.now < leg.deadline && self.faults() < self.faults_end {
            // A touch faults once, so that no batch goes far past the end.
            let faults_left = self.faults_end - self.faults();
            let batch = left.min(per_check).min(faults_left);
            W::touch(&*self.shared.space, &mut self.hands, touch, &mut pages, batch);
            left -= batch;
            self.hands.tally_mut().counts.touches += batch;
            leg.now = self.shared.clock.unordered();
            self.check();
            // Close to the last fault batches are short, and would fill the notes.
            if batch == per_check || left == 0 {
                self.notes.take(leg.now, self.faults());
            }
        }
        self.touches_left = self.touches_left.saturating_add(left);
    }

    /// One operation of a writer, at its time, where it is not too late for it.
    fn change(&mut self, change: &ChangePlan, leg: &mut Leg) {
        let clock = self.shared.clock;
        if change.every_ns > 0 {
            let at = leg.start + leg.turn * clock.ticks(change.every_ns);
            while clock.unordered() < at.min(leg.deadline) && !self.is_over(leg) {
                W::wait_until(&clock, at.min(leg.deadline));
                leg.now = clock.unordered();
            }
        }
        if self.is_over(leg) {
            return;
        }
        let edit = &change.turns[(leg.turn % change.turns.len() as u64) as usize];
        let start = clock.start();
        let done = W::edit(&*self.shared.space, &mut self.hands, edit);
        let end = clock.end();
        if done {
            let ns = clock.delta_ns(start, end) as u64;
            self.ops[change.action].record(ns);
        }
        leg.now = end;
        self.check();
    }

    /// Takes over the sleeps of a round.
    pub fn take_io(&mut self) {
        self.io_asked_ns += W::take_io(&mut self.hands, &mut self.io);
    }

    /// Faults so far.
    fn faults(&self) -> u64 {
        self.hands.tally().counts.faults
    }

    /// Whether it has had all that it may.
    pub fn is_done(&self) -> bool {
        self.touches_left == 0 || self.faults() >= self.faults_end
    }

    /// Shows that the thread goes on, and looks from time to time where it is.
    fn check(&mut self) {
        let progress = &self.shared.progress[self.thread];
        let checks = progress.load(Ordering::Relaxed) + 1;
        progress.store(checks, Ordering::Relaxed);
        if checks.is_multiple_of(CHECKS_PER_PLACEMENT) {
            self.strayed += u64::from(!W::is_on(self.shared.cpus[self.thread]));
        }
    }
}

/// Touches between two looks at the clock: so few that nobody takes the thread for stuck, or
/// waits long for the end of its storm.
fn touches_per_check<W: Ground>(touch: &TouchPlan) -> u64 {
    W::TOUCHES_PER_CHECK.min(CHECK_WITHIN_NS / touch.longest_ns.max(1)).max(1)
}

/// Ready for the operations that these phases have, so that none allocates.
fn samples_of_ops<W: World>(phases: &[Vec<Step>]) -> [Samples; Action::NAMES.len()] {
    let mut ops: [Samples; Action::NAMES.len()] = Default::default();
    for step in phases.iter().flatten() {
        if let Step::Change(change) = step {
            ops[change.action] = Samples::new::<W>();
        }
    }
    ops
}
