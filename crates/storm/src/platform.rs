//! The machine that the threads of a storm run on.

use super::claims::ClaimCounter;
use mm::fault::Kind;

/// A machine that the threads of a storm run on: its time, and the CPU of a thread.
pub trait Platform: Sized + 'static {
    /// Clock of the platform.
    type Clock: TickClock;
    /// A counter of the storming program.
    type Counter: ClaimCounter;
    /// Whether to allocate costs a storming thread nothing.
    const ALLOCATES_FREELY: bool = false;

    /// Stops or resumes recording and, in the model, charging: a reset is no part of a
    /// storm.
    fn pause(_paused: bool) {}
    /// A fault begins: the exception.
    #[inline(always)]
    fn begin_fault() {}
    /// Ends the `number`-th fault of its thread, which was of this kind.
    #[inline(always)]
    fn end_fault(_kind: Kind, _number: u64) {}
    /// Begins the operation with this number of action.
    fn begin_op(_action: usize) {}
    /// Ends an operation.
    fn end_op() {}
    /// Notes that an operation or a round has ended, as every fault is noted.
    fn note_progress() {}
    /// Stops the storm if it gets nowhere, or the user asked for its end; does not return then.
    fn stop_if_hopeless() {}
    /// Waits until `at` or for a shorter time: callers look again.
    fn wait_until(clock: &Self::Clock, at: u64);
    /// Lets threads go on whose clocks are before that of the caller.
    fn give_way() {}
    /// Whether the calling thread is on this CPU.
    fn is_on(cpu: usize) -> bool;
}

/// Time, in ticks of a platform.
pub trait TickClock: Copy {
    /// Reads the time: what precedes is done, what follows has not begun.
    fn start(&self) -> u64;
    /// Reads the time: what precedes is done.
    fn end(&self) -> u64;
    /// Reads the time, for deadlines.
    fn unordered(&self) -> u64;
    /// Nanoseconds between two readings.
    fn delta_ns(&self, from: u64, to: u64) -> f64;
    /// Ticks that last `ns`, rounded up.
    fn ticks(&self, ns: u64) -> u64;
}
