//! The target of a storm, each thread's own part of it, and the state that all threads share.

use super::claims::ClaimCounter;
use super::contents::Contents;
use super::gate::{Gate, GateBroken};
use super::order::PagesIter;
use super::plan::Plan;
use super::platform::Platform;
use super::request::StormRequest;
use super::samples::Samples;
use super::steps::{TouchPlan, WriterOp};
use super::tally::TouchTally;
use crossbeam_utils::CachePadded;
use mm::{Attempts, GraceCosts, Shootdowns};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use workload::{Reset, ThreadGroup};

/// The target of a storm on a platform: a simulated space under a scheme, or the space of this
/// process. A call covers a batch of touches or more.
pub trait StormTarget: Platform {
    /// An address space.
    type Space: ?Sized + Send + Sync;
    /// A thread's own part of the space.
    type Core;
    /// Touches between two looks at the clock.
    const TOUCHES_PER_CHECK: u64;

    /// Makes a thread's own part, before the storm.
    fn core(shared: &Shared<Self>, thread: usize) -> Self::Core;
    /// Touches the next `count` pages.
    fn touch(
        space: &Self::Space,
        toucher: &mut Toucher<Self>,
        touch: &TouchPlan,
        pages: &mut PagesIter,
        count: u64,
    );
    /// Does an operation of a writer; false if there was nothing to do.
    fn edit(space: &Self::Space, core: &mut Self::Core, edit: &WriterOp) -> bool;
    /// Drops the counts of `core` from the warm-up.
    fn forget(_core: &mut Self::Core) {}
    /// Takes over the sleeps of a round that replaced I/O; returns the number of nanoseconds were
    /// asked for.
    fn take_io(_core: &mut Self::Core, _achieved_ns: &mut Samples) -> u64 {
        0
    }
    /// Returns a thread's part in undoing a round; no thread touches anything.
    ///
    /// # Errors
    /// If another thread will not do its part.
    fn put_back(
        shared: &Shared<Self>,
        core: &mut Self::Core,
        thread: usize,
    ) -> Result<(), GateBroken>;
    /// Gives back a thread's own part of the space.
    fn retire(_space: &Self::Space, _core: Self::Core) -> CoreEnd {
        CoreEnd::default()
    }
}

/// A thread's own part of the target, with its counts and samples.
pub struct Toucher<T: StormTarget> {
    /// Its own part of the space.
    pub(super) core: T::Core,
    pub(super) tally: TouchTally,
    pub(super) clock: T::Clock,
    /// True if pages may go while they are accessed.
    pub(super) pages_may_go: bool,
}

impl<T: StormTarget> Toucher<T> {
    pub(super) fn new(shared: &Shared<T>, thread: usize) -> Self {
        Self {
            core: T::core(shared, thread),
            tally: TouchTally::new::<T>(shared.sample_period, shared.seed, thread),
            clock: shared.clock,
            pages_may_go: shared.has_changes,
        }
    }

    /// Drops the counts of the warm-up.
    pub(super) fn forget(&mut self) {
        self.tally.forget();
        T::forget(&mut self.core);
    }
}

/// Counts of a thread's own part of the space, at its end.
pub struct CoreEnd {
    /// Passes through the handler and fallbacks.
    pub attempts: Attempts,
    /// Shootdowns that it asked for.
    pub shootdowns: Shootdowns,
    /// Its work for grace periods of SRCU, if the scheme has any.
    pub grace_periods: Option<GraceCosts>,
    /// True if the translations that it had cached were true.
    pub translations: Result<(), String>,
}

impl Default for CoreEnd {
    fn default() -> Self {
        Self {
            attempts: Attempts::default(),
            shootdowns: Shootdowns::default(),
            grace_periods: None,
            translations: Ok(()),
        }
    }
}

/// State that the threads of a storm share.
pub struct Shared<T: StormTarget> {
    pub(super) space: Box<T::Space>,
    pub(super) plan: Plan,
    /// Names of the groups of threads.
    pub(super) group_names: Vec<String>,
    pub(super) gate: Gate,
    pub(super) spans: Box<[CachePadded<Span>]>,
    /// Looks at the clock by thread, so that a stuck thread is noticed.
    pub(super) progress: Box<[CachePadded<AtomicU64>]>,
    /// Threads that still work in this leg, of those whose end ends it for the others.
    pub(super) foreground: CachePadded<AtomicUsize>,
    pub(super) cpus: Box<[usize]>,
    pub(super) reset: Reset,
    /// There are writers, so that a reset makes all mappings anew.
    pub(super) has_changes: bool,
    /// Contents of the files at the start of a round.
    pub(super) contents: Contents,
    /// Counters from which threads claim parts of a pass.
    pub(super) claim_counters: Box<[T::Counter]>,
    pub(super) clock: T::Clock,
    pub(super) sample_period: u64,
    pub(super) seed: u64,
}

/// The meeting point of a storm's threads, with their clock and CPUs.
pub(super) struct ThreadSetup<T: StormTarget> {
    pub gate: Gate,
    pub clock: T::Clock,
    /// The CPU or core of each thread.
    pub cpus: Box<[usize]>,
    pub sample_period: u64,
}

impl<T: StormTarget> Shared<T> {
    pub(super) fn new(
        request: &StormRequest,
        plan: Plan,
        contents: Contents,
        space: Box<T::Space>,
        threads: ThreadSetup<T>,
    ) -> Self {
        let (workload, count) = (request.workload, plan.threads.len());
        let touches = workload.groups.iter().flat_map(ThreadGroup::touches);
        let claims = touches.filter(|touch| touch.claims.is_some());
        Self {
            space,
            plan,
            group_names: workload.groups.iter().map(|group| group.name.clone()).collect(),
            gate: threads.gate,
            spans: (0..count).map(|_| Default::default()).collect(),
            progress: (0..count).map(|_| Default::default()).collect(),
            foreground: Default::default(),
            cpus: threads.cpus,
            reset: workload.reset,
            has_changes: workload.has_changes(),
            contents,
            claim_counters: claims.map(|_| T::Counter::new()).collect(),
            clock: threads.clock,
            sample_period: threads.sample_period,
            seed: request.seed,
        }
    }
}

/// Start and end of a thread's leg, in ticks; both 0 if it had nothing to do.
#[derive(Default)]
pub(super) struct Span {
    pub(super) start: AtomicU64,
    pub(super) end: AtomicU64,
    /// It has had all the touches or faults that it may.
    pub(super) done: AtomicBool,
}
