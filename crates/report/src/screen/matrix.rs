//! The lines of one matrix: strategies by workloads.

use super::ascii;
use super::panel::{Column, Panel};
use crate::Style;
use crate::pairs::Ratios;
use crate::prose::{estimated, notes};
use crate::table::{COLUMNS, body, verdict_ink};
use crate::text::{self, Ink, cut, left, paint, plural, right, wrap};
use document::run::{Body, RatedEvent, Run, Status, World};
use stats::Verdict;

/// Workloads beside each other, at the most.
const WORKLOADS: usize = 6;
/// Lines of a workload's name.
const HEADS: usize = 3;
/// Columns of a mark, and the bounds of those of a name and of a workload.
const MARK: usize = 2;
const NAME: std::ops::RangeInclusive<usize> = 14..=21;
const WORKLOAD: std::ops::RangeInclusive<usize> = 7..=11;
/// Columns that are kept free for the line to blame.
const BLAMED: usize = 22;

/// Columns of a strategy's name, and of a workload.
#[derive(Clone, Copy)]
struct Widths {
    name: usize,
    workload: usize,
}

/// A matrix as lines: only rows can be left out.
pub(super) struct Matrix {
    pub before: Vec<String>,
    pub rows: Vec<String>,
    pub after: Vec<String>,
}

impl Matrix {
    /// Returns how many lines it has with at most so many rows.
    pub fn lines(&self, rows: usize) -> usize {
        self.before.len() + self.rows.len().min(rows) + self.after.len()
    }

    /// Returns its lines with at most so many rows: the last says how many are missing.
    pub fn cut(&self, rows: usize) -> Vec<String> {
        let fits = self.rows.len() <= rows;
        let shown = if fits { self.rows.len() } else { rows - 1 };
        let missing = self.rows.len() - shown;
        let note = (!fits).then(|| format!("  and {missing} more strategies: see the tables"));
        let mut lines = [&self.before, &self.rows[..shown]].concat();
        lines.extend(note);
        lines.extend_from_slice(&self.after);
        lines
    }
}

/// What the lines of a panel are made from.
pub(super) struct Sheet<'a> {
    pub run: &'a Run,
    pub ratios: &'a Ratios,
    pub style: Style,
}

impl Sheet<'_> {
    /// Lays out a panel; `above` is the one before it, whose headings may serve for both.
    pub fn matrix(&self, panel: &Panel<'_>, above: Option<&Panel<'_>>) -> Matrix {
        let strategies = panel.ranked(self.ratios);
        let shown = &panel.columns[..panel.columns.len().min(WORKLOADS)];
        let widths = Widths::of(&strategies, shown);
        let same = above.is_some_and(|above| heads_of(above) == heads_of(panel));
        let mut before = self.title(panel, same);
        if !same {
            before.extend(heads(shown, widths));
        }
        let row = |strategy: &String| {
            let values = shown.iter().map(|column| self.value(column, strategy, widths.workload));
            let line = self.name(strategy, widths.name) + &values.collect::<String>();
            let blamed = panel.blamed(strategy, self.ratios).map(|(line, excess)| {
                let excess = format!(" {excess:.2}");
                format!(" {}{excess}", cut(&ascii(line), widths.left(shown) - excess.len()))
            });
            (line + &blamed.unwrap_or_default()).trim_end().to_owned()
        };
        let rows = match strategies.as_slice() {
            [] => self.why_nothing_ran(panel),
            strategies => strategies.iter().map(row).collect(),
        };
        let mut after = self.bases(panel, shown, widths);
        let more = panel.columns.len() - shown.len();
        if more > 0 {
            after.push(format!("  and {}: see the tables", plural(more, "more workload")));
        }
        after.extend(self.legend(panel, &strategies));
        Matrix { before, rows, after }
    }

    /// Returns the reasons of the first workload.
    fn why_nothing_ran(&self, panel: &Panel<'_>) -> Vec<String> {
        let mut text = String::new();
        let reasons = notes(&panel.columns[0].group).into_iter().take(1);
        reasons.for_each(|(_, reason)| wrap(&mut text, self.style, "  ", &ascii(&reason)));
        text.lines().map(|line| cut(line, COLUMNS)).collect()
    }

    /// Returns what the numbers are.
    fn title(&self, panel: &Panel<'_>, same: bool) -> Vec<String> {
        let first = panel.first();
        let threads = |most: fn(&mut dyn Iterator<Item = u32>) -> Option<u32>| {
            most(&mut panel.columns.iter().map(|column| column.threads)).unwrap_or_default()
        };
        let (least, most) = (threads(|all| all.min()), threads(|all| all.max()));
        let threads = match least == most {
            true => plural(most as usize, "thread"),
            false => format!("{least} to {most} threads"),
        };
        let place = match first.key.world {
            World::Host => threads,
            World::Kernel => format!("{threads} of the running kernel"),
            World::Model => {
                let known = estimated(self.run, &first.key);
                let known =
                    known.map(|(_, share)| format!(" ({:.0} % of it estimated)", share * 100.0));
                let (machine, known) = (ascii(&first.key.machine), known.unwrap_or_default());
                format!("{threads} of the model {machine}{known}")
            }
        };
        let what = match panel.bases().as_slice() {
            [] if panel.columns.iter().any(|column| column.counted != RatedEvent::Faults) => {
                ": events a second"
            }
            [] => ": faults a second",
            _ if same => "",
            ["unlocked"] => ": share of the rate without any lock",
            ["mmap-lock"] => ": rate over that of mmap-lock",
            _ => ": share of the rate without any lock, or of mmap-lock's if none may run so",
        };
        let body = body(panel.columns[0].body);
        let mut text = String::new();
        let plain = Style { color: false, ..self.style };
        wrap(&mut text, plain, "", &format!("{place}, {body}{what}"));
        text.lines().map(|line| paint(self.style, Ink::Bold, line)).collect()
    }

    fn name(&self, strategy: &str, width: usize) -> String {
        let mark = if Some(strategy) == self.of_kernel() { "> " } else { "  " };
        mark.to_owned() + &left(self.style, Ink::Plain, &cut(&ascii(strategy), width - 1), width)
    }

    /// Returns the strategy that takes the running kernel's lock.
    fn of_kernel(&self) -> Option<&str> {
        self.run.provenance.host.kernel_locks.as_ref()?.strategy.as_deref()
    }

    /// Returns one number, and its star or a space.
    fn value(&self, column: &Column<'_>, strategy: &str, width: usize) -> String {
        let cell = column.cell(strategy);
        let found = cell.and_then(|cell| column.ratio(cell, self.ratios));
        let verdict = found.and_then(|found| found.verdict);
        if let Some(Verdict::Faster | Verdict::Slower) = verdict {
            let text = found.map_or(String::new(), |found| share(found.ratio.median)) + "*";
            return right(self.style, verdict_ink(verdict), &text, width);
        }
        let (ink, text) = match (cell, found) {
            (_, Some(found)) => (verdict_ink(verdict), share(found.ratio.median)),
            (None, _) => (Ink::Faint, "-".to_owned()),
            (Some(cell), None) if column.is_base(cell) => (Ink::Faint, "1".to_owned()),
            (Some(cell), None) => match (column.headline(cell), cell.status) {
                // Beside ratios a rate would pass for one.
                (Some(rate), _) if column.base.is_none() => (Ink::Plain, short(rate)),
                (_, Status::Failed) => (Ink::Bad, "FAILED".to_owned()),
                _ => (Ink::Faint, "-".to_owned()),
            },
        };
        right(self.style, ink, &text, width - 1) + " "
    }

    /// Returns the rates that all others are shares of.
    fn bases(&self, panel: &Panel<'_>, shown: &[Column<'_>], widths: Widths) -> Vec<String> {
        let line = |base: &'static str| {
            let rate = |column: &Column<'_>| {
                let cell = column.cell(base).filter(|cell| column.is_base(cell));
                let rate = cell.and_then(|cell| column.headline(cell));
                let rate = rate.map_or("-".to_owned(), short);
                right(self.style, Ink::Faint, &rate, widths.workload - 1) + " "
            };
            let name = left(self.style, Ink::Faint, &format!("  {base}, /s"), MARK + widths.name);
            let rates: String = shown.iter().map(rate).collect();
            (name + &rates).trim_end().to_owned()
        };
        panel.bases().into_iter().map(line).collect()
    }

    /// Returns what marks mean, and how many verdicts there are.
    fn legend(&self, panel: &Panel<'_>, strategies: &[String]) -> Vec<String> {
        let sure = panel.sure(panel.columns[0].body, self.ratios);
        let with_body = panel.sure(Body::Real, self.ratios);
        let mut said = Vec::new();
        if sure.judged > 0 {
            let faster = match sure.faster {
                0 => String::new(),
                faster => format!(", {faster} faster"),
            };
            said.push(format!("* sure ({} of {} slower{faster})", sure.slower, sure.judged));
        }
        if panel.columns[0].body == Body::None && with_body.judged > 0 {
            let (slower, judged) = (with_body.slower, with_body.judged);
            said.push(format!("with body {slower} of {judged} slower"));
        }
        if self.of_kernel().is_some_and(|own| strategies.iter().any(|name| name == own)) {
            said.push("> this kernel's lock".to_owned());
        }
        let mut text = String::new();
        if !said.is_empty() {
            wrap(&mut text, self.style, "  ", &said.join(";  "));
        }
        text.lines().map(str::to_owned).collect()
    }
}

impl Widths {
    fn of(strategies: &[String], shown: &[Column<'_>]) -> Widths {
        let longest = strategies.iter().map(String::len).max().unwrap_or(0);
        let name = (longest + 1).clamp(*NAME.start(), *NAME.end());
        let each = (COLUMNS - MARK - name - BLAMED) / shown.len();
        Widths { name, workload: each.clamp(*WORKLOAD.start(), *WORKLOAD.end()) }
    }

    /// Returns the columns that are left behind the numbers and a space.
    fn left(self, shown: &[Column<'_>]) -> usize {
        COLUMNS - MARK - self.name - shown.len() * self.workload - 1
    }
}

/// Returns the names of workloads, one below the other where they are long.
fn heads(shown: &[Column<'_>], widths: Widths) -> Vec<String> {
    let heads: Vec<Vec<String>> =
        shown.iter().map(|column| head(column, widths.workload - 1)).collect();
    let lines = heads.iter().map(Vec::len).max().unwrap_or(0);
    let compared = shown.iter().any(|column| column.base.is_some());
    let of_faults = shown.iter().all(|column| column.counted == RatedEvent::Faults);
    let each = if of_faults { "fault" } else { "op" };
    let line = |at: usize| {
        let word = |head: &Vec<String>| {
            let word = (at + head.len()).checked_sub(lines).map_or("", |at| &head[at]);
            format!("{word:>0$} ", widths.workload - 1)
        };
        let mut text = " ".repeat(MARK + widths.name);
        text.extend(heads.iter().map(word));
        if at + 1 == lines && compared {
            text += &format!(" {}", cut(&format!("loses to, moves/{each}"), widths.left(shown)));
        }
        text.trim_end().to_owned()
    };
    (0..lines).map(line).collect()
}

/// Returns the name of a workload in lines of at most `width` columns, broken behind hyphens.
fn head(column: &Column<'_>, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut begins = true;
    for part in ascii(&name(column)).split_inclusive(['-', ' ']) {
        match lines.last_mut() {
            Some(line) if !begins && line.len() + part.trim_end().len() <= width => *line += part,
            _ => lines.push(part.to_owned()),
        }
        begins = part.ends_with(' ');
    }
    if lines.len() > HEADS {
        let rest = lines.split_off(HEADS - 1).concat();
        lines.push(rest);
    }
    lines.iter().map(|line| cut(line.trim_end(), width)).collect()
}

/// Returns a workload's name, with what is varied of it.
fn name(column: &Column<'_>) -> String {
    let key = column.group.key();
    let varied = key.vary.iter().map(|(name, value)| format!(" {name}={value}"));
    key.workload.clone() + &varied.collect::<String>()
}

/// Returns what two matrices must share for one line of headings.
fn heads_of(panel: &Panel<'_>) -> Vec<(String, Option<&'static str>)> {
    panel.columns.iter().map(|column| (name(column), column.base)).collect()
}

/// Returns a ratio with two digits or three: `0.56`, `0.008`, `12.3`.
fn share(ratio: f64) -> String {
    match ratio {
        ratio if ratio < 0.0095 => format!("{ratio:.3}"),
        ratio if ratio < 9.995 => format!("{ratio:.2}"),
        ratio if ratio < 9999.5 => format!("{ratio:.0}"),
        _ => ">9999".to_owned(),
    }
}

/// Returns a rate in as few columns as can be: `7.92M`.
fn short(rate: f64) -> String {
    text::rate(rate).replace(" ", "").replace("/s", "")
}
