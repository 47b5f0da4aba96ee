//! Time of a fault by stage.

use document::run::Body;

use super::source::Source;
use crate::block::{Block, Column, Value};
use crate::layout::COLUMNS;
use crate::table::body_name;

/// Stages in the order of a fault; stages that are not listed come last.
const ORDER: [&str; 6] = ["lookup", "lock", "allocate", "clear", "install", "unlock"];

/// Returns the time by stage, in as many blocks as the columns need.
pub(super) fn stages(source: &Source<'_>, body: Body) -> Vec<Block> {
    let measured = source.table.of_body(body).filter_map(|cell| cell.measured.as_ref());
    let stages = measured.filter_map(|found| found.stages_ns.as_ref());
    let names = in_order_of_a_fault(stages.flat_map(|stages| stages.keys()).map(String::as_str));
    let name_width = source.name_width();
    let width = names.iter().map(|name| name.len() + 1).max().unwrap_or(0).max(8);
    let each = ((COLUMNS - name_width) / width).max(1);
    let block = |names: &[&str]| {
        let has_medians = source.table.any(body, |found| found.stages_median_ns.is_some());
        let title = match has_medians {
            true => "nanoseconds of a fault by stage, medians",
            // A document from before there were medians.
            false => "nanoseconds per fault by stage",
        };
        let mut block = Block::titled(title, name_width).of_body(body_name(body));
        block.columns = names.iter().map(|name| Column::right(width, "", ["", name])).collect();
        block.rows = source.rows(|row| {
            let found = row.measured(body)?;
            let stages = found.stages_median_ns.as_ref().or(found.stages_ns.as_ref())?;
            let value =
                |name: &&str| Value::or_dash(stages.get(*name).map(|ns| format!("{ns:.1}")));
            Some(names.iter().map(value).collect())
        });
        block
    };
    names.chunks(each).map(block).collect()
}

/// Returns stages, each once, in the order of a fault.
pub(crate) fn in_order_of_a_fault<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let place = |name: &str| ORDER.iter().position(|stage| *stage == name).unwrap_or(ORDER.len());
    let mut names: Vec<&str> = names.collect();
    names.sort_by_key(|name| (place(name), *name));
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_stand_in_the_order_of_a_fault() {
        let names = ["unlock", "other", "lock", "lookup", "lock"].into_iter();
        assert_eq!(in_order_of_a_fault(names), ["lookup", "lock", "unlock", "other"]);
    }
}
