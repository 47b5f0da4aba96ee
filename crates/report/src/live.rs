//! The state between two storms: rates of the competing strategies, and the hottest line.

use document::run::{Cell, KeyPart, Measured, RatedEvent};

use crate::about::{place, settings};
use crate::layout::cut;
use crate::numbers::{digits, rate};
use crate::outcome::CellOutcome;
use crate::words::plural;

/// Columns of a mark, of a rate with the space before it, and the bounds of a name.
const MARK: usize = 2;
const RATE: usize = 10;
const NAME: std::ops::RangeInclusive<usize> = 4..=24;
/// Fewest columns of the longest bar.
const BAR_MIN: usize = 8;

/// Returns the cells that compete with the cell at `at`, in at most `rows` lines of at most
/// `columns`: a heading, a line for each strategy, and the hottest line of its table so far. The
/// strategy of that cell has a mark.
pub fn live(cells: &[Cell], at: usize, columns: usize, rows: usize) -> String {
    let key = &cells[at].key;
    let parts = &[KeyPart::Strategy, KeyPart::AaTwin];
    let competes =
        |cell: &&Cell| !cell.key.is_aa_twin && cell.key.without(parts) == key.without(parts);
    let group: Vec<&Cell> = cells.iter().filter(competes).collect();
    let hottest = hottest(cells.iter().filter(|cell| cell.key.table() == key.table()));
    let marked = group.iter().position(|cell| cell.key.strategy_name() == key.strategy_name());
    let marked = marked.unwrap_or(0);
    let fits = rows.saturating_sub(1 + usize::from(hottest.is_some())).min(group.len());
    // If not all fit, the marked strategy is the last one shown.
    let first = (marked + 1).saturating_sub(fits);
    let mut lines = vec![heading(&cells[at])];
    let strategies = strategies(&group, marked, columns);
    lines.extend(strategies.into_iter().skip(first).take(fits));
    lines.extend(hottest);
    let lines: Vec<String> = lines.iter().take(rows).map(|line| cut(line, columns)).collect();
    lines.join("\n")
}

/// Returns a line for each strategy: its rate, and a bar if there is room.
fn strategies(group: &[&Cell], marked: usize, columns: usize) -> Vec<String> {
    let longest = group.iter().map(|cell| cell.key.strategy_name().len()).max().unwrap_or(0);
    let room = columns.saturating_sub(MARK + RATE);
    let width = longest.min(room).clamp(*NAME.start(), *NAME.end());
    let room = columns.saturating_sub(MARK + width + RATE + 2);
    let event = RatedEvent::of(group.iter().copied());
    let median = |cell: &Cell| Some(cell.rate(&event)?.median);
    let most = group.iter().filter_map(|cell| median(cell)).fold(0.0, f64::max);
    let line = |(at, cell): (usize, &&Cell)| {
        let mark = if at == marked { ">" } else { " " };
        let name = cut(&cell.key.strategy_name(), width);
        let outcome = CellOutcome::of(cell, &event);
        let (value, share) = match outcome {
            CellOutcome::Rate(found) => (rate(found.median), found.median / most),
            CellOutcome::Skipped | CellOutcome::Failed => (outcome.word().to_owned(), 0.0),
            // It may still come.
            CellOutcome::NoEvents | CellOutcome::NoResult => ("-".to_owned(), 0.0),
        };
        let bar = if room < BAR_MIN { 0 } else { (share * room as f64).round() as usize };
        let line = format!("{mark} {name:width$}{value:>RATE$}  {}", "#".repeat(bar));
        line.trim_end().to_owned()
    };
    group.iter().enumerate().map(line).collect()
}

fn heading(cell: &Cell) -> String {
    let key = &cell.key;
    let heading = format!("{} on {}, {}", key.workload, key.world_name(), place(cell));
    [heading].into_iter().chain(settings(key)).collect::<Vec<_>>().join(", ")
}

/// Returns the line with most transfers per fault, or per operation without faults, and its
/// cell; `None` if no line moved yet.
fn hottest<'a>(cells: impl Iterator<Item = &'a Cell>) -> Option<String> {
    let moves = |cell: &'a Cell| cell.measured.iter().flat_map(Measured::moving_lines);
    let moving = cells
        .flat_map(|cell| moves(cell).map(move |(line, moves)| (cell, line.name.as_str(), moves)));
    let moving = moving.filter(|(_, _, moves)| *moves > 0.0);
    let (cell, line, moves) = moving.max_by(|a, b| a.2.total_cmp(&b.2))?;
    let strategy = cell.key.strategy_name();
    let threads = plural(cell.key.threads as usize, "thread");
    let (moves, each) = (digits(moves), RatedEvent::of([cell]).a_each());
    Some(format!("hottest line: {line}, {moves} moves {each} ({strategy}, {threads})"))
}
