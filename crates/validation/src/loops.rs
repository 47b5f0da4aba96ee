//! Tight loops on lines, run in the model: mechanisms of [`LoopKind`].

use inputs::targets::{Loop, LoopKind};
use machine::model::{self, Halt, Model, ModelLine, Multicore, Parameters, Place, Ps};
use machine::{LINE_WORDS, Line, LineName, Machine, Ordering, RwNames, Waited, Word, Work};
use std::cell::Cell;
use std::rc::Rc;
use sync::refcount::RefCount;
use sync::rwlock::RwLock;
use sync::rwsem::{Home, QueueWords, RwSem, WaitQueue};
use sync::seqcount::SeqCount;
use sync::spinlock::{LockWords, SpinLock, Waiters};
use sync::srcu::Srcu;

static LINE: LineName =
    LineName { name: "validation.line", words: ["word", "owner", "osq", "", "lock", "", "", ""] };

/// The word that loops without a lock use, and the count of a lock that has one.
const WORD: usize = 0;
/// The owner of a semaphore, and the ticket that is served.
const OWNER: usize = 1;
/// The lock of spinlock loops, and of the queue of a semaphore.
const LOCK: LockWords = LockWords { name: Waited::Ptl, locked: 4, tail: 5 };
/// A reader of the lock that is entered by compare-exchange.
const READER: u64 = 2;

/// Operations of all counted threads, unless each would do too few or too many.
const OPERATIONS: u64 = 200_000;
/// Operations of a thread, at least and at most.
const EACH: (u64, u64) = (400, 2000);
/// Operations after which a writer ends in any case, for each one of a counted thread.
const WRITES_MAX: u64 = 100;
/// Most nanoseconds by which a core starts later than the first. Different starts keep the queue
/// for the line from being in the order of the cores' numbers.
const APART_NS: u64 = 2000;

/// The line of a loop, and all that the primitives on it need besides.
struct Lines {
    line: ModelLine,
    waiters: Waiters<Model>,
    queue: WaitQueue,
    srcu: Srcu<Model, ()>,
}

/// Runs a loop on these cores, writers first, and returns the operations per second of the others
/// together, while all of them run.
///
/// # Errors
/// Cores are starved or locked up.
pub(super) fn rate(parameters: &Parameters, places: &[Place], one: Loop) -> Result<f64, String> {
    let (all, writers) = (places.len(), one.writers);
    let counted = (all - writers) as u64;
    let each = (OPERATIONS / counted).clamp(EACH.0, EACH.1);
    let multicore = Multicore::new(parameters, places);
    let _here = multicore.enter();
    let lines = Rc::new(Lines::new(one.kind, all));
    let running = Rc::new(Cell::new(counted));
    let spans = multicore.run(move |core| {
        Model::work(Work::ThinkNs(core as u64 * 7919 % APART_NS));
        if core < writers {
            lines.write(one, writers > 1, || running.get() > 0, each * WRITES_MAX);
            return Vec::new();
        }
        let mut checks: Vec<Ps> = Vec::with_capacity(each as usize + 1);
        checks.push(model::clock_ps());
        for turn in 0..each {
            lines.once(one, turn * counted + (core - writers) as u64);
            think(one.parallel_ns);
            checks.push(model::clock_ps());
        }
        running.set(running.get() - 1);
        checks
    });
    let mut spans = spans.map_err(reason)?;
    spans.drain(..writers);
    let start = spans.iter().map(|span| span[0]).max().expect("there are cores");
    let end = spans.iter().map(|span| span[each as usize]).min().expect("there are cores");
    let inside = |span: &Vec<Ps>| span.iter().filter(|at| **at > start && **at <= end).count();
    let done: usize = spans.iter().map(inside).sum();
    match done {
        0 => Err("its threads do not overlap".to_owned()),
        done => Ok(done as f64 / (end - start) as f64 * 1e12),
    }
}

/// Returns why the cores of a loop did not end.
fn reason(halt: Halt) -> String {
    match halt {
        Halt::Panicked { core, .. } => format!("core {core} panicked"),
        Halt::Deadlock(_) => "no core can run".to_owned(),
        Halt::Starved(which) => which,
        Halt::GivenUp(why) => why,
        Halt::Interrupted => "the run was interrupted".to_owned(),
        Halt::Stacks(error) => format!("no memory for stacks: {error}"),
    }
}

fn think(ns: u64) {
    if ns > 0 {
        Model::work(Work::ThinkNs(ns));
    }
}

impl Lines {
    fn new(kind: LoopKind, cores: usize) -> Self {
        let mut words = [0; LINE_WORDS];
        // The reference of the object's owner: the count does not reach zero.
        words[WORD] = u64::from(kind == LoopKind::RefCount);
        Self {
            line: ModelLine::new(&LINE, words),
            waiters: Waiters::new(cores),
            queue: WaitQueue::new(cores),
            srcu: Srcu::new(cores),
        }
    }

    fn word(&self) -> Word<'_, ModelLine> {
        Word::new(&self.line, WORD)
    }

    /// Does the operation, the body inside. `turn` is the number of the operation in a fixed order
    /// of all threads.
    fn once(&self, one: Loop, turn: u64) {
        let inside = || think(one.critical_ns);
        let relaxed = Ordering::Relaxed;
        match one.kind {
            LoopKind::FetchAdd => {
                self.line.fetch_add(WORD, 1, relaxed);
                inside();
            }
            LoopKind::IncDec => {
                self.line.fetch_add(WORD, 1, relaxed);
                inside();
                self.line.fetch_sub(WORD, 1, relaxed);
            }
            LoopKind::CompareExchange => {
                self.add_by_compare_exchange(1);
                inside();
            }
            LoopKind::BlindHandOver => {
                while self.hand_over(turn).is_err() {}
                inside();
            }
            LoopKind::LoadHandOver => {
                self.line.spin_until(WORD, |count| count == turn);
                assert!(self.hand_over(turn).is_ok(), "nobody else has this turn");
                inside();
            }
            LoopKind::RefCount => {
                let count = RefCount::<Model>::new(self.word());
                assert!(count.get_unless_zero(), "the owner's reference is never dropped");
                inside();
                count.put();
            }
            LoopKind::RwLockRead => {
                let _reading = RwLock::<Model>::new(self.word()).read();
                inside();
            }
            LoopKind::CasRwLockRead => {
                self.add_by_compare_exchange(READER);
                inside();
                self.line.fetch_sub(WORD, READER, Ordering::Release);
            }
            LoopKind::RwSemRead => {
                let _reading = RwSem::new(self).read();
                inside();
            }
            LoopKind::RwSemWrite => {
                let _writing = RwSem::new(self).write();
                inside();
            }
            LoopKind::SeqCountRead => self.read_under_count(inside),
            LoopKind::SrcuRead => {
                let _reading = self.srcu.read();
                inside();
            }
            LoopKind::TicketLock => self.hold_ticket(inside),
            LoopKind::QueuedLock => {
                let _held = SpinLock::<Model>::new(&self.line, LOCK).lock(&self.waiters);
                inside();
            }
        }
    }

    fn add_by_compare_exchange(&self, value: u64) {
        let (acquire, relaxed) = (Ordering::Acquire, Ordering::Relaxed);
        let mut seen = self.line.load(WORD, relaxed);
        while let Err(now) = self.line.compare_exchange(WORD, seen, seen + value, acquire, relaxed)
        {
            seen = now;
        }
    }

    fn read_under_count(&self, inside: impl Fn()) {
        let count = SeqCount::<Model>::new(self.word());
        let before = count.begin();
        inside();
        let _holds = before.is_some_and(|before| count.is_current(before));
    }

    fn hold_ticket(&self, inside: impl Fn()) {
        let mine = self.line.fetch_add(WORD, 1, Ordering::Relaxed);
        self.line.spin_until(OWNER, |served| served == mine);
        inside();
        self.line.store(OWNER, mine + 1, Ordering::Release);
    }

    fn hand_over(&self, turn: u64) -> Result<u64, u64> {
        let relaxed = Ordering::Relaxed;
        self.line.compare_exchange(WORD, turn, turn + 1, relaxed, relaxed)
    }

    /// Writes in a loop as long as `others` run. Several writers take a spinlock on the same line,
    /// as those of a seqlock do.
    fn write(&self, one: Loop, several: bool, others: impl Fn() -> bool, most: u64) {
        for _ in 0..most {
            if !others() {
                return;
            }
            let lock = || SpinLock::<Model>::new(&self.line, LOCK).lock(&self.waiters);
            match one.kind {
                LoopKind::RwSemRead => {
                    let _writing = RwSem::new(self).write();
                    think(one.critical_ns);
                }
                LoopKind::RwLockRead => {
                    let _held = several.then(lock);
                    let lock = || RwLock::<Model>::new(self.word());
                    lock().write_lock();
                    think(one.critical_ns);
                    lock().write_unlock();
                }
                _ => {
                    let _held = several.then(lock);
                    let count = SeqCount::<Model>::new(self.word());
                    count.write_begin();
                    think(one.critical_ns);
                    count.write_end();
                }
            }
            think(one.parallel_ns);
        }
    }
}

impl Home for Lines {
    type Machine = Model;

    fn names(&self) -> RwNames {
        RwNames::MMAP_LOCK
    }

    fn count(&self) -> Word<'_, ModelLine> {
        self.word()
    }

    fn owner(&self) -> Word<'_, ModelLine> {
        Word::new(&self.line, OWNER)
    }

    fn queue_line(&self) -> &ModelLine {
        &self.line
    }

    fn queue_words(&self) -> QueueWords {
        QueueWords { osq: LockWords { name: Waited::Osq, locked: 2, tail: 3 }, wait_lock: LOCK }
    }

    fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    fn waiters(&self) -> &Waiters<Model> {
        &self.waiters
    }
}
