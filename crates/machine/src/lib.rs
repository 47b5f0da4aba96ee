//! The world in which a storm runs, as strategy code sees it.
//!
//! `sync`, `mm` and `strategy` reach shared memory, time and other cores only through [`Machine`],
//! so the same source runs on real atomics and in any other world that implements the trait. A
//! machine knows words, lines and cores; the content of a line is described by data ([`LineName`]).
//!
//! The unit is the **cache line**, not the word: eight words that move together, declared together,
//! because false sharing is one of the things to measure.

mod audited;
mod counted;
pub mod host;
pub mod model;
mod staged;
mod waited;

pub use self::waited::{FAULT, FIRST_OP, RwNames, Waited, WaitedKind};
use std::cell::Cell;
pub use std::sync::atomic::Ordering;

/// Words in a line: 64 bytes, as on x86-64 and most Arm servers.
pub const LINE_WORDS: usize = 8;
/// Largest number of cores that a machine may have.
pub const CORES_MAX: usize = 1024;
/// Bits of a word that a value may use. The bits above belong to the machine: [`host::Counted`]
/// keeps its stamp there.
pub const VALUE_BITS: u32 = 48;
/// The value bits of a word.
pub const VALUE_MASK: u64 = (1 << VALUE_BITS) - 1;

/// Name of a line in results, and names of its words.
#[derive(Debug, PartialEq, Eq)]
pub struct LineName {
    /// Name, such as `mm.mmap_lock`.
    pub name: &'static str,
    /// Fields by word; unused words are empty.
    pub words: [&'static str; LINE_WORDS],
}

/// Eight words that are allocated and move together.
///
/// Values have at most [`VALUE_BITS`] bits in every world, so that all worlds run the same code.
pub trait Line: Send + Sync + Sized {
    /// Creates a line that holds `words`.
    fn new(name: &'static LineName, words: [u64; LINE_WORDS]) -> Self;
    /// Reads a word.
    fn load(&self, word: usize, order: Ordering) -> u64;
    /// Writes a word.
    fn store(&self, word: usize, value: u64, order: Ordering);
    /// Adds, and returns the old value.
    fn fetch_add(&self, word: usize, value: u64, order: Ordering) -> u64;
    /// Subtracts, and returns the old value, which must be at least `value`.
    fn fetch_sub(&self, word: usize, value: u64, order: Ordering) -> u64;
    /// Sets bits, and returns the old value.
    fn fetch_or(&self, word: usize, bits: u64, order: Ordering) -> u64;
    /// Keeps only `bits`, and returns the old value.
    fn fetch_and(&self, word: usize, bits: u64, order: Ordering) -> u64;
    /// Writes a word, and returns the old value.
    fn swap(&self, word: usize, value: u64, order: Ordering) -> u64;
    /// Writes `new` if the word holds `current`; otherwise returns the value that it holds.
    fn compare_exchange(
        &self,
        word: usize,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64>;
    /// Waits until `done` is true for a word, and returns that value (read with `Acquire`). For
    /// waits in which the kernel spins.
    fn spin_until(&self, word: usize, done: impl Fn(u64) -> bool) -> u64;
    /// Requests the line in a writable state, and continues without waiting.
    fn prefetch_w(&self);
    /// Declares that the two lines are in one block of 128 bytes, which some processors fetch as a
    /// whole.
    ///
    /// # Safety
    /// After this call neither line is moved, and neither is dropped while cores run.
    unsafe fn pair(&self, _other: &Self) {}
}

/// Pairs the lines of an array that starts at a block of 128 bytes.
///
/// # Safety
/// As [`Line::pair`], for each line.
pub unsafe fn pair_up<'a, L: Line + 'a>(lines: impl IntoIterator<Item = &'a L>) {
    let mut lines = lines.into_iter();
    while let (Some(first), Some(second)) = (lines.next(), lines.next()) {
        // SAFETY: the caller's contract.
        unsafe { first.pair(second) };
    }
}

/// Work that touches no shared line; a model charges it by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// The exception or system call, its return, and the work that the simulated kernel omits.
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

/// All that `sync`, `mm` and `strategy` can ask of the world.
pub trait Machine: Sized + Send + Sync + 'static {
    /// Line that threads share.
    type Line: Line;
    /// True if any thread may read its lines when no core runs.
    const IS_OF_ALL_THREADS: bool = true;
    /// True if the run time of its code is a result. If not, large code that is the same for all
    /// schemes except for a parameter is compiled once, and called through a pointer.
    const IS_TIMED: bool = false;
    /// True if cores cache translations; otherwise no translation is ever stale.
    const HAS_TLB: bool = false;
    /// True if page frames have memory; otherwise clearing and copying are only charged.
    const HAS_MEMORY: bool = true;

    /// Returns the caller's core: below the number of cores of the storm, and used by no other
    /// thread while the caller runs.
    fn core() -> usize;
    /// Executes a fence, if the ordering of one access is not enough.
    fn fence(order: Ordering);
    /// Does private work. A model charges it; on real cores the work itself takes the time, except
    /// for [`Work::ThinkNs`], which is spent here.
    fn work(work: Work);
    /// Runs `what` without charging time or line accesses, in a world that charges for both. `what`
    /// must not block, and its lines must not be accessed in any other way. Other worlds just run
    /// `what`.
    #[inline(always)]
    fn for_nothing<R>(what: impl FnOnce() -> R) -> R {
        what()
    }
    /// Tells the world that the core begins to wait: for the lock at `at`, an address that is the
    /// same for all who take that lock, or for something else (0). Waits nest; the outermost one
    /// names the time. Free if the world does not record waits.
    #[inline(always)]
    fn begin_wait(_waited: Waited, _at: usize) {}
    /// Ends the innermost wait.
    #[inline(always)]
    fn end_wait() {}
    /// Tells the world that the core has taken the lock at `at`.
    #[inline(always)]
    fn locked(_lock: Waited, _at: usize) {}
    /// Tells the world that the core is about to release the lock at `at`.
    #[inline(always)]
    fn unlocked(_at: usize) {}
    /// Makes one step of a spin that ends by itself.
    fn relax();
    /// Sleeps without occupying the core.
    fn sleep_ns(ns: u64);
    /// Sleeps until [`unpark`](Machine::unpark), or returns at once if that was called before. May
    /// return without it: callers check their condition.
    fn park();
    /// Ends the current or next [`park`](Machine::park) of a core.
    fn unpark(core: usize);
    /// Returns nanoseconds since a fixed point in time.
    fn now_ns() -> u64;
    /// Makes all other cores drop their cached translations, and returns after all have. The
    /// calling core takes interrupts meanwhile. `kernel_broadcasts`: the kernel shoots down by an
    /// instruction, without interrupts, if the processor has one and leaves the choice (INVLPGB).
    fn shootdown(kernel_broadcasts: bool);
    /// Returns the number of shootdowns that the calling core has taken. Translations that it
    /// cached before the last one are invalid.
    fn shootdowns_taken() -> u64 {
        0
    }
    /// Stops answering shootdowns on the calling core, until
    /// [`interrupts_on`](Machine::interrupts_on) has been called as often. Threads of the host
    /// cannot do this, and need not: nothing there waits for their answer.
    #[inline(always)]
    fn interrupts_off() {}
    /// See [`interrupts_off`](Machine::interrupts_off).
    #[inline(always)]
    fn interrupts_on() {}
    /// Tells the world that the program is about to translate an address and to access the page: a
    /// shootdown returns only after the [end](Machine::end_access). Free if an access is one step.
    #[inline(always)]
    fn begin_access() {}
    /// See [`begin_access`](Machine::begin_access).
    #[inline(always)]
    fn end_access() {}
    /// Tells the world that the code has reached a point at which a test may hold the core. Free if
    /// no test does.
    #[inline(always)]
    fn point(_point: usize) {}
    /// Tells the world that the code has reached the end of a stage. Free if the world does not use
    /// it. Marks within an operation are none of a fault.
    fn mark(stage: usize);
}

/// Returns the address of a word of a line.
#[inline(always)]
pub fn address<L>(line: &L, word: usize) -> usize {
    std::ptr::from_ref(line).addr() + word
}

/// One word of a line. The primitives in `sync` are built on words, so that a structure decides
/// which line each of their words shares.
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
    /// Returns word `index` of `line`.
    #[inline(always)]
    pub fn new(line: &'a L, index: usize) -> Self {
        Self { line, index }
    }

    /// Returns the word's line.
    #[inline(always)]
    pub fn line(self) -> &'a L {
        self.line
    }

    /// Returns an address of its own.
    #[inline(always)]
    pub fn at(self) -> usize {
        address(self.line, self.index)
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

    /// As [`spin_until`](Self::spin_until), and a wait for `waited` if the first value is not the
    /// right one.
    #[inline(always)]
    pub fn wait_until<M: Machine>(self, waited: Waited, done: impl Fn(u64) -> bool) -> u64 {
        let waits = Cell::new(false);
        let value = self.spin_until(|value| {
            let is_done = done(value);
            if !is_done && !waits.replace(true) {
                M::begin_wait(waited, self.at());
            }
            is_done
        });
        if waits.get() {
            M::end_wait();
        }
        value
    }
}
