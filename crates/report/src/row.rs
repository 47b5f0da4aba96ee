//! One cell as one line, for progress.

use document::run::{Cell, RatedEvent, Status};

use crate::numbers::{rate_of, spread};
use crate::outcome::CellOutcome;
use crate::table::body_name;
use crate::words::plural;

/// Returns one cell as one plain line; the first repeat of a cell gives a provisional one.
pub fn row(cell: &Cell) -> String {
    let key = &cell.key;
    let event = RatedEvent::of([cell]);
    let outcome = CellOutcome::of(cell, &event);
    let found = match outcome {
        CellOutcome::Rate(found) => rate_of(&event, found.median),
        CellOutcome::NoEvents => outcome.word().to_owned(),
        _ => format!("{}: {}", outcome.word(), cell.why()),
    };
    let repeats = cell.measured.as_ref().map(|found| plural(found.repeats.len(), "repeat"));
    let note = match (outcome, cell.status, repeats) {
        (_, Status::Partial, Some(repeats)) => format!(" (provisional, {repeats})"),
        (CellOutcome::Rate(found), _, _) => {
            found.spread().map(|share| format!(" {}", spread(share))).unwrap_or_default()
        }
        _ => String::new(),
    };
    let twin = if key.is_aa_twin { " (again)" } else { "" };
    let (strategy, threads) = (key.strategy_name(), plural(key.threads as usize, "thread"));
    let body = body_name(key.body);
    format!("{} {strategy}{twin}, {threads}, {body}: {found}{note}", key.workload)
}
