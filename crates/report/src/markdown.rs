//! The report as Markdown, for issues and wikis: one row a cell, other blocks as text.

use std::fmt::Write;

use document::run::Run;

use crate::about::{machine, program};
use crate::block::{Align, Block, BlockRow, Column, Value};
use crate::layout::Style;
use crate::notes::spoilt;
use crate::report::{BodyBlocks, Report};
use crate::text::{break_even, spaced, worlds};
use crate::words::shell_word;

/// The style of blocks that are text, as on a terminal.
const TEXT: Style = Style { color: false, width: 80 };

/// Returns the runs as Markdown, one after the other.
pub fn markdown(runs: &[Run]) -> String {
    let texts: Vec<String> = runs.iter().map(one).collect();
    texts.join("\n")
}

fn one(run: &Run) -> String {
    let report = Report::of(run);
    let mut out = format!("## faultstorm {}\n\n", program(&run.provenance));
    list(&mut out, [machine(&run.provenance.host)]);
    for (_, doubt) in spoilt(run, "see below each table", "see the end") {
        let _ = writeln!(out, "- **{doubt}**");
    }
    for section in &report.sections {
        let _ = writeln!(out, "\n### {}\n", section.name);
        list(&mut out, section.about.iter().cloned());
        for body in &section.bodies {
            table(&mut out, body);
            let others = body.by_kind.iter().skip(1).flatten();
            fenced(&mut out, |text| others.for_each(|block| spaced(text, TEXT, block)));
        }
        let laws = section.scaling_laws.iter();
        fenced(&mut out, |text| laws.for_each(|block| spaced(text, TEXT, block)));
        if !section.notes.is_empty() {
            out.push('\n');
        }
        list(&mut out, section.notes.iter().map(|(_, text)| text.clone()));
        for paragraph in &section.analysis {
            let _ = writeln!(out, "\n{}", escaped(paragraph));
        }
    }
    fenced(&mut out, |text| worlds(text, TEXT, &report));
    fenced(&mut out, |text| report.bands.iter().for_each(|block| spaced(text, TEXT, block)));
    fenced(&mut out, |text| break_even(text, TEXT, &report));
    footer(&mut out, &report);
    out
}

/// Appends rates, ratios, transfers and latency of one body as one table.
fn table(out: &mut String, body: &BodyBlocks) {
    let lines = body.by_kind.first().and_then(|blocks| blocks.first());
    let blocks: Vec<&Block> = [&body.rates].into_iter().chain(&body.ratios).chain(lines).collect();
    // Rows of strategies that were not asked for with this body have no rate.
    let rows: Vec<&BlockRow> =
        body.rates.rows.iter().filter(|row| row.values[0].is_known).collect();
    let value = |block: &Block, row: &BlockRow, column: usize| {
        block.row(row).map_or_else(Value::dash, |row| row.values[column].clone())
    };
    let columns = blocks
        .iter()
        .flat_map(|block| (0..block.columns.len()).map(move |column| (*block, column)));
    // A column of dashes says nothing.
    let columns: Vec<(&Block, usize)> = columns
        .filter(|(block, column)| rows.iter().any(|row| value(block, row, *column).is_known))
        .collect();
    let heads = columns.iter().map(|(block, column)| block.columns[*column].name.as_str());
    let heads: Vec<&str> = ["threads", "strategy"].into_iter().chain(heads).collect();
    let name = body.rates.columns[0].heads[0].trim_end();
    let _ = writeln!(out, "\n**{name}**\n\n| {} |", heads.join(" | "));
    let _ = writeln!(out, "|---:|---|{}", "---:|".repeat(columns.len()));
    for row in rows {
        let threads = row.group.split(' ').next().unwrap_or_default().to_owned();
        let values = columns.iter().map(|(block, column)| cell(&value(block, row, *column)));
        line(out, [threads, format!("`{}`", row.name.text)].into_iter().chain(values));
    }
}

/// Appends a block as a table, with its names below `corner`.
pub(crate) fn block(out: &mut String, corner: &str, block: &Block) {
    let heads = block.columns.iter().map(|column| column.name.clone());
    line(out, [corner.to_owned()].into_iter().chain(heads));
    let alignment = |column: &Column| match column.align {
        Align::Left => "---|",
        Align::Right => "---:|",
    };
    let _ = writeln!(out, "|---|{}", block.columns.iter().map(alignment).collect::<String>());
    for row in &block.rows {
        let mark = row.mark.trim();
        let mark = if mark.is_empty() { String::new() } else { format!(" **{mark}**") };
        let text = row.text.as_ref().map(|text| text.replace('|', "\\|"));
        let values = row.values.len() - usize::from(text.is_some());
        let values = row.values[..values].iter().map(cell).chain(text);
        line(out, [row.name.whole() + &mark].into_iter().chain(values));
    }
}

/// Appends a line of a table.
fn line(out: &mut String, values: impl Iterator<Item = String>) {
    let _ = writeln!(out, "| {} |", values.collect::<Vec<_>>().join(" | "));
}

/// Returns a value as Markdown.
fn cell(value: &Value) -> String {
    match (value.is_known, value.end.as_str()) {
        (false, _) => "-".to_owned(),
        (true, "*") => format!("{} \\*", value.text),
        (true, _) => value.whole().trim_end().to_owned(),
    }
}

/// Appends how to read the numbers, the warnings and the command.
fn footer(out: &mut String, report: &Report<'_>) {
    let run = report.run;
    let _ = writeln!(out, "\n### Noise floor\n\n{}", escaped(&report.noise));
    let _ = writeln!(out, "\n### How to read\n\n{}", escaped(&report.reading));
    if !report.warnings.is_empty() {
        out.push_str("\n### Warnings\n\n");
        list(out, report.warnings.iter().cloned());
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

/// Appends what `write` writes as a fenced block of text, unless it is empty.
fn fenced(out: &mut String, write: impl FnOnce(&mut String)) {
    let mut text = String::new();
    write(&mut text);
    if !text.trim().is_empty() {
        let _ = writeln!(out, "\n```text\n{}\n```", text.trim_end());
    }
}

/// Returns prose on one line, without letters that Markdown takes for markup.
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
    fn prose_is_no_markup() {
        assert_eq!(escaped("* 2 < 3\n `a` [b] \\"), "\\* 2 \\< 3 \\`a\\` \\[b] \\\\");
    }
}
