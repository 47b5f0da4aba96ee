//! Time of each stage of a fault, measured when the code reaches the end of the stage.

use super::host::{BareLine, Record, Recorded};
use host::clock::Clock;
use std::cell::RefCell;

/// Largest number of stages.
pub const STAGES_MAX: usize = 16;

/// Recorder that times the stages of a fault. Two readings of the clock are between neighbouring
/// stages, so each mark adds the cost of one reading to its stage (some stages have two or three
/// marks).
pub struct Staged;

struct Stopwatch {
    clock: Clock,
    last: u64,
    ticks: [u64; STAGES_MAX],
    ignores_marks: bool,
}

thread_local! {
    static STOPWATCH: RefCell<Option<Stopwatch>> = const { RefCell::new(None) };
}

impl Record for Staged {
    type Line = BareLine;

    fn mark(stage: usize) {
        STOPWATCH.with_borrow_mut(|watch| {
            if let Some(watch) = watch.as_mut().filter(|watch| !watch.ignores_marks) {
                let now = watch.clock.end();
                watch.ticks[stage] += now.saturating_sub(watch.last);
                watch.last = watch.clock.start();
            }
        });
    }

    fn ignore_marks(ignored: bool) {
        STOPWATCH.with_borrow_mut(|watch| {
            if let Some(watch) = watch {
                watch.ignores_marks = ignored;
            }
        });
    }

    fn start() {
        let clock = Clock::new();
        let last = clock.start();
        STOPWATCH.set(Some(Stopwatch {
            clock,
            last,
            ticks: [0; STAGES_MAX],
            ignores_marks: false,
        }));
    }

    fn forget() {
        Self::start();
    }

    fn finish() -> Recorded {
        let ns = STOPWATCH.take().map(|w| w.ticks.map(|t| w.clock.delta_ns(0, t) as u64));
        Recorded { stages_ns: ns, ..Recorded::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_to_the_stage_that_ended() {
        Staged::start();
        Staged::mark(3);
        std::thread::sleep(std::time::Duration::from_millis(2));
        Staged::mark(5);
        let ns = Staged::finish().stages_ns.expect("it was started");
        assert!(ns[5] >= 2_000_000, "the sleep is the fifth stage's: {ns:?}");
        assert!(ns[3] < ns[5] && ns[4] == 0);
    }

    #[test]
    fn ignored_marks_leave_their_time_to_the_next() {
        Staged::start();
        Staged::ignore_marks(true);
        std::thread::sleep(std::time::Duration::from_millis(2));
        Staged::mark(3);
        Staged::ignore_marks(false);
        Staged::mark(5);
        let ns = Staged::finish().stages_ns.expect("it was started");
        assert!(ns[3] == 0 && ns[5] >= 2_000_000, "{ns:?}");
    }

    #[test]
    fn nothing_is_timed_before_the_start() {
        Staged::mark(1);
        assert!(Staged::finish().stages_ns.is_none());
    }
}
