//! Operations of writers, and faults where an operation is the headline: their rates, how they
//! scale and compare, and their latency.

use document::run::{Body, Cell, RatedEvent};

use super::lines::PERCENTILE;
use super::ratios::NARROW;
use super::source::Source;
use crate::block::{Block, Column, Value};
use crate::numbers::{growth, nanoseconds};
use crate::outcome::{CellOutcome, ratio};
use crate::percentiles::{self, percentiles};
use crate::ratios::BASES;
use crate::table::body_name;

/// The base of writers: `unlocked` has none.
const BASE: &str = BASES[1];

/// Returns a block for each operation.
pub(super) fn operations(source: &Source<'_>, body: Body) -> Vec<Block> {
    let events = RatedEvent::all(source.table.cells.iter().copied()).into_iter();
    let is_shown = |event: &RatedEvent| {
        *event != RatedEvent::Faults || source.table.event != RatedEvent::Faults
    };
    events.filter(is_shown).map(|event| operation(source, body, &event)).collect()
}

fn operation(source: &Source<'_>, body: Body, op: &RatedEvent) -> Block {
    let cells = || source.table.of_body(body);
    let scaling = |cell: &Cell| source.table.scaling(cell, op);
    let scales = cells().any(|cell| scaling(cell).is_some());
    let is_compared = cells().any(|cell| source.ratios.get(cell, BASE, op).is_some());
    let title = match op {
        RatedEvent::Faults => "faults per second".to_owned(),
        RatedEvent::Op(name) => format!("{name} by writers"),
    };
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
        let found = row.measured(body)?;
        let ns = match op {
            RatedEvent::Faults => percentiles(found),
            RatedEvent::Op(name) => {
                let ns = found.ops.get(name)?.latency_ns.as_ref();
                let ns = ns.map(|ns| [ns.p50, ns.p99, ns.p999]);
                std::array::from_fn(|at| ns.map(|ns| ns[at]))
            }
        };
        let mut values = vec![Value::plain(CellOutcome::of(cell, op).value().text)];
        if scales {
            values.push(Value::or_blank(scaling(cell).map(growth)));
        }
        values.extend(ns.map(|ns| Value::or_dash(ns.map(|ns| nanoseconds(ns as f64)))));
        if is_compared {
            values.push(ratio(source.ratios.get(cell, BASE, op)));
        }
        Some(values)
    });
    block
}
