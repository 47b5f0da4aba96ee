//! Order of cores at a lock, and answers to shootdowns meanwhile, on the cores of the model: each
//! core has its own time for its part.

use faultstorm::machine::model::{Model, ModelLine, Multicore, Parameters, Place};
use faultstorm::machine::{LINE_WORDS, Line, LineName, Machine, RwNames, Waited, Word, Work};
use faultstorm::machines::MachineFile;
use faultstorm::strategy::find;
use faultstorm::sync::rwsem::{Home, QueueWords, RwSem, WaitQueue};
use faultstorm::sync::spinlock::{LockWords, SpinLock, Waiters};
use faultstorm::workload::Until;
use std::rc::Rc;

use crate::ask::{Ask, parse, xeon};

static LOCK: LineName = LineName { name: "test.rwsem", words: [""; LINE_WORDS] };

/// A semaphore on a separate line.
struct Fixture {
    line: ModelLine,
    queue: WaitQueue,
    waiters: Waiters<Model>,
}

impl Home for Fixture {
    type Machine = Model;

    fn names(&self) -> RwNames {
        RwNames::MMAP_LOCK
    }

    fn count(&self) -> Word<'_, ModelLine> {
        Word::new(&self.line, 0)
    }

    fn owner(&self) -> Word<'_, ModelLine> {
        Word::new(&self.line, 1)
    }

    fn queue_line(&self) -> &ModelLine {
        &self.line
    }

    fn queue_words(&self) -> QueueWords {
        QueueWords {
            osq: LockWords { name: Waited::Osq, locked: 2, tail: 3 },
            wait_lock: LockWords { name: Waited::WaitLock, locked: 4, tail: 5 },
        }
    }

    fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    fn waiters(&self) -> &Waiters<Model> {
        &self.waiters
    }
}

/// Part of a core: time of its request, true to write, and time that it keeps the lock, in us.
type Part = (u64, bool, u64);

/// Returns the time that each core waits for the lock, in us.
fn waits(parts: &'static [Part]) -> Vec<f64> {
    let machine = xeon();
    let places: Vec<Place> =
        (0..parts.len() as u16).map(|agent| Place { agent, socket: 0 }).collect();
    let multicore = Multicore::new(&machine, &places);
    let _here = multicore.enter();
    let line = ModelLine::new(&LOCK, [0; LINE_WORDS]);
    let (queue, waiters) = (WaitQueue::new(parts.len()), Waiters::new(parts.len()));
    let fixture = Rc::new(Fixture { line, queue, waiters });
    let ran = multicore.run(move |core| {
        let (at_us, writes, keeps_us) = parts[core];
        Model::sleep_ns(1000 * at_us);
        let asked_ns = Model::now_ns();
        let sem = RwSem::new(&*fixture);
        let waited = |from: u64| (Model::now_ns() - from) as f64 / 1000.0;
        if writes {
            let _lock = sem.write();
            let waited_us = waited(asked_ns);
            Model::sleep_ns(1000 * keeps_us);
            waited_us
        } else {
            let _lock = sem.read_carefully();
            let waited_us = waited(asked_ns);
            Model::sleep_ns(1000 * keeps_us);
            waited_us
        }
    });
    ran.unwrap_or_else(|_| panic!("all get the lock"))
}

/// A reader takes a lock that has just been released, although a queued writer is being woken; it
/// queues after the writer if other readers hold the lock.
#[test]
fn a_reader_steals_a_lock_that_nobody_has() {
    let waited = waits(&[(0, false, 100), (10, true, 1), (60, false, 1), (101, false, 50)]);
    assert!(waited[2] > 40.0, "behind the writer: {waited:?}");
    assert!(waited[3] < 1.0, "before the writer: {waited:?}");
    assert!(waited[1] > 135.0, "until the thief has left: {waited:?}");
}

/// A writer spins for readers for a little over 10 us; the next writer does not spin, and is woken.
#[test]
fn writers_do_not_spin_for_readers_who_stay() {
    let spun = waits(&[(0, false, 8), (1, true, 1)]);
    assert!(spun[1] < 7.5, "no sleeper is woken so early: {spun:?}");
    let slept = waits(&[(0, false, 20), (1, true, 1), (13, true, 1)]);
    assert!(slept[1] > 20.5, "it sleeps, and is woken: {slept:?}");
    assert!(slept[2] > slept[1] - 12.0, "it waits behind the other: {slept:?}");
}

/// A core that has waited for 4 ms enters before newcomers. Here each newcomer comes after the last
/// reader has left, and before the writer that this reader wakes is awake.
#[test]
fn who_has_queued_for_long_is_handed_the_lock() {
    const READERS: usize = 40;
    const PARTS: [Part; READERS + 1] = {
        let mut parts = [(10, true, 1); READERS + 1];
        let mut at = 0;
        while at < READERS {
            parts[at] = (201 * at as u64, false, 200);
            at += 1;
        }
        parts
    };
    let waited = waits(&PARTS);
    assert!(waited[..19].iter().all(|reader| *reader < 10.0), "they steal: {waited:?}");
    assert!((4000.0..5000.0).contains(&waited[READERS]), "{waited:?}");
}

/// Core 0 has a spinlock for 50 us; returns the time of a shootdown that core 1 requests after 10
/// us.
fn shootdown_us(machine: Parameters, kernel_broadcasts: bool, interrupts_off: bool) -> f64 {
    let places = [0, 1].map(|agent| Place { agent, socket: 0 });
    let multicore = Multicore::new(&machine, &places);
    let _here = multicore.enter();
    let fixture = Rc::new((ModelLine::new(&LOCK, [0; LINE_WORDS]), Waiters::<Model>::new(2)));
    let ran = multicore.run(move |core| {
        let (line, waiters) = &*fixture;
        let lock =
            SpinLock::<Model>::new(line, LockWords { name: Waited::Ptl, locked: 0, tail: 1 });
        if core == 1 {
            Model::sleep_ns(10_000);
            let from_ns = Model::now_ns();
            Model::shootdown(kernel_broadcasts);
            return (Model::now_ns() - from_ns) as f64 / 1000.0;
        }
        let held = Work::ThinkNs(50_000);
        if interrupts_off {
            let _lock = lock.lock_irq(waiters);
            Model::work(held);
        } else {
            let _lock = lock.lock(waiters);
            Model::work(held);
        }
        0.0
    });
    ran.unwrap_or_else(|_| panic!("both end"))[1]
}

/// Linux takes the locks of zones, of LRU lists and of the page cache with interrupts off.
#[test]
fn who_has_a_lock_with_interrupts_off_answers_after() {
    assert!(shootdown_us(xeon(), true, false) < 5.0);
    assert!(shootdown_us(xeon(), true, true) > 40.0);
}

#[test]
fn a_broadcast_interrupts_nobody() {
    let machine = |name| MachineFile::find(name).unwrap_or_else(|_| panic!("it is shipped"));
    let [arm, amd] = ["graviton3", "epyc-milan-2s"].map(|name| machine(name).parameters);
    for (machine, kernel_broadcasts) in [(arm, false), (amd, true)] {
        let took_us = shootdown_us(machine, kernel_broadcasts, true);
        assert_eq!(took_us, machine.shootdown.broadcast_ps as f64 / 1e6);
    }
    assert!(shootdown_us(amd, false, true) > 40.0, "a kernel before 6.15");
}

/// A broadcast makes all cores of the machine drop translations, so for a space of fewer than four
/// cores it is not worth its cost.
#[test]
fn four_threads_are_worth_a_broadcast() {
    let workload = parse(
        "summary = \"x\"\n[[vma]]\nname = \"v\"\nsize = \"64KiB\"\nscope = \"per-thread\"\n\
         [[op]]\ntouch = { vma = \"v\", access = \"write\" }\n[[op]]\n\
         madvise_dontneed = { vma = \"v\" }\n",
    );
    let entry = find("vm-refcnt").expect("it is in the table");
    let amd = MachineFile::find("epyc-milan-2s").unwrap_or_else(|_| panic!("it is shipped"));
    let mean_ns = |threads| {
        let ask = Ask::new(&workload, threads, Until::Rounds(1));
        let shootdowns = ask.in_model(entry, &amd.parameters).shootdowns;
        shootdowns.ns / shootdowns.count
    };
    assert!(mean_ns(3) > 1100, "{} ns", mean_ns(3));
    assert!(mean_ns(4) < 900, "{} ns", mean_ns(4));
}
