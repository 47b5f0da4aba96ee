//! Waits for rw semaphores of the running kernel.

use document::run::{Body, Measured};

use super::source::Source;
use crate::block::{Block, Column, Value};
use crate::numbers::transfers;
use crate::table::body_name;

/// Columns of the waits.
const WAITS: usize = 40;

pub(super) fn rwsem_waits(source: &Source<'_>, body: Body) -> Vec<Block> {
    let waits = |found: &Measured| {
        found.kernel.as_ref()?.events.as_ref()?.rwsem_contentions_per_fault.map(transfers)
    };
    let mut block = Block::headed("", source.name_width()).of_body(body_name(body));
    block.columns = vec![Column::right(WAITS, "", ["waits for rw semaphores, per fault", ""])];
    block.rows = source.rows(|row| Some(vec![Value::plain(waits(row.measured(body)?)?)]));
    vec![block]
}
