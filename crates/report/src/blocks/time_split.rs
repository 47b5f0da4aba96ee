//! Time of all cores by the kind of work, and the line that they waited for most.

use document::run::{Body, LineCount, Measured, TimeSplit};

use super::source::Source;
use crate::block::{Block, Column, Value};
use crate::layout::COLUMNS;
use crate::table::body_name;

/// Columns of a part of the time.
const PART: usize = 8;

pub(super) fn time_split(source: &Source<'_>, body: Body) -> Vec<Block> {
    let title = format!("nanoseconds per {} by what a core did", source.table.event.each());
    let mut block = Block::titled(title, source.name_width()).of_body(body_name(body));
    let part = |name| Column::right(PART, "", ["", name]);
    block.columns.extend(["work", "lines", "locks", "I/O"].map(part));
    let rest = COLUMNS - block.name_width - 4 * PART - 2;
    block.columns.push(Column::left(rest, "", ["", "waited most for"]).after(2));
    block.rows = source.rows(|row| {
        let found = row.measured(body).filter(|found| found.is_per(&source.table.event))?;
        // Since there are waits by name, those have a table.
        let found = Some(found).filter(|found| found.time.is_empty())?;
        let TimeSplit { private_work, coherence, lock_wait, io } = found.time_split()?;
        let parts = [private_work, coherence, lock_wait, io];
        let parts = parts.map(|ns| Value::plain(format!("{ns:.0}")));
        Some(parts.into_iter().chain([waited_most_for(found)]).collect())
    });
    vec![block]
}

fn waited_most_for(found: &Measured) -> Value {
    let lines = found.moves().into_iter().flat_map(|moves| moves.by_name);
    let waited = |line: &&LineCount| line.stall_share.is_some_and(|share| share > 0.0);
    let share = |line: &LineCount| line.stall_share.unwrap_or(0.0);
    let most = lines.filter(waited).max_by(|a, b| share(a).total_cmp(&share(b)));
    most.map_or_else(Value::blank, |line| {
        Value::plain(&line.name).ending(format!(" {:.0}%", share(line) * 100.0))
    })
}
