//! Where the threads of a storm meet.

use crossbeam_utils::CachePadded;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// A barrier that a panicking thread can break, so that nobody waits for it.
pub struct Gate {
    threads: usize,
    arrived: CachePadded<AtomicUsize>,
    turn: CachePadded<AtomicUsize>,
    broken: AtomicBool,
}

/// A thread of the storm panicked.
#[derive(Debug)]
pub struct Broken;

impl Gate {
    /// A gate for `threads` threads.
    pub fn new(threads: usize) -> Self {
        let (arrived, turn) = (AtomicUsize::new(0).into(), AtomicUsize::new(0).into());
        Self { threads, arrived, turn, broken: AtomicBool::new(false) }
    }

    /// Waits for all threads. What they did before, all see afterwards.
    ///
    /// # Errors
    /// Where one of them will not come.
    pub fn wait(&self) -> Result<(), Broken> {
        // AcqRel: the last to arrive has seen what all others did; they see it through
        // its Release of the turn.
        let turn = self.turn.load(Ordering::Acquire);
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.threads {
            self.arrived.store(0, Ordering::Relaxed);
            self.turn.store(turn + 1, Ordering::Release);
        }
        let mut spins = 0u32;
        while self.turn.load(Ordering::Acquire) == turn {
            if self.broken.load(Ordering::Acquire) {
                return Err(Broken);
            }
            spins += 1;
            if spins.is_multiple_of(4096) {
                std::thread::yield_now();
            }
            std::hint::spin_loop();
        }
        Ok(())
    }

    /// Whether it holds nobody any more.
    pub fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Acquire)
    }

    /// Lets everybody who waits, now or later, go with an error.
    pub fn break_up(&self) {
        self.broken.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn nobody_passes_before_all_have_come() {
        let gate = Arc::new((Gate::new(3), AtomicUsize::new(0)));
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let gate = gate.clone();
                std::thread::spawn(move || {
                    for round in 1..200 {
                        gate.1.fetch_add(1, Ordering::Relaxed);
                        gate.0.wait().expect("nobody breaks it");
                        assert!(gate.1.load(Ordering::Relaxed) >= 3 * round);
                        gate.0.wait().expect("nobody breaks it");
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|t| t.join().expect("the thread ends"));
    }

    #[test]
    fn a_broken_gate_holds_nobody() {
        let gate = Gate::new(2);
        gate.break_up();
        assert!(gate.wait().is_err());
    }
}
