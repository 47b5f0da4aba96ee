//! The outcome of a cell: its rate, or why it has none.

use document::run::{Cell, Interval, RatedEvent, Status};
use stats::{JudgedRatio, Verdict};

use crate::block::Value;
use crate::layout::Ink;
use crate::numbers::{rate, times};

/// The outcome of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum CellOutcome {
    /// It has a rate.
    Rate(Interval),
    /// It ran without the event whose rate is shown.
    NoEvents,
    /// It was not run.
    Skipped,
    /// Its storm failed.
    Failed,
    /// It has no repeat yet.
    NoResult,
}

impl CellOutcome {
    /// Returns the outcome of a cell by the rate of an event.
    pub fn of(cell: &Cell, event: &RatedEvent) -> CellOutcome {
        match (cell.rate(event), cell.status) {
            (Some(rate), _) => CellOutcome::Rate(rate),
            _ if cell.measured.is_some() => CellOutcome::NoEvents,
            (None, Status::Skipped) => CellOutcome::Skipped,
            (None, Status::Failed) => CellOutcome::Failed,
            (None, Status::Ok | Status::Partial) => CellOutcome::NoResult,
        }
    }

    /// Returns the word for an outcome; empty for a rate.
    pub fn word(self) -> &'static str {
        match self {
            CellOutcome::Rate(_) => "",
            CellOutcome::NoEvents => "none",
            CellOutcome::Skipped => "skipped",
            CellOutcome::Failed => "FAILED",
            CellOutcome::NoResult => "no result",
        }
    }

    /// Returns the outcome as tables show it.
    pub fn value(self) -> Value {
        match self {
            CellOutcome::Rate(found) => Value::plain(rate(found.median)),
            CellOutcome::NoEvents | CellOutcome::Skipped => Value::new(Ink::Faint, self.word()),
            CellOutcome::Failed => Value::new(Ink::Bad, self.word()),
            CellOutcome::NoResult => Value::new(Ink::Doubt, self.word()),
        }
    }
}

/// Returns a ratio with its verdict as tables show it.
pub(crate) fn ratio(found: Option<&JudgedRatio>) -> Value {
    let Some(found) = found else { return Value::dash() };
    let times = times(found.ratio.median);
    let word = found.verdict.map_or(String::new(), |verdict| format!(" {verdict}"));
    let value = Value::new(verdict_ink(found.verdict), times.clone() + &word);
    match found.verdict {
        Some(Verdict::NoDifferenceSeen) => value.or_short(times + " no diff"),
        Some(Verdict::CannotTell) => value.or_short(times + " ?"),
        _ => value,
    }
}

/// Returns the colour of a verdict.
pub(crate) fn verdict_ink(verdict: Option<Verdict>) -> Ink {
    match verdict {
        Some(Verdict::Faster) => Ink::Good,
        Some(Verdict::Slower) => Ink::Bad,
        Some(Verdict::NoDifferenceSeen) => Ink::Faint,
        Some(Verdict::CannotTell) => Ink::Doubt,
        None => Ink::Plain,
    }
}
