//! This machine's own cores: real threads, real atomics, real time.
//!
//! A [`Bare`] line is 64 aligned bytes of atomics, and every call inlines to one instruction. The
//! kind of recording is a type parameter of [`Host`], not a branch, so it costs nothing when it is
//! off: [`Counted`] counts transfers of lines, [`Staged`] times the stages of a fault.

use super::{CORES_MAX, LINE_WORDS, Line, LineName, Machine, Ordering, Waited, Work};
use crossbeam_utils::CachePadded;
use rustix::thread::{MembarrierCommand, membarrier};
use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicU64, compiler_fence, fence};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

pub use super::audited::DIRECTORY_BYTES;
pub use super::counted::{Counted, LineTally, Tally};
pub use super::staged::{STAGES_MAX, StageTimes, Staged, TimedActivity, TimedWait};

/// The machine that the program runs on, with the recording of `A`.
pub struct Host<A = Bare>(PhantomData<fn() -> A>);

/// A kind of recording while a storm runs.
pub trait Record: 'static {
    /// Line that supports the recording.
    type Line: Line + 'static;
    /// See [`Machine::IS_TIMED`].
    const IS_TIMED: bool = false;
    /// See [`Machine::mark`].
    #[inline(always)]
    fn mark(_stage: usize) {}
    /// Begins an operation with this number of its activity.
    #[inline(always)]
    fn begin_op(_activity: u16) {}
    /// Ends an operation.
    #[inline(always)]
    fn end_op() {}
    /// See [`Machine::begin_wait`].
    #[inline(always)]
    fn begin_wait(_waited: Waited) {}
    /// See [`Machine::end_wait`].
    #[inline(always)]
    fn end_wait() {}
    /// Starts recording on the calling thread, with empty counts.
    fn start() {}
    /// Discards the records, but keeps the knowledge of the thread's cache.
    fn forget() {}
    /// Pauses or resumes recording, because a reset is not part of a storm.
    fn pause(_paused: bool) {}
    /// Stops recording, and returns the records.
    fn finish() -> Recorded {
        Recorded::default()
    }
}

/// Records of one thread.
#[derive(Debug, Default)]
pub struct Recorded {
    /// Transfers by name of line, if counted.
    pub lines: Option<Tally>,
    /// The same by a directory, if the count was audited.
    pub directory: Option<Tally>,
    /// Times of stages and waits, if timed.
    pub stages: Option<StageTimes>,
}

/// No recording: throughput is measured with it.
pub struct Bare;

impl Record for Bare {
    type Line = BareLine;
    const IS_TIMED: bool = true;
}

/// Spins before a waiting thread yields its CPU. The kernel spins with preemption off; a thread
/// cannot, and the thread that it waits for may have lost its CPU.
pub(super) const SPINS_BEFORE_YIELD: u32 = 500;

thread_local! {
    static CORE: Cell<usize> = const { Cell::new(0) };
    static YIELDS: Cell<u64> = const { Cell::new(0) };
    static CORES: RefCell<Option<Arc<Cores>>> = const { RefCell::new(None) };
}

/// The cores of one storm, which can wake each other.
pub struct Cores {
    slots: Box<[CachePadded<Slot>]>,
    audits: bool,
}

#[derive(Default)]
struct Slot {
    entered: AtomicBool,
    /// Count that is odd while the core translates an address and accesses the page.
    accesses: AtomicU64,
    thread: OnceLock<Thread>,
    token: AtomicBool,
}

impl Cores {
    /// Creates `count` cores, on which no thread runs yet.
    ///
    /// # Panics
    /// If `count` is 0 or above [`CORES_MAX`].
    pub fn new(count: usize) -> Arc<Self> {
        Self::auditing(count, false)
    }

    /// Creates cores for a storm whose transfer counts are audited: each line that one of them
    /// makes has a directory in addition to its stamps.
    ///
    /// # Panics
    /// As [`Cores::new`].
    pub fn audited(count: usize) -> Arc<Self> {
        Self::auditing(count, true)
    }

    fn auditing(count: usize, audits: bool) -> Arc<Self> {
        assert!((1..=CORES_MAX).contains(&count), "a storm has 1 to {CORES_MAX} cores");
        let slots = (0..count).map(|_| CachePadded::default()).collect();
        Arc::new(Self { slots, audits })
    }
}

impl Cores {
    /// Waits until every access that a core other than `me` has already begun has ended.
    fn wait_for_accesses(&self, me: usize) {
        for (_, slot) in self.slots.iter().enumerate().filter(|(core, _)| *core != me) {
            // Acquire: pairs with the Release of `end_access`.
            let begun = slot.accesses.load(Ordering::Acquire);
            let mut spins = 0;
            while begun % 2 == 1 && slot.accesses.load(Ordering::Acquire) == begun {
                relax(&mut spins);
            }
        }
    }
}

/// True if the calling thread is a core of a storm whose counts are audited.
pub(super) fn audits() -> bool {
    CORES.with_borrow(|now| now.as_ref().is_some_and(|cores| cores.audits))
}

/// Counts the beginning or the end of an access of the calling core.
#[inline]
fn count_access(order: Ordering) {
    CORES.with_borrow(|now| {
        let accesses = &now.as_ref().expect("only a core accesses pages").slots[core()].accesses;
        // No other thread writes it.
        accesses.store(accesses.load(Ordering::Relaxed) + 1, order);
    });
}

/// Proof that the calling thread is a core, until it drops.
pub struct CoreGuard(PhantomData<*const ()>);

/// Makes the calling thread core `core` of `cores`.
///
/// # Panics
/// If the core is taken already, or the thread is another core.
pub fn enter(cores: &Arc<Cores>, core: usize) -> CoreGuard {
    let slot = &cores.slots[core];
    assert!(!slot.entered.swap(true, Ordering::AcqRel), "core {core} is entered once");
    slot.thread.set(thread::current()).expect("a core that was never entered has no thread");
    CORE.set(core);
    YIELDS.set(0);
    CORES.with_borrow_mut(|now| {
        assert!(now.is_none(), "a thread is one core at a time");
        *now = Some(Arc::clone(cores));
    });
    CoreGuard(PhantomData)
}

impl Drop for CoreGuard {
    fn drop(&mut self) {
        CORES.with_borrow_mut(|now| *now = None);
        CORE.set(0);
    }
}

/// Returns the number of times that this thread yielded its CPU while it waited for a spinlock.
pub fn yields() -> u64 {
    YIELDS.get()
}

#[inline]
pub(super) fn core() -> usize {
    CORE.get()
}

/// Makes one step of a spin: a pause, and from time to time a yield.
#[inline]
pub(super) fn relax(spins: &mut u32) {
    std::hint::spin_loop();
    *spins += 1;
    if spins.is_multiple_of(SPINS_BEFORE_YIELD) {
        YIELDS.set(YIELDS.get() + 1);
        thread::yield_now();
    }
}

fn start_of_time() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}

impl<A: Record> Machine for Host<A> {
    type Line = A::Line;
    const IS_TIMED: bool = A::IS_TIMED;

    #[inline(always)]
    fn core() -> usize {
        core()
    }

    #[inline(always)]
    fn fence(order: Ordering) {
        fence(order);
    }

    #[inline(always)]
    fn work(work: Work) {
        if let Work::ThinkNs(ns) = work {
            think(ns);
        }
    }

    #[inline(always)]
    fn relax() {
        std::hint::spin_loop();
    }

    fn sleep_ns(ns: u64) {
        thread::sleep(Duration::from_nanos(ns));
    }

    fn park() {
        // Borrowed, not cloned: a clone would write to a line that all cores write to.
        CORES.with_borrow(|now| {
            let slot = &now.as_ref().expect("only a core parks").slots[core()];
            while !slot.token.swap(false, Ordering::Acquire) {
                thread::park();
            }
        });
    }

    fn unpark(core: usize) {
        CORES.with_borrow(|now| {
            let slot = &now.as_ref().expect("only a core unparks").slots[core];
            slot.token.store(true, Ordering::Release);
            slot.thread.get().expect("a core that waits has entered").unpark();
        });
    }

    fn shootdown(_: bool) {
        A::begin_wait(Waited::ShootdownWait);
        barrier_everywhere();
        CORES.with_borrow(|now| {
            let cores = now.as_ref().expect("only a core shoots down");
            cores.wait_for_accesses(core());
        });
        A::end_wait();
    }

    #[inline]
    fn begin_access() {
        count_access(Ordering::Relaxed);
        // The compiler must keep the count before the translation; for the processor the barrier
        // that a shootdown sends here orders them.
        compiler_fence(Ordering::SeqCst);
    }

    #[inline]
    fn end_access() {
        // Release: a core that sees the count also sees the end of the access.
        count_access(Ordering::Release);
    }

    fn now_ns() -> u64 {
        start_of_time().elapsed().as_nanos() as u64
    }

    #[inline(always)]
    fn mark(stage: usize) {
        A::mark(stage);
    }

    #[inline(always)]
    fn begin_wait(waited: Waited, _: usize) {
        A::begin_wait(waited);
    }

    #[inline(always)]
    fn end_wait() {
        A::end_wait();
    }
}

/// Sends a barrier to every CPU that runs a thread of this process, by interrupt, and waits for it.
/// Cost: that of a shootdown, plus this call's mutex, which the whole system shares (Linux 6.18
/// `kernel/sched/membarrier.c`).
fn barrier_everywhere() {
    let barrier = || membarrier(MembarrierCommand::PrivateExpedited);
    if barrier().is_err() {
        let registered = membarrier(MembarrierCommand::RegisterPrivateExpedited);
        registered.and_then(|()| barrier()).expect("membarrier(2) stands for TLB shootdowns");
    }
}

#[inline(never)]
fn think(ns: u64) {
    let until = Instant::now() + Duration::from_nanos(ns);
    while Instant::now() < until {
        std::hint::spin_loop();
    }
}

/// Eight atomics on a line of their own, and no other data.
#[repr(C, align(64))]
pub struct BareLine([AtomicU64; LINE_WORDS]);

const _: () = assert!(size_of::<BareLine>() == 64);

impl Line for BareLine {
    #[inline]
    fn new(_: &'static LineName, words: [u64; LINE_WORDS]) -> Self {
        Self(words.map(AtomicU64::new))
    }

    #[inline(always)]
    fn load(&self, word: usize, order: Ordering) -> u64 {
        self.0[word].load(order)
    }

    #[inline(always)]
    fn store(&self, word: usize, value: u64, order: Ordering) {
        self.0[word].store(value, order);
    }

    #[inline(always)]
    fn fetch_add(&self, word: usize, value: u64, order: Ordering) -> u64 {
        self.0[word].fetch_add(value, order)
    }

    #[inline(always)]
    fn fetch_sub(&self, word: usize, value: u64, order: Ordering) -> u64 {
        self.0[word].fetch_sub(value, order)
    }

    #[inline(always)]
    fn fetch_or(&self, word: usize, bits: u64, order: Ordering) -> u64 {
        self.0[word].fetch_or(bits, order)
    }

    #[inline(always)]
    fn fetch_and(&self, word: usize, bits: u64, order: Ordering) -> u64 {
        self.0[word].fetch_and(bits, order)
    }

    #[inline(always)]
    fn swap(&self, word: usize, value: u64, order: Ordering) -> u64 {
        self.0[word].swap(value, order)
    }

    #[inline(always)]
    fn compare_exchange(
        &self,
        word: usize,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        self.0[word].compare_exchange(current, new, success, failure)
    }

    #[inline]
    fn spin_until(&self, word: usize, done: impl Fn(u64) -> bool) -> u64 {
        let mut spins = 0;
        loop {
            let value = self.0[word].load(Ordering::Acquire);
            if done(value) {
                return value;
            }
            relax(&mut spins);
        }
    }

    #[inline(always)]
    fn prefetch_w(&self) {
        prefetch_w(self.0.as_ptr());
    }
}

/// Requests the line at `address` in a writable state.
#[inline(always)]
pub(super) fn prefetch_w<T>(address: *const T) {
    // SAFETY: a prefetch is a hint. It has no effect that the program can see, raises no exception,
    // and changes neither flags nor stack.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!(
            "prefetchw [{}]",
            in(reg) address,
            options(nostack, preserves_flags, readonly)
        );
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        std::arch::asm!(
            "prfm pstl1keep, [{}]",
            in(reg) address,
            options(nostack, preserves_flags, readonly)
        );
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = address;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_outlives_the_unpark_that_came_first() {
        let cores = Cores::new(1);
        let _core = enter(&cores, 0);
        Host::<Bare>::unpark(0);
        Host::<Bare>::park();
    }

    #[test]
    fn a_parked_core_is_woken_by_another() {
        let cores = Cores::new(2);
        let waiting = {
            let cores = Arc::clone(&cores);
            thread::spawn(move || {
                let _core = enter(&cores, 1);
                Host::<Bare>::park();
                Host::<Bare>::core()
            })
        };
        let _core = enter(&cores, 0);
        while cores.slots[1].thread.get().is_none() {
            thread::yield_now();
        }
        Host::<Bare>::unpark(1);
        assert_eq!(waiting.join().expect("the core ends"), 1);
    }

    #[test]
    #[should_panic(expected = "entered once")]
    fn a_core_is_one_thread() {
        let cores = Cores::new(1);
        drop(enter(&cores, 0));
        let _again = enter(&cores, 0);
    }
}
