//! A comparison as text for a terminal or a mail: origin of the sides, cells by the size of
//! their difference, and doubts.

mod markdown;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

pub use markdown::comparison_markdown;

use crate::about::short_commit;
use crate::layout::{Ink, Style, left, paint, wrap};
use crate::numbers::{percent, rate, spread, times};
use crate::words::{listed, plural, shell_word};
use document::compare::{Axis, CellWarning, Comparison, Launch, OpPair, Pair, PairRatio, Side};
use document::run::{RatedEvent, Status};
use stats::{LEVEL, MIN_REPEATS};

/// Columns after the name of a cell.
const NUMBERS: usize = 53;

/// Returns the comparison as text of the style's width, ASCII throughout.
pub fn comparison(compared: &Comparison, style: Style) -> String {
    let mut out = String::new();
    let title = format!("faultstorm compare, {}, digest {}", axis(compared), compared.digest);
    let _ = writeln!(out, "{}", paint(style, Ink::Bold, &title));
    for (role, side) in sides(compared) {
        wrap(&mut out, style, &format!("{role:<5}"), &format!("{}: {}", side.name, files(side)));
    }
    for launch in launches(compared) {
        wrap(&mut out, style, "", &launched(launch));
        wrap(&mut out, style, "  $ ", &command(launch));
    }
    out.push('\n');
    for sentence in sentences(compared) {
        wrap(&mut out, style, "", &sentence);
    }
    let shown: Vec<&Pair> = shown(compared).collect();
    let names = Names::of(&shown);
    if let Some(pattern) = &names.pattern {
        wrap(&mut out, style, "", &format!("Cells: {pattern}"));
    }
    out.push('\n');
    let head = format!("{:>9}{:>9}{:>8}{:>8} ", "base", "new", "ratio", "95%");
    let _ = writeln!(out, "{}{}", " ".repeat(style.width - NUMBERS), head.trim_end());
    for pair in shown {
        let name = name(compared, pair, &names.short(&pair.cell));
        match &pair.reason {
            Some(reason) => not_compared(&mut out, style, &name, pair, reason),
            None => row(&mut out, style, &name, rates(pair), &pair.judged),
        }
        for (op, found) in &pair.ops {
            row(&mut out, style, &format!("  {op}"), rates_of_op(found), &found.judged);
        }
    }
    let doubts = doubts(compared);
    if !doubts.is_empty() {
        out.push('\n');
    }
    doubts.iter().for_each(|doubt| wrap(&mut out, style, "- ", doubt));
    out
}

/// Returns the pairs without those that neither side could run.
fn shown(compared: &Comparison) -> impl Iterator<Item = &Pair> {
    compared.cells.iter().filter(|pair| !is_skipped(pair))
}

fn is_skipped(pair: &Pair) -> bool {
    pair.base.status == Status::Skipped && pair.new.status == Status::Skipped
}

/// Returns the axis in words.
fn axis(compared: &Comparison) -> String {
    match compared.by {
        Axis::Run => "run by run".to_owned(),
        by => format!("by {}", by.name()),
    }
}

/// Names of cells, without the words that all of them share.
struct Names {
    /// The words that all names share, `*` for a word that differs; `None` if no word can be left
    /// out.
    pattern: Option<String>,
    differs: Vec<bool>,
}

impl Names {
    fn of(pairs: &[&Pair]) -> Names {
        let words: Vec<Vec<&str>> =
            pairs.iter().map(|pair| pair.cell.split('/').collect()).collect();
        let count = words.iter().map(Vec::len).min().unwrap_or(0);
        let differs: Vec<bool> =
            (0..count).map(|at| words.iter().any(|name| name[at] != words[0][at])).collect();
        let pattern: Vec<&str> =
            (0..count).map(|at| if differs[at] { "*" } else { words[0][at] }).collect();
        let any = differs.contains(&true) && differs.contains(&false);
        Names { pattern: any.then(|| pattern.join("/")), differs }
    }

    fn short(&self, cell: &str) -> String {
        let kept = |at: usize| self.pattern.is_none() || self.differs.get(at) != Some(&false);
        let words = cell.split('/').enumerate().filter(|(at, _)| kept(*at));
        words.map(|(_, word)| word).collect::<Vec<_>>().join("/")
    }
}

/// Returns a cell's name, with the side if there are several, and the compared event unless it is
/// faults.
fn name(compared: &Comparison, pair: &Pair, cell: &str) -> String {
    let side = if compared.new.len() == 1 { String::new() } else { format!(" {}", pair.side) };
    let of_faults = pair.counted == RatedEvent::Faults.name();
    let counted = if of_faults { String::new() } else { format!(" {}", pair.counted) };
    format!("{cell}{side}{counted}")
}

/// Returns the number of cells that are slower than was allowed, in a sentence.
pub fn found(compared: &Comparison) -> Option<String> {
    let (share, count) = (compared.fail_above?, compared.found().count());
    let cells = plural(count, "cell");
    let verb = if count == 1 { "is" } else { "are" };
    let share = percent(share);
    Some(format!("{cells} {verb} slower than the base by more than {share}, or began to fail"))
}

/// Returns all sides, each with its role.
fn sides(compared: &Comparison) -> impl Iterator<Item = (&'static str, &Side)> {
    let new = compared.new.iter().map(|side| ("new", side));
    std::iter::once(("base", &compared.base)).chain(new)
}

/// Returns the files of a side.
fn files(side: &Side) -> String {
    side.launches.iter().map(|launch| launch.path.as_str()).collect::<Vec<_>>().join(", ")
}

/// Returns all runs, each once.
fn launches(compared: &Comparison) -> Vec<&Launch> {
    let mut all: Vec<&Launch> = Vec::new();
    for launch in sides(compared).flat_map(|(_, side)| &side.launches) {
        if !all.contains(&launch) {
            all.push(launch);
        }
    }
    all
}

/// Returns the origin of a run.
fn launched(launch: &Launch) -> String {
    let revision = launch.git_revision.as_ref().map(|commit| {
        let dirty = if launch.git_dirty == Some(true) { " with changes" } else { "" };
        format!(" ({}{dirty})", short_commit(commit))
    });
    let cpu = launch.cpu_model.as_ref().map(|cpu| format!(", {cpu}"));
    let digest = launch.digest.as_ref().map(|digest| format!(", model digest {digest}"));
    let [revision, cpu, digest] = [revision, cpu, digest].map(Option::unwrap_or_default);
    let Launch { path, version, started_at, .. } = launch;
    format!("{path}: faultstorm {version}{revision}, {started_at}{cpu}{digest}")
}

/// Returns the command line of a run, to be pasted.
fn command(launch: &Launch) -> String {
    launch.argv.iter().map(|word| shell_word(word)).collect::<Vec<_>>().join(" ")
}

/// Returns the sentences before the numbers.
fn sentences(compared: &Comparison) -> Vec<String> {
    let mut said = Vec::new();
    for difference in &compared.differences {
        let (base, new) = (listed(&difference.base), listed(&difference.new));
        said.push(format!("Also differs: {}: {base} against {new}.", difference.what));
    }
    let failed = compared.failed().count();
    if failed > 0 {
        said.push(format!("{} FAILED.", plural(failed, "cell")));
    }
    said.extend(found(compared).map(|found| found + "."));
    let ratios = plural(compared.comparisons, "ratio");
    said.push(format!("{ratios} (new/base), largest difference first."));
    let judged = || compared.cells.iter().flat_map(Pair::ratios);
    if judged().any(|ratio| ratio.verdict.is_some()) {
        said.push(format!(
            "All intervals hold together at {}; +- is half an interval's width.",
            percent(LEVEL)
        ));
    }
    if judged().any(|ratio| ratio.exact) {
        said.push("The model has no noise: its ratios are exact for their seed.".to_owned());
    }
    said
}

/// Returns the verdict on a ratio in words, with its ink.
fn verdict(judged: &PairRatio) -> (Ink, &str) {
    match judged.verdict.as_deref() {
        Some("faster") => (Ink::Good, "faster"),
        Some("slower") => (Ink::Bad, "slower"),
        Some(other) => (Ink::Plain, other),
        None if judged.ratio.is_none() => (Ink::Doubt, "not compared"),
        None if judged.exact && judged.differs() => (Ink::Plain, "exact"),
        None if judged.exact => (Ink::Plain, "equal"),
        None => (Ink::Doubt, "too few repeats"),
    }
}

/// Returns the rates of the base and of the new side.
fn rates(pair: &Pair) -> [String; 2] {
    [pair.base.per_s, pair.new.per_s].map(|per_s| per_s.map_or("-".to_owned(), rate))
}

/// Returns the rates of an operation of the base and of the new side.
fn rates_of_op(op: &OpPair) -> [String; 2] {
    [op.base_per_s, op.new_per_s].map(rate)
}

fn row(out: &mut String, style: Style, name: &str, rates: [String; 2], judged: &PairRatio) {
    let width = style.width - NUMBERS;
    let (name, ink) = marked(name, judged.found);
    if name.chars().count() < width {
        *out += &left(style, ink, &name, width);
    } else {
        let _ = writeln!(out, "{}", paint(style, ink, &name));
        *out += &" ".repeat(width);
    }
    let [base, new] = rates;
    let ratio = judged.ratio.map_or("-".to_owned(), |ratio| times(ratio.median));
    let half = judged.ratio.and_then(|ratio| ratio.spread()).map_or("-".to_owned(), spread);
    *out += &format!("{base:>9}{new:>9}{ratio:>8}{half:>8} ");
    let (ink, verdict) = verdict(judged);
    let _ = writeln!(out, "{}", paint(style, ink, verdict));
}

/// Appends a cell without a ratio, and why.
fn not_compared(out: &mut String, style: Style, name: &str, pair: &Pair, reason: &str) {
    let (name, ink) = marked(name, pair.judged.found);
    let _ = writeln!(out, "{}", paint(style, ink, &name));
    wrap(out, style, "    ", &said(pair, reason));
}

/// Returns a name with the mark of a cell that is slower than was allowed, if it is.
fn marked(name: &str, found: bool) -> (String, Ink) {
    if found { (format!("! {name}"), Ink::Bad) } else { (format!("  {name}"), Ink::Plain) }
}

/// Returns why a pair has no ratio.
fn said(pair: &Pair, reason: &str) -> String {
    let failed = [&pair.base, &pair.new].iter().any(|half| half.status == Status::Failed);
    let verb = if failed { "FAILED" } else { "not compared" };
    format!("{verb}: {}", reason.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Returns what makes numbers doubtful, and what is missing.
fn doubts(compared: &Comparison) -> Vec<String> {
    let mut said = Vec::new();
    let mut of_runs: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for warning in &compared.warnings {
        let about = of_runs.entry((&warning.code, &warning.text)).or_default();
        about.insert(&warning.path);
    }
    for ((code, text), paths) in of_runs {
        let paths: Vec<String> = paths.into_iter().map(str::to_owned).collect();
        said.push(format!("{code}, {}: {text}", listed(&paths)));
    }
    let mut of_cells: BTreeMap<&CellWarning, BTreeSet<&str>> = BTreeMap::new();
    for half in compared.cells.iter().flat_map(|pair| [&pair.base, &pair.new]) {
        for warning in &half.warnings {
            of_cells.entry(warning).or_default().insert(&half.id);
        }
    }
    for (warning, cells) in of_cells {
        let cells: Vec<&str> = cells.into_iter().collect();
        let first = cells[0];
        let more = match cells.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        said.push(format!("{}, {first}{more}: {}", warning.code, warning.text));
    }
    let unsure = |judged: &&PairRatio| judged.ratio.is_some() && !judged.is_sure();
    let unsure = compared.cells.iter().flat_map(Pair::ratios).filter(unsure).count();
    if unsure > 0 {
        said.push(format!(
            "too few repeats for a verdict: {}; give each side {MIN_REPEATS} --repeats or more",
            plural(unsure, "ratio")
        ));
    }
    let skipped = compared.cells.iter().filter(|pair| is_skipped(pair)).count();
    if skipped > 0 {
        said.push(format!("neither side could run {}", plural(skipped, "cell")));
    }
    let mut alone: BTreeMap<&str, usize> = BTreeMap::new();
    compared.unpaired.iter().for_each(|one| *alone.entry(&one.side).or_default() += 1);
    for (side, count) in alone {
        said.push(format!("only in {side}: {}", plural(count, "cell")));
    }
    said
}
