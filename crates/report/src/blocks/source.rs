//! The source of the blocks of one table.

use crate::block::{BlockRow, Value};
use crate::ratios::Ratios;
use crate::table::{Row, Table};
use crate::words::plural;

/// A table of a run with what its blocks are made from.
pub(crate) struct Source<'a> {
    pub table: &'a Table<'a>,
    pub ratios: &'a Ratios,
}

impl<'a> Source<'a> {
    /// Returns the columns of a name with its indent.
    pub fn name_width(&self) -> usize {
        let names = self.table.cells.iter().map(|cell| cell.key.strategy_name().len());
        (names.max().unwrap_or(0) + 3).clamp(19, 25)
    }

    /// Returns a row for each strategy and thread count that has values.
    pub fn rows(&self, values: impl Fn(&Row<'_>) -> Option<Vec<Value>>) -> Vec<BlockRow> {
        let rows = self.table.rows();
        let row = |row: &Row<'_>| Some(BlockRow::of(threads(row), &row.strategy, values(row)?));
        rows.iter().filter_map(row).collect()
    }
}

fn threads(row: &Row<'_>) -> String {
    plural(row.threads as usize, "thread")
}
