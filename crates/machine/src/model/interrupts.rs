//! Shootdowns: an interrupt makes all other cores drop their translations, and each answers; or an
//! instruction does, and no core notices.

use super::engine::CoreActivity;
use super::multicore::Multicore;
use super::parameters::{Broadcast, Ps};

/// Interrupt state of a core.
#[derive(Debug, Default)]
pub(super) struct Interrupts {
    /// Calls that turned interrupts off and have not been undone.
    off: u32,
    /// Shootdowns that it has answered.
    taken: u64,
    /// Time of its answers that it has not spent yet.
    pub owed_ps: Ps,
    /// Cores that wait for its answer.
    senders: Vec<u16>,
}

impl Multicore {
    /// Makes all other cores drop their translations; waits for cores whose interrupts are off.
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
            return self.advance(price.broadcast_ps);
        }
        let others = self.engine.borrow().cores.len();
        let mut silent = Vec::new();
        for victim in (0..others).filter(|victim| *victim != me) {
            let mut engine = self.engine.borrow_mut();
            let core = &mut engine.cores[victim];
            match core.status {
                CoreActivity::Done => continue,
                _ if core.interrupts.off > 0 => {
                    core.interrupts.senders.push(me as u16);
                    silent.push(victim);
                }
                status => core.interrupts.answer(status, price.interrupted_ps),
            }
            self.advance(price.each_ps);
        }
        self.advance(price.round_trip_ps);
        for victim in silent {
            let waits = || {
                let engine = self.engine.borrow();
                engine.cores[victim].interrupts.senders.contains(&(me as u16))
            };
            while waits() {
                self.wait(CoreActivity::Interrupting { victim: victim as u16 });
            }
        }
        self.look_again();
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
        let price_ps = self.parameters().shootdown.interrupted_ps;
        senders.iter().for_each(|_| interrupts.answer(CoreActivity::Ready, price_ps));
        let owed_ps = std::mem::take(&mut interrupts.owed_ps);
        self.advance(owed_ps);
        for sender in senders {
            let waits = CoreActivity::Interrupting { victim: core as u16 };
            engine.answered(usize::from(sender), waits, self.clock());
        }
        drop(engine);
        self.look_again();
    }
}

impl Interrupts {
    /// Answers one shootdown, which costs the core `price_ps`.
    fn answer(&mut self, status: CoreActivity, price_ps: Ps) {
        self.taken += 1;
        // A core that sleeps has nothing to lose.
        if status != CoreActivity::Parked {
            self.owed_ps += price_ps;
        }
    }
}
