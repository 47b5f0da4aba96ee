//! What is known between two storms: how fast the strategies are that compete with each other,
//! and which line moves most.

use super::prose::place;
use super::text::{cut, digits, plural, rate};
use document::run::{Cell, Key, Measured, RatedEvent, Status};

/// Columns of a mark, of a rate with the space before it, and the bounds of a name.
const MARK: usize = 2;
const RATE: usize = 10;
const NAME: std::ops::RangeInclusive<usize> = 4..=24;
/// A bar that is shorter shows nothing.
const BAR_MIN: usize = 8;

/// Returns the cells that compete with the one at `at`, as they stand, in at most `rows` lines
/// of at most `columns`: a heading, a line for each strategy, and the hottest line so far of
/// this workload. The strategy of that cell has a mark.
pub fn live(cells: &[Cell], at: usize, columns: usize, rows: usize) -> String {
    let key = &cells[at].key;
    let group: Vec<&Cell> = cells.iter().filter(|cell| competes(&cell.key, key)).collect();
    let hottest = hottest(cells.iter().filter(|cell| is_of(&cell.key, key)));
    let marked = group.iter().position(|cell| cell.key.strategy_name() == key.strategy_name());
    let marked = marked.unwrap_or(0);
    let fits = rows.saturating_sub(1 + usize::from(hottest.is_some())).min(group.len());
    // Where not all fit, the marked one is the last that does.
    let first = (marked + 1).saturating_sub(fits);
    let mut lines = vec![heading(&cells[at])];
    let strategies = strategies(&group, marked, columns);
    lines.extend(strategies.into_iter().skip(first).take(fits));
    lines.extend(hottest);
    let lines: Vec<String> = lines.iter().take(rows).map(|line| cut(line, columns)).collect();
    lines.join("\n")
}

/// Returns a line for each strategy: its rate, and a bar where there is room for it.
fn strategies(group: &[&Cell], marked: usize, columns: usize) -> Vec<String> {
    let longest = group.iter().map(|cell| cell.key.strategy_name().len()).max().unwrap_or(0);
    let room = columns.saturating_sub(MARK + RATE);
    let width = longest.min(room).clamp(*NAME.start(), *NAME.end());
    let room = columns.saturating_sub(MARK + width + RATE + 2);
    let counted = RatedEvent::of(group.iter().copied());
    let median = |cell: &Cell| Some(cell.rate(&counted)?.median);
    let most = group.iter().filter_map(|cell| median(cell)).fold(0.0, f64::max);
    let line = |(at, cell): (usize, &&Cell)| {
        let mark = if at == marked { ">" } else { " " };
        let name = cut(&cell.key.strategy_name(), width);
        let (value, share) = match median(cell) {
            Some(value) => (rate(value), value / most),
            None => (nothing(cell).to_owned(), 0.0),
        };
        let bar = if room < BAR_MIN { 0 } else { (share * room as f64).round() as usize };
        let line = format!("{mark} {name:width$}{value:>RATE$}  {}", "#".repeat(bar));
        line.trim_end().to_owned()
    };
    group.iter().enumerate().map(line).collect()
}

/// Whether two cells differ in their strategies alone; a twin competes with nobody.
fn competes(a: &Key, b: &Key) -> bool {
    !a.is_aa_twin
        && is_of(a, b)
        && (a.threads, a.body) == (b.threads, b.body)
        && varied(a).eq(varied(b))
}

/// Whether two cells storm the same workload on the same machine.
fn is_of(a: &Key, b: &Key) -> bool {
    (&a.workload, a.world, &a.machine) == (&b.workload, b.world, &b.machine)
}

/// What is varied of a cell, but for the mark of a twin.
fn varied(key: &Key) -> impl Iterator<Item = (&String, &f64)> {
    key.vary.iter()
}

fn heading(cell: &Cell) -> String {
    let key = &cell.key;
    let mut heading = format!("{} on {}, {}", key.workload, key.world_name(), place(cell));
    for (name, value) in varied(key) {
        heading += &format!(", {name} = {value}");
    }
    heading
}

fn nothing(cell: &Cell) -> &'static str {
    match cell.status {
        Status::Failed => "FAILED",
        Status::Skipped => "skipped",
        Status::Ok | Status::Partial => "-",
    }
}

/// Returns the line that moved most a fault, or an operation where there are no faults, and
/// where; `None` while none is known to move.
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
