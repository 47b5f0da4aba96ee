//! The answer before the table: who keeps up with the bound, and which line
//! holds the others back.

use super::Style;
use super::blame::blame;
use super::pairs::{Group, Ratios};
use super::prose::place;
use super::table::{COLUMNS, name_width, verdict_ink};
use super::text::{Ink, cut, left, times};
use document::run::{Cell, RatedEvent};
use stats::Comparison;

/// Appends the strategies at the most threads that have ratios, the fastest
/// first, each with the line to blame; nothing where nothing is compared.
pub(super) fn finding(out: &mut String, style: Style, group: &Group<'_>, ratios: &Ratios) {
    let counted = group.counted();
    let Some((kind, threads, base)) = group.widest(ratios, &counted) else { return };
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
    let each = if counted == RatedEvent::Faults { "a fault" } else { "an op" };
    heading += &left(style, Ink::Bold, &format!("line to blame, moves {each}"), 0);
    *out += &format!("{heading}\n");
    for (cell, found) in compared {
        let verdict = found.verdict.map_or(String::new(), |verdict| verdict.to_string());
        let ratio = format!("{} {verdict}", times(found.ratio.median));
        let name = cut(&format!("  {}", cell.key.strategy_name()), indent - 1);
        let mut line = left(style, Ink::Plain, &name, indent);
        line += &left(style, verdict_ink(found.verdict), ratio.trim_end(), 26);
        if let Some((name, excess)) = blame(group, cell) {
            let excess = format!(" {excess:.2}");
            line += &(cut(name, COLUMNS - indent - 26 - excess.len()) + &excess);
        }
        *out += &format!("{}\n", line.trim_end());
    }
    out.push('\n');
}
