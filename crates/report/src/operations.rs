//! The block of what writers did.

use std::fmt::Write;

use super::Style;
use super::contention::Shown;
use super::pairs::{BASES, measured};
use super::table::{by_threads, name_width, ratio};
use super::text::{Ink, left, nanoseconds, rate};
use document::run::{Body, Cell, Latency, RatedEvent};

/// Columns of a ratio to the base that writers have: `unlocked` has none.
const RATIO: usize = 14;

/// Appends a table for each operation of writers: how many were done, how they scale and
/// compare, how long they took.
pub(super) fn operations(out: &mut String, style: Style, shown: &Shown<'_>, kind: Body, of: &str) {
    let Shown { group, ratios } = *shown;
    let base = BASES[1];
    let indent = name_width(group);
    let cells = || group.cells.iter().copied().filter(move |cell| cell.key.body == kind);
    for counted in RatedEvent::ops(cells()) {
        let title = format!("{} by writers, {of}", counted.name());
        let _ = writeln!(out, "{}", left(style, Ink::Bold, &title, 0));
        let scaling = |cell: &Cell| group.scaling(cell, &counted);
        let scales = cells().any(|cell| scaling(cell).is_some());
        let is_compared = cells().any(|cell| ratios.get(cell, base, &counted).is_some());
        let mut heads = format!("{:>10}", "done");
        heads += if scales { " scaling" } else { "" };
        heads.extend(["p50", "p99", "p99.9"].map(|name| format!("{name:>8}")));
        if is_compared {
            heads += &format!("  to {base}");
        }
        let _ = writeln!(out, "{:indent$}{heads}", "");
        by_threads(out, style, group, |row| {
            let cell = row.cell(kind)?;
            let found = measured(Some(cell))?.ops.get(counted.name())?;
            let done = cell.rate(&counted).map_or("none".to_owned(), |done| rate(done.median));
            let mut text = format!("{done:>10}");
            if scales {
                let scaling = scaling(cell).map_or(String::new(), |times| format!("{times:.2}x"));
                text += &format!("{scaling:>8}");
            }
            text += &times(found.latency_ns.as_ref());
            if is_compared {
                let found = ratios.get(cell, base, &counted);
                text += &("  ".to_owned() + &ratio(style, found, RATIO));
            }
            Some(text)
        });
        out.push('\n');
    }
}

/// Returns how long operations took, where that is known.
fn times(latency: Option<&Latency>) -> String {
    let percentiles = latency.map(|ns| [ns.p50, ns.p99, ns.p999]);
    let shown = |at: usize| percentiles.map_or("-".to_owned(), |ns| nanoseconds(ns[at] as f64));
    (0..3).map(|at| format!("{:>8}", shown(at))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_that_nobody_timed_has_no_time() {
        assert_eq!(times(None), "       -       -       -");
    }
}
