//! A comparison as Markdown.

use std::fmt::Write;

use super::{
    axis, command, doubts, files, launched, launches, name, rates, rates_of_op, said, sentences,
    shown, sides, verdict,
};
use crate::numbers::times;
use document::compare::{Comparison, PairRatio};

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
        let name = name(compared, pair, &pair.cell);
        let reason = pair.reason.as_ref().map(|reason| said(pair, reason).replace('|', "\\|"));
        row(&mut out, &name, rates(pair), &pair.judged, reason);
        for (op, found) in &pair.ops {
            row(&mut out, &format!("{name} {op}"), rates_of_op(found), &found.judged, None);
        }
    }
    out.push('\n');
    doubts(compared).iter().for_each(|doubt| {
        let _ = writeln!(out, "- {doubt}");
    });
    out
}

/// Appends a row; `reason`: why there is no ratio.
fn row(
    out: &mut String,
    name: &str,
    [base, new]: [String; 2],
    judged: &PairRatio,
    reason: Option<String>,
) {
    let mark = if judged.found { " **!**" } else { "" };
    let interval = judged.ratio.and_then(|ratio| ratio.low.zip(ratio.high));
    let interval = interval.map(|(low, high)| format!("{} to {}", times(low), times(high)));
    let interval = interval.unwrap_or_else(|| "-".to_owned());
    let ratio = judged.ratio.map_or("-".to_owned(), |ratio| times(ratio.median));
    let verdict = reason.unwrap_or_else(|| verdict(judged).1.to_owned());
    let _ = writeln!(out, "| {name}{mark} | {base} | {new} | {ratio} | {interval} | {verdict} |");
}
