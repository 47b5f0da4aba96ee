//! A line of the model: eight words, and their holders.

use super::directory::{Directory, Need};
use super::multicore::{self, Multicore, current};
use super::parameters::{Parameters, Ps};
use super::refill::Refill;
use crate::{LINE_WORDS, Line, LineName, Ordering};
use std::cell::UnsafeCell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A request for a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct LineRequest {
    pub core: u16,
    pub agent: u16,
    /// Domain in which it is handed on first.
    pub domain: u16,
    pub need: Need,
    pub kind: RequestKind,
    /// Word that it is for.
    pub word: u8,
    pub issued_at: Ps,
    pub arrived_at: Ps,
}

/// Sender of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestKind {
    /// The core, which waits.
    Core,
    /// The oldest store of the core's buffer.
    Store,
    /// A prefetch; nobody waits.
    Prefetch,
}

impl RequestKind {
    /// Returns how long the write takes that the line was requested for, once it is there.
    pub fn write_ps(self, parameters: &Parameters) -> Ps {
        match self {
            Self::Core => parameters.rmw_hit_ps,
            Self::Store => parameters.store_ps,
            Self::Prefetch => 0,
        }
    }
}

/// Requests that have arrived at the line, and cores that spin on it.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub pending: VecDeque<LineRequest>,
    pub refills: Vec<Refill>,
    pub spinners: Vec<u16>,
}

/// All state of a line except its words.
#[derive(Debug, Default)]
pub(super) struct State {
    pub directory: Directory,
    /// Number of requests and spinners in the queue.
    pub waiting: u16,
    /// Number of requests on their way, in the queue, or being served.
    pub in_flight: u16,
    /// Grants of ownership, modulo 256.
    pub grants: u8,
    /// Grants of ownership in a row within one domain.
    pub run: u8,
    pub last_word: u8,
    /// True if an event will check the queue again.
    pub dispatching: bool,
    /// Time until which its holder keeps it.
    pub held_until: Ps,
    /// Time at which the last access of its owner ends.
    pub used_until: Ps,
    pub queue: Option<Box<Queue>>,
}

/// Eight words, their holders, and the requests for them.
///
/// A line belongs to the [`Multicore`] in which it was made, and so to one thread.
pub struct ModelLine {
    words: [AtomicU64; LINE_WORDS],
    state: UnsafeCell<State>,
    multicore: u32,
    name: u16,
}

// SAFETY: the words are atomics. The state is reached only through `state` and the fast paths
// below. They first check that the calling thread is in the multicore whose number the line has;
// numbers are never reused, and a multicore is on one thread at a time.
unsafe impl Sync for ModelLine {}

impl ModelLine {
    /// Calls `change` with the state. `change` must not access this line again.
    pub(super) fn state<R>(
        &self,
        multicore: &Multicore,
        change: impl FnOnce(&mut State) -> R,
    ) -> R {
        assert!(
            self.multicore == multicore.id(),
            "a line is used in the multicore that it was made in"
        );
        // SAFETY: this thread is in the line's multicore, so no other thread reaches the state; no
        // reference to the state outlives a call, during which `change` does not access it again.
        change(unsafe { &mut *self.state.get() })
    }

    /// Returns the number of its name.
    pub(super) fn name(&self) -> u16 {
        self.name
    }

    pub(super) fn word(&self, word: usize) -> &AtomicU64 {
        &self.words[word]
    }

    /// Charges a read if the line is in the running core's cache and nothing can come before; true
    /// if it did.
    #[inline(always)]
    fn read_hit(&self, multicore: &Multicore) -> bool {
        if !multicore.may_read_on() || self.multicore != multicore.id() {
            return false;
        }
        // SAFETY: as in `state`.
        let state = unsafe { &*self.state.get() };
        if state.in_flight > 0 || !state.directory.readable(multicore.agent()) {
            return false;
        }
        multicore.note_read_hit(self.name);
        true
    }

    /// Charges a write of `ps` under the same conditions, if the running core owns the line.
    #[inline(always)]
    fn write_hit(&self, multicore: &Multicore, ps: Ps, word: usize) -> bool {
        if !multicore.may_write_on() || self.multicore != multicore.id() {
            return false;
        }
        // SAFETY: as in `state`.
        let state = unsafe { &mut *self.state.get() };
        let is_busy = state.in_flight > 0 || state.waiting > 0;
        let is_late = state.used_until <= multicore.clock();
        if !state.directory.writable(multicore.agent()) || is_busy || !is_late {
            return false;
        }
        multicore.note_write_hit(self.name, ps);
        state.note_use(multicore.clock(), word);
        true
    }

    #[inline(always)]
    fn rmw(&self, word: usize, need: Need, operation: impl FnOnce(&AtomicU64) -> u64) -> u64 {
        let multicore = current();
        if !self.write_hit(multicore, multicore.parameters().rmw_hit_ps, word) {
            multicore.write(self, word, need);
            let found = operation(&self.words[word]);
            multicore.after_write(self);
            return found;
        }
        operation(&self.words[word])
    }
}

impl State {
    /// Records the owner's use of a word, until `clock`.
    #[inline(always)]
    pub fn note_use(&mut self, clock: Ps, word: usize) {
        self.used_until = clock;
        self.last_word = word as u8;
    }

    /// Returns the time at which the line can be granted next.
    pub fn free_at(&self) -> Ps {
        self.held_until.max(self.used_until)
    }

    pub fn queue(&mut self) -> &mut Queue {
        self.queue.get_or_insert_default()
    }

    /// True if requests wait.
    pub fn is_wanted(&self) -> bool {
        self.queue.as_ref().is_some_and(|queue| !queue.pending.is_empty())
    }
}

impl Line for ModelLine {
    fn new(name: &'static LineName, words: [u64; LINE_WORDS]) -> Self {
        let multicore = current();
        Self {
            words: words.map(AtomicU64::new),
            state: UnsafeCell::default(),
            multicore: multicore.id(),
            name: multicore.name(name),
        }
    }

    #[inline(always)]
    fn load(&self, word: usize, _: Ordering) -> u64 {
        let multicore = current();
        if self.read_hit(multicore) {
            return self.words[word].load(Relaxed);
        }
        multicore.read(self, word)
    }

    #[inline(always)]
    fn store(&self, word: usize, value: u64, order: Ordering) {
        let multicore = current();
        if order == Ordering::SeqCst {
            // An exchange, on machines with total store order.
            self.swap(word, value, order);
        } else if self.write_hit(multicore, multicore.parameters().store_ps, word) {
            self.words[word].store(value, Relaxed);
        } else {
            multicore.store(self, word, value);
        }
    }

    #[inline(always)]
    fn fetch_add(&self, word: usize, value: u64, _: Ordering) -> u64 {
        self.rmw(word, Need::FetchOp, |w| w.fetch_add(value, Relaxed))
    }

    #[inline(always)]
    fn fetch_sub(&self, word: usize, value: u64, _: Ordering) -> u64 {
        let before = self.rmw(word, Need::FetchOp, |w| w.fetch_sub(value, Relaxed));
        assert!(before >= value, "a word goes below zero: {before} - {value}");
        before
    }

    #[inline(always)]
    fn fetch_or(&self, word: usize, bits: u64, _: Ordering) -> u64 {
        self.rmw(word, Need::FetchOp, |w| w.fetch_or(bits, Relaxed))
    }

    #[inline(always)]
    fn fetch_and(&self, word: usize, bits: u64, _: Ordering) -> u64 {
        self.rmw(word, Need::FetchOp, |w| w.fetch_and(bits, Relaxed))
    }

    #[inline(always)]
    fn swap(&self, word: usize, value: u64, _: Ordering) -> u64 {
        self.rmw(word, Need::FetchOp, |w| w.swap(value, Relaxed))
    }

    #[inline(always)]
    fn compare_exchange(
        &self,
        word: usize,
        current: u64,
        new: u64,
        _: Ordering,
        _: Ordering,
    ) -> Result<u64, u64> {
        let mut result = Err(0);
        self.rmw(word, Need::Ownership, |w| {
            result = w.compare_exchange(current, new, Relaxed, Relaxed);
            0
        });
        let multicore = multicore::current();
        multicore.note_outcome(self.name, result.is_ok());
        match result {
            Ok(_) => multicore.forget_losses(),
            Err(_) => multicore.note_loss(self, word),
        }
        result
    }

    fn spin_until(&self, word: usize, done: impl Fn(u64) -> bool) -> u64 {
        let mut waited = false;
        loop {
            let value = self.load(word, Ordering::Acquire);
            if done(value) {
                if waited {
                    current().leave_spin();
                }
                return value;
            }
            waited = true;
            current().spin(self, word, value);
        }
    }

    fn prefetch_w(&self) {
        current().prefetch_w(self);
    }

    unsafe fn pair(&self, other: &Self) {
        // SAFETY: the caller's contract.
        unsafe { current().pair(self, other) };
    }
}

impl Drop for ModelLine {
    fn drop(&mut self) {
        if self.state.get_mut().in_flight > 0 {
            Multicore::forget_line(self.multicore, self);
        }
    }
}

const _: () = assert!(size_of::<ModelLine>() <= 128, "two cache lines of the machine that runs it");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::{MACHINE, places};
    use std::rc::Rc;

    static NAME: LineName = LineName { name: "test.line", words: [""; LINE_WORDS] };

    #[test]
    fn a_prefetched_line_is_there_before_anything_is_written() {
        let world = Multicore::new(&MACHINE, &places(2));
        let _here = world.enter();
        let lines = Rc::new([0, 1].map(|_| ModelLine::new(&NAME, [0; LINE_WORDS])));
        let ran = world.run(move |core| {
            let [added, prefetched] = &*lines;
            if core == 0 {
                added.fetch_add(0, 1, Ordering::Relaxed);
                prefetched.fetch_add(0, 1, Ordering::Relaxed);
                return [0, 0];
            }
            current().advance(1_000_000);
            let clock = || current().clock();
            let (before, _) = (clock(), added.fetch_add(0, 1, Ordering::Relaxed));
            let adds_ps = clock() - before;
            let (before, _) = (clock(), prefetched.prefetch_w());
            prefetched.load(0, Ordering::Relaxed);
            [adds_ps, clock() - before]
        });
        let Ok([_, [adds_ps, loads_ps]]) = ran.as_deref() else { panic!("both end") };
        let early_ps = MACHINE.rmw_hit_ps - MACHINE.load_hit_ps;
        assert_eq!(adds_ps - loads_ps, early_ps, "{adds_ps} and {loads_ps}");
    }
}
