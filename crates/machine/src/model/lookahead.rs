//! How far the running core may be ahead of the others.
//!
//! It is the one with the smallest clock when it starts, and may run on as long as nothing
//! that others do could have an effect before what it does. Three bounds say how long that is:
//!
//! - Others do nothing before the second smallest clock, or before the first event. What they
//!   do then reaches a line a [leg](Lookahead::leg_ps) of a request later. So a hit on a line
//!   for which no request is under way may be that far ahead of both.
//! - Who takes a line that many have copies of waits for all of them to be invalidated, and
//!   the leg of its request is longer for that.
//! - Hyperthreads share a cache: what a sibling writes is seen at once, so it must not be able
//!   to run before.
//!
//! The order of effects is that of the clocks, whichever bound is used: a test compares all of
//! them with none. Interrupts are the exception: a core learns of them when it starts again.

use super::engine::{Engine, Status};
use super::line::State;
use super::parameters::{Parameters, Ps};
use super::queue::{NEVER, before_core};
use super::world::{Place, World};
use std::cell::Cell;

/// What does not change while cores run.
#[derive(Debug)]
pub(super) struct Lookahead {
    /// No request reaches its line sooner, not even that of an owner who has to queue.
    pub leg_ps: Ps,
    /// How much later it does for each copy that it invalidates.
    copy_leg_ps: Ps,
    /// The cores that share the cache of each.
    siblings: Box<[Box<[u16]>]>,
    /// False where a test wants to see cores run by the clock alone.
    is_allowed: bool,
}

impl Lookahead {
    pub fn new(parameters: &Parameters, places: &[Place]) -> Self {
        let mut by_agent = vec![Vec::new(); parameters.shape.agents()];
        let numbered = places.iter().enumerate();
        numbered.for_each(|(core, place)| by_agent[usize::from(place.agent)].push(core as u16));
        let siblings = places.iter().enumerate().map(|(core, place)| {
            let all = by_agent[usize::from(place.agent)].iter().copied();
            all.filter(|sibling| usize::from(*sibling) != core).collect()
        });
        Self {
            leg_ps: parameters.lookahead_ps(),
            copy_leg_ps: parameters.request_leg(parameters.invalidate_each_ps),
            siblings: siblings.collect(),
            is_allowed: true,
        }
    }

    /// The other cores with the cache of this one.
    #[inline]
    pub fn siblings(&self, core: usize) -> &[u16] {
        &self.siblings[core]
    }

    /// Only by the clock, as the oracle of a test.
    #[cfg(test)]
    pub fn forbid(&mut self) {
        self.is_allowed = false;
    }
}

/// Until when the running core may go on.
#[derive(Debug, Default)]
pub(super) struct Horizon {
    /// With whatever it does that is seen by a line alone.
    pub turn: Cell<Ps>,
    /// With loads that hit and need no closer look; the start of time where all do.
    pub reads: Cell<Ps>,
    /// With writes that hit and need no closer look.
    pub writes: Cell<Ps>,
    /// How much further with loads for each copy beside its own.
    by_copies_ps: Cell<Ps>,
    /// With anything, where it shares its cache.
    siblings: Cell<Ps>,
}

impl Horizon {
    /// Every access needs a closer look.
    pub fn close(&self) {
        self.reads.set(0);
        self.writes.set(0);
        self.by_copies_ps.set(0);
    }
}

impl Engine {
    /// Until when `core`, the first, comes before all that others do.
    fn before_others(&self, core: usize) -> Ps {
        self.ready.before_second(core).min(self.events.first_time())
    }

    /// Until when it comes before what its siblings do: one that waits is woken by others.
    fn before_siblings(&self, core: usize) -> Ps {
        let before = |sibling: &u16| {
            let number = usize::from(*sibling);
            match self.cores[number].status {
                Status::Ready => before_core(core, number, self.cores[number].clock),
                Status::Done => NEVER,
                _ => self.before_others(core),
            }
        };
        self.lookahead.siblings(core).iter().map(before).min().unwrap_or(NEVER)
    }
}

impl World {
    /// Others may have come to be before what the running core does next.
    pub(super) fn look_again(&self) {
        self.look_at(&self.engine.borrow());
    }

    /// Finds out how far the running core, the first of those that can run, may go.
    #[inline]
    pub(super) fn look_at(&self, engine: &Engine) {
        let (core, lookahead) = (self.core(), &engine.lookahead);
        let (leg_ps, copy_leg_ps) =
            if lookahead.is_allowed { (lookahead.leg_ps, lookahead.copy_leg_ps) } else { (0, 0) };
        let (second, event) = (engine.ready.before_second(core), engine.events.first_time());
        let siblings = engine.before_siblings(core);
        let traced = self.tracer.is_on(core);
        let close = traced || self.parameters().hoist_loads;
        let careful = close || engine.cores[core].needs_care();
        self.careful.set(careful);
        let horizon = &self.horizon;
        horizon.turn.set(second.saturating_add(leg_ps).min(event).min(siblings));
        if close || self.is_direct() {
            return horizon.close();
        }
        let hits = second.min(event).saturating_add(leg_ps).min(siblings);
        horizon.reads.set(hits);
        horizon.writes.set(if careful { 0 } else { hits });
        horizon.by_copies_ps.set(copy_leg_ps);
        horizon.siblings.set(siblings);
    }

    /// Whether the running core may load from what it has, where no request for it is under
    /// way.
    #[inline(always)]
    pub(super) fn may_read_on(&self) -> bool {
        self.clock() <= self.horizon.reads.get()
    }

    /// Whether it may write to what it has, where no request for it is under way.
    #[inline(always)]
    pub(super) fn may_write_on(&self) -> bool {
        self.clock() <= self.horizon.writes.get()
    }

    /// Whether a load of the running core hits before anybody can take the line away.
    #[inline(always)]
    pub(super) fn reads_ahead(&self, state: &State) -> bool {
        if state.in_flight > 0 || !state.directory.readable(self.agent()) {
            return false;
        }
        let others = (state.directory.sharers.len() as Ps).saturating_sub(1);
        let horizon = &self.horizon;
        let until = horizon.reads.get().saturating_add(others * horizon.by_copies_ps.get());
        self.clock() <= until.min(horizon.siblings.get())
    }

    /// Lets the running core go on only when its clock is the smallest that could do
    /// anything before.
    pub(super) fn take_turn(&self) {
        if self.clock() > self.horizon.turn.get() {
            self.wait(Status::Ready);
        }
    }

    /// The same without looking ahead: for what is shared without a line.
    pub(super) fn take_exact_turn(&self) {
        while self.clock() > self.engine.borrow().before_others(self.core()) {
            self.wait(Status::Ready);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::tests::{MACHINE, places};
    use crate::model::world::current;
    use crate::model::{Accounts, ModelLine, Parameters, Place, Shape, World};
    use crate::{Line, LineName, Ordering, pair_up};
    use proptest::prelude::*;

    static NAME: LineName = LineName { name: "test.line", words: ["word"; 8] };

    /// Lines that all cores use; there is another for each cache.
    const SHARED: usize = 4;

    /// What cores do to lines, most of it loads, and half of it to what only their siblings use.
    fn act(lines: &[ModelLine], random: u64) -> u64 {
        let own = SHARED + usize::from(current().agent());
        let line = (random >> 33) as usize % (2 * SHARED);
        let (line, word) = (&lines[if line < SHARED { line } else { own }], (random >> 40) % 8);
        let word = word as usize;
        match (random >> 50) % 12 {
            0 => line.fetch_add(word, 1, Ordering::Relaxed),
            1 => {
                line.store(word, random >> 20, Ordering::Relaxed);
                0
            }
            2 => {
                line.prefetch_w();
                0
            }
            _ => line.load(word, Ordering::Relaxed),
        }
    }

    /// For each core its clock at the end and what it saw, and what happened to lines.
    fn run(
        parameters: &Parameters,
        places: &[Place],
        seed: u64,
        ahead: bool,
    ) -> (Vec<(u64, u64)>, Accounts) {
        let world = World::new(parameters, places);
        if !ahead {
            world.engine.borrow_mut().lookahead.forbid();
        }
        let _here = world.enter();
        let lines: Box<[_]> = (0..SHARED + 12).map(|_| ModelLine::new(&NAME, [0; 8])).collect();
        // SAFETY: they stay in the box, which the cores own until they are done.
        unsafe { pair_up(lines.iter()) };
        let ends = world.run(move |core| {
            let (mut random, mut seen) = (seed ^ (core as u64 + 1), 0u64);
            for _ in 0..400 {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let value = act(&lines, random);
                // By some picoseconds of its own, or two would do something at once.
                let apart = core as u64;
                current().advance((random >> 45 & 0x3fff) / 64 * 64 + apart);
                seen = seen.rotate_left(1) ^ value;
            }
            current().drain();
            (current().clock(), seen)
        });
        (ends.unwrap_or_else(|_| panic!("they end")), world.accounts())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        /// Core by core the same, however it is run.
        #[test]
        fn looking_ahead_is_exact(seed: u64, adjacent_pairs: bool, siblings: bool, far: bool) {
            let smt = if siblings { 2 } else { 1 };
            let shape = Shape { smt, ..MACHINE.shape };
            let invalidate_each_ps = if far { 4_000 } else { 0 };
            let machine = Parameters { adjacent_pairs, shape, invalidate_each_ps, ..MACHINE };
            let mut places = places(12);
            places.iter_mut().for_each(|place| place.agent /= smt);
            let (ahead, by_clock) =
                (run(&machine, &places, seed, true), run(&machine, &places, seed, false));
            prop_assert_eq!(ahead, by_clock);
        }
    }
}
