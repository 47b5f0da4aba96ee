//! The lock or line that a strategy loses to.

use document::run::{Cell, Measured, TimeUse, World};

use crate::block::Value;
use crate::numbers::nanoseconds;
use crate::ratios::BASES;
use crate::table::Table;

/// Least share of the rate without any lock that is a loss.
const LOST_MIN: f64 = 0.01;
/// Least excess of waiting to blame, as a share of the time of a fault or operation.
const SHARE_MIN: f64 = 0.01;
/// Fewest excess transfers per fault of a line to blame.
const MOVES_MIN: f64 = 0.1;
/// Name of the time in which nothing is waited for.
const WORK: &str = "own work";

/// Excess of a cell over the same cell without any lock, per fault or operation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Blamed<'a> {
    /// Lock, line, or another wait.
    pub name: &'a str,
    pub excess: Excess,
}

/// The excess of one fault or operation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Excess {
    /// Nanoseconds of waiting.
    Ns(f64),
    /// Transfers of a line, if waiting was not recorded.
    Moves(f64),
}

impl Blamed<'_> {
    /// Returns the number, of which one is compared with others of the same run.
    pub fn amount(&self) -> f64 {
        match self.excess {
            Excess::Ns(ns) => ns,
            Excess::Moves(moves) => moves,
        }
    }

    /// Returns the name with the excess.
    pub fn value(&self) -> Value {
        let excess = match self.excess {
            Excess::Ns(ns) => nanoseconds(ns),
            Excess::Moves(moves) => format!("{moves:.2}"),
        };
        Value::plain(self.name).ending(format!(" {excess}"))
    }
}

/// Returns what a fault or operation of `cell` waits for most in excess of the same cell without
/// any lock; `None` if nothing is lost. If that cell did not run, all is excess.
pub(crate) fn blame<'a>(table: &Table<'a>, cell: &'a Cell) -> Option<Blamed<'a>> {
    let unlocked = table.counterpart(cell, BASES[0]);
    let rate = |cell: &Cell| cell.rate(&table.event).map(|rate| rate.median);
    if let Some(bound) = unlocked.and_then(rate)
        && rate(cell).is_some_and(|rate| rate > bound * (1.0 - LOST_MIN))
    {
        return None;
    }
    let (found, without) = (cell.measured.as_ref()?, unlocked.and_then(|it| it.measured.as_ref()));
    let time = |found: &'a Measured| found.time_of(&table.event);
    let waits = time(found).and_then(|of| waits_most(of, without.and_then(time)));
    if cell.key.world == World::Model && time(found).is_some() {
        return waits;
    }
    // On the host waiting for lines is a part of the work.
    waits.filter(|found| found.name != WORK).or_else(|| moves_most(found, without))
}

fn waits_most<'a>(time: &'a TimeUse, without: Option<&TimeUse>) -> Option<Blamed<'a>> {
    let wait = |wait: &'a document::run::WaitedFor| {
        let before = without.map_or(0.0, |time| time.waited(wait.kind, &wait.name));
        (wait.name.as_str(), wait.ns - before)
    };
    // Without a bound nobody knows how much of the work is needed.
    let work = without.map(|without| (WORK, time.work_ns - without.work_ns));
    let most = time.waits.iter().map(wait).chain(work).max_by(|a, b| a.1.total_cmp(&b.1));
    let (name, ns) = most.filter(|(_, ns)| *ns >= time.total_ns * SHARE_MIN)?;
    Some(Blamed { name, excess: Excess::Ns(ns) })
}

fn moves_most<'a>(found: &'a Measured, without: Option<&Measured>) -> Option<Blamed<'a>> {
    let before = |name: &str| {
        let mut lines = without.into_iter().flat_map(|found| found.moving_lines());
        lines.find(|(line, _)| line.name == name).map_or(0.0, |(_, moves)| moves)
    };
    let lines = found.moving_lines();
    let excess = lines.map(|(line, moves)| (line.name.as_str(), moves - before(&line.name)));
    let (name, moves) =
        excess.max_by(|a, b| a.1.total_cmp(&b.1)).filter(|(_, moves)| *moves >= MOVES_MIN)?;
    Some(Blamed { name, excess: Excess::Moves(moves) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use document::run::{WaitKind, WaitedFor};

    fn time(work_ns: f64, waits: &[(WaitKind, &str, f64)]) -> TimeUse {
        let wait = |(kind, name, ns): &(WaitKind, &str, f64)| WaitedFor {
            kind: *kind,
            name: (*name).to_owned(),
            ns: *ns,
            waits: 1,
            median_ns: None,
        };
        let total_ns = work_ns + waits.iter().map(|(_, _, ns)| ns).sum::<f64>();
        TimeUse { count: 1, total_ns, work_ns, waits: waits.iter().map(wait).collect() }
    }

    #[test]
    fn what_waits_without_any_lock_too_is_not_blamed() {
        let (lock, line) = (WaitKind::Lock, WaitKind::Line);
        let of = time(100.0, &[(lock, "zone->lock", 900.0), (line, "mm.mmap_lock", 300.0)]);
        let without = time(90.0, &[(lock, "zone->lock", 850.0)]);
        let blamed = |without| waits_most(&of, without).map(|found| (found.name, found.excess));
        assert_eq!(blamed(Some(&without)), Some(("mm.mmap_lock", Excess::Ns(300.0))));
        assert_eq!(blamed(None), Some(("zone->lock", Excess::Ns(900.0))));
        assert_eq!(blamed(Some(&of)), None, "it is the same");
        let slow = time(700.0, &[(lock, "zone->lock", 900.0)]);
        let found = waits_most(&slow, Some(&without)).expect("it works more");
        assert_eq!((found.name, found.amount()), (WORK, 610.0));
        assert_eq!(found.value().whole(), "own work 610 ns");
    }
}
