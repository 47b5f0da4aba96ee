//! Measures how often runs find a difference between equal code, and how often they miss a tenth:
//! uses the A/A twins of many runs, as they are and as if one copy were 10 % faster.
//!
//! ```sh
//! cargo run --release --example verdicts -- before/ after/
//! ```
//!
//! Reads all documents in each directory. Two rules are applied: that of this program, and the rule
//! that two sets of five repeats, then the only ones, do not overlap.

use std::error::Error;
use std::path::Path;

use faultstorm::run::{Cell, Run};
use faultstorm::stats::{MIN_REPEATS, Verdict, at_the_end, compare};

/// Factor by which one copy is made faster.
const DIFFERENCE: f64 = 1.1;

/// The copies of one strategy in one group, and their chance of a false verdict.
struct Pair {
    twin: Vec<f64>,
    first: Vec<f64>,
    chance: f64,
}

/// Results for the pairs of a directory.
#[derive(Default)]
struct Found {
    pairs: usize,
    told_apart: usize,
    missed: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let directories: Vec<String> = std::env::args().skip(1).collect();
    if directories.is_empty() {
        return Err("give directories of run documents".into());
    }
    println!(
        "{:<24}{:<14}{:>6}{:>8}{:>12}{:>14}",
        "", "rule", "runs", "pairs", "told apart", "10 % missed"
    );
    for directory in &directories {
        let runs = runs(Path::new(directory))?;
        let pairs: Vec<Pair> = runs.iter().flat_map(pairs).collect();
        for (name, rule) in RULES {
            let Found { pairs, told_apart, missed } = count(&pairs, rule);
            let runs = runs.len();
            println!("{directory:<24}{name:<14}{runs:>6}{pairs:>8}{told_apart:>12}{missed:>14}");
        }
    }
    Ok(())
}

/// Reads the documents in a directory, in the order of their names.
fn runs(directory: &Path) -> Result<Vec<Run>, Box<dyn Error>> {
    let entries = std::fs::read_dir(directory)?.collect::<Result<Vec<_>, _>>()?;
    let mut paths: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.retain(|path| path.to_string_lossy().contains(".json"));
    paths.sort();
    Ok(paths.iter().map(|path| Run::read(path)).collect::<Result<Vec<_>, _>>()?)
}

/// Returns the twins at the largest number of threads with enough repeats. Each gets the chance of
/// a strategy next to them, which is compared in as many ratios as the run has to one base.
fn pairs(run: &Run) -> Vec<Pair> {
    let rates = |cell: &Cell| cell.measured.as_ref().map(|found| found.rates());
    let judged = |cell: &Cell| rates(cell).is_some_and(|rates| rates.len() >= MIN_REPEATS);
    let most = run.cells.iter().filter(|cell| judged(cell)).map(|cell| cell.key.threads).max();
    let (twins, others): (Vec<&Cell>, Vec<&Cell>) =
        run.cells.iter().filter(|cell| judged(cell)).partition(|cell| cell.key.is_aa_twin);
    // In each group one is the base of the others.
    let ratios = others.len().saturating_sub(twins.len());
    let chance = at_the_end(ratios, run.provenance.looked);
    let pair = |twin: &Cell| {
        let first = others.iter().find(|cell| twin.key.is_twin_of(&cell.key))?;
        Some(Pair { twin: rates(twin)?, first: rates(first)?, chance })
    };
    twins.into_iter().filter(|twin| Some(twin.key.threads) == most).filter_map(pair).collect()
}

/// A rule that decides if two sides differ.
type Rule = fn(&[f64], &[f64], f64) -> bool;

const RULES: [(&str, Rule); 2] = [("this program", by_verdict), ("no overlap", without_overlap)];

fn by_verdict(new: &[f64], base: &[f64], chance: f64) -> bool {
    let verdict = compare(new, base, chance).and_then(|found| found.verdict);
    verdict.is_some_and(|verdict| verdict != Verdict::NoDifferenceSeen)
}

/// Gives the same as a bootstrap of medians with five repeats and more than a dozen ratios.
fn without_overlap(new: &[f64], base: &[f64], _: f64) -> bool {
    let ends = |rates: &[f64]| {
        let fold = |by: fn(f64, f64) -> f64| rates.iter().copied().reduce(by);
        fold(f64::min).zip(fold(f64::max)).expect("there are enough repeats")
    };
    let ((low, high), (from, to)) = (ends(new), ends(base));
    low > to || high < from
}

fn count(pairs: &[Pair], rule: Rule) -> Found {
    let mut found = Found { pairs: pairs.len(), ..Found::default() };
    for Pair { twin, first, chance } in pairs {
        let faster: Vec<f64> = twin.iter().map(|rate| rate * DIFFERENCE).collect();
        found.told_apart += usize::from(rule(twin, first, *chance));
        found.missed += usize::from(!rule(&faster, first, *chance));
    }
    found
}
