//! A modelled machine with the cores of one storm, as its lines and cores see it.
//!
//! The core with the smallest clock runs, and ahead of others as far as `lookahead.rs` says.

use super::directory::Need;
use super::engine::{Engine, Status, Store};
use super::hold::Holds;
use super::ledger::{Accounts, Ledger};
use super::line::{ModelLine, RequestKind};
use super::lookahead::Horizon;
use super::pairs::Pairs;
use super::parameters::{Parameters, Ps};
use super::starvation::Losses;
use super::trace::{Step, Traced, Tracer};
use crate::LineName;
use corosensei::Yielder;
use std::cell::{Cell, RefCell};
use std::ptr;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Where a core is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The agent whose cache it uses; hyperthreads share one.
    pub agent: u16,
    /// The socket.
    pub socket: u16,
}

/// A machine with the cores of one storm. Lines are made, and used, while it is
/// [entered](World::enter).
pub struct World {
    id: u32,
    /// Its cores run, or have run.
    pub(super) has_run: Cell<bool>,
    /// As a core has them whose sibling does not storm, and as one whose sibling does.
    parameters: [Parameters; 2],
    /// Whether the running core's sibling storms too.
    beside_sibling: Cell<bool>,
    clock: Cell<Ps>,
    pub(super) horizon: Horizon,
    /// The running core has requests of its own under way.
    pub(super) careful: Cell<bool>,
    agent: Cell<u16>,
    core: Cell<usize>,
    /// Accesses cost nothing and move nothing: no core runs, or it has paused the model.
    direct: Cell<bool>,
    /// The core that is to run next, as the one that stopped has found out.
    pub(super) chosen: Cell<Option<usize>>,
    pub(super) ledger: Ledger,
    pub(super) tracer: Tracer,
    pub(super) holds: Holds,
    pub(super) losses: Losses,
    pub(super) pairs: Pairs,
    pub(super) engine: RefCell<Engine>,
}

thread_local! {
    static WORLD: Cell<*const World> = const { Cell::new(ptr::null()) };
}

static WORLDS: AtomicU32 = AtomicU32::new(0);

/// The world that the calling thread is in.
#[inline(always)]
pub(super) fn current<'a>() -> &'a World {
    let world = WORLD.get();
    assert!(!world.is_null(), "the thread is in a world of the model");
    // SAFETY: `Entered` holds the world and takes the pointer back before it lets go; where
    // it is forgotten, so is its hold, and the world stays. Callers do not keep the
    // reference.
    unsafe { &*world }
}

/// Shows that the calling thread is in a world; it leaves when this drops.
pub struct Entered {
    /// Keeps what [`WORLD`] points to; not to be sent to another thread.
    _world: Rc<World>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        WORLD.set(ptr::null());
    }
}

impl World {
    /// A machine with a core at each of `places`.
    ///
    /// # Panics
    /// Where there are no places, or places that the machine does not have.
    pub fn new(parameters: &Parameters, places: &[Place]) -> Rc<Self> {
        let agents = parameters.shape.agents();
        assert!((1..=crate::CORES_MAX).contains(&places.len()), "a storm has cores");
        assert!(places.iter().all(|place| usize::from(place.agent) < agents), "an agent exists");
        let id = WORLDS.fetch_add(1, Relaxed) + 1;
        assert!(id != 0, "worlds have numbers of their own");
        Rc::new(Self {
            id,
            has_run: Cell::new(false),
            parameters: [*parameters, parameters.beside_sibling()],
            beside_sibling: Cell::new(false),
            clock: Cell::new(1),
            horizon: Horizon::default(),
            careful: Cell::new(false),
            agent: Cell::new(0),
            core: Cell::new(0),
            direct: Cell::new(true),
            chosen: Cell::new(None),
            ledger: Ledger::default(),
            tracer: Tracer::default(),
            holds: Holds::default(),
            losses: Losses::new(places.len()),
            pairs: Pairs::default(),
            engine: RefCell::new(Engine::new(parameters, places)),
        })
    }

    /// Puts the calling thread into this world.
    ///
    /// # Panics
    /// Where it is in one.
    pub fn enter(self: &Rc<Self>) -> Entered {
        assert!(WORLD.get().is_null(), "a thread is in one world at a time");
        WORLD.set(Rc::as_ptr(self));
        Entered { _world: Rc::clone(self) }
    }

    /// What was recorded of each line since the last [`forget`](Self::forget).
    pub fn accounts(&self) -> Accounts {
        self.ledger.accounts()
    }

    /// Records faults of `core` until one is wanted.
    pub fn trace(&self, core: usize) {
        self.tracer.arm(core);
    }

    /// The fault that was wanted, access by access; empty where none was.
    pub fn traced_fault(&self) -> Vec<Traced> {
        self.tracer.kept()
    }

    /// Accesses since the last [`forget`](Self::forget).
    pub fn accesses(&self) -> u64 {
        self.ledger.accesses()
    }

    /// Starts recording from nothing.
    pub fn forget(&self) {
        self.ledger.forget();
        self.engine.borrow_mut().forget();
    }

    #[inline(always)]
    pub(super) fn id(&self) -> u32 {
        self.id
    }

    pub(super) fn name(&self, name: &'static LineName) -> u16 {
        self.ledger.number(name)
    }

    /// The machine as a core has it whose sibling does not storm.
    pub(super) fn machine(&self) -> &Parameters {
        &self.parameters[0]
    }

    /// The machine as the running core has it.
    #[inline(always)]
    pub(super) fn parameters(&self) -> &Parameters {
        &self.parameters[usize::from(self.beside_sibling.get())]
    }

    #[inline(always)]
    pub(super) fn clock(&self) -> Ps {
        self.clock.get()
    }

    #[inline(always)]
    pub(super) fn agent(&self) -> u16 {
        self.agent.get()
    }

    #[inline(always)]
    pub(super) fn core(&self) -> usize {
        self.core.get()
    }

    /// Whether accesses cost nothing.
    pub(super) fn is_direct(&self) -> bool {
        self.direct.get()
    }

    /// Whether accesses cost anything from now on.
    pub(super) fn charge(&self, charged: bool) {
        self.direct.set(!charged);
        self.look_again();
    }

    #[inline(always)]
    pub(super) fn note_read_hit(&self, name: u16) {
        self.advance(self.parameters().load_hit_ps);
        self.ledger.count(&self.ledger.reads, name);
    }

    #[inline(always)]
    pub(super) fn note_write_hit(&self, name: u16, ps: Ps) {
        self.advance(ps);
        self.ledger.count(&self.ledger.writes, name);
    }

    /// The running core has been busy.
    #[inline(always)]
    pub(super) fn advance(&self, ps: Ps) {
        self.clock.set(self.clock.get() + ps);
    }

    /// A load that may not be a hit.
    #[inline(never)]
    pub(super) fn read(&self, line: &ModelLine, word: usize) -> u64 {
        if self.direct.get() {
            return line.state(self, |_| line.word(word).load(Relaxed));
        }
        if line.state(self, |state| self.reads_ahead(state)) {
            self.note_read_hit(line.name());
            return line.word(word).load(Relaxed);
        }
        self.traced(Step::Load, line, word, || self.read_now(line, word))
    }

    /// Does an access, and records it where the fault under way is traced.
    #[inline(always)]
    fn traced<R>(
        &self,
        step: Step,
        line: &ModelLine,
        word: usize,
        access: impl FnOnce() -> R,
    ) -> R {
        if !self.tracer.is_on(self.core()) {
            return access();
        }
        let (core, from_ps) = (self.core(), self.clock());
        self.engine.borrow_mut().cores[core].found = None;
        let result = access();
        if self.tracer.is_on(core) {
            let found = self.engine.borrow().cores[core].found;
            let at = Some((self.ledger.name(line.name()), word));
            self.tracer.push(Traced { step, at, found, from_ps, ps: self.clock() - from_ps });
        }
        result
    }

    /// Records private work that the running core has just done.
    pub(super) fn trace_work(&self, work: crate::Work, from_ps: Ps) {
        if self.tracer.is_on(self.core()) && !self.direct.get() && self.careful.get() {
            let ps = self.clock() - from_ps;
            self.tracer.push(Traced { step: Step::Work(work), at: None, found: None, from_ps, ps });
        }
    }

    fn read_now(&self, line: &ModelLine, word: usize) -> u64 {
        self.take_turn();
        if self.careful.get() {
            let engine = self.engine.borrow();
            let forwarded = engine.cores[self.core()].forwards(line, word);
            let hoisted = self.parameters().hoist_loads && engine.is_last_locked(self.core(), line);
            let hoisted = hoisted.then(|| line.word(word).load(Relaxed));
            if let Some(value) = forwarded.or(hoisted) {
                self.note_read_hit(line.name());
                return value;
            }
        }
        while !line.state(self, |state| state.directory.readable(self.agent())) {
            if !self.join(line) {
                self.fetch(line, word, Need::Copy);
                self.ledger.count(&self.ledger.reads, line.name());
                return self.engine.borrow().cores[self.core()].loaded;
            }
        }
        self.note_read_hit(line.name());
        line.word(word).load(Relaxed)
    }

    /// Makes a line ready for a read-modify-write by the running core; stores before it
    /// are done first.
    #[cold]
    #[inline(never)]
    pub(super) fn write(&self, line: &ModelLine, word: usize, need: Need) {
        if self.direct.get() {
            return line.state(self, |_| ());
        }
        self.traced(Step::Rmw, line, word, || self.write_now(line, word, need));
    }

    fn write_now(&self, line: &ModelLine, word: usize, need: Need) {
        self.drain();
        self.take_turn();
        while !self.can_write(line) {
            if !self.join(line) {
                self.fetch(line, word, need);
                self.ledger.count(&self.ledger.writes, line.name());
                line.state(self, |state| state.last_word = word as u8);
                self.note_locked(line);
                return;
            }
        }
        self.note_write_hit(line.name(), self.parameters().rmw_hit_ps);
        line.state(self, |state| state.note_use(self.clock(), word));
        self.note_locked(line);
    }

    fn note_locked(&self, line: &ModelLine) {
        if self.parameters().hoist_loads {
            self.engine.borrow_mut().cores[self.core()].last_locked = line;
        }
    }

    /// Lets those go on that spin on a line.
    pub(super) fn after_write(&self, line: &ModelLine) {
        if self.direct.get() || line.state(self, |state| state.waiting == 0) {
            return;
        }
        // Later than the running core by a hair, so that it stays the first.
        self.engine.borrow_mut().wake_spinners(self, line, self.clock() + 1);
        self.look_again();
    }

    /// Whether the running core owns a line, and others do not wait too long for it.
    fn can_write(&self, line: &ModelLine) -> bool {
        let busy = || {
            self.engine.borrow().cores[self.core()]
                .is_asking_for(line, self.parameters().merge_own_requests)
        };
        !(self.careful.get() && busy())
            && line.state(self, |state| state.may_reuse(self.agent(), self.parameters().reuse_k))
    }

    /// A plain store that may not be a hit: into the store buffer.
    #[cold]
    #[inline(never)]
    pub(super) fn store(&self, line: &ModelLine, word: usize, value: u64) {
        if self.direct.get() {
            return line.state(self, |_| line.word(word).store(value, Relaxed));
        }
        self.traced(Step::Store, line, word, || self.store_now(line, word, value));
    }

    fn store_now(&self, line: &ModelLine, word: usize, value: u64) {
        self.take_turn();
        self.note_write_hit(line.name(), self.parameters().store_ps);
        let behind = || !self.engine.borrow().cores[self.core()].buffer.is_empty();
        if !(self.careful.get() && behind()) && self.can_write(line) {
            line.state(self, |state| state.note_use(self.clock(), word));
            line.word(word).store(value, Relaxed);
            return self.after_write(line);
        }
        let full = |engine: &Engine| engine.cores[self.core()].is_buffer_full();
        if self.careful.get() && full(&self.engine.borrow()) {
            self.drain();
        }
        let mut engine = self.engine.borrow_mut();
        let first = engine.cores[self.core()].buffer.is_empty();
        engine.cores[self.core()].buffer.push_back(Store { line, word: word as u8, value });
        if first {
            engine.request(
                self,
                self.core(),
                line,
                word,
                (Need::Ownership, RequestKind::Store),
                self.clock(),
            );
        } else {
            line.state(self, |state| state.in_flight += 1);
        }
        drop(engine);
        self.look_again();
    }

    /// Asks for a line in a writable state, and goes on.
    pub(super) fn prefetch_w(&self, line: &ModelLine) {
        self.traced(Step::Prefetch, line, 0, || self.prefetch_now(line));
    }

    fn prefetch_now(&self, line: &ModelLine) {
        if self.direct.get() {
            return;
        }
        self.take_turn();
        let mut engine = self.engine.borrow_mut();
        let asking =
            engine.cores[self.core()].is_asking_for(line, self.parameters().merge_own_requests);
        if asking || line.state(self, |state| state.directory.writable(self.agent())) {
            return;
        }
        engine.request(
            self,
            self.core(),
            line,
            0,
            (Need::Ownership, RequestKind::Prefetch),
            self.clock(),
        );
        drop(engine);
        self.look_again();
    }

    /// Waits for a line.
    fn fetch(&self, line: &ModelLine, word: usize, need: Need) {
        let core = self.core();
        let mut engine = self.engine.borrow_mut();
        engine.request(self, core, line, word, (need, RequestKind::Core), self.clock());
        drop(engine);
        self.wait(Status::Fetching { line, word: word as u8 });
    }

    /// Waits for the running core's own request for a line; false where there is none.
    fn join(&self, line: &ModelLine) -> bool {
        let asking = self.careful.get()
            && self.engine.borrow().cores[self.core()]
                .is_asking_for(line, self.parameters().merge_own_requests);
        if asking {
            self.wait(Status::Joining { line });
        }
        asking
    }

    /// Waits until all stores of the running core are done.
    pub(super) fn drain(&self) {
        let stores = || !self.engine.borrow().cores[self.core()].buffer.is_empty();
        if self.careful.get() && stores() {
            self.wait(Status::Draining);
        }
    }

    /// Waits until somebody writes to a line, of which the core has `seen` a word; not where
    /// that has been written meanwhile.
    pub(super) fn spin(&self, line: &ModelLine, word: usize, seen: u64) {
        assert!(!self.direct.get(), "outside of the model nobody else writes");
        if line.word(word).load(Relaxed) != seen {
            return;
        }
        line.state(self, |state| {
            state.waiting += 1;
            state.queue().spinners.push(self.core() as u16);
        });
        let spin = || self.wait(Status::Spinning { line, word: word as u8 });
        self.traced(Step::Spin, line, word, spin);
    }

    /// A spinning core has noticed that it may go on.
    pub(super) fn leave_spin(&self) {
        self.advance(self.parameters().spin_exit_ps);
    }

    /// Sleeps until [`unpark`](Self::unpark).
    pub(super) fn park(&self) {
        self.drain();
        self.take_turn();
        let token = self.engine.borrow_mut().cores[self.core()].token.take();
        match token {
            Some(at) => self.clock.set(self.clock().max(at)),
            None => self.wait(Status::Parked),
        }
    }

    /// Wakes a core, once what this one has stored can be seen.
    pub(super) fn unpark(&self, core: usize) {
        self.drain();
        self.take_turn();
        let at = self.clock() + self.parameters().work.wake_ps;
        self.engine.borrow_mut().unpark(core, at);
        self.look_again();
    }

    /// Moves `bytes` to or from the memory of the core's socket, which takes `alone_ps`
    /// where nobody else does.
    pub(super) fn stream(&self, bytes: u64, alone_ps: Ps) {
        if self.parameters().memory_bytes_per_us == 0 {
            return self.advance(alone_ps);
        }
        self.take_exact_turn();
        let busy_ps = bytes * 1_000_000 / self.parameters().memory_bytes_per_us;
        let served = self.engine.borrow_mut().stream(self.core(), self.clock(), busy_ps);
        self.clock.set(served.max(self.clock() + alone_ps));
    }

    /// Waits for all cores, and begins again with them, later by `stagger_ps`.
    pub(super) fn meet(&self, stagger_ps: Ps) {
        self.drain();
        self.engine.borrow_mut().cores[self.core()].stagger_ps = stagger_ps;
        self.wait(Status::Meeting);
    }

    /// Leaves the running core as `status` says, until it runs again.
    pub(super) fn wait(&self, status: Status) {
        let (core, direct) = (self.core(), self.direct.get());
        let (next, yielder) = {
            let mut engine = self.engine.borrow_mut();
            engine.leave(core, self.clock(), status);
            (engine.next(self), engine.cores[core].yielder)
        };
        if next != Some(core) {
            self.chosen.set(next);
            assert!(!yielder.is_null(), "only a core that runs waits");
            // SAFETY: the yielder stands on the stack of the core's coroutine, which runs
            // right here: the pointer is taken back when it ends.
            unsafe { (*yielder).suspend(()) };
        }
        self.direct.set(direct);
        self.resume(core);
    }

    /// Makes `core`, the first of those that can run, the one that runs.
    pub(super) fn resume(&self, core: usize) {
        let mut engine = self.engine.borrow_mut();
        let owed_ps = std::mem::take(&mut engine.cores[core].interrupts.owed_ps);
        self.clock.set(engine.start(core) + owed_ps);
        self.core.set(core);
        self.agent.set(engine.cores[core].place.agent);
        self.beside_sibling.set(engine.cores[core].beside_sibling);
        self.look_at(&engine);
    }

    /// The running core is where it begins: its accesses are charged from now on.
    pub(super) fn begin(&self, core: usize, yielder: &Yielder<(), ()>) {
        self.direct.set(false);
        self.engine.borrow_mut().cores[core].yielder = yielder;
        self.resume(core);
    }

    /// The running core is done.
    pub(super) fn finish(&self, core: usize) {
        self.drain();
        let mut engine = self.engine.borrow_mut();
        engine.leave(core, self.clock(), Status::Done);
        engine.cores[core].yielder = ptr::null();
    }

    /// No core runs any more.
    pub(super) fn halt(&self) {
        self.direct.set(true);
        self.horizon.close();
    }

    /// A line goes while requests for it are under way.
    #[cold]
    pub(super) fn forget_line(id: u32, line: &ModelLine) {
        let world = WORLD.get();
        if world.is_null() || current().id != id || current().engine.borrow().is_abandoned() {
            // Its world is over: nobody will look at the requests.
            return;
        }
        current().drain();
        let left = line.state(current(), |state| state.in_flight);
        assert!(left == 0, "nobody frees a line that others ask for");
    }
}
