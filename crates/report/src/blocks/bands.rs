//! The range of an answer over variations of a machine's numbers.

use document::run::{Body, EVERY, Key, KeyPart, RatedEvent, Run, THINK, grouped};

use crate::block::{Block, BlockRow, Column, Value};
use crate::layout::COLUMNS;
use crate::numbers::{nanoseconds, per_second, rate, times};
use crate::ratios::BASES;
use crate::table::{Row, Table, body_name, tables};
use crate::words::plural;

/// Columns of a name, and of a range of rates.
const NAME: usize = 38;
const RATES: usize = 26;
/// Parts of a key that tables of one band differ in: another time of the workload is another
/// question, not another answer.
const VARIED: &[KeyPart] =
    &[KeyPart::Strategy, KeyPart::Threads, KeyPart::Body, KeyPart::MachineNumbers];

/// Returns the band of each strategy, a block for each body.
pub(crate) fn bands(run: &Run) -> Vec<Block> {
    let groups = grouped(tables(run), |table| table.key().without(VARIED));
    let several = groups.iter().filter(|group| group.len() > 1);
    let blocks =
        several.flat_map(|group| group[0].bodies().into_iter().map(move |body| band(group, body)));
    blocks.collect()
}

fn band(tables: &[Table<'_>], body: Body) -> Block {
    let event = RatedEvent::of(tables.iter().flat_map(|table| table.cells.iter().copied()));
    let mut block = Block::titled(title(tables[0].key(), tables.len(), body), NAME);
    let to = format!("to {}", BASES[1]);
    block.columns = vec![
        Column::left(RATES, "", ["", &per_second(&event)]),
        Column::left(COLUMNS, "", ["", &to]),
    ];
    let median = |table: &Table<'_>, row: &Row<'_>, strategy: &str| {
        let mut cells = table.of_body(body).filter(|cell| cell.key.threads == row.threads);
        Some(cells.find(|cell| cell.key.strategy_name() == strategy)?.rate(&event)?.median)
    };
    let of_row = |row: &Row<'_>| {
        let own = |table: &Table<'_>| median(table, row, &row.strategy);
        let (low, high) = range(tables.iter().filter_map(own))?;
        let rates = Value::plain(format!("{} to {}", rate(low), rate(high)));
        let ratio = |table: &Table<'_>| Some(own(table)? / median(table, row, BASES[1])?);
        let ratio = match range(tables.iter().filter_map(ratio)) {
            Some((low, high)) if row.strategy != BASES[1] => {
                let flips = if low < 1.0 && high > 1.0 { "  the verdict flips" } else { "" };
                Value::plain(format!("{} to {}{flips}", times(low), times(high)))
            }
            _ => Value::blank(),
        };
        let name = format!("{}, {}", row.strategy, plural(row.threads as usize, "thread"));
        Some(BlockRow::of("", name, vec![rates, ratio]))
    };
    block.rows = tables[0].rows().iter().filter_map(of_row).collect();
    block
}

fn title(key: &Key, variations: usize, body: Body) -> String {
    let time = |(name, of)| {
        key.vary.get(of).map(|ns| format!(", {name} {}", nanoseconds(*ns))).unwrap_or_default()
    };
    let kernel = key.one_kernel().map(|kernel| format!(", kernel {kernel}"));
    let times =
        [("think", THINK), ("every", EVERY)].map(time).concat() + &kernel.unwrap_or_default();
    let Key { workload, machine, .. } = key;
    let body = body_name(body);
    format!("Band over {variations} variations: {workload}, {machine}, {body}{times}")
}

fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.map(|value| (value, value)).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}
