//! The meeting point of a storm's threads.

use crossbeam_utils::CachePadded;
use machine::Machine;
use machine::model::{self, Model};
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Cores of the model begin a phase apart by up to this much, since no two threads ever start
/// at once, and cores in step would hand lines to each other in the order of their numbers.
const STAGGER_MAX_PS: u64 = 1_000_000;

/// A thread of the storm panicked.
#[derive(Debug)]
pub struct GateBroken;

/// A meeting point of all threads of a storm.
pub enum Gate {
    /// Threads of this machine.
    Threads(Box<Barrier>),
    /// Cores of the model: delay of each after the gate, in picoseconds.
    Cores(Box<[u64]>),
}

impl Gate {
    /// Creates a gate for threads of this machine.
    pub fn of_threads(threads: usize) -> Self {
        Self::Threads(Box::new(Barrier::new(threads)))
    }

    /// Creates a gate for cores of the model, each with its own draw.
    pub fn of_cores(cores: usize, seed: u64) -> Self {
        let mut random = Pcg64Mcg::seed_from_u64(seed ^ 0x7374_6167);
        Self::Cores((0..cores).map(|_| random.next_u64() % STAGGER_MAX_PS).collect())
    }

    /// Waits for all threads. Each then sees all writes that others made before.
    ///
    /// # Errors
    /// If one of them will not come.
    pub fn wait(&self) -> Result<(), GateBroken> {
        match self {
            Self::Threads(barrier) => barrier.wait(),
            Self::Cores(stagger_ps) => {
                model::meet(stagger_ps[Model::core()]);
                Ok(())
            }
        }
    }

    /// Returns true if one of the threads will not arrive. A panic of a core ends the whole model.
    pub fn is_broken(&self) -> bool {
        matches!(self, Self::Threads(barrier) if barrier.is_broken())
    }

    /// Lets every thread that waits, now or later, go with an error.
    pub fn break_up(&self) {
        if let Self::Threads(barrier) = self {
            barrier.break_up();
        }
    }
}

/// A barrier that a panicking thread can break, so that no thread waits for it.
pub struct Barrier {
    threads: usize,
    arrived: CachePadded<AtomicUsize>,
    turn: CachePadded<AtomicUsize>,
    broken: AtomicBool,
}

impl Barrier {
    fn new(threads: usize) -> Self {
        let (arrived, turn) = (AtomicUsize::new(0).into(), AtomicUsize::new(0).into());
        Self { threads, arrived, turn, broken: AtomicBool::new(false) }
    }

    fn wait(&self) -> Result<(), GateBroken> {
        // AcqRel: the last thread to arrive has seen all writes of the others; they see them
        // through its Release of the turn.
        let turn = self.turn.load(Ordering::Acquire);
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.threads {
            self.arrived.store(0, Ordering::Relaxed);
            self.turn.store(turn + 1, Ordering::Release);
        }
        let mut spins = 0u32;
        while self.turn.load(Ordering::Acquire) == turn {
            if self.broken.load(Ordering::Acquire) {
                return Err(GateBroken);
            }
            spins += 1;
            if spins.is_multiple_of(4096) {
                std::thread::yield_now();
            }
            std::hint::spin_loop();
        }
        Ok(())
    }

    fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Acquire)
    }

    fn break_up(&self) {
        self.broken.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn nobody_passes_before_all_have_come() {
        let gate = Arc::new((Gate::of_threads(3), AtomicUsize::new(0)));
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
        let gate = Gate::of_threads(2);
        gate.break_up();
        assert!(gate.wait().is_err());
    }
}
