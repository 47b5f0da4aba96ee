//! The answer before the table: who keeps up with the bound, and which line
//! holds the others back.

use super::Style;
use super::pairs::{BASES, Group, Ratios, Row};
use super::prose::place;
use super::table::{COLUMNS, name_width, verdict_ink};
use super::text::{Ink, cut, left, times};
use document::run::{Body, Cell, Counted};
use stats::Comparison;

/// A line is named if it moves at least this often per fault, or operation: every second
/// one then waits for another core.
const BLAMED_MOVES: f64 = 0.5;

/// Appends the strategies at the most threads that have ratios, the fastest
/// first, each with the line to blame; nothing where nothing is compared.
pub(super) fn finding(out: &mut String, style: Style, group: &Group<'_>, ratios: &Ratios) {
    let counted = group.counted();
    let Some((kind, threads, base)) = widest(group, ratios, &counted) else { return };
    let mut compared: Vec<(&Cell, &Comparison)> = group
        .rows()
        .iter()
        .filter(|row| row.threads == threads)
        .filter_map(|row| row.cell(kind))
        .filter_map(|cell| Some((cell, ratios.get(cell, base, &counted)?)))
        .collect();
    compared.sort_by(|a, b| b.1.ratio.median.total_cmp(&a.1.ratio.median));

    let Some((first, _)) = compared.first() else { return };
    let place = place(first);
    let indent = name_width(group).max(place.len() + 2);
    let mut heading = left(style, Ink::Bold, &place, indent);
    heading += &left(style, Ink::Bold, &format!("to {base}"), 26);
    // The whole word has no room.
    let each = if counted == Counted::Faults { "a fault" } else { "an op" };
    heading += &left(style, Ink::Bold, &format!("line to blame, moves {each}"), 0);
    *out += &format!("{heading}\n");
    for (cell, found) in compared {
        let verdict = found.verdict.map_or(String::new(), |verdict| verdict.to_string());
        let ratio = format!("{} {verdict}", times(found.ratio.median));
        let name = cut(&format!("  {}", cell.key.strategy_name()), indent - 1);
        let mut line = left(style, Ink::Plain, &name, indent);
        line += &left(style, verdict_ink(found.verdict), ratio.trim_end(), 26);
        line += &blame(cell, COLUMNS - indent - 26).unwrap_or_default();
        *out += &format!("{}\n", line.trim_end());
    }
    out.push('\n');
}

/// Returns the first body, most threads and first base that have a ratio.
fn widest(
    group: &Group<'_>,
    ratios: &Ratios,
    counted: &Counted,
) -> Option<(Body, u32, &'static str)> {
    let rows = group.rows();
    for kind in group.bodies() {
        for row in rows.iter().rev() {
            let same = |other: &&Row<'_>| other.threads == row.threads;
            let has = |base: &&'static str| {
                let mut cells = rows.iter().filter(same).filter_map(|row| row.cell(kind));
                cells.any(|cell| ratios.get(cell, base, counted).is_some())
            };
            if let Some(base) = BASES.into_iter().find(has) {
                return Some((kind, row.threads, base));
            }
        }
    }
    None
}

fn blame(cell: &Cell, width: usize) -> Option<String> {
    let found = cell.measured.as_ref()?;
    let line = found.hottest_line()?;
    let moves = found.moves()?.each * line.transfer_share?;
    let number = format!(" {moves:.2}");
    let name = || cut(&line.name, width - number.len());
    (moves >= BLAMED_MOVES).then(|| name() + &number)
}
