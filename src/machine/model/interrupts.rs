//! Shootdowns: what a core makes all others forget, by an interrupt that each answers.

use super::engine::Status;
use super::parameters::Ps;
use super::world::World;

/// From the first interrupt to the last answer, beside what each core adds.
///
/// Like the two below an estimate: LATR (Kumar et al., ASPLOS 2018) gives about 6 us for a
/// shootdown on 16 cores of two sockets and about 80 us on 120 cores of eight.
const ROUND_TRIP_PS: Ps = 2_000_000;
/// For each core that is interrupted, at the one that interrupts.
const EACH_PS: Ps = 200_000;
/// What an interrupted core loses.
const INTERRUPTED_PS: Ps = 600_000;

/// What a core has to do with interrupts.
#[derive(Debug, Default)]
pub(super) struct Interrupts {
    /// Calls that turned them off and have not been undone.
    off: u32,
    /// Shootdowns that it has answered.
    taken: u64,
    /// Time that answering took, and that it has not spent yet.
    pub owed_ps: Ps,
    /// Cores that wait for its answer.
    senders: Vec<u16>,
}

impl World {
    /// Makes all other cores forget their translations; waits for those whose interrupts
    /// are off.
    pub(super) fn shootdown(&self) {
        let me = self.core();
        if self.is_direct() {
            self.engine.borrow_mut().cores.iter_mut().for_each(|core| core.interrupts.taken += 1);
            return;
        }
        self.drain();
        self.take_exact_turn();
        let others = self.engine.borrow().cores.len();
        let mut silent = Vec::new();
        for victim in (0..others).filter(|victim| *victim != me) {
            let mut engine = self.engine.borrow_mut();
            let core = &mut engine.cores[victim];
            match core.status {
                Status::Done => continue,
                _ if core.interrupts.off > 0 => {
                    core.interrupts.senders.push(me as u16);
                    silent.push(victim);
                }
                status => core.interrupts.answer(status),
            }
            self.advance(EACH_PS);
        }
        self.advance(ROUND_TRIP_PS);
        for victim in silent {
            let waits = || {
                let engine = self.engine.borrow();
                engine.cores[victim].interrupts.senders.contains(&(me as u16))
            };
            while waits() {
                self.wait(Status::Interrupting { victim: victim as u16 });
            }
        }
        self.look_again();
    }

    /// Shootdowns that the running core has answered.
    pub(super) fn shootdowns_taken(&self) -> u64 {
        self.engine.borrow().cores[self.core()].interrupts.taken
    }

    /// The running core answers nobody.
    pub(super) fn interrupts_off(&self) {
        self.engine.borrow_mut().cores[self.core()].interrupts.off += 1;
    }

    /// The running core answers again, at once those who wait.
    pub(super) fn interrupts_on(&self) {
        let core = self.core();
        let mut engine = self.engine.borrow_mut();
        let interrupts = &mut engine.cores[core].interrupts;
        interrupts.off = interrupts.off.checked_sub(1).expect("interrupts were off");
        if interrupts.off > 0 || interrupts.senders.is_empty() {
            return;
        }
        let senders = std::mem::take(&mut interrupts.senders);
        senders.iter().for_each(|_| interrupts.answer(Status::Ready));
        let owed_ps = std::mem::take(&mut interrupts.owed_ps);
        self.advance(owed_ps);
        for sender in senders {
            let waits = Status::Interrupting { victim: core as u16 };
            engine.answered(usize::from(sender), waits, self.clock());
        }
        drop(engine);
        self.look_again();
    }
}

impl Interrupts {
    fn answer(&mut self, status: Status) {
        self.taken += 1;
        // A core that sleeps has nothing to lose.
        if status != Status::Parked {
            self.owed_ps += INTERRUPTED_PS;
        }
    }
}
