//! Writers that spin before they queue.

use super::owner::Owner;
use super::{HANDOFF, HELD, Home, READER, RwSem, WRITER};
use crate::spinlock::SpinLock;
use machine::{Machine, Ordering};

/// Returns the time that a writer spins while `readers` hold the lock (`rwsem_rspin_threshold`).
fn reader_spin_ns(readers: u64) -> u64 {
    (20 + readers.min(30)) * 1000 / 2
}
/// Turns of the spin loop between two reads of the clock.
const TURNS_A_LOOK: u64 = 16;

impl<H: Home> RwSem<'_, H> {
    /// Spins for the lock; true if it was taken (`rwsem_optimistic_spin`).
    pub(super) fn spin(self) -> bool {
        if Owner::of(self.0.owner().load(Ordering::Relaxed)) == Owner::Nonspinnable {
            return false;
        }
        let _one_at_a_time =
            SpinLock::<H::Machine>::new(self.0.queue_line(), self.0.queue_words().osq)
                .lock(self.0.waiters());
        // End of the spin for readers, and the turns so far.
        let mut readers: Option<(u64, u64)> = None;
        loop {
            let owner = self.spin_on_writer();
            if owner == Owner::Nonspinnable {
                return false;
            }
            if self.try_write_unqueued() {
                return true;
            }
            readers = match (owner, readers) {
                (Owner::Readers, None) => {
                    let here = self.count().load(Ordering::Relaxed) / READER;
                    Some((H::Machine::now_ns() + reader_spin_ns(here), 0))
                }
                (Owner::Readers, Some((until_ns, turns))) => {
                    if turns % TURNS_A_LOOK == 0 && H::Machine::now_ns() > until_ns {
                        self.set_nonspinnable();
                        return false;
                    }
                    Some((until_ns, turns + 1))
                }
                _ => None,
            };
            H::Machine::relax();
        }
    }

    /// Waits while a writer holds the lock, and returns the owner after it. The kernel also stops
    /// if the writer does not run, which a thread cannot see.
    pub(super) fn spin_on_writer(self) -> Owner {
        let first = self.0.owner().load(Ordering::Relaxed);
        match Owner::of(first) {
            Owner::Writer => Owner::of(self.0.owner().spin_until(|owner| owner != first)),
            other => other,
        }
    }

    /// Takes the lock for a writer that is not queued, if it is free.
    fn try_write_unqueued(self) -> bool {
        let (acquire, relaxed) = (Ordering::Acquire, Ordering::Relaxed);
        let mut count = self.count().load(relaxed);
        while count & (HELD | HANDOFF) == 0 {
            match self.count().compare_exchange(count, count | WRITER, acquire, relaxed) {
                Ok(_) => {
                    self.set_writer_owned();
                    return true;
                }
                Err(now) => count = now,
            }
        }
        false
    }
}
