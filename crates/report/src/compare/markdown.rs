//! A comparison as Markdown.

use std::fmt::Write;

use super::{
    Row, axis, command, doubts, files, launched, launches, name, said, sentences, shown,
    shown_rate, sides,
};
use crate::numbers::times;
use document::compare::Comparison;
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
        let name = name(compared, pair, &pair.cell);
        let reason = pair.reason.as_ref().map(|reason| said(pair, reason));
        let _ = writeln!(out, "{}", markdown_row(&name, &Row::of(pair), reason));
        for (op, found) in &pair.ops {
            let _ = writeln!(
                out,
                "{}",
                markdown_row(&format!("{name} {op}"), &Row::of_op(found), None)
            );
        }
    }
    out.push('\n');
    doubts(compared).iter().for_each(|doubt| {
        let _ = writeln!(out, "- {doubt}");
    });
    out
}

/// Returns a row; `reason`: why there is no ratio.
fn markdown_row(name: &str, row: &Row<'_>, reason: Option<String>) -> String {
    let mark = if row.found { " **!**" } else { "" };
    let interval = match row.ratio {
        Some(Interval { low: Some(low), high: Some(high), .. }) => {
            format!("{} to {}", times(low), times(high))
        }
        _ => "-".to_owned(),
    };
    let ratio = row.ratio.map_or("-".to_owned(), |ratio| times(ratio.median));
    let reason = reason.map(|reason| reason.replace('|', "\\|"));
    let verdict = reason.unwrap_or_else(|| row.verdict().1.to_owned());
    let (base, new) = (shown_rate(row.base), shown_rate(row.new));
    format!("| {name}{mark} | {base} | {new} | {ratio} | {interval} | {verdict} |")
}
