//! The read side of each primitive at 1 to n threads, all on one object: the same question that
//! `kernel/rcu/refscale.c` asks about the kernel's primitives.
//!
//! An element is one entry and exit of one thread. Its time is that of the slowest thread, so that
//! a primitive that scales takes as long with n threads as with 1.

mod common;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use faultstorm::host::affinity;
use faultstorm::machine::host::{BareLine, Cores, Host, enter};
use faultstorm::machine::{LINE_WORDS, Line, LineName, Ordering, RwNames, Waited, Word};
use faultstorm::sync::rcu::Rcu;
use faultstorm::sync::refcount::RefCount;
use faultstorm::sync::rwsem::{Home, QueueWords, RwSem, WaitQueue};
use faultstorm::sync::seqcount::SeqCount;
use faultstorm::sync::spinlock::{LockWords, SpinLock, Waiters};
use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

static NAME: LineName = LineName { name: "bench", words: [""; LINE_WORDS] };

/// One object of each primitive, each on separate lines.
struct Objects {
    word: BareLine,
    refs: BareLine,
    count: BareLine,
    owner: BareLine,
    queue: WaitQueue,
    waiters: Waiters<Host>,
    rcu: Rcu,
}

impl Objects {
    fn new(threads: usize) -> Self {
        Self {
            word: BareLine::new(&NAME, [0; LINE_WORDS]),
            // The owner's reference.
            refs: BareLine::new(&NAME, [1; LINE_WORDS]),
            count: BareLine::new(&NAME, [0; LINE_WORDS]),
            owner: BareLine::new(&NAME, [0; LINE_WORDS]),
            queue: WaitQueue::new(threads),
            waiters: Waiters::new(threads),
            rcu: Rcu::new(),
        }
    }

    fn word(&self) -> Word<'_, BareLine> {
        Word::new(&self.word, 0)
    }
}

/// Count and owner are on two lines, as in mmap_lock.
impl Home for Objects {
    type Machine = Host;

    fn names(&self) -> RwNames {
        RwNames::MMAP_LOCK
    }

    fn queue_words(&self) -> QueueWords {
        QueueWords {
            osq: LockWords { name: Waited::Osq, locked: 1, tail: 2 },
            wait_lock: LockWords { name: Waited::WaitLock, locked: 3, tail: 4 },
        }
    }

    fn count(&self) -> Word<'_, BareLine> {
        Word::new(&self.count, 0)
    }
    fn owner(&self) -> Word<'_, BareLine> {
        Word::new(&self.owner, 0)
    }
    fn queue_line(&self) -> &BareLine {
        &self.owner
    }
    fn queue(&self) -> &WaitQueue {
        &self.queue
    }
    fn waiters(&self) -> &Waiters<Host> {
        &self.waiters
    }
}

/// Enters and leaves a read side a given number of times.
type Reader = fn(&Objects, u64);

const READERS: [(&str, Reader); 7] = [
    ("load", |on, times| {
        for _ in 0..times {
            black_box(on.word().load(Ordering::Acquire));
        }
    }),
    ("fetch_add", |on, times| {
        for _ in 0..times {
            black_box(on.word().fetch_add(1, Ordering::Relaxed));
        }
    }),
    ("seqcount", |on, times| {
        let seq = SeqCount::<Host>::new(on.word());
        for _ in 0..times {
            let at = seq.begin().expect("nobody writes");
            assert!(seq.is_current(at));
        }
    }),
    ("rcu", |on, times| {
        let reader = on.rcu.reader();
        for _ in 0..times {
            drop(black_box(reader.read::<Host>()));
        }
    }),
    ("refcount", |on, times| {
        let refs = RefCount::<Host>::new(Word::new(&on.refs, 0));
        for _ in 0..times {
            assert!(refs.get_unless_zero());
            refs.put();
        }
    }),
    ("spinlock", |on, times| {
        let lock =
            SpinLock::<Host>::new(&on.word, LockWords { name: Waited::Ptl, locked: 0, tail: 1 });
        for _ in 0..times {
            drop(black_box(lock.lock(&on.waiters)));
        }
    }),
    ("rwsem", |on, times| {
        for _ in 0..times {
            drop(black_box(RwSem::new(on).read()));
        }
    }),
];

fn read_side(criterion: &mut Criterion) {
    for (name, reader) in READERS {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(1));
        for threads in common::thread_counts() {
            group.bench_function(BenchmarkId::from_parameter(threads), |bencher| {
                bencher.iter_custom(|times| slowest(reader, threads, times));
            });
        }
        group.finish();
    }
}

/// Returns the time of the slowest of `threads` threads that each read `times` times.
fn slowest(reader: Reader, threads: usize, times: u64) -> Duration {
    let objects = Objects::new(threads);
    let (cpus, cores, start) = (common::cpus(threads), Cores::new(threads), Barrier::new(threads));
    thread::scope(|scope| {
        let storm = |(core, cpu): (usize, &usize)| {
            affinity::pin(*cpu).expect("the CPU is one that we may use");
            let _core = enter(&cores, core);
            start.wait();
            let from = Instant::now();
            reader(&objects, times);
            from.elapsed()
        };
        let threads: Vec<_> =
            cpus.iter().enumerate().map(|each| scope.spawn(move || storm(each))).collect();
        threads.into_iter().map(|t| t.join().expect("a reader ends")).max().expect("there is one")
    })
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1));
    targets = read_side
}
criterion_main!(benches);
