//! What a storm asks of a world, beside what its strategies ask.

use super::gate::Broken;
use super::order::PagesIter;
use super::round::Shared;
use super::samples::Samples;
use super::steps::{Edit, TouchPlan};
use super::tally::Tally;
use machine::Machine;
use mm::fault::Kind;

/// Time and places of a world that storms can run in.
pub trait World: Sized + 'static {
    /// What time is read from.
    type Clock: Clock;
    /// Where threads meet.
    type Gate: Meeting;
    /// Whether to allocate while threads storm costs them nothing.
    const ALLOCATES_FREELY: bool = false;

    /// Stops or resumes recording, and in the model charging: a reset is no part of a
    /// storm.
    fn pause(_paused: bool) {}
    /// A fault begins: the exception.
    #[inline(always)]
    fn begin_fault() {}
    /// A fault ends that was of this kind, the `number`-th of its thread.
    #[inline(always)]
    fn end_fault(_kind: Kind, _number: u64) {}
    /// Waits until `at`, or less long: callers look again.
    fn wait_until(clock: &Self::Clock, at: u64);
    /// Lets others go on who are behind, where a thread need not for itself.
    fn give_way() {}
    /// Whether the calling thread is on this CPU.
    fn is_on(cpu: usize) -> bool;
}

/// A world whose kernel is simulated: strategies run in it.
pub trait Simulated: World + Machine {}

impl<W: World + Machine> Simulated for W {}

/// What is stormed in a world: the simulated space under a strategy, or that of this
/// process. A call covers a batch of touches or more.
pub trait Ground: World {
    /// An address space.
    type Space: ?Sized + Send + Sync;
    /// What a thread touches with, and counts by.
    type Hands: Counting;
    /// Touches between two looks at the clock.
    const TOUCHES_PER_CHECK: u64;

    /// Makes a thread's hands, before the storm.
    fn hands(shared: &Shared<Self>, thread: usize) -> Self::Hands;
    /// Touches the next `count` pages.
    fn touch(
        space: &Self::Space,
        hands: &mut Self::Hands,
        touch: &TouchPlan,
        pages: &mut PagesIter,
        count: u64,
    );
    /// Does an operation of a writer; false where there was nothing to do.
    fn edit(space: &Self::Space, hands: &mut Self::Hands, edit: &Edit) -> bool;
    /// Takes over the sleeps of a round that stood for I/O; returns how many nanoseconds
    /// were asked for.
    fn take_io(_hands: &mut Self::Hands, _achieved_ns: &mut Samples) -> u64 {
        0
    }
    /// A thread's part in undoing a round; no thread touches anything.
    ///
    /// # Errors
    /// Where another thread will not do its part.
    fn put_back(
        shared: &Shared<Self>,
        hands: &mut Self::Hands,
        thread: usize,
    ) -> Result<(), Broken>;
}

/// Who counts.
pub trait Counting {
    /// What was counted so far.
    fn tally(&self) -> &Tally;
    /// The same, to count on.
    fn tally_mut(&mut self) -> &mut Tally;
    /// Forgets what was counted in the warm-up.
    fn forget(&mut self) {
        self.tally_mut().forget();
    }
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
