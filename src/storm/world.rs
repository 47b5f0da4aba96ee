//! What a storm asks of a world, beside what its strategies ask.

use super::gate::Broken;
use crate::machine::Machine;
use crate::mm::fault::Kind;

/// A world that storms can run in.
pub trait World: Machine {
    /// What time is read from.
    type Clock: Clock;
    /// Where threads meet.
    type Gate: Meeting;
    /// Whether to allocate while threads storm costs them nothing.
    const ALLOCATES_FREELY: bool = false;

    /// Stops or resumes recording, and in the model charging: a reset is no part of a
    /// storm.
    fn pause(paused: bool);
    /// A fault begins: the exception.
    #[inline(always)]
    fn begin_fault() {}
    /// A fault ends that was of this kind, the `number`-th of its thread.
    #[inline(always)]
    fn end_fault(_kind: Kind, _number: u64) {}
    /// Waits until `at`, or less long: callers look again.
    fn wait_until(clock: &Self::Clock, at: u64);
    /// Whether the calling thread is on this CPU.
    fn is_on(cpu: usize) -> bool;
}

/// Time, in ticks of the world.
pub trait Clock: Copy {
    /// What precedes is done, what follows has not begun.
    fn start(&self) -> u64;
    /// What precedes is done.
    fn end(&self) -> u64;
    /// For deadlines.
    fn unordered(&self) -> u64;
    /// Nanoseconds between two readings.
    fn delta_ns(&self, from: u64, to: u64) -> f64;
    /// Ticks that last `ns`, rounded up.
    fn ticks(&self, ns: u64) -> u64;
}

/// Where the threads of a storm meet.
pub trait Meeting {
    /// Waits for all threads. What they did before, all see afterwards.
    ///
    /// # Errors
    /// Where one of them will not come.
    fn wait(&self) -> Result<(), Broken>;
    /// Whether one of them will not come.
    fn is_broken(&self) -> bool;
}
