//! The report as text for a terminal or a mail: sections, then how far to trust them.

use std::fmt::Write;

use document::run::Run;

use crate::about::{machine, program};
use crate::blocks::meaning_of_break_even;
use crate::layout::{Ink, Style, paint, wrap};
use crate::notes::spoilt;
use crate::render::{block, title};
use crate::report::{Report, Section};
use crate::words::shell_word;

/// Returns the report as text of 80 columns, ASCII throughout. `document` is the path of the
/// run's document.
pub fn text(run: &Run, style: Style, document: Option<&str>) -> String {
    let report = Report::of(run);
    let mut out = String::new();
    wrap(&mut out, style, "", &format!("faultstorm {}", program(&run.provenance)));
    wrap(&mut out, style, "", &machine(&run.provenance.host));
    for (ink, text) in spoilt(run, "see below each table", "see the end") {
        let _ = writeln!(out, "{}", paint(style, ink, &text));
    }
    report.sections.iter().for_each(|one| section(&mut out, style, one));
    worlds(&mut out, style, &report);
    report.bands.iter().for_each(|one| spaced(&mut out, style, one));
    break_even(&mut out, style, &report);
    footer(&mut out, style, &report, document);
    out
}

fn section(out: &mut String, style: Style, section: &Section<'_>) {
    title(out, style, &section.name);
    section.about.iter().for_each(|text| wrap(out, style, "", text));
    out.push('\n');
    let folded = section.folded();
    let blocks = section.finding.iter().chain([&section.rates]).chain(&section.ratios);
    let blocks = blocks.chain(&folded).chain(&section.scaling_laws);
    blocks.for_each(|block| spaced(out, style, block));
    for (ink, text) in &section.notes {
        let mut lines = String::new();
        wrap(&mut lines, style, "  ", text);
        lines.lines().for_each(|line| *out += &format!("{}\n", paint(style, *ink, line)));
    }
    if !out.ends_with("\n\n") {
        out.push('\n');
    }
    section.analysis.iter().for_each(|paragraph| apart(out, style, "", paragraph));
}

/// Appends the tables of several worlds.
pub(crate) fn worlds(out: &mut String, style: Style, report: &Report<'_>) {
    for worlds in &report.worlds {
        title(out, style, &worlds.title);
        spaced(out, style, &worlds.block);
        worlds.neighbours.iter().for_each(|text| wrap(out, style, "  ", text));
        out.push('\n');
    }
    report.trap.iter().for_each(|text| apart(out, style, "  ", text));
}

/// Appends the break-even rates, and what they mean.
pub(crate) fn break_even(out: &mut String, style: Style, report: &Report<'_>) {
    report.break_even.iter().for_each(|block| spaced(out, style, block));
    if !report.break_even.is_empty() {
        apart(out, style, "", &meaning_of_break_even());
    }
}

/// Appends a block with an empty line after it.
pub(crate) fn spaced(out: &mut String, style: Style, one: &crate::block::Block) {
    block(out, style, one);
    out.push('\n');
}

/// Appends a paragraph with an empty line after it.
fn apart(out: &mut String, style: Style, first: &str, paragraph: &str) {
    wrap(out, style, first, paragraph);
    out.push('\n');
}

/// Appends the noise floor, how to read the numbers, the warnings and how to repeat the run.
fn footer(out: &mut String, style: Style, report: &Report<'_>, document: Option<&str>) {
    let run = report.run;
    heading(out, style, "Noise floor");
    wrap(out, style, "  ", &report.noise);
    heading(out, style, "How to read");
    wrap(out, style, "  ", &report.reading);
    if !report.warnings.is_empty() {
        heading(out, style, "Warnings");
        report.warnings.iter().for_each(|warning| wrap(out, style, "  ", warning));
    }
    heading(out, style, "Reproduce");
    command(out, style, &run.provenance.argv);
    let _ = writeln!(out, "  seed: {}", run.provenance.seed);
    if let Some(digest) = &run.digest {
        let _ = writeln!(out, "  digest of the model's cells: {digest}");
    }
    if let Some(path) = document {
        let _ = writeln!(out, "  document: {path}");
    }
}

/// Appends a command line to be pasted, continued if it is too long for one line.
fn command(out: &mut String, style: Style, argv: &[String]) {
    let mut line = String::from(" ");
    for word in argv.iter().map(|word| shell_word(word)) {
        // Room for the word, the space before it and a continuation after it.
        if line.len() + word.len() + 3 > style.width && !line.trim().is_empty() {
            let _ = writeln!(out, "{line} \\");
            line = String::from("   ");
        }
        line = format!("{line} {word}");
    }
    let _ = writeln!(out, "{line}");
}

/// Appends a heading with one empty line above.
fn heading(out: &mut String, style: Style, text: &str) {
    let blank = if out.ends_with("\n\n") { "" } else { "\n" };
    let _ = writeln!(out, "{blank}{}", paint(style, Ink::Bold, text));
}
