//! Coefficients of the scalability law.

use document::run::{Body, Run, ScalabilityLaw};

use super::source::Source;
use crate::block::{Block, BlockRow, Column, Value};
use crate::numbers::digits;
use crate::table::body_name;

/// Fewest columns of a name.
const NAME: usize = 29;

/// Returns the fits of one body; `None` if too few thread counts were tried.
pub(crate) fn scaling_law(run: &Run, source: &Source<'_>, body: Body) -> Option<Block> {
    let mut block = Block::headed("scalability law", source.name_width().max(NAME));
    block.body = body_name(body);
    let columns = [(12, "contention"), (11, "coherency"), (14, "peak at"), (9, "off by")];
    block.columns = columns.map(|(width, head)| Column::right(width, "", [head, ""])).into();
    let fits = run
        .scaling
        .iter()
        .filter(|fit| source.table.of_body(body).any(|cell| fit.is_of(&cell.key)));
    let row = |strategy: &String, law: ScalabilityLaw| {
        let peak = law.peak_threads.map(|threads| format!("{threads:.0} threads"));
        let values = vec![
            Value::plain(digits(law.contention)),
            Value::plain(digits(law.coherency)),
            Value::or_dash(peak),
            Value::plain(format!("{:.0}%", law.error_max * 100.0)),
        ];
        BlockRow::of("", strategy, values)
    };
    block.rows = fits.filter_map(|fit| Some(row(&fit.strategy, fit.law?))).collect();
    (!block.rows.is_empty()).then_some(block)
}
