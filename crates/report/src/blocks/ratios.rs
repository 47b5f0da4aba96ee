//! Ratios of strategies to the bases.

use document::run::Body;

use super::source::Source;
use crate::block::{Block, Column};
use crate::outcome::ratio;
use crate::ratios::BASES;

/// Columns of a ratio with its whole verdict, and with a short one.
const WIDE: usize = 26;
pub(super) const NARROW: usize = 14;
/// Ratios side by side that have room for the whole verdict.
const WIDE_MAX: usize = 2;

/// Returns the ratios with these bodies side by side; `None` if nothing is compared.
pub(crate) fn ratios(source: &Source<'_>, bodies: &[(Body, &'static str)]) -> Option<Block> {
    let Source { table, ratios } = source;
    let event = &table.event;
    let pairs = BASES.into_iter().flat_map(|base| bodies.iter().map(move |body| (base, body)));
    let is_compared = |(base, (body, _)): &(&'static str, &(Body, &str))| {
        table.of_body(*body).any(|cell| ratios.get(cell, base, event).is_some())
    };
    let pairs: Vec<_> = pairs.filter(is_compared).collect();
    if pairs.is_empty() {
        return None;
    }
    let is_wide = pairs.len() <= WIDE_MAX;
    let width = if is_wide { WIDE } else { NARROW };
    let mut block = Block::headed("ratio of medians", source.name_width());
    let mut last = "";
    for (base, (_, body)) in &pairs {
        let above = if *base == last { String::new() } else { format!("to {base}") };
        last = base;
        block.columns.push(Column::left(width, &format!("to `{base}`"), [&above, body]));
    }
    block.rows = source.rows(|row| {
        let has_numbers = bodies.iter().any(|(body, _)| row.measured(*body).is_some());
        let value = |(base, (body, _)): &(&'static str, &(Body, &str))| {
            ratio(row.cell(*body).and_then(|cell| ratios.get(cell, base, event)))
        };
        has_numbers.then(|| pairs.iter().map(value).collect())
    });
    if !is_wide {
        block.note =
            "no diff: no difference seen, the interval of the ratio holds 1; ?: cannot tell"
                .to_owned();
    }
    Some(block)
}
