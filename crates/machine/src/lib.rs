//! The world that a storm runs in, as strategy code sees it.
//!
//! `sync`, `mm` and `strategy` reach shared memory, time and other cores through
//! [`Machine`] alone, so the same source runs on real atomics and in any other
//! world that implements the trait. A machine knows words, lines and cores; what
//! a line holds arrives as data ([`LineName`]).
//!
//! The unit is the **cache line**, not the word: eight words that move together,
//! declared together, because false sharing is one of the things measured.

mod audited;
mod counted;
pub mod host;
pub mod model;
mod staged;

pub use std::sync::atomic::Ordering;

/// Words in a line: 64 bytes, as on x86-64 and most Arm servers.
pub const LINE_WORDS: usize = 8;
/// Largest number of cores that a machine may have.
pub const CORES_MAX: usize = 1024;
/// Values stored in a word use the bits below this one. The bits above belong to
/// the machine: the accounting of [`host::Counted`] keeps its stamp there.
pub const VALUE_BITS: u32 = 48;

/// What a line is called in results, and what its words hold.
#[derive(Debug, PartialEq, Eq)]
pub struct LineName {
    /// For instance `mm.mmap_lock`.
    pub name: &'static str,
    /// Fields by word; unused words are empty.
    pub words: [&'static str; LINE_WORDS],
}

/// Eight words that live and move together.
///
/// Values fit [`VALUE_BITS`] bits in every world, so that all worlds run the same
/// code.
pub trait Line: Send + Sync + Sized {
    /// A line that holds `words`.
    fn new(name: &'static LineName, words: [u64; LINE_WORDS]) -> Self;
    /// Reads a word.
    fn load(&self, word: usize, order: Ordering) -> u64;
    /// Writes a word.
    fn store(&self, word: usize, value: u64, order: Ordering);
    /// Adds, and returns what was there before.
    fn fetch_add(&self, word: usize, value: u64, order: Ordering) -> u64;
    /// Subtracts, and returns what was there before, which was at least `value`.
    fn fetch_sub(&self, word: usize, value: u64, order: Ordering) -> u64;
    /// Sets bits, and returns what was there before.
    fn fetch_or(&self, word: usize, bits: u64, order: Ordering) -> u64;
    /// Keeps only `bits`, and returns what was there before.
    fn fetch_and(&self, word: usize, bits: u64, order: Ordering) -> u64;
    /// Writes a word, and returns what was there before.
    fn swap(&self, word: usize, value: u64, order: Ordering) -> u64;
    /// Writes `new` where the word holds `current`; else returns what it holds.
    fn compare_exchange(
        &self,
        word: usize,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64>;
    /// Waits until `done` holds of a word, and returns the value (read with
    /// `Acquire`) for which it did. Meant for waits that the kernel spins in.
    fn spin_until(&self, word: usize, done: impl Fn(u64) -> bool) -> u64;
    /// Asks for the line in a writable state, and goes on without waiting.
    fn prefetch_w(&self);
    /// The two stand in one block of 128 bytes, which some processors fetch as a whole.
    ///
    /// # Safety
    /// From here on neither is moved, and none is dropped while cores run.
    unsafe fn pair(&self, _other: &Self) {}
}

/// Pairs the lines of an array that begins with a block of 128 bytes.
///
/// # Safety
/// As [`Line::pair`], of each.
pub unsafe fn pair_up<'a, L: Line + 'a>(lines: impl IntoIterator<Item = &'a L>) {
    let mut lines = lines.into_iter();
    while let (Some(first), Some(second)) = (lines.next(), lines.next()) {
        // SAFETY: the caller's promise.
        unsafe { first.pair(second) };
    }
}

/// Work that touches no shared line, so that a model can charge it by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// The exception or system call, its return, and what the simulated kernel leaves out.
    Trap,
    /// Entering and leaving an RCU read section.
    ReadSection,
    /// Clearing a 4 KiB page.
    ClearPage,
    /// Copying a 4 KiB page.
    CopyPage,
    /// The workload's own work between two touches, in nanoseconds.
    ThinkNs(u64),
}

/// All that `sync`, `mm` and `strategy` may ask of the world.
pub trait Machine: Sized + Send + Sync + 'static {
    /// What threads share.
    type Line: Line;
    /// Whether any thread may look at its lines when no core runs.
    const IS_OF_ALL_THREADS: bool = true;
    /// Whether the time that its code takes is a result. Where not, large code that is the same
    /// for all schemes but for a parameter is compiled once, and called through a pointer.
    const IS_TIMED: bool = false;
    /// Whether cores cache translations; where not, none is ever stale.
    const HAS_TLB: bool = false;
    /// Whether page frames have memory behind them; where not, clearing and copying is
    /// only charged.
    const HAS_MEMORY: bool = true;

    /// The core in whose name the caller runs: below the number of cores of the
    /// storm, and nobody else's while the caller runs.
    fn core() -> usize;
    /// A fence, where an ordering on one access does not say it.
    fn fence(order: Ordering);
    /// Private work: charged by a model; on real cores the work itself takes the
    /// time, except [`Work::ThinkNs`], which is spent here.
    fn work(work: Work);
    /// Does `what`, which waits for nobody, as if it took no time and touched no line, where
    /// the world charges for both; the lines are touched in no other way. Elsewhere it costs
    /// what it costs.
    #[inline(always)]
    fn for_nothing<R>(what: impl FnOnce() -> R) -> R {
        what()
    }
    /// One step of a spin that ends by itself.
    fn relax();
    /// Sleeps, without holding the core.
    fn sleep_ns(ns: u64);
    /// Sleeps until [`unpark`](Machine::unpark), or returns at once where that came
    /// first. May return without it: callers check what they wait for.
    fn park();
    /// Lets a core's current or next [`park`](Machine::park) return.
    fn unpark(core: usize);
    /// Nanoseconds since some fixed point.
    fn now_ns() -> u64;
    /// Makes all other cores forget the translations that they have cached, and returns
    /// when all have answered. The calling core takes interrupts meanwhile.
    fn shootdown();
    /// How often others have made the calling core forget its translations. What it has
    /// cached before the last time is void.
    fn shootdowns_taken() -> u64 {
        0
    }
    /// The calling core answers no shootdown until as many calls of
    /// [`interrupts_on`](Machine::interrupts_on) have been made. Threads of the host cannot,
    /// and need not: nothing there waits for their answer.
    #[inline(always)]
    fn interrupts_off() {}
    /// See [`interrupts_off`](Machine::interrupts_off).
    #[inline(always)]
    fn interrupts_on() {}
    /// The program is about to translate an address and to access the page: a shootdown
    /// returns only when it has [ended](Machine::end_access). Costs nothing where an access
    /// is one step.
    #[inline(always)]
    fn begin_access() {}
    /// See [`begin_access`](Machine::begin_access).
    #[inline(always)]
    fn end_access() {}
    /// The code has reached a point at which a test may hold the core. Costs nothing where
    /// there is none.
    #[inline(always)]
    fn point(_point: usize) {}
    /// The code has reached the end of a stage; what that means is the world's
    /// affair. Costs nothing where nobody listens.
    fn mark(stage: usize);
}

/// One word of a line: what the primitives in `sync` are built on, so that a
/// structure decides which line each of their words shares.
pub struct Word<'a, L> {
    line: &'a L,
    index: usize,
}

impl<L> Clone for Word<'_, L> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<L> Copy for Word<'_, L> {}

impl<'a, L: Line> Word<'a, L> {
    /// Word `index` of `line`.
    #[inline(always)]
    pub fn new(line: &'a L, index: usize) -> Self {
        Self { line, index }
    }

    /// The line it is on.
    #[inline(always)]
    pub fn line(self) -> &'a L {
        self.line
    }

    /// See [`Line::load`].
    #[inline(always)]
    pub fn load(self, order: Ordering) -> u64 {
        self.line.load(self.index, order)
    }

    /// See [`Line::store`].
    #[inline(always)]
    pub fn store(self, value: u64, order: Ordering) {
        self.line.store(self.index, value, order);
    }

    /// See [`Line::fetch_add`].
    #[inline(always)]
    pub fn fetch_add(self, value: u64, order: Ordering) -> u64 {
        self.line.fetch_add(self.index, value, order)
    }

    /// See [`Line::fetch_sub`].
    #[inline(always)]
    pub fn fetch_sub(self, value: u64, order: Ordering) -> u64 {
        self.line.fetch_sub(self.index, value, order)
    }

    /// See [`Line::fetch_or`].
    #[inline(always)]
    pub fn fetch_or(self, bits: u64, order: Ordering) -> u64 {
        self.line.fetch_or(self.index, bits, order)
    }

    /// See [`Line::fetch_and`].
    #[inline(always)]
    pub fn fetch_and(self, bits: u64, order: Ordering) -> u64 {
        self.line.fetch_and(self.index, bits, order)
    }

    /// See [`Line::swap`].
    #[inline(always)]
    pub fn swap(self, value: u64, order: Ordering) -> u64 {
        self.line.swap(self.index, value, order)
    }

    /// See [`Line::compare_exchange`].
    #[inline(always)]
    pub fn compare_exchange(
        self,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        self.line.compare_exchange(self.index, current, new, success, failure)
    }

    /// See [`Line::spin_until`].
    #[inline(always)]
    pub fn spin_until(self, done: impl Fn(u64) -> bool) -> u64 {
        self.line.spin_until(self.index, done)
    }
}
