//! The answer before the tables: the strategies at the most threads, with the line to blame.

use document::run::{Cell, RatedEvent};
use stats::JudgedRatio;

use super::source::Source;
use crate::about::place;
use crate::blame::blame;
use crate::block::{Block, BlockRow, Column, Value};
use crate::layout::COLUMNS;
use crate::outcome::ratio;

/// Columns of a ratio with its verdict.
const RATIO: usize = 26;

/// Returns the strategies at the most threads that have ratios, the fastest first; `None` if
/// nothing is compared.
pub(crate) fn finding(source: &Source<'_>) -> Option<Block> {
    let Source { table, ratios } = source;
    let event = &table.event;
    let (body, threads, base) = table.widest(ratios)?;
    let cells = table.of_body(body).filter(|cell| cell.key.threads == threads);
    let mut compared: Vec<(&Cell, &JudgedRatio)> =
        cells.filter_map(|cell| Some((cell, ratios.get(cell, base, event)?))).collect();
    compared.sort_by(|a, b| b.1.ratio.median.total_cmp(&a.1.ratio.median));

    let place = place(compared.first()?.0);
    let name_width = source.name_width().max(place.len() + 2);
    // The whole word has no room.
    let each = if *event == RatedEvent::Faults { "a fault" } else { "an op" };
    let is_timed = table.any(body, |found| found.time_of(event).is_some());
    let blamed = match is_timed {
        true => format!("loses to, time {each}"),
        false => format!("line to blame, moves {each}"),
    };
    let mut block = Block::headed(place, name_width);
    block.columns = vec![
        Column::left(RATIO, "", [&format!("to {base}"), ""]),
        Column::left(COLUMNS - name_width - RATIO, "", [&blamed, ""]),
    ];
    let row = |(cell, found): (&Cell, &JudgedRatio)| {
        let line = blame(table, cell).map_or_else(Value::blank, |blamed| blamed.value());
        BlockRow::of("", cell.key.strategy_name(), vec![ratio(Some(found)), line])
    };
    block.rows = compared.into_iter().map(row).collect();
    Some(block)
}
