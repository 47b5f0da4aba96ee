//! Rounds: all threads start a phase together, meet at its end, and undo it.
//!
//! Every thread sees when every other began and ended, and so computes the same
//! windows and takes the same decisions: nobody leads.

use super::contents::Contents;
use super::gate::Broken;
use super::meter::Meter;
use super::plan::Plan;
use super::worker::Worker;
use super::world::{Clock, Counting, Ground, Meeting};
use crossbeam_utils::CachePadded;
use machine::Ordering;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use workload::{Loops, Reset, Until, Workload};

/// What the threads of a storm share.
pub struct Shared<W: Ground> {
    pub(super) space: Box<W::Space>,
    pub(super) plan: Plan,
    pub(super) gate: W::Gate,
    pub(super) spans: Box<[CachePadded<Span>]>,
    /// Looks at the clock by thread, so that a stuck thread is noticed.
    pub(super) progress: Box<[CachePadded<AtomicU64>]>,
    /// Threads that have work in this leg, and have not ended it, of those whose end ends
    /// it for the others.
    pub(super) foreground: CachePadded<AtomicUsize>,
    pub(super) cpus: Box<[usize]>,
    pub(super) reset: Reset,
    /// There are writers, so that a reset makes all mappings anew.
    pub(super) has_changes: bool,
    /// What the files hold when a round starts.
    pub(super) contents: Contents,
    pub(super) clock: W::Clock,
    pub(super) sample_period: u64,
    pub(super) seed: u64,
}

/// What [`Shared`] is made of, beside the space.
pub(super) struct Parts<'a, W: Ground> {
    pub workload: &'a Workload,
    pub plan: Plan,
    pub contents: Contents,
    pub gate: W::Gate,
    pub cpus: Box<[usize]>,
    pub clock: W::Clock,
    pub sample_period: u64,
    pub seed: u64,
}

impl<W: Ground> Shared<W> {
    pub(super) fn new(space: Box<W::Space>, parts: Parts<'_, W>) -> Self {
        let threads = parts.plan.threads.len();
        Self {
            space,
            foreground: Default::default(),
            has_changes: parts.workload.has_changes(),
            contents: parts.contents,
            plan: parts.plan,
            gate: parts.gate,
            spans: (0..threads).map(|_| Default::default()).collect(),
            progress: (0..threads).map(|_| Default::default()).collect(),
            cpus: parts.cpus,
            reset: parts.workload.reset,
            clock: parts.clock,
            sample_period: parts.sample_period,
            seed: parts.seed,
        }
    }
}

/// When a thread began and ended a leg, in ticks; both 0 where it had nothing to do.
#[derive(Default)]
pub(super) struct Span {
    start: AtomicU64,
    end: AtomicU64,
    /// It has had all the touches or faults that it may.
    done: AtomicBool,
}

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
    /// From this thread's start to its end.
    pub own_ns: f64,
}

impl<W: Ground> Worker<'_, W> {
    /// Storms until `until`; what the last round mapped stays.
    pub(super) fn rounds(&mut self, until: Until, meter: &mut Meter) -> Result<Window, Broken> {
        let mut window = Window::default();
        (self.touches_left, self.faults_end) = match until {
            _ if self.loops() == Loops::UntilDone => (u64::MAX, u64::MAX),
            Until::Touches(touches) => (touches, u64::MAX),
            Until::Faults(faults) => (u64::MAX, self.hands.tally().counts.faults + faults),
            Until::Duration(_) | Until::Rounds(_) => (u64::MAX, u64::MAX),
        };
        let phases = self.shared.plan.threads.iter().map(|t| t.phases.len()).max().unwrap_or(0);
        loop {
            for phase in 0..phases {
                let left_ns = match until {
                    Until::Duration(ns) => ns as f64 - window.whole_ns,
                    _ => f64::INFINITY,
                };
                self.leg(phase, left_ns, &mut window, meter)?;
            }
            window.rounds += 1;
            self.take_io();
            let over = match until {
                Until::Duration(ns) => window.whole_ns >= ns as f64,
                Until::Rounds(rounds) => window.rounds >= rounds,
                Until::Touches(_) | Until::Faults(_) => {
                    self.shared.spans.iter().all(|s| s.done.load(Ordering::Relaxed))
                }
            };
            if over {
                return Ok(window);
            }
            let clock = self.shared.clock;
            let start = clock.start();
            self.reset()?;
            window.reset_ns += clock.delta_ns(start, clock.end());
        }
    }

    /// One phase of a round, by all threads at once.
    fn leg(
        &mut self,
        phase: usize,
        left_ns: f64,
        window: &mut Window,
        meter: &mut Meter,
    ) -> Result<(), Broken> {
        let shared = self.shared;
        let work = shared.plan.threads[self.thread].phases.get(phase).map_or(&[][..], |ops| ops);
        meter.on();
        if self.thread == 0 {
            // Nobody looks at it before the gate.
            shared.foreground.store(shared.plan.foreground(phase), Ordering::Relaxed);
        }
        shared.gate.wait()?;
        let span = &shared.spans[self.thread];
        let now = shared.clock.unordered();
        let deadline = match left_ns {
            // Up, or what is left of less than a nanosecond is never used.
            ns if ns.is_finite() => now + shared.clock.ticks(ns.max(0.0).ceil() as u64),
            _ => u64::MAX,
        };
        let (start, end) = match work {
            [] => (0, 0),
            work => self.storm(work, deadline),
        };
        let background = self.loops() == Loops::UntilDone;
        // What goes on until the others are done does not say when they are.
        let (from, to) = if background { (0, 0) } else { (start, end) };
        span.start.store(from, Ordering::Relaxed);
        span.end.store(to, Ordering::Relaxed);
        // Who has no touches to make in any phase has made them all.
        let done = self.is_done() || background || shared.plan.touches(self.thread) == 0;
        span.done.store(done, Ordering::Relaxed);
        meter.off();
        // The gate's ordering publishes the spans.
        shared.gate.wait()?;
        window.own_ns += shared.clock.delta_ns(start, end);
        self.add_leg(window, !work.is_empty());
        // Nobody overwrites a span that another still reads.
        shared.gate.wait()
    }

    fn add_leg(&self, window: &mut Window, worked: bool) {
        let spans = self
            .shared
            .spans
            .iter()
            .map(|span| (span.start.load(Ordering::Relaxed), span.end.load(Ordering::Relaxed)));
        let spans: Vec<(u64, u64)> = spans.filter(|span| *span != (0, 0)).collect();
        let (starts, ends) = (spans.iter().map(|s| s.0), spans.iter().map(|s| s.1));
        let (Some(first), Some(from)) = (starts.clone().min(), starts.max()) else { return };
        let (Some(to), Some(last)) = (ends.clone().min(), ends.max()) else { return };
        let ns = |from: u64, to: u64| self.shared.clock.delta_ns(from, to);
        window.whole_ns += ns(first, last);
        window.skew_ns_max = window.skew_ns_max.max(ns(first, from));
        if to > from {
            window.window_ns += ns(from, to);
            if worked {
                window.faults += self.notes.faults_by(to) - self.notes.faults_by(from);
            }
        }
    }

    /// Undoes a round, all threads together.
    pub(super) fn reset(&mut self) -> Result<(), Broken> {
        W::pause(true);
        W::put_back(self.shared, &mut self.hands, self.thread)?;
        W::pause(false);
        Ok(())
    }
}
