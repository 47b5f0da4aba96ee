//! Sentences before and after the pairs of a comparison.

use std::collections::{BTreeMap, BTreeSet};

use super::pairs::is_skipped;
use crate::numbers::percent;
use crate::words::{listed, plural};
use document::compare::{Axis, CellWarning, Comparison, Pair, PairRatio};
use stats::{LEVEL, MIN_REPEATS};

/// Returns the axis in words.
pub(super) fn axis(compared: &Comparison) -> String {
    match compared.by {
        Axis::Run => "run by run".to_owned(),
        by => format!("by {}", by.name()),
    }
}

/// Returns the number of cells that are slower than was allowed, in a sentence.
pub fn found(compared: &Comparison) -> Option<String> {
    let (share, count) =
        (compared.fail_above?, compared.found().count() + compared.missing().count());
    let cells = plural(count, "cell");
    let verb = if count == 1 { "is" } else { "are" };
    let share = percent(share);
    Some(format!(
        "{cells} {verb} slower than the base by more than {share}, or began to fail, or did not run"
    ))
}

/// Returns the sentences before the numbers.
pub(super) fn sentences(compared: &Comparison) -> Vec<String> {
    let mut sentences = Vec::new();
    for difference in &compared.differences {
        let (base, new) = (listed(&difference.base), listed(&difference.new));
        sentences.push(format!("Also differs: {}: {base} against {new}.", difference.what));
    }
    let failed = compared.failed().count();
    if failed > 0 {
        sentences.push(format!("{} FAILED.", plural(failed, "cell")));
    }
    sentences.extend(found(compared).map(|found| found + "."));
    let ratios = plural(compared.comparisons, "ratio");
    sentences.push(format!("{ratios} (new/base), largest difference first."));
    let judged = || compared.cells.iter().flat_map(Pair::ratios);
    if judged().any(|ratio| ratio.verdict.is_some()) {
        sentences.push(format!(
            "All intervals hold together at {}; +- is half an interval's width.",
            percent(LEVEL)
        ));
    }
    if judged().any(|ratio| ratio.exact) {
        sentences.push("The model has no noise: its ratios are exact for their seed.".to_owned());
    }
    sentences
}

/// Returns what makes numbers doubtful, and what is missing.
pub(super) fn doubts(compared: &Comparison) -> Vec<String> {
    let mut doubts = Vec::new();
    let mut of_runs: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for warning in &compared.warnings {
        let about = of_runs.entry((&warning.code, &warning.text)).or_default();
        about.insert(&warning.path);
    }
    for ((code, text), paths) in of_runs {
        let paths: Vec<String> = paths.into_iter().map(str::to_owned).collect();
        doubts.push(format!("{code}, {}: {text}", listed(&paths)));
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
        doubts.push(format!("{}, {first}{more}: {}", warning.code, warning.text));
    }
    let unsure = |judged: &&PairRatio| judged.ratio.is_some() && !judged.is_sure();
    let unsure = compared.cells.iter().flat_map(Pair::ratios).filter(unsure).count();
    if unsure > 0 {
        doubts.push(format!(
            "too few repeats for a verdict: {}; give each side {MIN_REPEATS} --repeats or more",
            plural(unsure, "ratio")
        ));
    }
    let skipped = compared.cells.iter().filter(|pair| is_skipped(pair)).count();
    if skipped > 0 {
        doubts.push(format!("neither side could run {}", plural(skipped, "cell")));
    }
    let mut alone: BTreeMap<&str, usize> = BTreeMap::new();
    compared.unpaired.iter().for_each(|one| *alone.entry(&one.side).or_default() += 1);
    for (side, count) in alone {
        doubts.push(format!("only in {side}: {}", plural(count, "cell")));
    }
    doubts
}
