//! The primitives of `sync` under loom, which tries every interleaving and every stale value that
//! an ordering allows. Each test has a broken twin that loom must catch.
//!
//! Loom is one more [`Machine`], without `cfg` or flags. It does not cover `sync::rcu`, because
//! loom does not know the atomics of crossbeam-epoch; `sync::wait_table`; and lost wake-ups,
//! because parking returns at once here, as it may.

mod taken;
mod unlock;

use faultstorm::machine::{
    LINE_WORDS, Line, LineName, Machine, Ordering, RwNames, Waited, Word, Work,
};
use faultstorm::sync::refcount::RefCount;
use faultstorm::sync::rwsem::{Home, QueueWords, RwSem, WaitQueue};
use faultstorm::sync::seqcount::SeqCount;
use faultstorm::sync::spinlock::{LockWords, SpinLock, Waiters};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, fence};
use loom::thread;
use std::cell::Cell;

loom::thread_local! {
    static CORE: Cell<usize> = Cell::new(0);
    static NOW_MS: Cell<u64> = Cell::new(0);
}

/// A machine whose cores loom runs.
struct Loom;

struct LoomLine([AtomicU64; LINE_WORDS]);

static NAME: LineName = LineName { name: "test.loom", words: [""; LINE_WORDS] };

impl Machine for Loom {
    type Line = LoomLine;

    fn core() -> usize {
        CORE.with(Cell::get)
    }
    fn fence(order: Ordering) {
        fence(order);
    }
    fn work(_: Work) {}
    fn relax() {
        thread::yield_now();
    }
    fn sleep_ns(_: u64) {
        thread::yield_now();
    }
    fn park() {
        thread::yield_now();
    }
    fn unpark(_: usize) {}
    fn shootdown(_: bool) {
        unreachable!("no primitive changes page tables");
    }

    /// Returns a time that is a millisecond later in each call: no spin lasts, and a handoff comes
    /// soon.
    fn now_ns() -> u64 {
        NOW_MS.with(|now| {
            now.set(now.get() + 1);
            now.get() * 1_000_000
        })
    }
    fn mark(_: usize) {}
}

impl Line for LoomLine {
    fn new(_: &'static LineName, words: [u64; LINE_WORDS]) -> Self {
        Self(words.map(AtomicU64::new))
    }
    fn load(&self, word: usize, order: Ordering) -> u64 {
        self.0[word].load(order)
    }
    fn store(&self, word: usize, value: u64, order: Ordering) {
        self.0[word].store(value, order);
    }
    fn fetch_add(&self, word: usize, value: u64, order: Ordering) -> u64 {
        self.0[word].fetch_add(value, order)
    }
    fn fetch_sub(&self, word: usize, value: u64, order: Ordering) -> u64 {
        self.0[word].fetch_sub(value, order)
    }
    fn fetch_or(&self, word: usize, bits: u64, order: Ordering) -> u64 {
        self.0[word].fetch_or(bits, order)
    }
    fn fetch_and(&self, word: usize, bits: u64, order: Ordering) -> u64 {
        self.0[word].fetch_and(bits, order)
    }
    fn swap(&self, word: usize, value: u64, order: Ordering) -> u64 {
        self.0[word].swap(value, order)
    }
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
    fn spin_until(&self, word: usize, done: impl Fn(u64) -> bool) -> u64 {
        loop {
            let value = self.load(word, Ordering::Acquire);
            if done(value) {
                return value;
            }
            thread::yield_now();
        }
    }
    fn prefetch_w(&self) {}
}

fn line() -> LoomLine {
    LoomLine::new(&NAME, [0; LINE_WORDS])
}

/// Runs one body on core 0 and another on core 1, in every way that two preemptions allow.
fn two_cores<T: Send + Sync + 'static>(
    make: fn() -> T,
    first: fn(&T),
    second: fn(&T),
    after: fn(&T),
) {
    on_cores(make, first, vec![second], after);
}

fn on_cores<T: Send + Sync + 'static>(
    make: fn() -> T,
    first: fn(&T),
    others: Vec<fn(&T)>,
    after: fn(&T),
) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(move || {
        let shared = Arc::new(make());
        let spawn = |(index, body): (usize, &fn(&T))| {
            let (body, theirs) = (*body, shared.clone());
            thread::spawn(move || {
                CORE.with(|core| core.set(index + 1));
                body(&theirs);
            })
        };
        let threads: Vec<_> = others.iter().enumerate().map(spawn).collect();
        first(&shared);
        threads.into_iter().for_each(|thread| thread.join().expect("the core ends"));
        after(&shared);
    });
}

// A sequence count: a copy that was declared current is not torn.

fn write_twice(data: &LoomLine) {
    let seq = SeqCount::<Loom>::new(Word::new(data, 0));
    seq.write_begin();
    data.store(1, 7, Ordering::Relaxed);
    data.store(2, 7, Ordering::Relaxed);
    seq.write_end();
}

fn read_copy(data: &LoomLine) {
    let seq = SeqCount::<Loom>::new(Word::new(data, 0));
    let Some(at) = seq.begin() else { return };
    let copy = (data.load(1, Ordering::Relaxed), data.load(2, Ordering::Relaxed));
    assert!(!seq.is_current(at) || copy.0 == copy.1, "torn: {copy:?}");
}

#[test]
fn a_current_copy_is_not_torn() {
    two_cores(line, write_twice, read_copy, |_| {});
}

#[test]
#[should_panic(expected = "torn")]
fn without_its_fence_a_reader_believes_a_torn_copy() {
    let read = |data: &LoomLine| {
        let seq = SeqCount::<Loom>::new(Word::new(data, 0));
        let Some(at) = seq.begin() else { return };
        let copy = (data.load(1, Ordering::Relaxed), data.load(2, Ordering::Relaxed));
        let is_current = data.load(0, Ordering::Relaxed) == at;
        assert!(!is_current || copy.0 == copy.1, "torn: {copy:?}");
    };
    two_cores(line, write_twice, read, |_| {});
}

#[test]
#[should_panic(expected = "torn")]
fn without_its_fence_a_writer_is_not_noticed() {
    let write = |data: &LoomLine| {
        data.store(0, 1, Ordering::Relaxed);
        data.store(1, 7, Ordering::Relaxed);
        data.store(2, 7, Ordering::Relaxed);
        data.store(0, 2, Ordering::Release);
    };
    two_cores(line, write, read_copy, |_| {});
}

// A spinlock: its data belongs to one core at a time, and the next one sees it.

struct Spun {
    line: LoomLine,
    waiters: Waiters<Loom>,
    sum: UnsafeCell<u64>,
}

const LOCK: LockWords = LockWords { name: Waited::Ptl, locked: 0, tail: 1 };

// SAFETY: loom fails the test if two threads reach the cell at the same time; this is what the
// tests check.
unsafe impl Sync for Spun {}

impl Spun {
    fn new() -> Self {
        Self { line: line(), waiters: Waiters::new(3), sum: UnsafeCell::new(0) }
    }

    fn add(&self) {
        // SAFETY: as for `Sync`: loom checks that no other core is here.
        self.sum.with_mut(|sum| unsafe { *sum += 1 });
    }
}

#[test]
fn a_spinlock_orders_its_holders() {
    let add = |spun: &Spun| {
        let _guard = SpinLock::<Loom>::new(&spun.line, LOCK).lock(&spun.waiters);
        spun.add();
    };
    // SAFETY: all cores have ended.
    let after = |spun: &Spun| assert_eq!(spun.sum.with(|sum| unsafe { *sum }), 2);
    // With a third core, which would wait behind the second, the test did not end in four minutes:
    // `one_core_at_a_time` tests the hand-over in the queue, on threads.
    on_cores(Spun::new, add, vec![add], after);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_relaxed_release_orders_nobody() {
    let add = |spun: &Spun| {
        let relaxed = Ordering::Relaxed;
        while spun.line.compare_exchange(0, 0, 1, Ordering::Acquire, relaxed).is_err() {
            thread::yield_now();
        }
        spun.add();
        spun.line.store(0, 0, relaxed);
    };
    two_cores(Spun::new, add, add, |_| {});
}

// A reference count: the core that drops the last reference frees, after all accesses of the
// others.

struct Counted {
    line: LoomLine,
    freed: UnsafeCell<bool>,
}

// SAFETY: as for `Spun`.
unsafe impl Sync for Counted {}

impl Counted {
    /// Creates an object with one reference per core.
    fn new() -> Self {
        let line = line();
        line.store(0, 2, Ordering::Relaxed);
        Self { line, freed: UnsafeCell::new(false) }
    }

    fn refs(&self) -> RefCount<'_, Loom> {
        RefCount::new(Word::new(&self.line, 0))
    }

    fn use_it(&self) {
        // SAFETY: loom checks that no core frees it meanwhile.
        assert!(!self.freed.with(|freed| unsafe { *freed }), "used after it was freed");
    }

    fn free(&self) {
        // SAFETY: loom checks that no core uses it meanwhile.
        self.freed.with_mut(|freed| unsafe { *freed = true });
    }
}

#[test]
fn the_last_reference_frees_and_zero_is_final() {
    let leave = |object: &Counted| {
        object.use_it();
        if object.refs().put() {
            object.free();
        }
        if object.refs().get_unless_zero() {
            object.use_it();
            if object.refs().put() {
                object.free();
            }
        }
    };
    let after = |object: &Counted| {
        assert_eq!(object.refs().count(), 0);
        // SAFETY: both cores have ended.
        assert!(object.freed.with(|freed| unsafe { *freed }));
    };
    two_cores(Counted::new, leave, leave, after);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_relaxed_put_frees_under_a_user() {
    let leave = |object: &Counted| {
        object.use_it();
        if object.line.fetch_sub(0, 1, Ordering::Relaxed) == 1 {
            object.free();
        }
    };
    two_cores(Counted::new, leave, leave, |_| {});
}

// A reader-writer semaphore: a writer is alone, and the next reader sees its stores.

struct Shared {
    line: LoomLine,
    queue: WaitQueue,
    waiters: Waiters<Loom>,
    value: UnsafeCell<u64>,
}

// SAFETY: as for `Spun`.
unsafe impl Sync for Shared {}

impl Home for Shared {
    type Machine = Loom;

    fn names(&self) -> RwNames {
        RwNames::MMAP_LOCK
    }

    fn queue_words(&self) -> QueueWords {
        QueueWords {
            osq: LockWords { name: Waited::Osq, locked: 2, tail: 3 },
            wait_lock: LockWords { name: Waited::WaitLock, locked: 4, tail: 5 },
        }
    }

    fn count(&self) -> Word<'_, LoomLine> {
        Word::new(&self.line, 0)
    }
    fn owner(&self) -> Word<'_, LoomLine> {
        Word::new(&self.line, 1)
    }
    fn queue_line(&self) -> &LoomLine {
        &self.line
    }
    fn queue(&self) -> &WaitQueue {
        &self.queue
    }
    fn waiters(&self) -> &Waiters<Loom> {
        &self.waiters
    }
}

impl Shared {
    fn new() -> Self {
        let (queue, waiters) = (WaitQueue::new(2), Waiters::new(2));
        Self { line: line(), queue, waiters, value: UnsafeCell::new(0) }
    }

    fn read(&self) {
        // SAFETY: loom checks that no core writes meanwhile.
        let _ = self.value.with(|value| unsafe { *value });
    }

    fn write(&self) {
        let _guard = RwSem::new(self).write();
        // SAFETY: loom checks that no other core is here.
        self.value.with_mut(|value| unsafe { *value += 1 });
    }
}

#[test]
fn a_writer_is_alone() {
    let read = |shared: &Shared| {
        let _guard = RwSem::new(shared).read();
        shared.read();
    };
    let free = |shared: &Shared| assert_eq!(shared.line.load(0, Ordering::Relaxed), 0);
    two_cores(Shared::new, Shared::write, read, free);
    two_cores(Shared::new, Shared::write, Shared::write, free);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_reader_without_the_lock_meets_the_writer() {
    two_cores(Shared::new, Shared::write, Shared::read, |_| {});
}
