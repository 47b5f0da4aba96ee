//! Cores that lose every compare-exchange.
//!
//! A loop of compare-exchanges wins if no core writes between its last load and its next turn at
//! the line, or if it can try again before the line leaves. Nothing in the model is late by chance,
//! so a loop that can never try again in time (its work before each try takes longer than a line
//! stays) may lose for ever to others that never stop, in step with them. Such a storm never ends,
//! but would end on the real machine: the model gives it up and reports that.

use super::engine::CoreActivity;
use super::line::ModelLine;
use super::multicore::Multicore;
use std::cell::Cell;

/// Losses in a row after which a core is given up. A loop that waits for others to end wins after
/// they have; if it loses this often before, it is given up too.
pub(super) const LOSSES_MAX: u32 = 100_000;

/// Compare-exchanges that each core has lost since it last won one, or began a fault.
#[derive(Debug)]
pub(super) struct Losses(Box<[Cell<u32>]>);

impl Losses {
    pub fn new(cores: usize) -> Self {
        Self((0..cores).map(|_| Cell::new(0)).collect())
    }
}

impl Multicore {
    /// Resets the losses: the running core has won a compare-exchange, or does something else.
    #[inline(always)]
    pub(super) fn forget_losses(&self) {
        self.losses.0[self.core()].set(0);
    }

    /// Counts a lost compare-exchange of the running core; does not return if the core starves.
    #[cold]
    pub(super) fn note_loss(&self, line: &ModelLine, word: usize) {
        let losses = &self.losses.0[self.core()];
        losses.set(losses.get() + 1);
        if losses.get() == LOSSES_MAX && !self.is_direct() {
            self.wait(CoreActivity::Starving { line, word: word as u8 });
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::multicore::current;
    use crate::model::run::Halt;
    use crate::model::tests::{MACHINE, places};
    use crate::model::{Model, ModelLine, Multicore};
    use crate::{Line, LineName, Machine, Ordering, Work};
    use std::rc::Rc;

    static NAME: LineName = LineName { name: "test.line", words: ["count"; 8] };

    /// One core adds by a loop of compare-exchanges with some work before each, while another adds
    /// and subtracts until the first has succeeded.
    fn race(work_ps: u64) -> Result<Vec<()>, Halt> {
        let multicore = Multicore::new(&MACHINE, &places(3));
        let _here = multicore.enter();
        let lines = Rc::new([0, 1].map(|_| ModelLine::new(&NAME, [0; 8])));
        multicore.run(move |core| {
            let [line, done] = &*lines;
            let relaxed = Ordering::Relaxed;
            if core == 0 {
                current().advance(1_000_000); // By then the others are in step.
                let mut seen = line.load(0, relaxed);
                while let Err(now) = line.compare_exchange(0, seen, seen + 1, relaxed, relaxed) {
                    seen = now;
                    current().advance(work_ps);
                }
                done.store(0, 1, relaxed);
            }
            while done.load(0, relaxed) == 0 {
                line.fetch_add(0, 1, relaxed);
            }
        })
    }

    #[test]
    fn a_loop_that_loses_for_ever_is_given_up_and_named() {
        assert!(race(0).is_ok(), "a loop that tries again before the line leaves wins");
        let Err(Halt::Starved(what)) = race(30_000) else { panic!("it has no end") };
        assert!(what.contains("core 0") && what.contains("test.line (count)"), "{what}");
    }

    #[test]
    fn losses_of_many_faults_are_no_starvation() {
        let multicore = Multicore::new(&MACHINE, &places(1));
        let _here = multicore.enter();
        let line = ModelLine::new(&NAME, [0; 8]);
        let run = multicore.run(move |_| {
            for _ in 0..2 * super::LOSSES_MAX {
                Model::work(Work::Trap);
                let relaxed = Ordering::Relaxed;
                assert!(line.compare_exchange(0, 1, 2, relaxed, relaxed).is_err());
            }
        });
        assert!(run.is_ok());
    }
}
