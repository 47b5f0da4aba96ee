//! A line of the model: eight words, and who has them.

use super::directory::{Directory, Need};
use super::parameters::Ps;
use super::world::{self, World, current};
use crate::{LINE_WORDS, Line, LineName, Ordering};
use std::cell::UnsafeCell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A request for a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    pub core: u16,
    pub agent: u16,
    /// In which it is handed on first.
    pub domain: u16,
    pub need: Need,
    pub kind: RequestKind,
    /// The word that it is for.
    pub word: u8,
    pub issued_at: Ps,
    pub arrived_at: Ps,
}

/// Who waits for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestKind {
    /// The core.
    Core,
    /// The first store of its buffer.
    Store,
    /// Nobody: a prefetch.
    Prefetch,
}

/// Requests that have reached the line, and cores that spin on it.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub pending: VecDeque<Request>,
    pub spinners: Vec<u16>,
}

/// Everything about a line but its words.
#[derive(Debug, Default)]
pub(super) struct State {
    pub directory: Directory,
    /// Requests and spinners in the queue.
    pub waiting: u16,
    /// Requests on their way, in the queue, or being served.
    pub in_flight: u16,
    /// Accesses of the owner since it was granted the line.
    pub reuse: u16,
    /// Grants in a row within a domain.
    pub run: u16,
    pub last_domain: u16,
    pub last_core: u16,
    pub last_word: u8,
    /// An event will look at the queue again.
    pub dispatching: bool,
    /// When the line can be granted next.
    pub free_at: Ps,
    pub queue: Option<Box<Queue>>,
}

/// Eight words, who has them, and who waits for them.
///
/// A line belongs to the [`World`] in which it was made, and so to one thread.
pub struct ModelLine {
    words: [AtomicU64; LINE_WORDS],
    state: UnsafeCell<State>,
    world: u32,
    name: u16,
}

// SAFETY: the words are atomics. The state is reached only through `state` and the fast
// paths below, which first make sure that the calling thread is in the world whose number
// the line has: numbers are never given twice, and a world is on one thread at a time.
unsafe impl Sync for ModelLine {}

impl ModelLine {
    /// The state. `change` must not come back to this line.
    pub(super) fn state<R>(&self, world: &World, change: impl FnOnce(&mut State) -> R) -> R {
        assert!(self.world == world.id(), "a line is used in the world that it was made in");
        // SAFETY: this thread is in the line's world, so no other reaches the state; and
        // no reference to it outlives a call, in which `change` does not come back.
        change(unsafe { &mut *self.state.get() })
    }

    /// The number of its name.
    pub(super) fn name(&self) -> u16 {
        self.name
    }

    pub(super) fn word(&self, word: usize) -> &AtomicU64 {
        &self.words[word]
    }

    /// Does `read` where the line is in the cache of the running core and nothing comes
    /// before.
    #[inline(always)]
    fn read_hit(&self, world: &World) -> bool {
        if !world.may_read_on() || self.world != world.id() {
            return false;
        }
        // SAFETY: as in `state`.
        let state = unsafe { &*self.state.get() };
        if state.in_flight > 0 || !state.directory.readable(world.agent()) {
            return false;
        }
        world.note_read_hit(self.name);
        true
    }

    /// The same for a write, which takes `ps`.
    #[inline(always)]
    fn write_hit(&self, world: &World, ps: Ps, word: usize) -> bool {
        if !world.may_write_on() || self.world != world.id() {
            return false;
        }
        // SAFETY: as in `state`.
        let state = unsafe { &mut *self.state.get() };
        if !state.directory.writable(world.agent()) || state.in_flight > 0 || state.waiting > 0 {
            return false;
        }
        world.note_write_hit(self.name, ps);
        state.note_use(world.clock(), word);
        true
    }

    #[inline(always)]
    fn rmw(&self, word: usize, need: Need, operation: impl FnOnce(&AtomicU64) -> u64) -> u64 {
        let world = current();
        if !self.write_hit(world, world.parameters().rmw_hit_ps, word) {
            world.write(self, word, need);
            let found = operation(&self.words[word]);
            world.after_write(self);
            return found;
        }
        operation(&self.words[word])
    }
}

impl State {
    /// The owner has used a word, until `clock`.
    #[inline(always)]
    pub fn note_use(&mut self, clock: Ps, word: usize) {
        self.reuse = self.reuse.saturating_add(1);
        self.free_at = clock;
        self.last_word = word as u8;
    }

    pub fn queue(&mut self) -> &mut Queue {
        self.queue.get_or_insert_default()
    }

    /// Whether requests wait.
    pub fn is_wanted(&self) -> bool {
        self.queue.as_ref().is_some_and(|queue| !queue.pending.is_empty())
    }
}

impl Line for ModelLine {
    fn new(name: &'static LineName, words: [u64; LINE_WORDS]) -> Self {
        let world = current();
        Self {
            words: words.map(AtomicU64::new),
            state: UnsafeCell::default(),
            world: world.id(),
            name: world.name(name),
        }
    }

    #[inline(always)]
    fn load(&self, word: usize, _: Ordering) -> u64 {
        let world = current();
        if self.read_hit(world) {
            return self.words[word].load(Relaxed);
        }
        world.read(self, word)
    }

    #[inline(always)]
    fn store(&self, word: usize, value: u64, order: Ordering) {
        let world = current();
        if order == Ordering::SeqCst {
            // An exchange, on machines with total store order.
            self.swap(word, value, order);
        } else if self.write_hit(world, world.parameters().store_ps, word) {
            self.words[word].store(value, Relaxed);
        } else {
            world.store(self, word, value);
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
        match result {
            Ok(_) => world::current().forget_losses(),
            Err(_) => world::current().note_loss(self, word),
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
        // SAFETY: the caller's promise.
        unsafe { current().pair(self, other) };
    }
}

impl Drop for ModelLine {
    fn drop(&mut self) {
        if self.state.get_mut().in_flight > 0 {
            World::forget_line(self.world, self);
        }
    }
}

const _: () = assert!(size_of::<ModelLine>() <= 128, "two cache lines of the machine that runs it");
