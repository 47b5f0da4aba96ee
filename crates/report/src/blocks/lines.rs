//! Transfers of cache lines, and the latency of a fault.

use document::run::{Body, Measured, RatedEvent};

use super::source::Source;
use crate::block::{Block, Column, Value};
use crate::layout::COLUMNS;
use crate::numbers::{nanoseconds, transfers};
use crate::percentiles::{self, percentiles};
use crate::table::body_name;

/// Columns of transfers per fault, and of each percentile.
const TRANSFERS: usize = 10;
pub(super) const PERCENTILE: usize = 8;

/// Returns transfers, hottest line and percentiles; without the columns that no cell has.
pub(super) fn lines(source: &Source<'_>, body: Body) -> Vec<Block> {
    let are_counted = source.table.any(body, |found| found.moves().is_some());
    let has_times = source.table.any(body, |found| !found.latency_ns.is_empty());
    // Operations have tables of their times.
    let are_timed = source.table.event == RatedEvent::Faults && (has_times || are_counted);
    if !are_counted && !are_timed {
        return Vec::new();
    }
    let mut block = Block::headed("", source.name_width()).of_body(body_name(body));
    if are_counted {
        let each = format!("per {}", source.table.event.each());
        let width = each.len().max(TRANSFERS);
        let times = if are_timed { 3 * PERCENTILE } else { 0 };
        let name = format!("transfers {}", source.table.event.a_each());
        let rest = COLUMNS - block.name_width - width - 2 - times;
        block.columns.push(Column::right(width, &name, ["transfers", &each]));
        block.columns.push(Column::left(rest, "hottest line", ["", "hottest line"]).after(2));
    }
    if are_timed {
        let above = ["", "", "latency of a fault"];
        let columns = percentiles::NAMES.into_iter().zip(above);
        block
            .columns
            .extend(columns.map(|(name, above)| Column::right(PERCENTILE, name, [above, name])));
    }
    block.rows = source.rows(|row| {
        let found = row.measured(body)?;
        let mut values = Vec::new();
        if are_counted {
            values.extend(moved(found, &source.table.event));
        }
        if are_timed {
            let ns = |ns: Option<u64>| Value::or_dash(ns.map(|ns| nanoseconds(ns as f64)));
            values.extend(percentiles(found).map(ns));
        }
        Some(values)
    });
    vec![block]
}

/// Returns transfers per event, and the line that moved most with its share of them.
fn moved(found: &Measured, event: &RatedEvent) -> [Value; 2] {
    let moves = found.moves().filter(|_| found.is_per(event));
    let Some(moves) = moves else { return [Value::dash(), Value::dash()] };
    let hottest = found.hottest_line().and_then(|line| Some((line, line.transfer_share?)));
    let line = match hottest {
        Some((line, share)) => Value::plain(&line.name).ending(format!(" {:.0}%", share * 100.0)),
        None => Value::plain("none moves"),
    };
    [Value::plain(transfers(moves.each)), line]
}
