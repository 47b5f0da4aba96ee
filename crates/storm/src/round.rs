//! Rounds: all threads start a phase together, meet at its end, and undo it.
//!
//! Every thread sees when every other began and ended, and so computes the same
//! windows and takes the same decisions: no thread leads.

use super::gate::GateBroken;
use super::merge::Window;
use super::meter::Meter;
use super::platform::TickClock;
use super::target::StormTarget;
use super::worker::Worker;
use machine::Ordering;
use workload::{Loops, Until};

impl<T: StormTarget> Worker<'_, T> {
    /// Storms until `until`; what the last round mapped stays.
    pub(super) fn rounds(&mut self, until: Until, meter: &mut Meter) -> Result<Window, GateBroken> {
        let mut window = Window::default();
        (self.touches_left, self.faults_end) = match until {
            _ if self.loops() == Loops::UntilDone => (u64::MAX, u64::MAX),
            Until::Touches(touches) => (touches, u64::MAX),
            Until::Faults(faults) => (u64::MAX, self.toucher.tally.counts.faults + faults),
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
            T::note_progress();
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
    ) -> Result<(), GateBroken> {
        let shared = self.shared;
        let works =
            shared.plan.threads[self.thread].phases.get(phase).is_some_and(|ops| !ops.is_empty());
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
        let (start, end, idle) = if works { self.storm(phase, deadline) } else { (0, 0, 0) };
        let background = self.loops() == Loops::UntilDone;
        // A thread that goes on until the others are done does not count for their end.
        let (from, to) = if background { (0, 0) } else { (start, end) };
        span.start.store(from, Ordering::Relaxed);
        span.end.store(to, Ordering::Relaxed);
        // A thread without touches in any phase has made them all.
        let done = self.is_done() || background || shared.plan.touches(self.thread) == 0;
        span.done.store(done, Ordering::Relaxed);
        meter.off();
        // The gate's ordering publishes the spans.
        shared.gate.wait()?;
        window.own_ns += shared.clock.delta_ns(start, end) - shared.clock.delta_ns(0, idle);
        self.add_leg(phase, window, works);
        // Nobody overwrites a span that another still reads.
        shared.gate.wait()
    }

    fn add_leg(&mut self, phase: usize, window: &mut Window, worked: bool) {
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
        self.paces.pass(phase, last - first);
        window.skew_ns_max = window.skew_ns_max.max(ns(first, from));
        if to > from {
            window.window_ns += ns(from, to);
            if worked {
                window.faults += self.notes.faults_by(to) - self.notes.faults_by(from);
            }
        }
    }

    /// Undoes a round, all threads together.
    pub(super) fn reset(&mut self) -> Result<(), GateBroken> {
        T::pause(true);
        self.restart_claims();
        T::put_back(self.shared, &mut self.toucher.core, self.thread)?;
        T::pause(false);
        Ok(())
    }
}
