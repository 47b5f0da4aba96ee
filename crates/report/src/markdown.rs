//! The report as Markdown, for issues and wikis: the numbers of the terminal's tables, one
//! row a cell, and what stands beside them as text.

use std::fmt::Write;

use super::contention::{self, hottest_line, percentiles, transfers};
use super::pairs::{BASES, Group, Ratios, groups, measured};
use super::table::body;
use super::text::{nanoseconds, rate, shell_word, spread, times};
use super::{Style, band, break_even, prose, worlds};
use document::run::{Body, Cell, Interval, RatedEvent, Run, Status};

/// Of what stands in a block of text, as it does on a terminal.
const TEXT: Style = Style { color: false, width: 80 };
/// Names of lines are not cut.
const NAME_MAX: usize = 200;

/// What a table is made from.
struct Table<'a> {
    group: &'a Group<'a>,
    ratios: &'a Ratios,
    counted: RatedEvent,
}

/// A heading, and what stands below it for a cell.
type Column = (&'static str, fn(&Table, &Cell) -> Option<String>);

/// Columns beside the name and the rate of a cell.
const COLUMNS: [Column; 10] = [
    ("95 %", |table, cell| cell.rate(&table.counted)?.spread().map(spread)),
    ("scaling", |table, cell| table.group.scaling(cell, &table.counted).map(times)),
    ("to `unlocked`", |table, cell| ratio(table, cell, BASES[0])),
    ("to `mmap-lock`", |table, cell| ratio(table, cell, BASES[1])),
    ("transfers a fault", |_, cell| {
        Some(transfers(measured(Some(cell))?.lines.as_ref()?.transfers_per_fault))
    }),
    ("transfers an operation", |_, cell| {
        Some(transfers(measured(Some(cell))?.per_op.as_ref()?.lines.as_ref()?.transfers_per_op))
    }),
    ("hottest line", |_, cell| {
        let found = measured(Some(cell)).filter(|found| found.moves().is_some())?;
        Some(hottest_line(found, NAME_MAX))
    }),
    ("p50", |_, cell| latency(cell, 0)),
    ("p99", |_, cell| latency(cell, 1)),
    ("p99.9", |_, cell| latency(cell, 2)),
];

/// Returns the runs as Markdown, one after the other.
pub fn markdown(runs: &[Run]) -> String {
    let texts: Vec<String> = runs.iter().map(one).collect();
    texts.join("\n")
}

fn one(run: &Run) -> String {
    let ratios = Ratios::of(run);
    let mut out = format!("## {}\n\n", prose::program(run));
    list(&mut out, [prose::machine(&run.provenance.host)]);
    for (_, doubt) in prose::spoilt(run, "see below each table", "see the end") {
        let _ = writeln!(out, "- **{doubt}**");
    }
    for group in groups(run) {
        let _ = writeln!(out, "\n### {}\n", prose::name(&group));
        list(&mut out, prose::about(run, &group));
        let table = Table { group: &group, ratios: &ratios, counted: group.counted() };
        let shown = contention::Shown { group: &group, ratios: &ratios };
        for kind in group.bodies() {
            rows(&mut out, &table, kind);
            let details = |text: &mut String| {
                contention::details(text, TEXT, &shown, kind);
            };
            block(&mut out, details);
        }
        block(&mut out, |text| contention::scaling(text, run, TEXT, &group));
        let notes = prose::notes(&group);
        if !notes.is_empty() {
            out.push('\n');
        }
        list(&mut out, notes.into_iter().map(|(_, text)| text));
        for paragraph in prose::paragraphs(run, &group) {
            let _ = writeln!(out, "\n{}", escaped(paragraph));
        }
    }
    block(&mut out, |text| worlds::beside(text, run, TEXT));
    block(&mut out, |text| band::bands(text, run, TEXT));
    block(&mut out, |text| break_even::rates(text, run, TEXT));
    footer(&mut out, run, &ratios);
    out
}

/// Appends the cells of one body, those without numbers too.
fn rows(out: &mut String, table: &Table, kind: Body) {
    let rows = table.group.rows();
    let cells: Vec<&Cell> = rows.iter().filter_map(|row| row.cell(kind)).collect();
    // A column of dashes says nothing.
    let told = |column: &&Column| cells.iter().any(|cell| (column.1)(table, cell).is_some());
    let columns: Vec<&Column> = COLUMNS.iter().filter(told).collect();
    let heads: String = columns.iter().map(|(name, _)| format!(" {name} |")).collect();
    let rate = format!("{}/s", table.counted.name());
    let _ = writeln!(out, "\n**{}**\n\n| threads | strategy | {rate} |{heads}", body(kind));
    let _ = writeln!(out, "|---:|---|---:|{}", "---:|".repeat(columns.len()));
    for cell in cells {
        let value = |column: &&Column| (column.1)(table, cell).unwrap_or_else(|| "-".to_owned());
        let values: Vec<String> = columns.iter().map(value).collect();
        let (threads, name) = (cell.key.threads, cell.key.strategy_name());
        let cells = [vec![speed(cell, &table.counted)], values].concat().join(" | ");
        let _ = writeln!(out, "| {threads} | `{name}` | {cells} |");
    }
}

/// Returns the rate of a cell, with a mark where repeats are missing; or why there is none.
fn speed(cell: &Cell, counted: &RatedEvent) -> String {
    let or_none = |found: Option<Interval>| found.map_or("none".to_owned(), |it| rate(it.median));
    let found = measured(Some(cell)).map(|_| or_none(cell.rate(counted)));
    match (cell.status, found) {
        (Status::Ok, Some(rate)) => rate,
        (_, Some(rate)) => rate + " \\*",
        (Status::Failed, None) => "FAILED".to_owned(),
        (Status::Skipped, None) => "skipped".to_owned(),
        (Status::Ok | Status::Partial, None) => "no result".to_owned(),
    }
}

fn ratio(table: &Table, cell: &Cell, base: &'static str) -> Option<String> {
    let found = table.ratios.get(cell, base, &table.counted)?;
    let verdict = found.verdict.map_or(String::new(), |verdict| format!(" {verdict}"));
    Some(times(found.ratio.median) + &verdict)
}

fn latency(cell: &Cell, percentile: usize) -> Option<String> {
    percentiles(measured(Some(cell))?)[percentile].map(|ns| nanoseconds(ns as f64))
}

/// Appends how to read the numbers, the warnings and the command.
fn footer(out: &mut String, run: &Run, ratios: &Ratios) {
    let (noise, reading) = (prose::noise_floor(run), prose::reading(run, ratios));
    let _ = writeln!(out, "\n### Noise floor\n\n{}", escaped(&noise));
    let _ = writeln!(out, "\n### How to read\n\n{}", escaped(&reading));
    if !run.provenance.warnings.is_empty() {
        out.push_str("\n### Warnings\n\n");
        list(out, prose::warnings(run));
    }
    let words: Vec<String> = run.provenance.argv.iter().map(|word| shell_word(word)).collect();
    let _ = writeln!(out, "\n### Reproduce\n\n```sh\n{}\n```\n", words.join(" "));
    let seed = format!("seed: {}", run.provenance.seed);
    let digest = run.digest.as_ref().map(|it| format!("digest of the model's cells: {it}"));
    list(out, [seed].into_iter().chain(digest));
}

/// Appends texts as a list.
fn list(out: &mut String, texts: impl IntoIterator<Item = String>) {
    texts.into_iter().for_each(|text| {
        let _ = writeln!(out, "- {}", escaped(&text));
    });
}

/// Appends what `write` writes as a block of text, if it writes anything.
fn block(out: &mut String, write: impl FnOnce(&mut String)) {
    let mut text = String::new();
    write(&mut text);
    if !text.trim().is_empty() {
        let _ = writeln!(out, "\n```text\n{}\n```", text.trim_end());
    }
}

/// Returns prose on one line, its letters as they are: none of them is Markdown.
fn escaped(prose: &str) -> String {
    let mut text = prose.split_whitespace().collect::<Vec<_>>().join(" ");
    for letter in ["\\", "*", "<", "`", "["] {
        text = text.replace(letter, &format!("\\{letter}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_of_ratios_name_their_bases() {
        for base in BASES {
            let heading = format!("to `{base}`");
            assert!(COLUMNS.iter().any(|(name, _)| *name == heading), "{heading}");
        }
    }

    #[test]
    fn prose_is_no_markup() {
        assert_eq!(escaped("* 2 < 3\n `a` [b] \\"), "\\* 2 \\< 3 \\`a\\` \\[b] \\\\");
    }
}
