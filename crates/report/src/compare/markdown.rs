//! A comparison as Markdown.

use std::fmt::Write;

use super::{
    axis, command, doubts, files, launched, launches, name, of, said, sentences, shown, sides,
    verdict,
};
use crate::text::times;
use document::compare::{Comparison, Pair};
use document::run::Interval;

/// Returns the comparison as Markdown.
pub fn comparison_markdown(compared: &Comparison) -> String {
    let mut out = format!("### faultstorm compare, {}\n\n", axis(compared));
    for (role, side) in sides(compared) {
        let _ = writeln!(out, "- {role}: **{}**, {}", side.name, files(side));
    }
    for launch in launches(compared) {
        let _ = writeln!(out, "- {}: `{}`", launched(launch), command(launch));
    }
    let _ = writeln!(out, "- digest `{}`", compared.digest);
    sentences(compared).iter().for_each(|sentence| {
        let _ = writeln!(out, "- {sentence}");
    });
    out += "\n| cell | base | new | ratio | 95 % | verdict |\n|---|---:|---:|---:|---|---|\n";
    for pair in shown(compared) {
        let _ = writeln!(out, "{}", markdown_row(compared, pair));
    }
    out.push('\n');
    doubts(compared).iter().for_each(|doubt| {
        let _ = writeln!(out, "- {doubt}");
    });
    out
}

fn markdown_row(compared: &Comparison, pair: &Pair) -> String {
    let name = name(compared, pair, &pair.cell);
    let mark = if pair.found { " **!**" } else { "" };
    let interval = match pair.ratio {
        Some(Interval { low: Some(low), high: Some(high), .. }) => {
            format!("{} to {}", times(low), times(high))
        }
        _ => "-".to_owned(),
    };
    let ratio = pair.ratio.map_or("-".to_owned(), |ratio| times(ratio.median));
    let reason = pair.reason.as_ref().map(|reason| said(pair, reason).replace('|', "\\|"));
    let verdict = reason.unwrap_or_else(|| verdict(pair).1.to_owned());
    let (base, new) = (of(&pair.base), of(&pair.new));
    format!("| {name}{mark} | {base} | {new} | {ratio} | {interval} | {verdict} |")
}
