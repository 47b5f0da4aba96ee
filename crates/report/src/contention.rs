//! The blocks that say why: cache lines, latency, fallbacks, stages.

use std::fmt::Write;

use hdrhistogram::Histogram;

use super::Style;
use super::operations::operations;
use super::pairs::{Group, Ratios, measured};
use super::table::{BOTH, COLUMNS, body, by_threads, name_width};
use super::text::{Ink, cut, digits, left, nanoseconds, plural, right, wrap};
use document::run::{Body, GracePeriods, Latency, LineCount, Measured, RatedEvent, Run, Scaling};

/// Columns of transfers per fault, and of each percentile.
const TRANSFERS: usize = 10;
const PERCENTILE: usize = 8;

/// A block of one body, under the name that it is given.
type Block = fn(&mut String, Style, &Shown<'_>, Body, &str);

/// What blocks are made from.
pub(super) struct Shown<'a> {
    pub group: &'a Group<'a>,
    pub ratios: &'a Ratios,
}

/// The blocks in their order: contention and latency, then what one column cannot say.
const BLOCKS: [Block; 7] =
    [lines_and_latency, rwsem, operations, fallbacks, grace_periods, stages, time_split];

/// Appends every block for each body, or once where it is the same for all.
pub(super) fn blocks(out: &mut String, style: Style, shown: &Shown<'_>) {
    for block in BLOCKS {
        let text = |kind: Body, name: &str| {
            let mut text = String::new();
            block(&mut text, style, shown, kind, name);
            text
        };
        let bodies = shown.group.bodies();
        let alike: Vec<String> = bodies.iter().map(|kind| text(*kind, BOTH)).collect();
        match alike.as_slice() {
            [one, other] if one == other => *out += one,
            _ => bodies.iter().for_each(|kind| *out += &text(*kind, body(*kind))),
        }
    }
}

/// Appends what one column cannot say: waits, writers, fallbacks, grace periods, stages, time.
pub(super) fn details(out: &mut String, style: Style, shown: &Shown<'_>, kind: Body) {
    BLOCKS[1..].iter().for_each(|block| block(out, style, shown, kind, body(kind)));
}

fn lines_and_latency(out: &mut String, style: Style, shown: &Shown<'_>, kind: Body, name: &str) {
    let group = shown.group;
    if !any(group, kind, |found| found.moves().is_some() || !found.latency_ns.is_empty()) {
        return;
    }
    let are_counted = any(group, kind, |found| found.moves().is_some());
    let (indent, counted) = (name_width(group), group.counted());
    // Operations have tables of their times.
    let are_timed = counted == RatedEvent::Faults;
    let each = format!("per {}", counted.each());
    let moves = each.len().max(TRANSFERS);
    let times = if are_timed { 3 * PERCENTILE } else { 0 };
    let hottest = COLUMNS - indent - moves - 2 - times;
    // Two lines of headings; columns only of what was counted.
    let (mut above, mut heads) = match are_counted {
        true => (
            format!("{:>moves$}  {:hottest$}", "transfers", ""),
            format!("{each:>moves$}  {:hottest$}", "hottest line"),
        ),
        false => (String::new(), String::new()),
    };
    if are_timed {
        above += &format!("{:>24}", "latency of a fault");
        heads.extend(["p50", "p99", "p99.9"].map(|name| format!("{name:>PERCENTILE$}")));
    }
    *out += &left(style, Ink::Bold, name, indent);
    let _ = writeln!(out, "{}", above.trim_end());
    let _ = writeln!(out, "{:indent$}{}", "", heads.trim_end());
    by_threads(out, style, group, |row| {
        let found = measured(row.cell(kind))?;
        let mut text = String::new();
        if are_counted {
            let moved = found.moves().map(|moves| transfers(moves.each));
            let line = found.moves().map(|_| hottest_line(found, hottest - 1));
            let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
            text += &(right(style, Ink::Plain, &or_dash(moved), moves) + "  ");
            text += &left(style, Ink::Plain, &or_dash(line), hottest);
        }
        for quantile in percentiles(found).into_iter().filter(|_| are_timed) {
            let shown = quantile.map_or("-".to_owned(), |ns| nanoseconds(ns as f64));
            text += &right(style, Ink::Plain, &shown, PERCENTILE);
        }
        Some(text)
    });
    out.push('\n');
}

/// Whether some cell of a body tells something.
pub(super) fn any(group: &Group<'_>, kind: Body, tells: impl Fn(&Measured) -> bool) -> bool {
    let cells = group.cells.iter().filter(|cell| cell.key.body == kind);
    cells.filter_map(|cell| measured(Some(cell))).any(tells)
}

/// Appends how often threads waited for rw semaphores of the real kernel.
fn rwsem(out: &mut String, style: Style, shown: &Shown<'_>, kind: Body, name: &str) {
    let group = shown.group;
    if !any(group, kind, |found| rwsem_waits(found).is_some()) {
        return;
    }
    *out += &left(style, Ink::Bold, name, name_width(group));
    let _ = writeln!(out, "{:>40}", "waits for rw semaphores, per fault");
    by_threads(out, style, group, |row| {
        let waits = rwsem_waits(measured(row.cell(kind))?)?;
        Some(right(style, Ink::Plain, &transfers(waits), 40))
    });
    out.push('\n');
}

fn rwsem_waits(found: &Measured) -> Option<f64> {
    found.kernel.as_ref()?.events.as_ref()?.rwsem_contentions_per_fault
}

/// Returns transfers per fault with their points one below the other, if they
/// are not too small for that.
pub(super) fn transfers(per_fault: f64) -> String {
    match per_fault {
        small if small < 0.0005 => digits(small),
        _ => format!("{per_fault:.3}"),
    }
}

/// Returns the line with most transfers and its share of them: `mm.mmap_lock 97%`.
pub(super) fn hottest_line(found: &Measured, width: usize) -> String {
    let hottest = found.hottest_line();
    match hottest.and_then(|line| Some((line, line.transfer_share?))) {
        Some((line, share)) => {
            let share = format!(" {:.0}%", share * 100.0);
            cut(&line.name, width - share.len()) + &share
        }
        None => "none moves".to_owned(),
    }
}

/// Returns p50, p99 and p99.9 over all kinds of faults.
pub(super) fn percentiles(found: &Measured) -> [Option<u64>; 3] {
    let kinds: Vec<&Latency> = found.latency_ns.values().collect();
    match kinds.as_slice() {
        [] => [None; 3],
        [one] => [Some(one.p50), Some(one.p99), Some(one.p999)],
        _ => match all_kinds(found) {
            Some(all) => [0.5, 0.99, 0.999].map(|q| Some(all.value_at_quantile(q))),
            None => [None; 3],
        },
    }
}

/// Returns the latencies of all kinds in one histogram; `None` where there are none, they
/// were sampled at different rates, or one cannot be read.
pub(super) fn all_kinds(found: &Measured) -> Option<Histogram<u64>> {
    merged(&found.latency_ns.values().collect::<Vec<_>>())
}

fn merged(kinds: &[&Latency]) -> Option<Histogram<u64>> {
    let (first, others) = kinds.split_first()?;
    let mut all = first.samples().ok()?;
    // What was read back holds no more than its own largest value.
    all.auto(true);
    for kind in others {
        if kind.sample_period != first.sample_period {
            return None;
        }
        all.add(kind.samples().ok()?).ok()?;
    }
    Some(all)
}

fn fallbacks(out: &mut String, style: Style, shown: &Shown<'_>, kind: Body, name: &str) {
    let group = shown.group;
    if !any(group, kind, |found| found.fallbacks.values().any(|&count| count > 0)) {
        return;
    }
    let title = format!("fallbacks per fault, {name}");
    let _ = writeln!(out, "{}", left(style, Ink::Bold, &title, 0));
    for row in group.rows() {
        let Some(found) = measured(row.cell(kind)) else { continue };
        let faults = found.counts.faults.max(1) as f64;
        let reasons = found.fallbacks.iter().filter(|(_, count)| **count > 0);
        let reasons: Vec<String> = reasons
            .map(|(reason, &count)| format!("{reason} {}", digits(count as f64 / faults)))
            .collect();
        if !reasons.is_empty() {
            let threads = plural(row.threads as usize, "thread");
            let first = format!("  {}, {threads}: ", row.strategy);
            wrap(out, style, &first, &reasons.join(", "));
        }
    }
    out.push('\n');
}

/// Returns what grace periods cost, where any was asked for.
fn grace_periods_of(found: &Measured) -> Option<&GracePeriods> {
    found.grace_periods.as_ref().filter(|costs| costs.wakeups > 0)
}

/// Appends the work that SRCU leaves to others than its readers.
fn grace_periods(out: &mut String, style: Style, shown: &Shown<'_>, kind: Body, name: &str) {
    let group = shown.group;
    if !any(group, kind, |found| grace_periods_of(found).is_some()) {
        return;
    }
    let title = format!("grace periods of SRCU, {name}");
    let _ = writeln!(out, "{}", left(style, Ink::Bold, &title, 0));
    for row in group.rows() {
        let costs = measured(row.cell(kind)).and_then(grace_periods_of);
        let Some(GracePeriods { ended, wakeups, looks, put_off }) = costs else { continue };
        let threads = plural(row.threads as usize, "thread");
        let first = format!("  {}, {threads}: ", row.strategy);
        let text = format!(
            "{ended} ended, {wakeups} wake-ups, {looks} looks at all cores, {put_off} of them put \
             off by readers"
        );
        wrap(out, style, &first, &text);
    }
    out.push('\n');
}

fn stages(out: &mut String, style: Style, shown: &Shown<'_>, kind: Body, name: &str) {
    let group = shown.group;
    if !any(group, kind, |found| found.stages_ns.is_some()) {
        return;
    }
    let mut names: Vec<&str> = Vec::new();
    for cell in group.cells.iter().filter(|cell| cell.key.body == kind) {
        let stages = measured(Some(cell)).and_then(|found| found.stages_ns.as_ref());
        names.extend(stages.iter().flat_map(|stages| stages.keys()).map(String::as_str));
    }
    names.sort_by_key(|name| (place(name), *name));
    names.dedup();
    let indent = name_width(group);
    let width = names.iter().map(|name| name.len() + 1).max().unwrap_or(0).max(8);
    for names in names.chunks(((COLUMNS - indent) / width).max(1)) {
        let title = format!("nanoseconds per fault by stage, {name}");
        let _ = writeln!(out, "{}", left(style, Ink::Bold, &title, 0));
        let heads: String = names.iter().map(|name| format!("{name:>width$}")).collect();
        let _ = writeln!(out, "{:indent$}{heads}", "");
        by_threads(out, style, group, |row| {
            let stages = measured(row.cell(kind))?.stages_ns.as_ref()?;
            let shown =
                |name: &&str| stages.get(*name).map_or("-".to_owned(), |ns| format!("{ns:.1}"));
            Some(names.iter().map(|name| right(style, Ink::Plain, &shown(name), width)).collect())
        });
        out.push('\n');
    }
}

/// Appends what a core's time went to, and the line that it waited for most.
fn time_split(out: &mut String, style: Style, shown: &Shown<'_>, kind: Body, name: &str) {
    let group = shown.group;
    if !any(group, kind, |found| found.time_split().is_some()) {
        return;
    }
    let each = group.counted().each();
    let title = format!("nanoseconds per {each} by what a core did, {name}");
    let _ = writeln!(out, "{}", left(style, Ink::Bold, &title, 0));
    let indent = name_width(group);
    let heads = "    work   lines   locks     I/O  waited most for";
    let _ = writeln!(out, "{:indent$}{heads}", "");
    by_threads(out, style, group, |row| {
        let found = measured(row.cell(kind))?;
        let split = found.time_split()?;
        let parts = [split.private_work, split.coherence, split.lock_wait, split.io];
        let mut text: String = parts.iter().map(|ns| format!("{ns:>8.0}")).collect();
        let lines = found.moves().into_iter().flat_map(|moves| moves.by_name);
        let waited = |line: &&LineCount| line.stall_share.is_some_and(|share| share > 0.0);
        let share = |line: &LineCount| line.stall_share.unwrap_or(0.0);
        let most = lines.filter(waited).max_by(|a, b| share(a).total_cmp(&share(b)));
        if let Some(line) = most {
            let percent = format!(" {:.0}%", share(line) * 100.0);
            text += "  ";
            text += &cut(&line.name, COLUMNS - indent - 34 - percent.len());
            text += &percent;
        }
        Some(text)
    });
    out.push('\n');
}

/// Appends the coefficients of the scalability law, where enough threads were tried.
pub(super) fn scaling(out: &mut String, run: &Run, style: Style, group: &Group<'_>) {
    let key = group.key();
    for kind in group.bodies() {
        let of_group = |fit: &&Scaling| {
            fit.workload == key.workload
                && (fit.world, &fit.machine, fit.body) == (key.world, &key.machine, kind)
                && fit.vary == key.vary
        };
        let fits = run.scaling.iter().filter(of_group);
        let fits: Vec<_> = fits.filter_map(|fit| Some((&fit.strategy, fit.law?))).collect();
        if fits.is_empty() {
            continue;
        }
        let indent = name_width(group);
        let title = format!("scalability law, {}", body(kind));
        let heads =
            format!("{:>12}{:>11}{:>14}{:>9}", "contention", "coherency", "peak at", "off by");
        let _ = writeln!(out, "{}{heads}", left(style, Ink::Bold, &title, indent.max(29)));
        for (strategy, law) in fits {
            let name = left(style, Ink::Plain, &cut(&format!("  {strategy}"), 28), indent.max(29));
            let peak = law.peak_threads.map_or("-".to_owned(), |n| format!("{n:.0} threads"));
            let (contention, coherency) = (signed(law.contention), signed(law.coherency));
            let off = format!("{:.0}%", law.error_max * 100.0);
            let _ = writeln!(out, "{name}{contention:>12}{coherency:>11}{peak:>14}{off:>9}");
        }
        out.push('\n');
    }
}

fn signed(value: f64) -> String {
    if value < 0.0 { format!("-{}", digits(-value)) } else { digits(value) }
}

/// Returns where a stage stands in a fault; names not known here come last.
fn place(name: &str) -> usize {
    let order = ["lookup", "lock", "allocate", "clear", "install", "unlock"];
    order.iter().position(|stage| *stage == name).unwrap_or(order.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latency(samples: std::ops::RangeInclusive<u64>, period: u64) -> Latency {
        let mut histogram = Histogram::new(3).unwrap();
        samples.for_each(|ns| histogram.record(ns).unwrap());
        Latency::of(&histogram, period).unwrap()
    }

    #[test]
    fn kinds_of_faults_merge_into_one_distribution() {
        let (fast, slow) = (latency(1..=100, 64), latency(100_001..=100_100, 64));
        let all = merged(&[&fast, &slow]).unwrap();
        assert_eq!((all.len(), all.value_at_quantile(0.5)), (200, 100));
        assert!(all.equivalent(all.max(), 100_100));
    }

    #[test]
    fn what_was_sampled_unevenly_does_not_merge() {
        assert_eq!(merged(&[&latency(1..=9, 64), &latency(1..=9, 1)]), None);
    }

    #[test]
    fn stages_stand_in_the_order_of_a_fault() {
        let mut names = ["unlock", "other", "lock", "lookup"];
        names.sort_by_key(|name| place(name));
        assert_eq!(names, ["lookup", "lock", "unlock", "other"]);
    }
}
