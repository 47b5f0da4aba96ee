//! In which band an answer moves when a machine's numbers are varied.

use std::fmt::Write;

use super::Style;
use super::pairs::{BASES, Group, groups};
use super::table::body;
use super::text::{Ink, cut, left, nanoseconds, paint, per_second, plural, rate, times};
use document::run::{Body, Cell, EVERY, Key, RatedEvent, Run, THINK};

/// Appends the band of each strategy over everything that was varied.
pub(super) fn bands(out: &mut String, run: &Run, style: Style) {
    let groups = groups(run);
    let mut done: Vec<&Key> = Vec::new();
    for group in &groups {
        let key = group.key();
        let same: Vec<&Group> = groups.iter().filter(|g| same_but_varied(g.key(), key)).collect();
        if same.len() < 2 || done.iter().any(|other| same_but_varied(other, key)) {
            continue;
        }
        done.push(key);
        for kind in group.bodies() {
            band(out, style, &same, kind);
        }
    }
}

/// Whether two tables differ in the machine's numbers alone: another time of the workload is
/// another question, not another answer.
fn same_but_varied(a: &Key, b: &Key) -> bool {
    (&a.workload, a.world, &a.machine) == (&b.workload, b.world, &b.machine)
        && [THINK, EVERY].iter().all(|time| a.vary.get(*time) == b.vary.get(*time))
}

fn band(out: &mut String, style: Style, groups: &[&Group], kind: Body) {
    let key = groups[0].key();
    let time = |(name, of)| {
        key.vary.get(of).map(|ns| format!(", {name} {}", nanoseconds(*ns))).unwrap_or_default()
    };
    let title = format!(
        "Band over {} variations: {}, {}, {}{}",
        groups.len(),
        key.workload,
        key.machine,
        body(kind),
        [("think", THINK), ("every", EVERY)].map(time).concat()
    );
    let _ = writeln!(out, "{}", paint(style, Ink::Bold, &title));
    let counted = RatedEvent::of(groups.iter().flat_map(|group| &group.cells).copied());
    let _ = writeln!(out, "{:<38}{:<26}to {}", "", per_second(&counted), BASES[1]);
    for row in groups[0].rows() {
        let rate_in = |group: &Group, strategy: &str| {
            let same = |cell: &&&Cell| {
                cell.key.strategy_name() == strategy
                    && (cell.key.threads, cell.key.body) == (row.threads, kind)
            };
            Some(group.cells.iter().find(same)?.rate(&counted)?.median)
        };
        let own = |group: &&&Group| rate_in(group, &row.strategy);
        let rates: Vec<f64> = groups.iter().filter_map(|group| own(&group)).collect();
        let Some((low, high)) = range(&rates) else { continue };
        let ratio = |group: &&Group| Some(own(&group)? / rate_in(group, BASES[1])?);
        let ratios: Vec<f64> = groups.iter().filter_map(ratio).collect();
        let place = format!("{}, {}", row.strategy, plural(row.threads as usize, "thread"));
        let ratio = match range(&ratios) {
            Some((low, high)) if row.strategy != BASES[1] => {
                let flips = if low < 1.0 && high > 1.0 { "  the verdict flips" } else { "" };
                format!("{} to {}{flips}", times(low), times(high))
            }
            _ => String::new(),
        };
        let line = format!(
            "{}{:<26}{ratio}",
            left(style, Ink::Plain, &cut(&format!("  {place}"), 37), 38),
            format!("{} to {}", rate(low), rate(high))
        );
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out.push('\n');
}

fn range(values: &[f64]) -> Option<(f64, f64)> {
    let low = values.iter().copied().reduce(f64::min)?;
    Some((low, values.iter().copied().reduce(f64::max)?))
}
