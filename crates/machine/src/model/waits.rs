//! Time of faults and operations: each core's time, in parts that are named by what the core waits
//! for.
//!
//! A core has one activity (a fault, an operation, or neither) and one part (its work, a line, a
//! lock, ...) at a time, and all time between two changes goes to that pair. So the parts of an
//! activity add up to its time, with nothing left over and nothing counted twice. Recording reads
//! clocks and changes none.

use super::engine::{CoreActivity, CoreState};
use super::lock_holds::{HoldAccount, LockHolds};
use super::multicore::Multicore;
use super::parameters::Ps;
use crate::{FAULT, LineName, Waited};
use std::cell::RefCell;

/// A core that is in no fault and no operation.
const OUTSIDE: u16 = 0;

/// Part of a core that waits for nothing. After it come [`Waited::ALL`], then lines.
const WORK: usize = 0;
/// Part of the first line.
const FIRST_LINE: usize = 1 + Waited::ALL.len();

/// Target of the waits that make up a part of the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitedPart {
    /// A lock, a shootdown, ...
    Named(Waited),
    /// A line, outside of waits for locks.
    Line(&'static LineName),
}

/// Time of all faults, or of all operations with one number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityTime {
    /// [`FAULT`], or [`FIRST_OP`](crate::FIRST_OP) and the number of the operation.
    pub activity: u16,
    /// Faults or operations that have ended.
    pub count: u64,
    /// Time from their beginnings to their ends.
    pub total_ps: Ps,
    /// Part in which they waited for nothing.
    pub work_ps: Ps,
    /// Parts in which they waited, and the number of waits.
    pub waits: Vec<(WaitedPart, Ps, u64)>,
}

/// Time of one part, and its waits.
#[derive(Debug, Clone, Copy, Default)]
struct Part {
    ps: Ps,
    waits: u64,
}

#[derive(Default)]
struct ActivitySums {
    count: u64,
    total_ps: Ps,
    parts: Vec<Part>,
}

#[derive(Default)]
struct CoreWaits {
    activity: u16,
    part: usize,
    /// Time up to which its time has been added.
    since: Ps,
    /// Begin of its activity.
    began: Ps,
    /// Waits that it is in: the outermost one names the time.
    depth: u16,
}

/// The parts while the storm runs.
pub(super) struct WaitRecord {
    state: RefCell<State>,
}

struct State {
    cores: Vec<CoreWaits>,
    activities: Vec<ActivitySums>,
    holds: LockHolds,
}

impl WaitRecord {
    pub fn new(cores: usize) -> Self {
        let state = State {
            cores: (0..cores).map(|_| CoreWaits::default()).collect(),
            activities: Vec::new(),
            holds: LockHolds::new(cores),
        };
        Self { state: RefCell::new(state) }
    }

    /// Restarts with empty sums.
    pub fn forget(&self) {
        let mut state = self.state.borrow_mut();
        state.activities.clear();
        state.holds.forget();
    }
}

impl State {
    /// Adds the time of a core up to `now` to its part; the time after it belongs to `part`.
    fn turn(&mut self, core: usize, now: Ps, part: usize) {
        let core = &mut self.cores[core];
        let ps = now.saturating_sub(core.since);
        if core.activity != OUTSIDE {
            sums(&mut self.activities, core.activity).part(core.part).ps += ps;
        }
        (core.since, core.part) = (core.since.max(now), part);
    }

    fn count_wait(&mut self, core: usize, part: usize) {
        let activity = self.cores[core].activity;
        if activity != OUTSIDE {
            sums(&mut self.activities, activity).part(part).waits += 1;
        }
    }
}

/// Returns the sums of an activity, which is new if there are none.
fn sums(activities: &mut Vec<ActivitySums>, activity: u16) -> &mut ActivitySums {
    let at = usize::from(activity - FAULT);
    if activities.len() <= at {
        activities.resize_with(at + 1, ActivitySums::default);
    }
    &mut activities[at]
}

impl ActivitySums {
    fn part(&mut self, part: usize) -> &mut Part {
        if self.parts.len() <= part {
            self.parts.resize(part + 1, Part::default());
        }
        &mut self.parts[part]
    }
}

impl Multicore {
    /// Begins an activity of the running core; [`end_activity`](Self::end_activity) ends it.
    #[inline]
    pub(super) fn begin_activity(&self, activity: u16) {
        let (core, now) = (self.core(), self.clock());
        let state = &mut *self.waits.state.borrow_mut();
        state.turn(core, now, WORK);
        (state.cores[core].activity, state.cores[core].began) = (activity, now);
    }

    /// Ends the activity of the running core.
    #[inline]
    pub(super) fn end_activity(&self) {
        let (core, now) = (self.core(), self.clock());
        let state = &mut *self.waits.state.borrow_mut();
        state.turn(core, now, WORK);
        let ended = std::mem::replace(&mut state.cores[core].activity, OUTSIDE);
        if ended != OUTSIDE {
            let sums = sums(&mut state.activities, ended);
            sums.count += 1;
            sums.total_ps += now - state.cores[core].began;
        }
    }

    /// Begins a wait of the running core, for the lock at `at` or something without an address (0).
    pub(super) fn begin_wait(&self, waited: Waited, at: usize) {
        if self.is_direct() {
            return;
        }
        let (core, now) = (self.core(), self.clock());
        let state = &mut *self.waits.state.borrow_mut();
        state.cores[core].depth += 1;
        if state.cores[core].depth == 1 {
            state.turn(core, now, 1 + waited as usize);
            state.count_wait(core, 1 + waited as usize);
            let activity = state.cores[core].activity;
            state.holds.begin_wait(core, activity, waited, at, now);
        }
    }

    /// Ends the innermost wait of the running core.
    pub(super) fn end_wait(&self) {
        if self.is_direct() {
            return;
        }
        let (core, now) = (self.core(), self.clock());
        let state = &mut *self.waits.state.borrow_mut();
        state.cores[core].depth -= 1;
        if state.cores[core].depth == 0 {
            state.turn(core, now, WORK);
            state.holds.end_wait(core, now);
        }
    }

    /// Does `what` as a part of the wait that the running core is in, or else as a wait for
    /// `waited`.
    pub(super) fn waiting<R>(&self, waited: Waited, what: impl FnOnce() -> R) -> R {
        self.begin_wait(waited, 0);
        let result = what();
        self.end_wait();
        result
    }

    /// Stops the running core until it has got the line with this number of name.
    pub(super) fn wait_for_line(&self, name: u16, status: CoreActivity) {
        let (core, part) = (self.core(), FIRST_LINE + usize::from(name));
        let outermost = self.waits.state.borrow().cores[core].depth == 0;
        if outermost {
            let state = &mut *self.waits.state.borrow_mut();
            state.turn(core, self.clock(), part);
            state.count_wait(core, part);
        }
        self.wait(status);
        if outermost {
            self.waits.state.borrow_mut().turn(core, self.clock(), WORK);
        }
    }

    /// The running core has taken the lock at `at`.
    #[inline]
    pub(super) fn locked(&self, lock: Waited, at: usize) {
        if !self.is_direct() {
            let state = &mut *self.waits.state.borrow_mut();
            let activity = state.cores[self.core()].activity;
            state.holds.locked(self.core(), activity, lock, at, self.clock());
        }
    }

    /// The running core is about to release the lock at `at`.
    #[inline]
    pub(super) fn unlocked(&self, at: usize) {
        if !self.is_direct() {
            self.waits.state.borrow_mut().holds.unlocked(self.core(), at, self.clock());
        }
    }

    /// Adds `ps` of answers to shootdowns, from `from` on, to the part of `core` that has it.
    pub(super) fn note_interrupted(&self, core: usize, from: Ps, to: Ps) {
        let state = &mut *self.waits.state.borrow_mut();
        let part = state.cores[core].part;
        state.turn(core, from, 1 + Waited::Interrupted as usize);
        state.count_wait(core, 1 + Waited::Interrupted as usize);
        state.turn(core, to, part);
    }

    /// A core has got the line of a store, and asks for the line of the next one. If the core waits
    /// for its stores, it waits for that line from now on.
    pub(super) fn note_next_store(&self, store: &CoreState, core: usize, now: Ps, name: u16) {
        let state = &mut *self.waits.state.borrow_mut();
        if store.status == CoreActivity::Draining && state.cores[core].depth == 0 {
            let part = FIRST_LINE + usize::from(name);
            state.turn(core, now, part);
            state.count_wait(core, part);
        }
    }

    /// Returns where the time of faults and operations went since the last
    /// [`forget`](Self::forget).
    pub fn activities(&self) -> Vec<ActivityTime> {
        let state = self.waits.state.borrow();
        let some = state.activities.iter().enumerate().filter(|(_, sums)| sums.count > 0);
        let time = |(number, sums): (usize, &ActivitySums)| {
            let parts = sums.parts.iter().enumerate().skip(1).filter(|(_, part)| part.ps > 0);
            ActivityTime {
                activity: FAULT + number as u16,
                count: sums.count,
                total_ps: sums.total_ps,
                work_ps: sums.parts.first().map_or(0, |work| work.ps),
                waits: parts.map(|(at, part)| (self.part_of(at), part.ps, part.waits)).collect(),
            }
        };
        some.map(time).collect()
    }

    fn part_of(&self, part: usize) -> WaitedPart {
        match part.checked_sub(FIRST_LINE) {
            Some(line) => WaitedPart::Line(self.ledger.name(line as u16)),
            None => WaitedPart::Named(Waited::ALL[part - 1]),
        }
    }

    /// Returns the holds of locks for which others waited since the last
    /// [`forget`](Self::forget).
    pub fn holds(&self) -> Vec<HoldAccount> {
        self.waits.state.borrow().holds.accounts()
    }
}
