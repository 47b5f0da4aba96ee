//! Operations of writers: their rates, how they scale and compare, and their latency.

use document::run::{Body, Cell, RatedEvent};

use super::lines::PERCENTILE;
use super::ratios::NARROW;
use super::source::Source;
use crate::block::{Block, Column, Value};
use crate::numbers::{growth, nanoseconds};
use crate::outcome::{CellOutcome, ratio};
use crate::percentiles;
use crate::ratios::BASES;
use crate::table::body_name;

/// The base of writers: `unlocked` has none.
const BASE: &str = BASES[1];

/// Returns a block for each operation.
pub(super) fn operations(source: &Source<'_>, body: Body) -> Vec<Block> {
    let ops = RatedEvent::ops(source.table.of_body(body));
    ops.iter().map(|op| operation(source, body, op)).collect()
}

fn operation(source: &Source<'_>, body: Body, op: &RatedEvent) -> Block {
    let cells = || source.table.of_body(body);
    let scaling = |cell: &Cell| source.table.scaling(cell, op);
    let scales = cells().any(|cell| scaling(cell).is_some());
    let is_compared = cells().any(|cell| source.ratios.get(cell, BASE, op).is_some());
    let title = format!("{} by writers", op.name());
    let mut block = Block::titled(title, source.name_width()).of_body(body_name(body));
    block.columns.push(Column::right(10, "", ["", "done"]));
    if scales {
        block.columns.push(Column::right(8, "", ["", "scaling"]));
    }
    let percentile = |name| Column::right(PERCENTILE, "", ["", name]);
    block.columns.extend(percentiles::NAMES.map(percentile));
    if is_compared {
        block.columns.push(Column::left(NARROW, "", ["", &format!("to {BASE}")]).after(2));
    }
    block.rows = source.rows(|row| {
        let cell = row.cell(body)?;
        let found = row.measured(body)?.ops.get(op.name())?;
        let mut values = vec![Value::plain(CellOutcome::of(cell, op).value().text)];
        if scales {
            values.push(Value::or_blank(scaling(cell).map(growth)));
        }
        let ns = found.latency_ns.as_ref().map(|ns| [ns.p50, ns.p99, ns.p999]);
        let ns = |at: usize| Value::or_dash(ns.map(|ns| nanoseconds(ns[at] as f64)));
        values.extend((0..3).map(ns));
        if is_compared {
            values.push(ratio(source.ratios.get(cell, BASE, op)));
        }
        Some(values)
    });
    block
}
