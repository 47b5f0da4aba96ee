//! The report on a terminal: what can be trusted, then a table per workload,
//! then what looks wrong.

use super::finding::finding;
use super::pairs::{BASES, Group, Ratios, Row, groups, measured};
use super::text::{
    Ink, cut, left, paint, per_second, plural, rate, rate_of, right, spread, times, wrap,
};
use super::{Style, band, break_even, contention, prose, worlds};
use document::run::{Body, Cell, RatedEvent, Run, Status};
use stats::{Comparison, Verdict};

/// Columns of a table.
pub(super) const COLUMNS: usize = 80;
/// Name of what is the same for both bodies.
pub(super) const BOTH: &str = "both bodies";

/// Returns the report as text for a terminal of 80 columns, ASCII throughout.
/// `document` is where the run was written, for the reader's next step.
pub fn table(run: &Run, style: Style, document: Option<&str>) -> String {
    let mut out = String::new();
    let ratios = Ratios::of(run);
    prose::header(&mut out, run, style);
    for group in groups(run) {
        prose::title(&mut out, run, style, &group);
        finding(&mut out, style, &group, &ratios);
        throughput(&mut out, style, &group);
        comparison(&mut out, style, &group, &ratios);
        let shown = contention::Shown { group: &group, ratios: &ratios };
        contention::blocks(&mut out, style, &shown);
        contention::scaling(&mut out, run, style, &group);
        prose::unmeasured(&mut out, style, &group);
        prose::analysis(&mut out, run, style, &group);
    }
    worlds::beside(&mut out, run, style);
    band::bands(&mut out, run, style);
    break_even::rates(&mut out, run, style);
    prose::footer(&mut out, run, style, &ratios, document);
    out
}

/// Returns one cell as one plain line, for progress: the first repeat of a cell
/// gives a provisional one.
pub fn row(cell: &Cell) -> String {
    let key = &cell.key;
    let threads = plural(key.threads as usize, "thread");
    let twin = if key.is_aa_twin { " (again)" } else { "" };
    let name =
        format!("{} {}{twin}, {threads}, {}", key.workload, key.strategy_name(), body(key.body));
    let reason = cell.reason.as_deref().unwrap_or("no reason given");
    let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    let counted = RatedEvent::of([cell]);
    let found = cell.rate(&counted);
    let rate = found.map_or("none".to_owned(), |found| rate_of(&counted, found.median));
    match (cell.status, measured(Some(cell))) {
        (Status::Ok, Some(_)) => match found.and_then(|found| found.spread()) {
            Some(share) => format!("{name}: {rate} {}", spread(share)),
            None => format!("{name}: {rate}"),
        },
        (Status::Partial, Some(measured)) => {
            let repeats = plural(measured.repeats.len(), "repeat");
            format!("{name}: {rate} (provisional, {repeats})")
        }
        (Status::Failed, _) => format!("{name}: FAILED: {reason}"),
        (Status::Skipped, _) => format!("{name}: skipped: {reason}"),
        (Status::Ok | Status::Partial, None) => format!("{name}: no result: {reason}"),
    }
}

/// Returns what a body is called in tables.
pub(super) fn body(body: Body) -> &'static str {
    match body {
        Body::None => "lock alone",
        Body::Real => "with body",
    }
}

/// Returns the bodies that differ in the rates of their cells, each with its name.
fn bodies(group: &Group<'_>) -> Vec<(Body, &'static str)> {
    let bodies = group.bodies();
    let speed = |cell: Option<&Cell>| {
        cell.map(|cell| (cell.status, measured(Some(cell)).map(|found| found.rates())))
    };
    let alike = |row: &Row<'_>| {
        let [one, other] = row.bodies.map(speed);
        one == other
    };
    match group.rows().iter().all(alike) {
        true => vec![(bodies[0], BOTH)],
        false => bodies.into_iter().map(|kind| (kind, body(kind))).collect(),
    }
}

/// Returns the width of the column of names, its indent included.
pub(super) fn name_width(group: &Group<'_>) -> usize {
    let longest = group.cells.iter().map(|cell| cell.key.strategy_name().len()).max();
    (longest.unwrap_or(0) + 3).clamp(19, 25)
}

/// Appends the lines of a block: rows in groups of equal thread count, so that
/// what competes stands together.
pub(super) fn by_threads(
    out: &mut String,
    style: Style,
    group: &Group<'_>,
    line: impl Fn(&Row<'_>) -> Option<String>,
) {
    let mut threads = None;
    for row in group.rows() {
        let Some(text) = line(&row) else { continue };
        if threads != Some(row.threads) {
            let heading = plural(row.threads as usize, "thread");
            *out += &format!("{}\n", paint(style, Ink::Faint, &heading));
            threads = Some(row.threads);
        }
        let width = name_width(group);
        let name = cut(&format!("  {}", row.strategy), width - 1);
        let name = left(style, Ink::Plain, &name, width);
        *out += (name + &text).trim_end();
        out.push('\n');
    }
}

fn throughput(out: &mut String, style: Style, group: &Group<'_>) {
    let (bodies, counted) = (bodies(group), group.counted());
    let indent = name_width(group);
    let mut above = left(style, Ink::Bold, &per_second(&counted), indent);
    let mut heads = " ".repeat(indent);
    for (_, name) in &bodies {
        above += &right(style, Ink::Bold, name, 11);
        above += &" ".repeat(17);
        heads += &format!("{:>11} {:>7}{:>8} ", "median", "95%", "scaling");
    }
    *out += &format!("{}\n{}\n", above.trim_end(), heads.trim_end());
    by_threads(out, style, group, |row| {
        let speed = |(kind, _): &(Body, &str)| speed(style, group, row.cell(*kind), &counted);
        Some(bodies.iter().map(speed).collect::<String>())
    });
    out.push('\n');
}

/// Returns rate, interval and scaling of one cell, 28 columns wide.
fn speed(style: Style, group: &Group<'_>, cell: Option<&Cell>, counted: &RatedEvent) -> String {
    let Some(cell) = cell else { return right(style, Ink::Faint, "-", 11) + &" ".repeat(17) };
    let blank = " ".repeat(17);
    let Some(found) = cell.rate(counted) else {
        return match cell.status {
            _ if cell.measured.is_some() => right(style, Ink::Faint, "none", 11) + &blank,
            Status::Failed => right(style, Ink::Bad, "FAILED", 11) + &blank,
            Status::Skipped => right(style, Ink::Faint, "skipped", 11) + &blank,
            Status::Ok | Status::Partial => right(style, Ink::Doubt, "no result", 11) + &blank,
        };
    };
    let mark = if cell.status == Status::Ok { " " } else { "*" };
    let share = found.spread();
    // Wider than this, a difference that matters hides in it.
    let ink = if share.is_some_and(|share| share > 0.05) { Ink::Doubt } else { Ink::Plain };
    let scaling = group.scaling(cell, counted);
    let scaling = scaling.map_or(String::new(), |times| format!("{times:.2}x"));
    right(style, Ink::Plain, &rate(found.median), 11)
        + mark
        + &right(style, ink, &share.map_or("-".to_owned(), spread), 7)
        + &right(style, Ink::Plain, &scaling, 8)
        + " "
}

/// Appends the ratios to the bases. With one body there is room for the whole verdict.
fn comparison(out: &mut String, style: Style, group: &Group<'_>, ratios: &Ratios) {
    let (bodies, counted) = (bodies(group), group.counted());
    let pairs: Vec<(&'static str, Body, &'static str)> = BASES
        .into_iter()
        .flat_map(|base| bodies.iter().map(move |&(kind, name)| (base, kind, name)))
        .filter(|(base, kind, _)| {
            let has = |cell: &&Cell| ratios.get(cell, base, &counted).is_some();
            group.cells.iter().any(|cell| cell.key.body == *kind && has(cell))
        })
        .collect();
    if pairs.is_empty() {
        return;
    }
    let width = if pairs.len() <= 2 { 26 } else { 14 };
    let indent = name_width(group);
    let mut above = left(style, Ink::Bold, "ratio of medians", indent);
    let mut heads = " ".repeat(indent);
    for (n, (base, _, name)) in pairs.iter().enumerate() {
        let again = n > 0 && pairs[n - 1].0 == *base;
        let base = if again { String::new() } else { format!("to {base}") };
        above += &left(style, Ink::Bold, &base, width);
        heads += &left(style, Ink::Plain, name, width);
    }
    *out += &format!("{}\n{}\n", above.trim_end(), heads.trim_end());
    by_threads(out, style, group, |row| {
        let cells: Vec<String> = pairs
            .iter()
            .map(|(base, kind, _)| {
                let found = row.cell(*kind).and_then(|cell| ratios.get(cell, base, &counted));
                ratio(style, found, width)
            })
            .collect();
        let line = cells.concat();
        row.bodies.iter().flatten().any(|cell| cell.measured.is_some()).then_some(line)
    });
    if width < 26 {
        wrap(out, style, "  ", "no diff: no difference seen, the interval of the ratio holds 1");
    }
    out.push('\n');
}

/// Returns a ratio and its verdict, `width` columns wide.
pub(super) fn ratio(style: Style, found: Option<&Comparison>, width: usize) -> String {
    let Some(found) = found else {
        return left(style, Ink::Faint, "-", width);
    };
    let times = times(found.ratio.median);
    let word = match found.verdict {
        Some(Verdict::NoDifferenceSeen) if width < 26 => "no diff".to_owned(),
        verdict => verdict.map_or(String::new(), |verdict| verdict.to_string()),
    };
    left(style, verdict_ink(found.verdict), format!("{times} {word}").trim_end(), width)
}

/// Returns how a verdict is coloured.
pub(super) fn verdict_ink(verdict: Option<Verdict>) -> Ink {
    match verdict {
        Some(Verdict::Faster) => Ink::Good,
        Some(Verdict::Slower) => Ink::Bad,
        Some(Verdict::NoDifferenceSeen) => Ink::Faint,
        None => Ink::Plain,
    }
}
