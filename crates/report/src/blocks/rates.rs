//! Rates with their intervals, and how they scale with threads.

use document::run::{Body, Cell, Status};

use super::source::Source;
use crate::block::{Block, Column, Value};
use crate::layout::Ink;
use crate::numbers::{growth, per_second, spread};
use crate::outcome::CellOutcome;

/// Half width of an interval, as a share of the median, in which a difference that matters may
/// hide.
const SPREAD_MAX: f64 = 0.05;

/// Returns the rates with these bodies side by side, each below its name.
pub(crate) fn rates(source: &Source<'_>, bodies: &[(Body, &'static str)]) -> Block {
    let mut block = Block::headed(per_second(&source.table.event), source.name_width());
    let name = format!("{}/s", source.table.event.name());
    for (at, (_, body)) in bodies.iter().enumerate() {
        // A mark stands after the median.
        let above = format!("{body} ");
        block.columns.extend([
            Column::right(12, &name, [&above, "median "]).after(usize::from(at > 0)),
            Column::right(7, "95 %", ["", "95%"]),
            Column::right(8, "scaling", ["", "scaling"]),
        ]);
    }
    block.rows = source.rows(|row| {
        Some(bodies.iter().flat_map(|(body, _)| values(source, row.cell(*body))).collect())
    });
    block
}

fn values(source: &Source<'_>, cell: Option<&Cell>) -> [Value; 3] {
    let Some(cell) = cell else {
        return [Value::dash().ending(" "), Value::blank(), Value::blank()];
    };
    let outcome = CellOutcome::of(cell, &source.table.event);
    let CellOutcome::Rate(found) = outcome else {
        return [outcome.value().ending(" "), Value::blank(), Value::blank()];
    };
    let mark = if cell.status == Status::Ok { " " } else { "*" };
    let share = found.spread();
    let ink = if share.is_some_and(|share| share > SPREAD_MAX) { Ink::Doubt } else { Ink::Plain };
    let scaling = source.table.scaling(cell, &source.table.event);
    [
        outcome.value().ending(mark),
        share.map_or_else(Value::dash, |share| Value::new(ink, spread(share))),
        Value::or_blank(scaling.map(growth)),
    ]
}
