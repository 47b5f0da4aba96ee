//! The line that a strategy loses to.

use super::pairs::{BASES, Group, measured};
use document::run::Cell;

/// A line is named if a fault moves it so much more often than without any lock.
const EXCESS_MIN: f64 = 0.1;

/// Returns the line that a fault of `cell` moves most in excess of the same cell without any
/// lock, and how often in excess. Where that cell did not run, all moves are excess.
pub(super) fn blame<'a>(group: &Group<'a>, cell: &'a Cell) -> Option<(&'a str, f64)> {
    let unlocked = group.counterpart(cell, BASES[0]).and_then(|cell| measured(Some(cell)));
    let without = |line: &str| {
        let moves = unlocked.and_then(|found| found.line_moves().find(|(name, _)| *name == line));
        moves.map_or(0.0, |(_, moves)| moves)
    };
    let excess =
        measured(Some(cell))?.line_moves().map(|(line, moves)| (line, moves - without(line)));
    let most = excess.max_by(|a, b| a.1.total_cmp(&b.1));
    most.filter(|(_, excess)| *excess >= EXCESS_MIN)
}
