//! Shootdowns: an interrupt makes all other cores drop their translations, and each answers; or an
//! instruction does, and no core notices.

use super::engine::CoreActivity;
use super::multicore::Multicore;
use super::parameters::{Broadcast, Ps};
use crate::Waited;
use std::collections::VecDeque;

/// Interrupt state of a core.
#[derive(Debug, Default)]
pub(super) struct Interrupts {
    /// Calls that turned interrupts off and have not been undone.
    off: u32,
    /// Shootdowns that it has answered.
    taken: u64,
    /// Starts of the answers that its clock does not include yet, in order.
    starts: VecDeque<Ps>,
    /// Time at which it will have given all its answers so far: it gives one after the other.
    free_at: Ps,
    /// True if it has waited since its clock last included answers: it gave them meanwhile.
    pub has_waited: bool,
    /// Cores that wait for its answer.
    senders: Vec<u16>,
}

impl Multicore {
    /// Makes all other cores drop their translations; waits for cores whose interrupts are off, and
    /// for cores that still answer earlier shootdowns.
    pub(super) fn shootdown(&self, kernel_broadcasts: bool) {
        let me = self.core();
        let all_forget = || {
            self.engine.borrow_mut().cores.iter_mut().for_each(|core| core.interrupts.taken += 1);
        };
        if self.is_direct() {
            return all_forget();
        }
        self.drain();
        self.take_exact_turn();
        let price = self.parameters().shootdown;
        let broadcasts = match price.broadcast {
            Broadcast::None => false,
            Broadcast::Tlbi => true,
            Broadcast::Invlpgb => kernel_broadcasts,
        };
        if broadcasts {
            all_forget();
            return self.waiting(Waited::ShootdownSend, || self.advance(price.broadcast_ps));
        }
        self.begin_wait(Waited::ShootdownSend, 0);
        let others = self.engine.borrow().cores.len();
        let mut silent = Vec::new();
        let mut last_start = 0;
        for victim in (0..others).filter(|victim| *victim != me) {
            let mut engine = self.engine.borrow_mut();
            let core = &mut engine.cores[victim];
            match core.status {
                CoreActivity::Done => continue,
                _ if core.interrupts.off > 0 => {
                    core.interrupts.senders.push(me as u16);
                    silent.push(victim);
                }
                // A core that sleeps has nothing to lose.
                CoreActivity::Parked => core.interrupts.taken += 1,
                _ => {
                    let start = core.interrupts.answer(self.clock(), price.interrupted_ps);
                    last_start = last_start.max(start);
                }
            }
            self.advance(price.each_ps);
        }
        self.end_wait();
        self.begin_wait(Waited::ShootdownWait, 0);
        self.wait_for_answers(last_start);
        for victim in silent {
            let waits = || {
                let engine = self.engine.borrow();
                engine.cores[victim].interrupts.senders.contains(&(me as u16))
            };
            while waits() {
                self.wait(CoreActivity::Interrupting { victim: victim as u16 });
            }
        }
        self.end_wait();
        self.look_again();
    }

    /// Waits for the answers to a shootdown, of which the last starts at `last_start`.
    fn wait_for_answers(&self, last_start: Ps) {
        // Answers to others up to now delay what it has just sent.
        self.take_exact_turn();
        self.advance(last_start.saturating_sub(self.clock()));
        self.advance(self.parameters().shootdown.round_trip_ps);
        self.engine.borrow_mut().cores[self.core()].interrupts.has_waited = true;
        self.wait(CoreActivity::Ready);
    }

    /// Returns the number of shootdowns that the running core has answered.
    pub(super) fn shootdowns_taken(&self) -> u64 {
        self.engine.borrow().cores[self.core()].interrupts.taken
    }

    /// Stops answers of the running core.
    pub(super) fn interrupts_off(&self) {
        if self.is_direct() {
            return;
        }
        self.engine.borrow_mut().cores[self.core()].interrupts.off += 1;
    }

    /// Resumes answers of the running core, and answers the waiting cores at once.
    pub(super) fn interrupts_on(&self) {
        if self.is_direct() {
            return;
        }
        let core = self.core();
        let mut engine = self.engine.borrow_mut();
        let interrupts = &mut engine.cores[core].interrupts;
        interrupts.off = interrupts.off.checked_sub(1).expect("interrupts were off");
        if interrupts.off > 0 || interrupts.senders.is_empty() {
            return;
        }
        let senders = std::mem::take(&mut interrupts.senders);
        interrupts.taken += senders.len() as u64;
        let from = self.clock();
        self.advance(senders.len() as u64 * self.parameters().shootdown.interrupted_ps);
        self.note_interrupted(core, from, self.clock());
        interrupts.free_at = interrupts.free_at.max(self.clock());
        for sender in senders {
            let waits = CoreActivity::Interrupting { victim: core as u16 };
            engine.answered(usize::from(sender), waits, self.clock());
        }
        drop(engine);
        self.look_again();
    }
}

impl Interrupts {
    /// Answers an interrupt of `now`, which takes `price_ps`; returns the start of the answer.
    fn answer(&mut self, now: Ps, price_ps: Ps) -> Ps {
        self.taken += 1;
        let start = now.max(self.free_at);
        self.free_at = start + price_ps;
        self.starts.push_back(start);
        start
    }

    /// Returns `clock` with the answers that start up to then: they delay what a core does, but
    /// take no more than the time in which it waits.
    #[inline(always)]
    pub fn delayed(&mut self, mut clock: Ps, price_ps: Ps) -> Ps {
        let has_waited = std::mem::take(&mut self.has_waited);
        while let Some(start) = self.starts.front().copied().filter(|start| *start <= clock) {
            self.starts.pop_front();
            clock = if has_waited { clock.max(start + price_ps) } else { clock + price_ps };
        }
        clock
    }
}

#[cfg(test)]
mod tests {
    use crate::model::multicore::current;
    use crate::model::tests::{MACHINE, line, places};
    use crate::model::{Model, Multicore};
    use crate::{Line, Machine, Ordering, Work};

    #[test]
    fn a_shootdown_costs_what_the_machine_says() {
        let multicore = Multicore::new(&MACHINE, &places(3));
        let _here = multicore.enter();
        let ran = multicore.run(|core| {
            match core {
                0 => Model::shootdown(false),
                _ => Model::work(Work::ThinkNs(1000)),
            }
            current().take_exact_turn();
            current().clock()
        });
        let Ok(ends) = ran else { panic!("all cores come to their end") };
        let (price, start) = (MACHINE.shootdown, 1);
        let interrupted = start + 1_000_000 + price.interrupted_ps;
        let interrupts = start + price.round_trip_ps + 2 * price.each_ps;
        assert_eq!(ends, [interrupts, interrupted, interrupted]);
    }

    #[test]
    fn a_core_sends_and_answers_one_after_the_other() {
        let cores = 24;
        let multicore = Multicore::new(&MACHINE, &places(cores));
        let _here = multicore.enter();
        let ran = multicore.run(|_| {
            (0..10).for_each(|_| Model::shootdown(false));
            current().clock()
        });
        let Ok(ends) = ran else { panic!("all cores come to their end") };
        let (price, others) = (MACHINE.shootdown, cores as u64 - 1);
        let once_ps = others * (price.each_ps + price.interrupted_ps) + price.round_trip_ps;
        for end in ends {
            assert!((9 * once_ps..11 * once_ps).contains(&end), "{end} of 10 x {once_ps}");
        }
    }

    #[test]
    fn a_core_that_waits_answers_without_losing_time() {
        let multicore = Multicore::new(&MACHINE, &places(2));
        let _here = multicore.enter();
        let line = line();
        let ran = multicore.run(move |core| {
            if core == 0 {
                (0..10).for_each(|_| Model::shootdown(false));
                line.store(0, 1, Ordering::Release);
            } else {
                line.spin_until(0, |word| word == 1);
            }
            current().take_exact_turn();
            current().clock()
        });
        let Ok(ends) = ran else { panic!("both cores come to their end") };
        assert!(ends[1].abs_diff(ends[0]) < MACHINE.shootdown.interrupted_ps, "{ends:?}");
    }
}
