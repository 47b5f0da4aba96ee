//! Sentences about the numbers of a run: its noise, and how to read it.

use std::fmt::Write;

use document::run::{BodyCache, Run, World};
use stats::{ERROR, LEVEL, MIN_REPEATS, Verdict};

use crate::about::place;
use crate::numbers::percent;
use crate::ratios::{BASES, Ratios, twins};
use crate::words::{listed, plural};

/// Returns the difference between A/A twins, in a sentence or two.
pub(crate) fn noise_floor(run: &Run) -> String {
    let twins = twins(run);
    let off = |ratio: f64| (ratio - 1.0).abs();
    let worst = twins.iter().max_by(|a, b| off(a.1.ratio.median).total_cmp(&off(b.1.ratio.median)));
    let Some((cell, worst)) = worst else {
        let ran_twice = |cell: &document::run::Cell| cell.key.is_aa_twin && cell.measured.is_some();
        if run.cells.iter().any(|cell| ran_twice(cell) && cell.is_oversubscribed) {
            return "Unknown: threads outnumber the CPUs in the cells that ran twice, so a \
                    difference would show the scheduler."
                .to_owned();
        }
        let is_model = |cell: &document::run::Cell| cell.key.world == World::Model;
        if !run.cells.is_empty() && run.cells.iter().all(is_model) {
            return "None: the model has no noise. What its numbers hang on is its machine."
                .to_owned();
        }
        return "Unknown: no cell ran twice, so the difference between equal code was not measured."
            .to_owned();
    };
    let at = format!("{}, {}", cell.key.workload, place(cell));
    let mut text = format!(
        "{} ran twice. Its two copies differ by at most {} ({at}). Smaller differences between \
         strategies mean nothing here.",
        cell.key.strategy_name(),
        percent(off(worst.ratio.median)),
    );
    let told = |v: Option<Verdict>| v.is_some_and(Verdict::is_sure);
    let apart = twins.iter().filter(|(_, comparison)| told(comparison.verdict)).count();
    if apart > 0 {
        let _ = write!(
            text,
            " In {apart} of {} the copies were told apart although they are the same code: do not \
             trust the verdicts of this run. Quiet the machine, or give more --repeats.",
            plural(twins.len(), "pair"),
        );
    }
    text
}

/// Returns how to read the numbers of this run.
pub(crate) fn reading(run: &Run, ratios: &Ratios) -> String {
    let bases = listed(&BASES.map(str::to_owned));
    let mut text = format!(
        "Medians over repeats with {:.0}% bootstrap intervals; +- is half an interval's width. \
         Lock alone: pages are neither cleared nor copied.",
        LEVEL * 100.0,
    );
    if ratios.len() > 0 {
        let _ = write!(
            text,
            " Ratios above 1 are faster than {bases}. A ratio has a verdict if its whole interval \
             is on one side of 1 (Student's t of logarithms, without the slowest quarter of the \
             repeats). If all strategies were equal, the chance that any ratio to one base had a \
             verdict would be at most {:.0}%.",
            ERROR * 100.0,
        );
    }
    if ratios.looked {
        text += " Strategies with a sure verdict were not stormed again; the error includes these \
                 early looks.";
    }
    let has_noise = run.cells.iter().any(|cell| cell.key.world != World::Model);
    if ratios.any_without_verdict() && has_noise {
        let _ = write!(text, " No verdict with fewer than {MIN_REPEATS} repeats: give more.");
    }
    if let Some(clock) = &run.provenance.clock {
        let _ = write!(
            text,
            " Latency: one fault in {}, timed by {}; its own {:.0} ns are included.",
            clock.sample_period, clock.name, clock.cost_ns,
        );
    }
    let kernel = run.cells.iter().filter(|cell| cell.key.world == World::Kernel);
    let mut kernel = kernel.filter_map(|cell| cell.measured.as_ref());
    if let Some(latency) = kernel.find_map(|found| found.latency_ns.values().next()) {
        let _ = write!(
            text,
            " In the real kernel one touch in {} is timed, the exception included.",
            latency.sample_period,
        );
    }
    if run.provenance.body_cache == Some(BodyCache::Hot) {
        text += " Page frames fit the last-level cache (body_cache: hot), so the body is cheaper \
                 here than on a machine that has run for a while.";
    }
    let _ = write!(text, " Hardware counters: {}.", run.provenance.perf);
    if let Some(events) = &run.provenance.kernel_events {
        let _ = write!(text, " Events of the real kernel: {events}.");
    }
    text
}
