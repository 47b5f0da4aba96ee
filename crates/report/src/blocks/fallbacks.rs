//! Faults that were done again under `mmap_lock`, by reason.

use document::run::{Body, Measured};

use super::source::Source;
use crate::block::{Block, Value};
use crate::numbers::digits;
use crate::table::body_name;

pub(super) fn fallbacks(source: &Source<'_>, body: Body) -> Vec<Block> {
    let mut block = Block::titled("fallbacks per fault", 0).of_body(body_name(body));
    block.rows = source.rows(|row| {
        let reasons = per_fault(row.measured(body)?);
        let reasons = reasons.map(|(reason, share)| format!("{reason} {}", digits(share)));
        let text = reasons.collect::<Vec<_>>().join(", ");
        (!text.is_empty()).then(|| vec![Value::plain(text)])
    });
    vec![block]
}

/// Returns the fallbacks per fault by reason, without reasons that never occurred.
pub(crate) fn per_fault(found: &Measured) -> impl Iterator<Item = (&str, f64)> {
    let faults = found.counts.faults.max(1) as f64;
    let occurred = found.fallbacks.iter().filter(|(_, count)| **count > 0);
    occurred.map(move |(reason, count)| (reason.as_str(), *count as f64 / faults))
}
