//! A comparison as text for a terminal or a mail, and as Markdown: origin of the sides, cells by
//! the size of their difference, and doubts.

mod pairs;
mod sentences;
mod sides;

use std::fmt::Write;

pub use sentences::found;

use self::pairs::{ShortNames, name, pairs, shown};
use self::sentences::{axis, doubts, sentences};
use self::sides::{command, files, launched, launches, sides};
use crate::layout::{Ink, Style, paint, wrap};
use crate::{markdown, render};
use document::compare::{Comparison, Pair};

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
    let names = ShortNames::of(shown(compared));
    if let Some(pattern) = &names.pattern {
        wrap(&mut out, style, "", &format!("Cells: {pattern}"));
    }
    out.push('\n');
    let name = |pair: &Pair, op: Option<&str>| match op {
        None => name(compared, pair, &names.short(&pair.cell)),
        Some(op) => format!("  {op}"),
    };
    render::block(&mut out, style, &pairs(compared, style.width, name));
    let doubts = doubts(compared);
    if !doubts.is_empty() {
        out.push('\n');
    }
    doubts.iter().for_each(|doubt| wrap(&mut out, style, "- ", doubt));
    out
}

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
    sentences(compared).iter().for_each(|sentence| out += &format!("- {sentence}\n"));
    let name = |pair: &Pair, op: Option<&str>| {
        let name = name(compared, pair, &pair.cell);
        op.map_or(name.clone(), |op| format!("{name} {op}"))
    };
    out.push('\n');
    markdown::block(&mut out, "cell", &pairs(compared, crate::layout::COLUMNS, name));
    out.push('\n');
    doubts(compared).iter().for_each(|doubt| out += &format!("- {doubt}\n"));
    out
}
