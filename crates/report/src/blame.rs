//! The line that a strategy loses to.

use document::run::Cell;

use crate::ratios::BASES;
use crate::table::Table;

/// Fewest excess transfers per fault of a line to blame.
const EXCESS_MIN: f64 = 0.1;

/// Returns the line that a fault of `cell` moves most in excess of the same cell without any
/// lock, and its excess transfers. If that cell did not run, all transfers are excess.
pub(crate) fn blame<'a>(table: &Table<'a>, cell: &'a Cell) -> Option<(&'a str, f64)> {
    let unlocked = table.counterpart(cell, BASES[0]).and_then(|cell| cell.measured.as_ref());
    let without = |name: &str| {
        let mut lines = unlocked.into_iter().flat_map(|found| found.moving_lines());
        lines.find(|(line, _)| line.name == name).map_or(0.0, |(_, moves)| moves)
    };
    let lines = cell.measured.as_ref()?.moving_lines();
    let excess = lines.map(|(line, moves)| (line.name.as_str(), moves - without(&line.name)));
    let most = excess.max_by(|a, b| a.1.total_cmp(&b.1));
    most.filter(|(_, excess)| *excess >= EXCESS_MIN)
}
