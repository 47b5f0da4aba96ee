//! The read sides of the primitives, generic and hand-written.
//!
//! Each is a separate function whose name the linker keeps, so that a disassembler finds it. The
//! hand-written ones have no slow path: they panic if one is needed, which never happens here.

use super::{Effort, HandLine, interleaved};
use faultstorm::machine::host::{BareLine, Cores, Host, enter};
use faultstorm::machine::{LINE_WORDS, Line, LineName, RwNames, Waited, Word};
use faultstorm::stats;
use faultstorm::sync::refcount::RefCount;
use faultstorm::sync::rwsem::{Home, QueueWords, RwSem, WaitQueue};
use faultstorm::sync::seqcount::SeqCount;
use faultstorm::sync::spinlock::{LockWords, SpinLock, Waiters};
use std::cell::Cell;
use std::hint::black_box;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU64, fence};
use std::time::Instant;

static NAME: LineName = LineName { name: "bench", words: [""; LINE_WORDS] };
const LOCK: LockWords = LockWords { name: Waited::Ptl, locked: 0, tail: 1 };
const READER: u64 = 1 << 8;
/// Bits of the count with which a reader of the semaphore cannot take its fast path.
const EXCLUDED: u64 = 0b111;

struct Generic {
    count: BareLine,
    owner: BareLine,
    lock: BareLine,
    refs: BareLine,
    seq: BareLine,
    queue: WaitQueue,
    waiters: Waiters<Host>,
}

impl Home for Generic {
    type Machine = Host;

    fn names(&self) -> RwNames {
        RwNames::MMAP_LOCK
    }

    #[inline(always)]
    fn queue_words(&self) -> QueueWords {
        QueueWords {
            osq: LockWords { name: Waited::Osq, locked: 1, tail: 2 },
            wait_lock: LockWords { name: Waited::WaitLock, locked: 3, tail: 4 },
        }
    }

    #[inline(always)]
    fn count(&self) -> Word<'_, BareLine> {
        Word::new(&self.count, 0)
    }
    #[inline(always)]
    fn owner(&self) -> Word<'_, BareLine> {
        Word::new(&self.owner, 0)
    }
    #[inline(always)]
    fn queue_line(&self) -> &BareLine {
        &self.owner
    }
    fn queue(&self) -> &WaitQueue {
        &self.queue
    }
    #[inline(always)]
    fn waiters(&self) -> &Waiters<Host> {
        &self.waiters
    }
}

struct Hand {
    count: HandLine,
    owner: HandLine,
    lock: HandLine,
    refs: HandLine,
    seq: HandLine,
}

thread_local! {
    static CORE: Cell<u64> = const { Cell::new(0) };
}

#[unsafe(no_mangle)]
#[inline(never)]
fn generic_rwsem(on: &Generic) {
    drop(RwSem::new(on).read_carefully());
}

#[unsafe(no_mangle)]
#[inline(never)]
fn hand_rwsem(on: &Hand) {
    let mut count = on.count.load(0);
    loop {
        if count & EXCLUDED != 0 {
            slow_path();
        }
        match on.count.0[0].compare_exchange(count, count + READER, Acquire, Relaxed) {
            Ok(_) => break,
            Err(now) => count = now,
        }
    }
    on.owner.0[0].store((CORE.get() + 1) << 8 | 1, Relaxed);
    let before = on.count.0[0].fetch_sub(READER, Release);
    if before & EXCLUDED != 0 {
        slow_path();
    }
}

#[unsafe(no_mangle)]
#[inline(never)]
fn generic_spinlock(on: &Generic) {
    drop(SpinLock::new(&on.lock, LOCK).lock(&on.waiters));
}

#[unsafe(no_mangle)]
#[inline(never)]
fn hand_spinlock(on: &Hand) {
    if on.lock.0[0].compare_exchange(0, 1, Acquire, Relaxed).is_err() {
        slow_path();
    }
    on.lock.0[0].store(0, Release);
}

#[unsafe(no_mangle)]
#[inline(never)]
fn generic_refcount(on: &Generic) -> bool {
    let refs = RefCount::<Host>::new(Word::new(&on.refs, 0));
    refs.get_unless_zero() && refs.put()
}

#[unsafe(no_mangle)]
#[inline(never)]
fn hand_refcount(on: &Hand) -> bool {
    let refs = &on.refs.0[0];
    let mut count = refs.load(Relaxed);
    loop {
        if count == 0 {
            return false;
        }
        match refs.compare_exchange(count, count + 1, Acquire, Relaxed) {
            Ok(_) => break,
            Err(now) => count = now,
        }
    }
    let before = refs.fetch_sub(1, AcqRel);
    if before == 0 {
        slow_path();
    }
    before == 1
}

#[unsafe(no_mangle)]
#[inline(never)]
fn generic_seqcount(on: &Generic) -> bool {
    let seq = SeqCount::<Host>::new(Word::new(&on.seq, 0));
    seq.begin().is_some_and(|at| seq.is_current(at))
}

#[unsafe(no_mangle)]
#[inline(never)]
fn hand_seqcount(on: &Hand) -> bool {
    let seq: &AtomicU64 = &on.seq.0[0];
    let at = seq.load(Acquire);
    if !at.is_multiple_of(2) {
        return false;
    }
    fence(Acquire);
    seq.load(Relaxed) == at
}

#[cold]
#[inline(never)]
fn slow_path() -> ! {
    panic!("one thread alone never waits")
}

/// A primitive's name, with its generic and its hand-written measurement.
type Pair = (&'static str, fn(&Generic, u64) -> f64, fn(&Hand, u64) -> f64);

macro_rules! pair {
    ($name:literal, $generic:ident, $hand:ident) => {
        (
            $name,
            |on, times| {
                ns_each(times, || {
                    black_box($generic(on));
                })
            },
            |on, times| {
                ns_each(times, || {
                    black_box($hand(on));
                })
            },
        )
    };
}

const PAIRS: [Pair; 4] = [
    pair!("rwsem, read", generic_rwsem, hand_rwsem),
    pair!("spinlock", generic_spinlock, hand_spinlock),
    pair!("refcount", generic_refcount, hand_refcount),
    pair!("seqcount", generic_seqcount, hand_seqcount),
];

#[inline(always)]
fn ns_each(times: u64, mut operation: impl FnMut()) -> f64 {
    let from = Instant::now();
    for _ in 0..times {
        operation();
    }
    from.elapsed().as_nanos() as f64 / times as f64
}

/// Prints a row for each primitive.
pub fn compare(effort: Effort) {
    let line = |value| BareLine::new(&NAME, [value; LINE_WORDS]);
    let generic = Generic {
        count: line(0),
        owner: line(0),
        lock: line(0),
        refs: line(1),
        seq: line(0),
        queue: WaitQueue::new(1),
        waiters: Waiters::new(1),
    };
    let new = HandLine::new;
    let hand = Hand { count: new(), owner: new(), lock: new(), refs: new(), seq: new() };
    hand.refs.0[0].store(1, Relaxed);
    let cores = Cores::new(1);
    let _core = enter(&cores, 0);
    println!("primitive       generic  by hand  ratio   95%");
    for (name, by_machine, by_hand) in PAIRS {
        let costs = interleaved(effort.repeats, &["generic", "hand"], |variant| match variant {
            0 => by_machine(&generic, effort.operations),
            _ => by_hand(&hand, effort.operations),
        });
        let (ours, theirs) = (costs[0].median(), costs[1].median());
        let ratios: Vec<f64> = costs[0].ns.iter().zip(&costs[1].ns).map(|(a, b)| a / b).collect();
        let ratio = stats::interval(&ratios, 1).expect("every repeat has a ratio");
        let bounds = match (ratio.low, ratio.high) {
            (Some(low), Some(high)) => format!("{low:.3} to {high:.3}"),
            _ => "-".to_owned(),
        };
        println!("{name:<13} {ours:>6.2} ns {theirs:>5.2} ns  {:.3}  {bounds}", ratio.median);
    }
}
