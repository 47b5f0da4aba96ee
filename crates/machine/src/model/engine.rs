//! Cores, events and grants: the order in which cores get a line.

use super::directory::{Found, NOBODY, Need};
use super::event::Event;
use super::interrupts::Interrupts;
use super::line::{LineRequest, ModelLine, RequestKind, State};
use super::lookahead::Lookahead;
use super::multicore::{Multicore, Place};
use super::parameters::{Parameters, Ps};
use super::queue::{EventQueue, NEVER, ReadyQueue};
use corosensei::Yielder;
use std::collections::VecDeque;
use std::ptr;
use std::sync::atomic::Ordering::Relaxed;

/// Largest number of stores in a core's buffer (56 on Skylake and Zen 3, a few more since).
const BUFFER_MAX: usize = 56;

/// Address of a line. Requests in flight refer to lines by address; [`ModelLine`]'s drop waits for
/// them.
pub(super) type LineAt = *const ModelLine;

/// Activity of a core.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CoreActivity {
    Ready,
    Fetching {
        line: LineAt,
        word: u8,
        /// True if the line comes with ownership.
        to_write: bool,
    },
    Joining {
        line: LineAt,
    },
    Draining,
    Spinning {
        line: LineAt,
        word: u8,
    },
    Parked,
    Meeting,
    /// Waits for the answer of a core whose interrupts are off.
    Interrupting {
        victim: u16,
    },
    /// Stopped for good: it has lost too many compare-exchanges in a row.
    Starving {
        line: LineAt,
        word: u8,
    },
    /// Stopped for good: the watchdog has given the storm up.
    Stopped,
    /// Held by a test at a point of the code.
    Held {
        point: usize,
    },
    Done,
}

/// A store for whose line the core still waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Store {
    pub line: LineAt,
    pub word: u8,
    pub value: u64,
}

/// Time of a core, by cause.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CoreTimes {
    /// Waits for lines.
    pub coherence_ps: Ps,
    /// Spins and sleeps for locks.
    pub lock_ps: Ps,
}

/// One core.
pub(super) struct CoreState {
    pub place: Place,
    /// True if the core's hyperthread sibling storms too.
    pub beside_sibling: bool,
    /// Time the core blocked or, if it can run, its earliest start.
    pub clock: Ps,
    pub status: CoreActivity,
    pub token: Option<Ps>,
    pub yielder: *const Yielder<(), ()>,
    pub buffer: VecDeque<Store>,
    prefetches: Vec<LineAt>,
    pub last_locked: LineAt,
    pub stagger_ps: Ps,
    pub interrupts: Interrupts,
    /// State in which its last request found the line.
    pub found: Option<Found>,
    /// Value of its last load that missed: the word when the line was granted, even if another core
    /// writes it before this core continues.
    pub loaded: u64,
    pub times: CoreTimes,
}

impl CoreState {
    fn new(place: Place, beside_sibling: bool) -> Self {
        Self {
            place,
            beside_sibling,
            clock: 1,
            status: CoreActivity::Ready,
            token: None,
            yielder: ptr::null(),
            buffer: VecDeque::new(),
            prefetches: Vec::new(),
            last_locked: ptr::null(),
            stagger_ps: 0,
            interrupts: Interrupts::default(),
            found: None,
            loaded: 0,
            times: CoreTimes::default(),
        }
    }

    /// Returns the value of the newest store to a word that is still in the buffer.
    pub fn forwards(&self, line: &ModelLine, word: usize) -> Option<u64> {
        let same = |store: &&Store| ptr::eq(store.line, line) && usize::from(store.word) == word;
        self.buffer.iter().rev().find(same).map(|store| store.value)
    }

    /// True if the core has a request for this line in flight. Prefetches count only if accesses
    /// join them (`merge`).
    pub fn is_asking_for(&self, line: &ModelLine, merge: bool) -> bool {
        self.buffer.front().is_some_and(|store| ptr::eq(store.line, line))
            || merge && self.prefetches.iter().any(|asked| ptr::eq(*asked, line))
    }

    /// True if the core has a request in flight that brings this line into its cache, with
    /// ownership if `to_write`.
    fn is_fetching(&self, line: &ModelLine, to_write: bool) -> bool {
        let fetching = match self.status {
            CoreActivity::Fetching { line: fetched, to_write: owned, .. } => {
                ptr::eq(fetched, line) && (owned || !to_write)
            }
            _ => false,
        };
        fetching || self.is_asking_for(line, true)
    }

    pub fn is_buffer_full(&self) -> bool {
        self.buffer.len() >= BUFFER_MAX
    }

    /// True if a hit is not enough for its accesses: the core has stores or prefetches in flight.
    pub fn needs_care(&self) -> bool {
        !self.buffer.is_empty() || !self.prefetches.is_empty()
    }
}

pub(super) struct Engine {
    /// Bounds of how far a core may run ahead.
    pub lookahead: Lookahead,
    pub cores: Vec<CoreState>,
    pub ready: ReadyQueue,
    pub events: EventQueue<Event>,
    memory_free_at: Vec<Ps>,
    alive: usize,
    meeting: usize,
    abandoned: bool,
}

impl Engine {
    pub fn new(parameters: &Parameters, places: &[Place]) -> Self {
        let lookahead = Lookahead::new(parameters, places);
        let core = |(number, place): (usize, &Place)| {
            CoreState::new(*place, !lookahead.siblings(number).is_empty())
        };
        let cores = places.iter().enumerate().map(core).collect();
        let mut ready = ReadyQueue::default();
        (0..places.len()).for_each(|core| ready.push(core, 1));
        Self {
            lookahead,
            cores,
            ready,
            events: EventQueue::default(),
            memory_free_at: vec![0; usize::from(parameters.shape.sockets)],
            alive: places.len(),
            meeting: 0,
            abandoned: false,
        }
    }

    pub fn forget(&mut self) {
        self.cores.iter_mut().for_each(|core| core.times = CoreTimes::default());
    }

    pub fn is_abandoned(&self) -> bool {
        self.abandoned
    }

    pub fn abandon(&mut self) {
        self.abandoned = true;
        self.cores.iter_mut().for_each(|core| core.yielder = ptr::null());
    }

    /// Starts the first core, and returns its clock.
    pub fn start(&mut self, core: usize) -> Ps {
        let (first, clock) = self.ready.first().expect("a core that is resumed can run");
        assert_eq!(first, core, "the first core runs");
        self.cores[core].status = CoreActivity::Ready;
        clock
    }

    /// Stops the running core, which is the first, at `clock`.
    #[inline]
    pub fn leave(&mut self, core: usize, clock: Ps, status: CoreActivity) {
        let first = self.ready.first().map(|(first, _)| first);
        assert_eq!(first, Some(core), "the core that runs stays the first");
        self.cores[core].clock = clock;
        self.cores[core].status = status;
        match status {
            CoreActivity::Ready => return self.ready.delay_first(core, clock),
            CoreActivity::Meeting => self.meeting += 1,
            CoreActivity::Done => self.alive -= 1,
            _ => {}
        }
        self.ready.pop_first();
        if let CoreActivity::Starving { .. } | CoreActivity::Stopped = status {
            // No core runs any more.
            (self.ready, self.events) = (ReadyQueue::default(), EventQueue::default());
            return;
        }
        if self.meeting > 0 && self.meeting == self.alive {
            self.release_meeting();
        }
    }

    fn release_meeting(&mut self) {
        self.meeting = 0;
        let meets = |core: &&mut CoreState| core.status == CoreActivity::Meeting;
        let last = self.cores.iter_mut().filter(meets).map(|core| core.clock).max();
        let last = last.expect("somebody meets");
        for number in 0..self.cores.len() {
            if self.cores[number].status == CoreActivity::Meeting {
                self.make_ready(number, last + self.cores[number].stagger_ps);
            }
        }
    }

    /// Handles the events before the next core's start; returns that core.
    #[inline]
    pub fn next(&mut self, multicore: &Multicore) -> Option<usize> {
        loop {
            let due = self.events.first_time();
            match self.ready.first() {
                Some((core, clock)) if clock <= due => return Some(core),
                _ if due == NEVER => return None,
                _ => {}
            }
            self.do_event(multicore);
        }
    }

    #[inline(never)]
    fn do_event(&mut self, multicore: &Multicore) {
        let (now, event) = self.events.pop().expect("an event is due");
        match event {
            Event::Arrive(line, request) => self.arrive(multicore, line, request, now),
            Event::Refill(line, domain) => self.refill(multicore, line, domain, now),
            Event::Dispatch(line) => self.dispatch(multicore, line, now, true),
            Event::Commit(core) => self.commit(multicore, usize::from(core), now),
            Event::Prefetched(core, line) => {
                self.prefetched(multicore, usize::from(core), line, now)
            }
        }
    }

    /// Ends, at `now`, the wait of a core for an answer if its status is `waits`.
    pub fn answered(&mut self, core: usize, waits: CoreActivity, now: Ps) {
        if self.cores[core].status == waits {
            let clock = self.cores[core].clock.max(now);
            self.make_ready(core, clock);
        }
    }

    /// Ends the wait of a core.
    fn make_ready(&mut self, core: usize, clock: Ps) {
        self.cores[core].interrupts.has_waited = true;
        self.cores[core].status = CoreActivity::Ready;
        self.cores[core].clock = clock;
        self.ready.push(core, clock);
    }

    /// Sends a request for a line, at `now`.
    pub fn request(
        &mut self,
        multicore: &Multicore,
        core: usize,
        line: &ModelLine,
        word: usize,
        (need, kind): (Need, RequestKind),
        now: Ps,
    ) {
        let agent = self.cores[core].place.agent;
        let parameters = multicore.machine();
        let latency_ps = line.state(multicore, |state| {
            state.in_flight += 1;
            let wanted = state.is_wanted();
            let found = state.directory.found(parameters, agent, need, wanted);
            state.directory.latency_ps(parameters, need, found)
        });
        if kind == RequestKind::Prefetch {
            self.cores[core].prefetches.push(line);
        }
        let arrived_at = now + parameters.request_leg(latency_ps).max(self.lookahead.leg_ps);
        let (core, word) = (core as u16, word as u8);
        let domain = parameters.domain(agent);
        let request =
            LineRequest { core, agent, domain, need, kind, word, issued_at: now, arrived_at };
        self.push(arrived_at, Event::Arrive(line, request));
        if parameters.adjacent_pairs && kind != RequestKind::Prefetch {
            self.request_pair(multicore, line, &request);
        }
    }

    pub(super) fn push(&mut self, time: Ps, event: Event) {
        self.events.push(time, event.rank(), event);
    }

    fn arrive(&mut self, multicore: &Multicore, line: LineAt, request: LineRequest, now: Ps) {
        let parameters = multicore.machine();
        if at(line).state(multicore, |state| state.joins_refill(parameters, request)) {
            return;
        }
        let (granted, dispatching) = at(line).state(multicore, |state| {
            let has_it = state.directory.writable(request.agent) && now <= state.held_until;
            if has_it || state.free_at() <= now && !state.is_wanted() {
                return (Some(state.grant(parameters, request, now)), true);
            }
            state.waiting += 1;
            state.queue().pending.push_back(request);
            (None, state.dispatching)
        });
        if let Some(grant) = granted {
            self.granted(multicore, line, &grant, now);
        } else if !dispatching {
            self.dispatch(multicore, line, now, false);
        }
    }

    /// Grants a line if it is free; otherwise schedules the next try.
    fn dispatch(&mut self, multicore: &Multicore, line: LineAt, now: Ps, from_event: bool) {
        let parameters = multicore.machine();
        let (granted, again_at) = at(line).state(multicore, |state| {
            if from_event {
                state.dispatching = false;
            }
            let granted = (state.is_wanted() && state.free_at() <= now).then(|| {
                let request = state.next_request(parameters);
                state.grant(parameters, request, now)
            });
            let again_at = state.is_wanted().then_some(state.free_at());
            state.dispatching |= again_at.is_some();
            (granted, again_at)
        });
        if let Some(time) = again_at {
            self.push(time, Event::Dispatch(line));
        }
        if let Some(grant) = granted {
            self.granted(multicore, line, &grant, now);
        }
    }

    pub(super) fn granted(&mut self, multicore: &Multicore, line: LineAt, grant: &Grant, now: Ps) {
        let LineRequest { core, kind, issued_at, arrived_at, word, .. } = grant.request;
        multicore.ledger.with(at(line).name(), |account| {
            account.stall_ps += grant.done_at - issued_at;
            account.queued_ps += now - arrived_at;
            account.transfers += u64::from(grant.moved);
            account.from_memory += u64::from(matches!(grant.found, Found::Memory(_)));
            if grant.moved {
                account.by_words[usize::from(grant.last_word)][usize::from(word)] += 1;
            }
        });
        if grant.request.need == Need::Copy {
            let fetched = at(line).state(multicore, |state| state.refill_of(&grant.request));
            if let Some(domain) = fetched {
                self.push(grant.done_at, Event::Refill(line, domain));
            }
        }
        match kind {
            RequestKind::Core => {
                self.cores[usize::from(core)].times.coherence_ps += grant.done_at - issued_at;
                self.cores[usize::from(core)].found = Some(grant.found);
                self.cores[usize::from(core)].loaded =
                    at(line).word(usize::from(word)).load(Relaxed);
                self.make_ready(usize::from(core), grant.done_at);
                self.wake_joined(usize::from(core), line, grant.done_at);
            }
            RequestKind::Store => self.push(grant.done_at, Event::Commit(core)),
            RequestKind::Prefetch => self.push(grant.done_at, Event::Prefetched(core, line)),
        }
    }

    /// Commits the oldest store of a core, and later ones while the core has their lines.
    fn commit(&mut self, multicore: &Multicore, core: usize, mut now: Ps) {
        let (agent, machine) = (self.cores[core].place.agent, multicore.machine());
        while let Some(store) = self.cores[core].buffer.pop_front() {
            let line = at(store.line);
            line.word(usize::from(store.word)).store(store.value, Relaxed);
            line.state(multicore, |state| {
                state.in_flight -= 1;
                state.note_use(now, usize::from(store.word));
            });
            self.wake_spinners(multicore, line, now);
            self.wake_joined(core, store.line, now);
            let Some(next) = self.cores[core].buffer.front().copied() else { break };
            let from = at(next.line)
                .state(multicore, |state| state.may_write(agent, now, machine.store_ps));
            let Some(from) = from else {
                multicore.note_next_store(&self.cores[core], core, now, at(next.line).name());
                // It has counted as in flight since it was put into the buffer.
                at(next.line).state(multicore, |state| state.in_flight -= 1);
                let what = (Need::Ownership, RequestKind::Store);
                self.request(multicore, core, at(next.line), usize::from(next.word), what, now);
                return;
            };
            if from > now {
                // A sibling's write is under way; what the core stores until then comes after.
                let done_at = from + machine.store_ps;
                at(next.line).state(multicore, |state| state.used_until = done_at);
                self.push(done_at, Event::Commit(core as u16));
                return;
            }
            now = from + machine.store_ps;
        }
        if self.cores[core].status == CoreActivity::Draining {
            let clock = self.cores[core].clock;
            self.cores[core].times.coherence_ps += now.saturating_sub(clock);
            self.make_ready(core, clock.max(now));
        }
    }

    fn prefetched(&mut self, multicore: &Multicore, core: usize, line: LineAt, now: Ps) {
        at(line).state(multicore, |state| state.in_flight -= 1);
        self.cores[core].prefetches.retain(|asked| !ptr::eq(*asked, line));
        self.wake_joined(core, line, now);
    }

    /// True if a sibling of `core` fetches this line into the cache that they share.
    pub fn is_sibling_fetching(&self, core: usize, line: &ModelLine, to_write: bool) -> bool {
        let fetching =
            |sibling: &u16| self.cores[usize::from(*sibling)].is_fetching(line, to_write);
        self.lookahead.siblings(core).iter().any(fetching)
    }

    /// Wakes a core and its siblings if they wait for a request of the core for `line`.
    fn wake_joined(&mut self, core: usize, line: LineAt, now: Ps) {
        self.wake_from(core, line, now);
        for index in 0..self.lookahead.siblings(core).len() {
            self.wake_from(usize::from(self.lookahead.siblings(core)[index]), line, now);
        }
    }

    /// Wakes a core that waits for a request for `line` of its own or of a sibling.
    fn wake_from(&mut self, core: usize, line: LineAt, now: Ps) {
        if self.cores[core].status == (CoreActivity::Joining { line }) {
            let clock = self.cores[core].clock;
            self.cores[core].times.coherence_ps += now.saturating_sub(clock);
            self.make_ready(core, clock.max(now));
        }
    }

    /// Wakes the cores that spin on a line, which was written at `now`.
    pub fn wake_spinners(&mut self, multicore: &Multicore, line: &ModelLine, now: Ps) {
        let spinners = line.state(multicore, |state| match &mut state.queue {
            Some(queue) if !queue.spinners.is_empty() => {
                state.waiting -= queue.spinners.len() as u16;
                std::mem::take(&mut queue.spinners)
            }
            _ => Vec::new(),
        });
        for core in spinners {
            let core = usize::from(core);
            let clock = self.cores[core].clock;
            self.cores[core].times.lock_ps += now.saturating_sub(clock);
            self.make_ready(core, clock.max(now));
        }
    }

    /// Wakes a parked core at `at`, or ends its next sleep then.
    pub fn unpark(&mut self, core: usize, at: Ps) {
        if self.cores[core].status == CoreActivity::Parked {
            let clock = self.cores[core].clock;
            self.cores[core].times.lock_ps += at.saturating_sub(clock);
            self.make_ready(core, clock.max(at));
        } else {
            self.cores[core].token = Some(at);
        }
    }

    /// Returns the time at which the memory of a core's socket has finished work of `busy_ps`.
    pub fn stream(&mut self, core: usize, now: Ps, busy_ps: Ps) -> Ps {
        let free_at = &mut self.memory_free_at[usize::from(self.cores[core].place.socket)];
        *free_at = now.max(*free_at) + busy_ps;
        *free_at
    }

    /// True if the core's last locked operation was on this line.
    pub fn is_last_locked(&self, core: usize, line: &ModelLine) -> bool {
        ptr::eq(self.cores[core].last_locked, line)
    }

    /// True if all cores are done.
    pub fn is_over(&self) -> bool {
        self.alive == 0
    }
}

/// Returns the line at an address.
pub(super) fn at<'a>(line: LineAt) -> &'a ModelLine {
    // SAFETY: addresses come from references. A line with a request in flight is not dropped (see
    // `ModelLine::drop`), and not moved: lines are in arrays and boxes that are complete before
    // they are used, and in data on a core's own stack. A core that waits at a line holds a
    // reference to it. After a multicore is abandoned or over, its requests are never used again.
    unsafe { &*line }
}

/// A granted request.
pub(super) struct Grant {
    pub request: LineRequest,
    pub found: Found,
    pub moved: bool,
    /// The word last used in the line's previous cache.
    pub last_word: u8,
    pub done_at: Ps,
}

impl State {
    /// Returns when `agent` can begin a write of `ps`, if it owns the line at `clock` and still has
    /// it then: the request that takes the line away may come in the second half of the write. Two
    /// siblings write one after the other.
    pub fn may_write(&self, agent: u16, clock: Ps, ps: Ps) -> Option<Ps> {
        let from = clock.max(self.used_until);
        let has_it = !self.is_wanted() || from + ps / 2 <= self.held_until;
        (self.directory.writable(agent) && has_it).then_some(from)
    }

    /// Grants the line to a request.
    fn grant(&mut self, parameters: &Parameters, request: LineRequest, now: Ps) -> Grant {
        let waited = self.is_wanted();
        let is_near = self.near(parameters) == request.domain;
        let found = self.directory.found(parameters, request.agent, request.need, waited);
        let latency_ps = self.directory.latency_ps(parameters, request.need, found);
        let socket = parameters.shape.socket(request.agent);
        let moved = self.directory.grant(request.agent, socket, request.need, found);
        let rest_ps = latency_ps - parameters.request_leg(latency_ps);
        let (takes_ps, busy_ps) = match (request.need, found) {
            (Need::Copy, Found::Shared(_)) => (rest_ps, parameters.read_occupancy_ps.min(rest_ps)),
            (Need::Copy, _) => (rest_ps, rest_ps),
            (_, Found::Far) => {
                (rest_ps, parameters.far_atomics.map_or(rest_ps, |far| far.occupancy_ps))
            }
            _ => {
                self.grants = self.grants.wrapping_add(1);
                self.run = if is_near { self.run.saturating_add(1) } else { 1 };
                let stays_ps =
                    parameters.rmw_hit_ps + parameters.tenure_ps(latency_ps, self.grants);
                (rest_ps + request.kind.write_ps(parameters), rest_ps + stays_ps)
            }
        };
        // A request of who has the line already, or is about to, is done at the end of the tenure.
        let done_at = self.held_until.max(now + takes_ps);
        if now >= self.held_until {
            self.held_until = now + busy_ps;
        }
        if request.need != Need::Copy && found != Found::Far {
            self.used_until = done_at;
        }
        let last_word = std::mem::replace(&mut self.last_word, request.word);
        Grant { request, found, moved, last_word, done_at }
    }

    /// Returns the domain of the line's last owner, or [`NOBODY`].
    fn near(&self, parameters: &Parameters) -> u16 {
        let last = self.directory.last_owner;
        if last == NOBODY { NOBODY } else { parameters.domain(last) }
    }

    /// Takes the oldest read if the line is clean in several caches: its home answers reads from
    /// its own copy, while a write has caches to wait for. Otherwise takes the oldest request of
    /// the last owner's domain, at most `local_batch` times in a row; otherwise the oldest of all.
    fn next_request(&mut self, parameters: &Parameters) -> LineRequest {
        self.waiting -= 1;
        let is_clean = self.directory.owner == NOBODY && self.directory.sharers.len() > 0;
        let (stays, near) = (self.run < parameters.local_batch, self.near(parameters));
        let pending = &self.queue.as_ref().expect("somebody waits").pending;
        let read = |request: &LineRequest| request.need == Need::Copy;
        let clean = if is_clean { pending.iter().position(read) } else { None };
        let near = || pending.iter().position(|request| request.domain == near);
        let found = clean.or_else(|| if stays { near() } else { None });
        self.queue().pending.remove(found.unwrap_or(0)).expect("somebody waits")
    }
}
