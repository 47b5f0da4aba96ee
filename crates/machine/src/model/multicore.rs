//! A modelled machine and the cores of one storm, as lines and cores see it.
//!
//! The core with the smallest clock runs, and runs ahead of others within the limits of
//! `lookahead.rs`.

use super::directory::Need;
use super::engine::{CoreActivity, Engine, Store, at};
use super::hold::Holds;
use super::ledger::{Accounts, Ledger};
use super::line::{ModelLine, RequestKind};
use super::lookahead::Horizon;
use super::pairs::Pairs;
use super::parameters::{Parameters, Ps};
use super::predictor::Predictors;
use super::starvation::Losses;
use super::trace::{Step, Traced, Tracer};
use super::waits::WaitRecord;
use super::watch::Watch;
use crate::{LineName, Waited};
use corosensei::Yielder;
use std::cell::{Cell, RefCell};
use std::ptr;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Place of a core.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Agent whose cache it uses; hyperthreads share one.
    pub agent: u16,
    /// Its socket.
    pub socket: u16,
}

/// A machine with the cores of one storm. Lines are made and used while it is
/// [entered](Multicore::enter).
pub struct Multicore {
    id: u32,
    /// True if its cores run or have run.
    pub(super) has_run: Cell<bool>,
    /// Parameters for a core without and with a storming sibling.
    parameters: [Parameters; 2],
    /// True if the running core's sibling storms too.
    beside_sibling: Cell<bool>,
    clock: Cell<Ps>,
    pub(super) horizon: Horizon,
    /// True if the running core has requests in flight.
    pub(super) careful: Cell<bool>,
    agent: Cell<u16>,
    core: Cell<usize>,
    /// True if accesses cost nothing and move nothing: no core runs, or the core has paused the
    /// model.
    direct: Cell<bool>,
    /// Core that runs next, as determined by the core that stopped.
    pub(super) chosen: Cell<Option<usize>>,
    pub(super) ledger: Ledger,
    pub(super) waits: WaitRecord,
    pub(super) tracer: Tracer,
    pub(super) holds: Holds,
    pub(super) losses: Losses,
    pub(super) predictors: Predictors,
    pub(super) watch: Watch,
    pub(super) pairs: Pairs,
    pub(super) engine: RefCell<Engine>,
}

thread_local! {
    static MULTICORE: Cell<*const Multicore> = const { Cell::new(ptr::null()) };
}

static MULTICORES: AtomicU32 = AtomicU32::new(0);

/// Returns the multicore that the calling thread is in.
#[inline(always)]
pub(super) fn current<'a>() -> &'a Multicore {
    let multicore = MULTICORE.get();
    assert!(!multicore.is_null(), "the thread is in a multicore of the model");
    // SAFETY: the guard holds the multicore, and clears the pointer before it drops it. If a guard
    // is forgotten, its reference is too, so the multicore stays. Callers keep no reference.
    unsafe { &*multicore }
}

/// Proof that the calling thread is in a multicore; it leaves the multicore on drop.
pub struct MulticoreGuard {
    /// Keeps the target of [`MULTICORE`]; must not be sent to another thread.
    _multicore: Rc<Multicore>,
}

impl Drop for MulticoreGuard {
    fn drop(&mut self) {
        MULTICORE.set(ptr::null());
    }
}

impl Multicore {
    /// Creates a machine with a core at each of `places`.
    ///
    /// # Panics
    /// If there are no places, or places that the machine does not have.
    pub fn new(parameters: &Parameters, places: &[Place]) -> Rc<Self> {
        let agents = parameters.shape.agents();
        assert!((1..=crate::CORES_MAX).contains(&places.len()), "a storm has cores");
        assert!(places.iter().all(|place| usize::from(place.agent) < agents), "an agent exists");
        let id = MULTICORES.fetch_add(1, Relaxed) + 1;
        assert!(id != 0, "multicores have numbers of their own");
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
            waits: WaitRecord::new(places.len()),
            tracer: Tracer::default(),
            holds: Holds::default(),
            losses: Losses::new(places.len()),
            predictors: Predictors::new(places.len()),
            watch: Watch::default(),
            pairs: Pairs::default(),
            engine: RefCell::new(Engine::new(parameters, places)),
        })
    }

    /// Puts the calling thread into this multicore.
    ///
    /// # Panics
    /// If the thread is already in a multicore.
    pub fn enter(self: &Rc<Self>) -> MulticoreGuard {
        assert!(MULTICORE.get().is_null(), "a thread is in one multicore at a time");
        MULTICORE.set(Rc::as_ptr(self));
        MulticoreGuard { _multicore: Rc::clone(self) }
    }

    /// Returns the accounts of all lines since the last [`forget`](Self::forget).
    pub fn accounts(&self) -> Accounts {
        self.ledger.accounts()
    }

    /// Returns the number of accesses since the last [`forget`](Self::forget).
    pub fn accesses(&self) -> u64 {
        self.ledger.accesses()
    }

    /// Restarts recording with empty accounts.
    pub fn forget(&self) {
        self.ledger.forget();
        self.waits.forget();
        self.engine.borrow_mut().forget();
    }

    #[inline(always)]
    pub(super) fn id(&self) -> u32 {
        self.id
    }

    pub(super) fn name(&self, name: &'static LineName) -> u16 {
        self.ledger.number(name)
    }

    /// Returns the machine as seen by a core whose sibling does not storm.
    pub(super) fn machine(&self) -> &Parameters {
        &self.parameters[0]
    }

    /// Returns the machine as seen by the running core.
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

    /// True if accesses cost nothing.
    pub(super) fn is_direct(&self) -> bool {
        self.direct.get()
    }

    /// Sets if accesses are charged from now on.
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

    /// Adds busy time to the running core.
    #[inline(always)]
    pub(super) fn advance(&self, ps: Ps) {
        self.clock.set(self.clock.get() + ps);
    }

    /// Loads a word that may not be in the cache.
    #[inline(never)]
    pub(super) fn read(&self, line: &ModelLine, word: usize) -> u64 {
        if self.direct.get() {
            return line.state(self, |_| line.word(word).load(Relaxed));
        }
        if line.state(self, |state| self.reads_ahead(state)) {
            self.note_read_hit(line.name());
            return line.word(word).load(Relaxed);
        }
        self.read_charged(line, word)
    }

    /// The rest of [`read`](Self::read), apart from it so that its registers are not saved before
    /// they are needed.
    #[inline(never)]
    fn read_charged(&self, line: &ModelLine, word: usize) -> u64 {
        self.traced(Step::Load, line, word, || self.read_now(line, word))
    }

    /// Makes an access, and records it if the current fault is traced.
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
        let has_copy = || line.state(self, |state| state.directory.sharers.contains(self.agent()));
        while !has_copy() && self.join(line, false) {}
        if !line.state(self, |state| state.directory.readable(self.agent())) {
            self.fetch(line, word, Need::Copy);
            self.ledger.count(&self.ledger.reads, line.name());
            return self.engine.borrow().cores[self.core()].loaded;
        }
        self.note_read_hit(line.name());
        line.word(word).load(Relaxed)
    }

    /// Fetches a line for a read-modify-write of the running core, after the core's earlier stores
    /// are done.
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
        while self.join(line, true) {}
        if let Some(from_ps) = self.may_write(line, self.parameters().rmw_hit_ps) {
            self.clock.set(from_ps);
            self.note_write_hit(line.name(), self.parameters().rmw_hit_ps);
            line.state(self, |state| state.note_use(self.clock(), word));
        } else {
            self.fetch(line, word, need);
            self.ledger.count(&self.ledger.writes, line.name());
            line.state(self, |state| state.last_word = word as u8);
        }
        self.note_locked(line);
    }

    fn note_locked(&self, line: &ModelLine) {
        if self.parameters().hoist_loads {
            self.engine.borrow_mut().cores[self.core()].last_locked = line;
        }
    }

    /// Wakes the cores that spin on a line.
    pub(super) fn after_write(&self, line: &ModelLine) {
        if self.direct.get() || line.state(self, |state| state.waiting == 0) {
            return;
        }
        // Just later than the running core, so that the running core stays the first.
        self.engine.borrow_mut().wake_spinners(self, line, self.clock() + 1);
        self.look_again();
    }

    /// Returns when the running core can begin a write of `ps` to a line that it owns, although
    /// others may wait for the line.
    fn may_write(&self, line: &ModelLine, ps: Ps) -> Option<Ps> {
        let busy = || {
            self.engine.borrow().cores[self.core()]
                .is_asking_for(line, self.parameters().merge_own_requests)
        };
        if self.careful.get() && busy() {
            return None;
        }
        line.state(self, |state| state.may_write(self.agent(), self.clock(), ps))
    }

    /// Stores a word whose line may not be in the cache: through the store buffer.
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
        let store_ps = self.parameters().store_ps;
        let behind = || !self.engine.borrow().cores[self.core()].buffer.is_empty();
        let behind = self.careful.get() && behind();
        let from_ps = if behind { None } else { self.may_write(line, store_ps) };
        self.clock.set(from_ps.unwrap_or(self.clock()));
        self.note_write_hit(line.name(), store_ps);
        if from_ps.is_some() {
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

    /// Requests a line in a writable state, and continues.
    pub(super) fn prefetch_w(&self, line: &ModelLine) {
        self.traced(Step::Prefetch, line, 0, || self.prefetch_now(line));
    }

    fn prefetch_now(&self, line: &ModelLine) {
        if self.direct.get() {
            return;
        }
        self.take_turn();
        let mut engine = self.engine.borrow_mut();
        let asking = engine.cores[self.core()]
            .is_asking_for(line, self.parameters().merge_own_requests)
            || engine.is_sibling_fetching(self.core(), line, true);
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
        let to_write = match need {
            Need::Copy => false,
            Need::Ownership => true,
            Need::FetchOp => self.parameters().far_atomics.is_none(),
        };
        let fetching = CoreActivity::Fetching { line, word: word as u8, to_write };
        self.wait_for_line(line.name(), fetching);
        line.state(self, |state| state.in_flight -= 1);
    }

    /// Waits for a request for a line that the running core or its sibling has in flight; false if
    /// there is none.
    fn join(&self, line: &ModelLine, to_write: bool) -> bool {
        let core = self.core();
        let own = || {
            let merge = self.parameters().merge_own_requests;
            self.engine.borrow().cores[core].is_asking_for(line, merge)
        };
        let siblings = || self.engine.borrow().is_sibling_fetching(core, line, to_write);
        let asking = self.careful.get() && own() || self.beside_sibling.get() && siblings();
        if asking {
            self.wait_for_line(line.name(), CoreActivity::Joining { line });
        }
        asking
    }

    /// Waits until all stores of the running core are done.
    pub(super) fn drain(&self) {
        if !self.careful.get() {
            return;
        }
        let oldest = self.engine.borrow().cores[self.core()].buffer.front().map(|store| store.line);
        if let Some(line) = oldest {
            self.wait_for_line(at(line).name(), CoreActivity::Draining);
        }
    }

    /// Waits until another core writes to a line, unless the word is no longer the one that the
    /// core has `seen`.
    pub(super) fn spin(&self, line: &ModelLine, word: usize, seen: u64) {
        assert!(!self.direct.get(), "outside of the model nobody else writes");
        if line.word(word).load(Relaxed) != seen {
            return;
        }
        line.state(self, |state| {
            state.waiting += 1;
            state.queue().spinners.push(self.core() as u16);
        });
        let spin = || self.wait(CoreActivity::Spinning { line, word: word as u8 });
        self.traced(Step::Spin, line, word, spin);
    }

    /// Charges the time in which a spinning core notices that it may continue.
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
            None => self.wait(CoreActivity::Parked),
        }
    }

    /// Wakes a core after this core's stores have become visible.
    pub(super) fn unpark(&self, core: usize) {
        self.drain();
        self.take_turn();
        let at = self.clock() + self.parameters().work.wake_ps;
        self.engine.borrow_mut().unpark(core, at);
        self.look_again();
    }

    /// Moves `bytes` to or from the memory of the core's socket, which takes `alone_ps` if no other
    /// core does the same.
    pub(super) fn stream(&self, bytes: u64, alone_ps: Ps) {
        if self.parameters().memory_bytes_per_us == 0 {
            return self.advance(alone_ps);
        }
        self.take_exact_turn();
        let busy_ps = bytes * 1_000_000 / self.parameters().memory_bytes_per_us;
        let served = self.engine.borrow_mut().stream(self.core(), self.clock(), busy_ps);
        self.advance(alone_ps);
        let others_ps = served.saturating_sub(self.clock());
        if others_ps > 0 {
            self.waiting(Waited::Bandwidth, || self.advance(others_ps));
        }
    }

    /// Waits for all cores, and continues with them, `stagger_ps` later.
    pub(super) fn meet(&self, stagger_ps: Ps) {
        self.drain();
        self.engine.borrow_mut().cores[self.core()].stagger_ps = stagger_ps;
        self.wait(CoreActivity::Meeting);
    }

    /// Stops the running core with `status`, until it runs again.
    pub(super) fn wait(&self, status: CoreActivity) {
        let (core, direct) = (self.core(), self.direct.get());
        let (next, yielder) = {
            let mut engine = self.engine.borrow_mut();
            engine.leave(core, self.clock(), status);
            (engine.next(self), engine.cores[core].yielder)
        };
        if next != Some(core) {
            self.chosen.set(next);
            assert!(!yielder.is_null(), "only a core that runs waits");
            // SAFETY: the yielder is on the stack of the core's coroutine, which is the one that
            // runs here: the pointer is cleared when the coroutine ends.
            unsafe { (*yielder).suspend(()) };
        }
        self.direct.set(direct);
        self.resume(core);
    }

    /// Makes `core`, the first of those that can run, the running core.
    pub(super) fn resume(&self, core: usize) {
        let mut engine = self.engine.borrow_mut();
        let (start, price_ps) = (engine.start(core), self.parameters().shootdown.interrupted_ps);
        let delayed = engine.cores[core].interrupts.delayed(start, price_ps);
        if delayed > start {
            self.note_interrupted(core, start, delayed);
        }
        self.clock.set(delayed);
        self.core.set(core);
        self.agent.set(engine.cores[core].place.agent);
        self.beside_sibling.set(engine.cores[core].beside_sibling);
        self.look_at(&engine);
    }

    /// Starts the running core: its accesses are charged from now on.
    pub(super) fn begin(&self, core: usize, yielder: &Yielder<(), ()>) {
        self.direct.set(false);
        self.engine.borrow_mut().cores[core].yielder = yielder;
        self.resume(core);
    }

    /// Ends the running core.
    pub(super) fn finish(&self, core: usize) {
        self.drain();
        let mut engine = self.engine.borrow_mut();
        engine.leave(core, self.clock(), CoreActivity::Done);
        engine.cores[core].yielder = ptr::null();
    }

    /// Ends the run: no core runs any more.
    pub(super) fn halt(&self) {
        self.direct.set(true);
        self.horizon.close();
    }

    /// Handles the drop of a line that has requests in flight.
    #[cold]
    pub(super) fn forget_line(id: u32, line: &ModelLine) {
        let multicore = MULTICORE.get();
        if multicore.is_null() || current().id != id || current().engine.borrow().is_abandoned() {
            // Its multicore is over: the requests are never used again.
            return;
        }
        current().drain();
        let left = line.state(current(), |state| state.in_flight);
        assert!(left == 0, "nobody frees a line that others ask for");
    }
}
