//! The block of what writers did beside the faults.

use std::fmt::Write;

use super::Style;
use super::pairs::{Group, measured};
use super::table::{by_threads, name_width};
use super::text::{Ink, left, nanoseconds, rate};
use crate::run::{Body, OpStats};

/// Appends a table for each operation of writers: how many were done, how long they took.
pub(super) fn operations(out: &mut String, style: Style, group: &Group<'_>, kind: Body, of: &str) {
    let cells = group.cells.iter().filter(|cell| cell.key.body == kind);
    let mut names: Vec<&str> = cells
        .filter_map(|cell| measured(Some(cell)))
        .flat_map(|found| found.ops.keys().map(String::as_str))
        .collect();
    names.sort_unstable();
    names.dedup();
    let indent = name_width(group);
    for name in names {
        let title = format!("{name} by writers, {of}");
        let _ = writeln!(out, "{}", left(style, Ink::Bold, &title, 0));
        let heads = format!("{:>12}{:>10}{:>10}{:>10}", "done", "p50", "p99", "p99.9");
        let _ = writeln!(out, "{:indent$}{heads}", "");
        by_threads(out, style, group, |row| measured(row.cell(kind))?.ops.get(name).map(operation));
        out.push('\n');
    }
}

fn operation(found: &OpStats) -> String {
    let mut text = format!("{:>12}", rate(found.per_s));
    let percentiles = found.latency_ns.as_ref().map(|ns| [ns.p50, ns.p99, ns.p999]);
    for at in 0..3 {
        let shown = percentiles.map_or("-".to_owned(), |ns| nanoseconds(ns[at] as f64));
        text += &format!("{shown:>10}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_that_nobody_finished_has_no_time() {
        let none = OpStats { count: 0, per_s: 0.0, latency_ns: None };
        assert_eq!(operation(&none), "        0 /s         -         -         -");
    }
}
