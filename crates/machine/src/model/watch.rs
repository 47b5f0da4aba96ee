//! The watchdog of the model: storms that are given up because they get nowhere.

use super::engine::CoreActivity;
use super::multicore::{Multicore, current};
use super::parameters::Ps;
use super::run::Halt;
use host::{interrupt, stopped};
use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

/// Longest virtual time of a storm. Clocks have 54 bits (`queue.rs`), which is five hours; a
/// core's longest single step stays far below the other half.
pub const TIME_MAX_PS: Ps = 1 << 53;

/// Longest real time without a fault, an operation of a writer or a round that ends.
const PATIENCE: Duration = Duration::from_secs(60);

/// Looks between two looks at the real clock.
const LOOKS: u32 = 1 << 12;

/// The last progress that the watchdog has seen.
#[derive(Default)]
pub(super) struct Watch {
    progress: Cell<u64>,
    seen: Cell<u64>,
    seen_at: Cell<Option<Instant>>,
    /// Stops of the process that it has seen.
    stops: Cell<u64>,
    looks: Cell<u32>,
    /// True if a storm looks: others, such as loops on a line, have nothing that ends.
    is_storm: Cell<bool>,
    pub halt: RefCell<Option<Halt>>,
}

/// Notes that an operation of a writer or a round has ended, as [`end_fault`](super::end_fault)
/// does for faults.
pub fn note_progress() {
    current().note_progress();
}

/// Stops the storm if the watchdog has a reason to give it up; does not return then.
pub fn stop_if_hopeless() {
    current().stop_if_hopeless();
}

impl Multicore {
    /// Notes that a fault, an operation or a round has ended.
    #[inline(always)]
    pub(super) fn note_progress(&self) {
        self.watch.progress.set(self.watch.progress.get() + 1);
    }

    /// Returns the reason to give the storm up, if there is one.
    #[inline]
    pub(super) fn verdict(&self) -> Option<Halt> {
        let looks = self.watch.looks.get() + 1;
        self.watch.looks.set(looks % LOOKS);
        if self.clock() > TIME_MAX_PS {
            let hours = TIME_MAX_PS as f64 / 3600e12;
            return Some(Halt::GivenUp(format!("it has passed {hours:.1} hours of virtual time")));
        }
        if looks == LOOKS { self.look_at_clock() } else { None }
    }

    #[cold]
    fn look_at_clock(&self) -> Option<Halt> {
        if interrupt::is_requested() {
            return Some(Halt::Interrupted);
        }
        let (watch, now) = (&self.watch, Instant::now());
        let moved = watch.seen.replace(watch.progress.get()) != watch.progress.get();
        let was_stopped = watch.stops.replace(stopped::count()) != watch.stops.get();
        let since = watch.seen_at.get().filter(|_| !moved && !was_stopped).unwrap_or(now);
        watch.seen_at.set(Some(since));
        let (waited, virtual_ms) = (now - since, self.clock() as f64 / 1e9);
        (waited > PATIENCE && watch.is_storm.get()).then(|| {
            Halt::GivenUp(format!(
                "no fault, operation or round has ended for {} s of real time; it is at \
                 {virtual_ms:.3} ms of virtual time",
                waited.as_secs()
            ))
        })
    }

    /// Stops all cores if there is a reason to; does not return then.
    pub(super) fn stop_if_hopeless(&self) {
        self.watch.is_storm.set(true);
        if let Some(halt) = self.verdict() {
            *self.watch.halt.borrow_mut() = Some(halt);
            self.wait(CoreActivity::Stopped);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Machine;
    use crate::Work;
    use crate::model::run::Halt;
    use crate::model::tests::{MACHINE, places};
    use crate::model::{self, Model, Multicore};

    /// Runs cores that think for ever.
    fn halted(cores: usize) -> Halt {
        let multicore = Multicore::new(&MACHINE, &places(cores));
        let _here = multicore.enter();
        let run = multicore.run(|_| {
            loop {
                Model::work(Work::ThinkNs(1_000_000_000));
                model::stop_if_hopeless();
                model::give_way();
            }
        });
        run.map(|_: Vec<()>| ()).expect_err("it has no end")
    }

    #[test]
    fn time_beyond_the_clock_is_given_up() {
        for cores in [1, 3] {
            let Halt::GivenUp(why) = halted(cores) else { panic!("it is given up") };
            assert_eq!(why, "it has passed 2.5 hours of virtual time");
        }
    }
}
