//! `faultstorm validate`: the model against published figures.

use std::fmt::Write;

use anyhow::anyhow;
use rayon::prelude::*;
use serde_json::{Value, json};

use super::console::print;
use super::error::CommandError;
use crate::cli::ValidateArgs;
use crate::exit::Exit;
use crate::storm::StormError;
use crate::validation::{Figure, Knobs, t1, t2, t3, t6};

/// Runs all targets and prints target, model, error and verdict.
///
/// # Errors
///
/// Where a storm fails or standard output cannot be written.
pub fn validate(args: &ValidateArgs) -> Result<Exit, CommandError> {
    let faults = t6(Knobs::default()).map_err(failed)?;
    let figures = [t1(), t2(), t3(), faults].concat();
    let variations = knobs().into_par_iter().map(|knobs| Ok((knobs, t6(knobs)?)));
    let variations = variations.collect::<Result<Vec<_>, StormError>>().map_err(failed)?;
    let held = figures.iter().filter(|figure| figure.holds()).count();
    let text = match args.json {
        true => format!("{:#}\n", as_json(&figures, &variations)),
        false => as_text(&figures, &variations),
    };
    print(text.as_bytes())?;
    Ok(if held == figures.len() { Exit::Done } else { Exit::Storm })
}

fn failed(error: StormError) -> CommandError {
    CommandError { exit: Exit::Storm, error: anyhow!(error) }
}

/// What T6 is tried with beside the machine's own numbers.
fn knobs() -> Vec<Knobs> {
    let reuse = (1..=4).map(|k| Knobs { reuse_k: Some(k), ..Knobs::default() });
    let hoisted = (1..=4).map(|k| Knobs { reuse_k: Some(k), hoist_loads: true, merge: true });
    let apart = Knobs { merge: false, ..Knobs::default() };
    reuse.chain(hoisted).chain([apart]).collect()
}

fn verdict(figure: &Figure) -> &'static str {
    match () {
        () if figure.fitted => "fitted",
        () if figure.holds() => "ok",
        () => "MISSED",
    }
}

fn number(value: f64) -> String {
    if value < 9.995 { format!("{value:.2}") } else { format!("{value:.1}") }
}

fn as_text(figures: &[Figure], variations: &[(Knobs, Vec<Figure>)]) -> String {
    let mut out = format!(
        "{:<4}{:<41}{:>10}{:>8}{:>7}  verdict\n",
        "", "what", "published", "model", "error"
    );
    for figure in figures {
        let error = format!("{:+.0}%", figure.error() * 100.0);
        let what = format!("{}, {}", figure.what, figure.unit);
        let (published, model) = (number(figure.published), number(figure.model));
        let _ = writeln!(
            out,
            "{:<4}{what:<41}{published:>10}{model:>8}{error:>7}  {}",
            figure.target,
            verdict(figure)
        );
    }
    out += "\nHow T6 moves: error by threads\n";
    let threads = variations.first().map_or(&[][..], |(_, figures)| figures);
    let heads: String = threads.iter().map(|figure| format!("{:>7}", figure.threads)).collect();
    let _ = writeln!(out, "{:<31}{heads}", "");
    for (knobs, figures) in variations {
        let errors = figures.iter().map(|figure| format!("{:>+6.0}%", figure.error() * 100.0));
        let missed = figures.iter().filter(|figure| !figure.holds()).count();
        let flips = if missed > 0 { format!("  misses {missed}") } else { String::new() };
        let _ = writeln!(out, "{:<31}{}{flips}", knobs.to_string(), errors.collect::<String>());
    }
    out += "\nT1 to T3 are what the machines' numbers were calibrated on too. Of T6 only the\n\
            private work of a fault was fitted, at one thread, just now. The verdict on T6\n\
            flips where a row says that it misses.\n";
    out
}

fn as_json(figures: &[Figure], variations: &[(Knobs, Vec<Figure>)]) -> Value {
    let figure = |figure: &Figure| {
        json!({
            "target": figure.target,
            "what": figure.what,
            "unit": figure.unit,
            "published": figure.published,
            "model": figure.model,
            "error": figure.error(),
            "accepted": [figure.accepts.0, figure.accepts.1],
            "verdict": verdict(figure).to_lowercase(),
        })
    };
    let variation = |(knobs, figures): &(Knobs, Vec<Figure>)| {
        let figures: Vec<Value> = figures.iter().map(figure).collect();
        json!({ "knobs": knobs.to_string(), "figures": figures })
    };
    json!({
        "figures": figures.iter().map(figure).collect::<Vec<_>>(),
        "t6_variations": variations.iter().map(variation).collect::<Vec<_>>(),
    })
}
