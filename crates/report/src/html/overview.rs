//! The top of the page, which needs no script: origin, headlines, a map of strategies by
//! workloads for each world, and warnings.

use std::fmt::Write;

use document::run::{Cell, Run, World, distinct};
use stats::{JudgedRatio, Verdict};

use super::data::{Page, WarningPart};
use super::families::{self, StrategyPart};
use super::headline::headline;
use crate::about::{card, estimated, machine, program, settings};
use crate::blocks::time_sentences;
use crate::outcome::CellOutcome;
use crate::ratios::Ratios;
use crate::screen::matrix::{share, short};
use crate::screen::noise;
use crate::screen::panel::{Panel, WorkloadColumn, panels};
use crate::words::plural;

/// Most workloads side by side.
const COLUMNS: usize = 40;
/// Ratio whose colour is the strongest, up or down.
const STRONGEST: f64 = 8.0;
/// Share of that colour in the background of a number, so that it stays readable.
const TINT: f64 = 0.6;

/// Returns text as HTML.
pub(super) fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => html += "&amp;",
            '<' => html += "&lt;",
            '>' => html += "&gt;",
            '"' => html += "&quot;",
            '\'' => html += "&#39;",
            letter => html.push(letter),
        }
    }
    html
}

/// Returns the top of the page of these runs.
pub(super) fn overview(runs: &[Run], page: &Page) -> String {
    let mut html = "<header id=\"top\">\n".to_owned();
    for run in runs {
        let (program, host) = (program(&run.provenance), machine(&run.provenance.host));
        let _ = writeln!(html, "<p>faultstorm {}, {}</p>", escaped(&program), escaped(&host));
        models(&mut html, run);
    }
    html += "</header>\n<section id=\"overview\" aria-label=\"Answer\">\n";
    let mut rank = "h1";
    let mut worlds = 0;
    let mut legend = Vec::new();
    html += "<div class=\"worlds\">\n";
    for (number, run) in runs.iter().enumerate() {
        let ratios = Ratios::of(run);
        let title = if runs.len() > 1 { format!("Run {}: ", number + 1) } else { String::new() };
        for panel in panels(run, &ratios) {
            let found = headline(run, &panel, &ratios);
            let title = escaped(&(title.clone() + &found.title));
            let _ = writeln!(html, "<div><{rank} id=\"world-{worlds}\">{title}</{rank}>");
            rank = "h2";
            let has_noise = panel.first().key.world != World::Model && !panel.bases().is_empty();
            let trust = noise(run).filter(|_| has_noise);
            let time = match panel.columns.as_slice() {
                [column] => time_sentences(column.cells(), &column.table.event),
                _ => Vec::new(),
            };
            let trust = trust.map(|(_, text)| text);
            let proof = found.proof.into_iter().chain(time).chain(trust);
            let proof = proof.collect::<Vec<_>>().join(" ");
            let _ = writeln!(html, "<p>{}</p>", escaped(&proof));
            let map = Map { run, ratios: &ratios, panel: &panel, number: worlds };
            map.write(&mut html);
            html += "</div>\n";
            worlds += 1;
            legend.extend(map.legend());
        }
    }
    html += "</div>\n";
    if rank == "h1" {
        html += "<h1>No result</h1>\n";
    }
    let legend = escaped(&distinct(legend).join(" "));
    let _ = writeln!(html, "<p class=\"about\">{legend}</p>\n</section>");
    warnings(&mut html, &page.doubts);
    html
}

/// Writes the model's machines: how much of each is estimated, and how far off it was.
fn models(html: &mut String, run: &Run) {
    let keys = run.cells.iter().map(|cell| &cell.key);
    let mut seen = Vec::new();
    for key in keys.filter(|key| key.machine_digest.is_some()) {
        let Some((machine, estimated)) = estimated(run, key) else { continue };
        if seen.contains(&&key.machine_digest) {
            continue;
        }
        seen.push(&key.machine_digest);
        let summary = machine["summary"].as_str().unwrap_or_default();
        let card = card(run, key).unwrap_or("Not compared with published figures.");
        let _ = writeln!(
            html,
            "<p><strong>Model {}</strong>: {}; {:.0} % of its numbers are estimates. {}</p>",
            escaped(&key.machine),
            escaped(summary),
            estimated * 100.0,
            escaped(card),
        );
    }
}

/// Writes the warnings, folded.
fn warnings(html: &mut String, doubts: &[WarningPart]) {
    *html += "<section id=\"warnings\" aria-label=\"Warnings\">\n";
    if doubts.is_empty() {
        *html += "<p>No warnings.</p>\n";
    } else {
        let codes = distinct(doubts.iter().map(|doubt| doubt.code.as_str())).join(", ");
        let count = plural(doubts.len(), "warning");
        let _ = writeln!(html, "<details><summary>{count}: {}</summary><ul>", escaped(&codes));
        for WarningPart { code, text } in doubts {
            let (code, text) = (escaped(code), escaped(text));
            let _ = writeln!(html, "<li><strong>{code}</strong>: {text}</li>");
        }
        *html += "</ul></details>\n";
    }
    *html += "</section>\n";
}

/// The map of one world.
struct Map<'a> {
    run: &'a Run,
    ratios: &'a Ratios,
    panel: &'a Panel<'a>,
    /// Number of its world on the page, which names the headline above it.
    number: usize,
}

impl Map<'_> {
    fn write(&self, html: &mut String) {
        let shown = &self.panel.columns[..self.panel.columns.len().min(COLUMNS)];
        let bases = self.panel.bases();
        let what = match bases.as_slice() {
            [] => "Events per second".to_owned(),
            bases => format!("Rate over that of {}", bases.join(", else of ")),
        };
        let caption = escaped(&format!("{what}; strategies by workloads"));
        let _ = write!(
            html,
            "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-labelledby=\"world-{}\">\
             <table class=\"map\"><caption>{caption}</caption>\n<thead><tr><td></td>",
            self.number,
        );
        let differ = shown.iter().any(|column| column.threads != shown[0].threads);
        for column in shown {
            let _ = write!(html, "<th scope=\"col\">{}</th>", head(column, differ));
        }
        let ranked = self.panel.ranked(self.ratios);
        let blamed = |name: &String| self.panel.blamed(name, self.ratios).map(|it| it.value());
        let blames = !bases.is_empty() && ranked.iter().any(|name| blamed(name).is_some());
        if blames {
            *html += "<th scope=\"col\" class=\"blamed\">loses to, each</th>";
        }
        *html += "</tr></thead>\n<tbody>\n";
        for name in ranked {
            let _ = write!(html, "<tr>{}", self.name(&name));
            shown.iter().for_each(|column| *html += &self.cell(column, &name));
            if blames {
                let blamed = blamed(&name).map_or(String::new(), |it| it.text + &it.end);
                let _ = write!(html, "<td class=\"blamed\">{}</td>", escaped(&blamed));
            }
            *html += "</tr>\n";
        }
        for base in bases {
            let _ = write!(html, "<tr class=\"base\"><th scope=\"row\">{}, /s</th>", escaped(base));
            for column in shown {
                let cell = column.cell(base).filter(|cell| column.is_base(cell));
                let rate = cell.and_then(|cell| cell.rate(&column.table.event));
                let rate = rate.map_or("-".to_owned(), |rate| short(rate.median));
                let _ = write!(html, "<td>{rate}</td>");
            }
            *html += if blames { "<td class=\"blamed\"></td>" } else { "" };
            *html += "</tr>\n";
        }
        *html += "</tbody></table></div>\n";
        let more = self.panel.columns.len() - shown.len();
        if more > 0 {
            let _ = writeln!(html, "<p>{}: choose below.</p>", plural(more, "more workload"));
        }
    }

    /// Returns the heading of a strategy: its family's colour, its kernel, and its place in Linux.
    fn name(&self, name: &str) -> String {
        let own = self.run.provenance.host.kernel_locks.as_ref();
        let own = own.and_then(|locks| locks.strategy.as_deref());
        let StrategyPart { family, linux, is_of_this_kernel, .. } = families::strategy(name, own);
        let mark = if is_of_this_kernel { "&#9656; " } else { "" };
        let shown = match linux {
            Some(releases) => format!("<b title=\"{releases}\">{}</b>", escaped(name)),
            None => escaped(name),
        };
        let kernel = self.panel.other_kernel(name).filter(|kernel| !name.ends_with(kernel));
        let kernel = kernel.map(|kernel| format!(" <small>{}</small>", escaped(kernel)));
        let dot = format!("<i class=\"dot\" style=\"background:var(--family-{family})\"></i>");
        format!("<th scope=\"row\">{dot}{mark}{shown}{}</th>", kernel.unwrap_or_default())
    }

    fn cell(&self, column: &WorkloadColumn<'_>, strategy: &str) -> String {
        let Some(cell) = column.cell(strategy) else { return "<td>-</td>".to_owned() };
        if let Some(found) = column.ratio(cell, self.ratios) {
            return ratio(found, cell.key.world == World::Model);
        }
        if column.is_base(cell) {
            return "<td>1</td>".to_owned();
        }
        self.without_ratio(column, cell)
    }

    fn without_ratio(&self, column: &WorkloadColumn<'_>, cell: &Cell) -> String {
        match CellOutcome::of(cell, &column.table.event) {
            CellOutcome::Rate(found) if column.base.is_none() => {
                format!("<td>{}</td>", short(found.median))
            }
            CellOutcome::Rate(found) => {
                format!("<td>{}/s <small>no ratio</small></td>", short(found.median))
            }
            outcome => format!("<td><small>{}</small></td>", outcome.word()),
        }
    }

    /// Returns the meaning of colours and marks.
    fn legend(&self) -> Vec<&'static str> {
        let mut said = Vec::new();
        if !self.panel.bases().is_empty() {
            said.push(
                "Blue is faster than the base, orange slower, the stronger the farther; * is \
                 sure. Without colour: not told apart from the base.",
            );
        }
        said.push("A workload's name chooses it for the charts below.");
        let names = self.panel.ranked(self.ratios);
        if names.iter().any(|name| families::strategy(name, None).linux.is_some()) {
            said.push("Bold has been in Linux.");
        }
        if self
            .run
            .provenance
            .host
            .kernel_locks
            .as_ref()
            .is_some_and(|locks| locks.strategy.as_ref().is_some_and(|own| names.contains(own)))
        {
            said.push("\u{25b8} is the lock of the kernel that this ran on.");
        }
        said
    }
}

/// Returns the heading of a workload: a link that selects it.
fn head(column: &WorkloadColumn<'_>, with_threads: bool) -> String {
    let key = column.table.key();
    let mut small: Vec<String> = settings(key).collect();
    let varied = small.join(", ");
    let mut link = format!("#workload={}", in_link(&key.workload));
    if !varied.is_empty() {
        let _ = write!(link, "&amp;varied={}", in_link(&varied));
    }
    let mut text = format!("<a href=\"{link}\">{}</a>", broken(&key.workload));
    if with_threads {
        small.push(plural(column.threads as usize, "thread"));
    }
    small.extend(
        (column.table.event.name() != "faults").then(|| column.table.event.name().to_owned()),
    );
    if !small.is_empty() {
        let _ = write!(text, " <small>{}</small>", escaped(&small.join(" ")));
    }
    text
}

/// Returns a name that may be broken after hyphens.
fn broken(name: &str) -> String {
    escaped(name).replace('-', "-<wbr>")
}

/// Returns text as a part of a link.
fn in_link(text: &str) -> String {
    let mut link = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                link.push(byte.into());
            }
            byte => {
                let _ = write!(link, "%{byte:02X}");
            }
        }
    }
    link
}

/// Returns a ratio: its value, its verdict, and a colour if the ratio is known.
fn ratio(found: &JudgedRatio, is_model: bool) -> String {
    let median = found.ratio.median;
    let value = share(median);
    let strength = (median.ln().abs() / STRONGEST.ln()).min(1.0) * TINT * 100.0;
    let side = if median < 1.0 { "slower" } else { "faster" };
    let tinted = |class: &str, text: &str| {
        format!("<td class=\"{class} {side}\" style=\"--tint:{strength:.0}%\">{text}</td>")
    };
    match found.verdict {
        Some(Verdict::CannotTell) => {
            format!("<td class=\"doubtful\">{value} <small>cannot tell</small></td>")
        }
        Some(Verdict::NoDifferenceSeen) => format!("<td>{value} <small>not sure</small></td>"),
        Some(_) => tinted("sure", &format!("{value}*")),
        None if is_model => tinted("exact", &value),
        None => format!("<td>{value} <small>few repeats</small></td>"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stats::Interval;

    #[test]
    fn text_ends_no_element_and_no_attribute() {
        assert_eq!(
            escaped("</p><b a='1' c=\"2\">&"),
            "&lt;/p&gt;&lt;b a=&#39;1&#39; c=&quot;2&quot;&gt;&amp;"
        );
        assert_eq!(in_link("a b&c=\u{e4}"), "a%20b%26c%3D%C3%A4");
    }

    #[test]
    fn only_a_ratio_that_is_known_has_a_colour() {
        let cell = |median, verdict: Option<Verdict>| {
            let ratio = Interval { median, low: None, high: None };
            super::ratio(&JudgedRatio { ratio, verdict }, verdict.is_none())
        };
        assert!(
            cell(0.5, Some(Verdict::Slower)).contains("sure slower\" style=\"--tint:20%\">0.50*")
        );
        assert!(cell(16.0, None).contains("exact faster\" style=\"--tint:60%\">16"));
        assert!(cell(0.5, Some(Verdict::NoDifferenceSeen)).contains("0.50 <small>not sure"));
        assert!(!cell(0.5, Some(Verdict::CannotTell)).contains("tint"));
    }
}
