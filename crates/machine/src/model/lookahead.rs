//! Limits of how far the running core may be ahead of the others.
//!
//! When the running core starts, it has the smallest clock. It may continue while no action of
//! another core can have an effect before its own. Three bounds determine how long:
//!
//! - Others do nothing before the second smallest clock, or before the first event. The effect of
//!   their actions then reaches a line one [request leg](Lookahead::leg_ps) later. So a hit on a
//!   line without a request in flight may be that far ahead of both.
//! - A core that takes a line with many copies waits until all of them are invalidated; the leg of
//!   its request is longer for that.
//! - Hyperthreads share a cache: a sibling's write is seen at once, so the sibling must not be able
//!   to run before.
//!
//! So there are four bounds. `second` is the second smallest clock, `event` the time of the first
//! event, `copies` the number of other cores with a copy. A core that could run first on the same
//! cache (a sibling) cuts all of them but the first, to its own clock:
//!
//! ```text
//!             now   second       event  second+leg    ... + copies*copy_leg
//!  clock  -----+-------+-----------+--------+---------------------+------>
//!  exact turn  |=======|                       state that is shared without a line
//!  turn        |===================|           any other action: min(second + leg, event)
//!  hits        |============================|  loads and stores that hit a line without
//!                                              requests: min(second, event) + leg
//!  reads ahead |==================================================|  loads of a line with copies
//! ```
//!
//! Effects have the order of the clocks, whichever bound is used: a test compares a run with all
//! bounds to a run with none. Interrupts are the exception: a core notices them when it starts
//! again.

use super::engine::{CoreActivity, Engine};
use super::line::State;
use super::multicore::{Multicore, Place};
use super::parameters::{Parameters, Ps};
use super::queue::{NEVER, before_core};
use std::cell::Cell;

/// Constants of the lookahead, which do not change while cores run.
#[derive(Debug)]
pub(super) struct Lookahead {
    /// Shortest time in which a request reaches its line, also for an owner that must queue.
    pub leg_ps: Ps,
    /// Additional time for each copy that the request invalidates.
    copy_leg_ps: Ps,
    /// For each core, the cores that share its cache.
    siblings: Box<[Box<[u16]>]>,
    /// False if a test lets cores run by the clock alone.
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

    /// Returns the other cores with the cache of this one.
    #[inline]
    pub fn siblings(&self, core: usize) -> &[u16] {
        &self.siblings[core]
    }

    /// Makes cores run by the clock alone, as the reference of a test.
    #[cfg(test)]
    pub fn forbid(&mut self) {
        self.is_allowed = false;
    }
}

/// Times until which the running core may continue.
#[derive(Debug, Default)]
pub(super) struct Horizon {
    /// With any action that others see only through a line: `turn` of the figure.
    pub turn: Cell<Ps>,
    /// With loads that hit and need no further check (`hits`); 0 if all loads need one.
    pub reads: Cell<Ps>,
    /// With writes that hit and need no further check (`hits`); 0 if requests are in flight.
    pub writes: Cell<Ps>,
    /// Additional time for loads, for each copy other than its own (`reads ahead`).
    by_copies_ps: Cell<Ps>,
    /// With any action, if it shares its cache.
    siblings: Cell<Ps>,
}

impl Horizon {
    /// Makes every access need a further check.
    pub fn close(&self) {
        self.reads.set(0);
        self.writes.set(0);
        self.by_copies_ps.set(0);
    }
}

impl Engine {
    /// Returns the last clock at which `core`, the first, comes before all others' actions: `exact
    /// turn` of the figure.
    fn before_others(&self, core: usize) -> Ps {
        self.ready.before_second(core).min(self.events.first_time())
    }

    /// Returns the last clock at which it comes before its siblings' actions. A sibling that waits
    /// is woken by others.
    fn before_siblings(&self, core: usize) -> Ps {
        let before = |sibling: &u16| {
            let number = usize::from(*sibling);
            match self.cores[number].status {
                CoreActivity::Ready => before_core(core, number, self.cores[number].clock),
                CoreActivity::Done => NEVER,
                _ => self.before_others(core),
            }
        };
        self.lookahead.siblings(core).iter().map(before).min().unwrap_or(NEVER)
    }
}

impl Multicore {
    /// Recomputes the horizon after an event that may precede the running core's next action.
    pub(super) fn look_again(&self) {
        self.look_at(&self.engine.borrow());
    }

    /// Computes how far the running core, the first of those that can run, may continue.
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

    /// True if the running core may load from its cache, if no request for the line is in flight.
    #[inline(always)]
    pub(super) fn may_read_on(&self) -> bool {
        self.clock() <= self.horizon.reads.get()
    }

    /// True if it may write to its cache, if no request for the line is in flight.
    #[inline(always)]
    pub(super) fn may_write_on(&self) -> bool {
        self.clock() <= self.horizon.writes.get()
    }

    /// True if a load of the running core hits before another core can take the line away.
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

    /// Lets the running core continue only when no other core can act before its clock.
    pub(super) fn take_turn(&self) {
        if self.clock() > self.horizon.turn.get() {
            self.wait(CoreActivity::Ready);
        }
    }

    /// The same without lookahead: for state that is shared without a line.
    pub(super) fn take_exact_turn(&self) {
        while self.clock() > self.engine.borrow().before_others(self.core()) {
            self.wait(CoreActivity::Ready);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::multicore::current;
    use crate::model::tests::{MACHINE, places};
    use crate::model::{Accounts, ModelLine, Multicore, Parameters, Place, Shape};
    use crate::{Line, LineName, Ordering, pair_up};
    use proptest::prelude::*;

    static NAME: LineName = LineName { name: "test.line", words: ["word"; 8] };

    /// Number of lines that all cores use; each cache has one more.
    const SHARED: usize = 4;

    /// Accesses lines, most of them by loads, and half of them on lines that only siblings use.
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

    /// Returns each core's final clock and the values that it saw, and the accounts of the lines.
    fn run(
        parameters: &Parameters,
        places: &[Place],
        seed: u64,
        ahead: bool,
    ) -> (Vec<(u64, u64)>, Accounts) {
        let multicore = Multicore::new(parameters, places);
        if !ahead {
            multicore.engine.borrow_mut().lookahead.forbid();
        }
        let _here = multicore.enter();
        let lines: Box<[_]> = (0..SHARED + 12).map(|_| ModelLine::new(&NAME, [0; 8])).collect();
        // SAFETY: they stay in the box, which the cores own until they are done.
        unsafe { pair_up(lines.iter()) };
        let ends = multicore.run(move |core| {
            let (mut random, mut seen) = (seed ^ (core as u64 + 1), 0u64);
            for _ in 0..400 {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let value = act(&lines, random);
                // Each core has its own offset of some picoseconds, or two would act at the same
                // time.
                let apart = core as u64;
                current().advance((random >> 45 & 0x3fff) / 64 * 64 + apart);
                seen = seen.rotate_left(1) ^ value;
            }
            current().drain();
            (current().clock(), seen)
        });
        (ends.unwrap_or_else(|_| panic!("they end")), multicore.accounts())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        /// Lookahead changes nothing for any core.
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
