//! The lines of one matrix of the screen: strategies by workloads.

use document::run::{Body, RatedEvent, Run, World};
use stats::Verdict;

use super::ascii::ascii;
use super::one_kernel;
use super::panel::{Panel, WorkloadColumn};
use crate::about::{card, estimated, setting};
use crate::block::{self, Align, Block, BlockRow, Value};
use crate::blocks::time_sentences;
use crate::layout::{COLUMNS, Ink, Style, cut, paint, wrap};
use crate::notes::notes;
use crate::numbers::rate;
use crate::outcome::{CellOutcome, verdict_ink};
use crate::ratios::Ratios;
use crate::render::{self, headings};
use crate::table::body_name;
use crate::words::plural;

/// Most workloads side by side.
const WORKLOADS: usize = 6;
/// Most lines of a workload's name, and of what is varied of it.
const HEADS: usize = 3;
const SETTINGS: usize = 4;
/// Columns of a mark, and the bounds of those of a name and of a workload.
const MARK: usize = 2;
const NAME: std::ops::RangeInclusive<usize> = 14..=27;
const WORKLOAD: std::ops::RangeInclusive<usize> = 7..=11;
/// Columns that are reserved for the line to blame.
const BLAMED: usize = 20;

/// A matrix as lines, of which rows can be left out.
pub(super) struct MatrixLines {
    pub before: Vec<String>,
    pub rows: Vec<String>,
    pub after: Vec<String>,
}

impl MatrixLines {
    /// Returns the number of its lines with at most `rows` rows.
    pub fn lines(&self, rows: usize) -> usize {
        self.before.len() + self.rows.len().min(rows) + self.after.len()
    }

    /// Returns its lines with at most `rows` rows; the last row counts those that are left out.
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

/// The source of the lines of a panel.
pub(super) struct Sheet<'a> {
    pub run: &'a Run,
    pub ratios: &'a Ratios,
    pub style: Style,
}

impl Sheet<'_> {
    /// Lays out a panel; `above` is the panel before it, whose headings may serve for both.
    pub fn matrix(&self, panel: &Panel<'_>, above: Option<&Panel<'_>>) -> MatrixLines {
        let strategies = panel.ranked(self.ratios);
        let shown = &panel.columns[..panel.columns.len().min(WORKLOADS)];
        let block = self.block(panel, shown, &strategies);
        let same = above.is_some_and(|above| above.has_heads_of(panel));
        let mut before = self.title(panel, same);
        before.extend(self.where_time_went(panel));
        if !same {
            before.extend(headings(self.style, &block));
        }
        let rows = match block.rows.as_slice() {
            [] => self.why_nothing_ran(panel),
            rows => rows.iter().map(|row| render::row(self.style, &block, row)).collect(),
        };
        let bases = panel.bases();
        let bases =
            bases.iter().map(|base| render::row(self.style, &block, &base_row(shown, base)));
        let mut after: Vec<String> = bases.collect();
        let more = panel.columns.len() - shown.len();
        if more > 0 {
            after.push(format!("  and {}: see the tables", plural(more, "more column")));
        }
        after.extend(card(self.run, &panel.first().key).map(|line| format!("  {line}")));
        after.extend(self.legend(panel, &strategies));
        MatrixLines { before, rows, after }
    }

    /// Returns strategies by workloads, with the line to blame.
    fn block(
        &self,
        panel: &Panel<'_>,
        shown: &[WorkloadColumn<'_>],
        strategies: &[String],
    ) -> Block {
        let names = strategies.iter().map(|strategy| in_kernel(panel, strategy));
        let longest = names.map(|name| name.len()).max().unwrap_or(0);
        let name_width = MARK + (longest + 1).clamp(*NAME.start(), *NAME.end());
        let each = (COLUMNS - name_width - BLAMED) / shown.len();
        let width = each.clamp(*WORKLOAD.start(), *WORKLOAD.end());
        let rest = COLUMNS - name_width - shown.len() * width - 1;
        let mut block = Block::titled("", name_width);
        block.columns = columns(shown, width, rest);
        let row = |strategy: &String| {
            let values = shown.iter().map(|column| self.value(column, strategy));
            let blamed = panel.blamed(strategy, self.ratios).map(|blamed| blamed.value());
            let mut row = BlockRow::of(
                "",
                ascii(&in_kernel(panel, strategy)),
                values.chain(blamed).collect(),
            );
            if Some(strategy.as_str()) == self.of_kernel() {
                row.mark = "> ";
            }
            row
        };
        block.rows = strategies.iter().map(row).collect();
        block
    }

    /// Returns why nothing ran: the reasons of the first workload.
    fn why_nothing_ran(&self, panel: &Panel<'_>) -> Vec<String> {
        let mut text = String::new();
        let reasons = notes(&panel.columns[0].table).into_iter().take(1);
        reasons.for_each(|(_, reason)| wrap(&mut text, self.style, "  ", &ascii(&reason)));
        text.lines().map(|line| cut(line, COLUMNS)).collect()
    }

    /// Returns the title: threads, machine, body, and the meaning of the numbers.
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
            [] if panel.columns.iter().any(|column| column.table.event != RatedEvent::Faults) => {
                ": events a second"
            }
            [] => ": faults a second",
            _ if same => "",
            ["unlocked"] => ": share of the rate without any lock",
            ["mmap-lock"] => ": rate over that of mmap-lock",
            _ => ": share of the rate without any lock, or of mmap-lock's if none may run so",
        };
        let kernel = first.key.one_kernel();
        let same_kernel = |column: &WorkloadColumn<'_>| column.table.key().one_kernel() == kernel;
        let kernel = kernel.filter(|_| panel.columns.iter().all(same_kernel));
        let kernel = kernel.map(|kernel| format!(", all in Linux {}", ascii(kernel)));
        let body = body_name(panel.columns[0].body).to_owned() + &kernel.unwrap_or_default();
        let mut text = String::new();
        let plain = Style { color: false, ..self.style };
        wrap(&mut text, plain, "", &format!("{place}, {body}{what}"));
        text.lines().map(|line| paint(self.style, Ink::Bold, line)).collect()
    }

    /// Returns where the time went in a panel of one workload.
    fn where_time_went(&self, panel: &Panel<'_>) -> Vec<String> {
        let [column] = panel.columns.as_slice() else { return Vec::new() };
        let mut text = String::new();
        for sentence in time_sentences(column.cells(), &column.table.event) {
            wrap(&mut text, self.style, "  ", &ascii(&sentence));
        }
        text.lines().map(|line| cut(line, COLUMNS)).collect()
    }

    /// Returns the strategy that takes the running kernel's lock.
    fn of_kernel(&self) -> Option<&str> {
        self.run.provenance.host.kernel_locks.as_ref()?.strategy.as_deref()
    }

    /// Returns one number, with its star or a space.
    fn value(&self, column: &WorkloadColumn<'_>, strategy: &str) -> Value {
        let Some(cell) = column.cell(strategy) else { return Value::dash().ending(" ") };
        if let Some(found) = column.ratio(cell, self.ratios) {
            let value = Value::new(verdict_ink(found.verdict), share(found.ratio.median));
            return value.ending(match found.verdict {
                Some(Verdict::CannotTell) => "?",
                Some(verdict) if verdict.is_sure() => "*",
                _ => " ",
            });
        }
        if column.is_base(cell) {
            return Value::new(Ink::Faint, "1").ending(" ");
        }
        let value = match CellOutcome::of(cell, &column.table.event) {
            // Beside ratios a rate would pass for one.
            CellOutcome::Rate(found) if column.base.is_none() => Value::plain(short(found.median)),
            failed @ CellOutcome::Failed => failed.value(),
            _ => Value::dash(),
        };
        value.ending(" ")
    }

    /// Returns the meaning of the marks, and the number of verdicts.
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
        if sure.untold > 0 {
            said.push("? cannot tell: the order hangs on an estimate of the machine".to_owned());
        }
        if self.of_kernel().is_some_and(|own| strategies.iter().any(|name| name == own)) {
            said.push("> this kernel's lock".to_owned());
        }
        let apart = strategies.iter().any(|name| panel.other_kernel(name).is_some());
        if let Some(kernel) = panel.base_kernel().filter(|_| apart) {
            let base = panel.bases()[0];
            said.push(format!("a release: its own kernel; {base} is in {}", ascii(kernel)));
        }
        said.extend(one_kernel::sentence(self.run, panel));
        let mut text = String::new();
        if !said.is_empty() {
            wrap(&mut text, self.style, "  ", &said.join(";  "));
        }
        text.lines().map(str::to_owned).collect()
    }
}

/// Returns a strategy's name, with its kernel if that is not the base's.
fn in_kernel(panel: &Panel<'_>, strategy: &str) -> String {
    let kernel = panel.other_kernel(strategy).filter(|kernel| !strategy.ends_with(kernel));
    strategy.to_owned() + &kernel.map(|kernel| format!(" {kernel}")).unwrap_or_default()
}

/// Returns the rates of a base.
fn base_row(shown: &[WorkloadColumn<'_>], base: &str) -> BlockRow {
    let rate = |column: &WorkloadColumn<'_>| {
        let cell = column.cell(base).filter(|cell| column.is_base(cell));
        let rate = cell.and_then(|cell| cell.rate(&column.table.event));
        let rate = rate.map_or("-".to_owned(), |rate| short(rate.median));
        Value::new(Ink::Faint, rate).ending(" ")
    };
    let mut row = BlockRow::of("", "", shown.iter().map(rate).collect());
    row.name = Value::new(Ink::Faint, format!("{base}, /s"));
    row
}

/// Returns the columns of workloads, and of the line to blame, which has `rest` columns of text.
fn columns(shown: &[WorkloadColumn<'_>], width: usize, rest: usize) -> Vec<block::Column> {
    let kernel = |column: &WorkloadColumn<'_>| column.table.key().one_kernel().map(str::to_owned);
    let differ = shown.iter().any(|column| kernel(column) != kernel(&shown[0]));
    let heads: Vec<Vec<String>> =
        shown.iter().map(|column| head(column, width - 1, differ)).collect();
    let levels = heads.iter().map(Vec::len).max().unwrap_or(0).max(1);
    // The last lines of all headings stand side by side.
    let lowered = |head: Vec<String>| {
        let above = vec![String::new(); levels - head.len()];
        above.into_iter().chain(head.into_iter().map(|line| line + " ")).collect()
    };
    let workload = |head| block::Column::new(Align::Right, width, "", lowered(head));
    let of_faults = shown.iter().all(|column| column.table.event == RatedEvent::Faults);
    let each = if of_faults { "fault" } else { "op" };
    let is_compared = shown.iter().any(|column| column.base.is_some());
    let blamed = if is_compared { format!("loses to, per {each}") } else { String::new() };
    let blamed = lowered(vec![cut(&blamed, rest)]);
    let blamed = block::Column::new(Align::Left, rest, "", blamed).after(1);
    heads.into_iter().map(workload).chain([blamed]).collect()
}

/// Returns the name of a workload in lines of at most `width` columns, broken after hyphens, then
/// what is varied of it.
fn head(column: &WorkloadColumn<'_>, width: usize, kernels_differ: bool) -> Vec<String> {
    let key = column.table.key();
    let mut lines = broken(&ascii(&key.workload), width);
    if lines.len() > HEADS {
        let rest = lines.split_off(HEADS - 1).concat();
        lines.push(rest);
    }
    let varied = key.vary.iter().map(|(name, value)| ascii(&setting(name, *value)));
    let kernel = key.one_kernel().filter(|_| kernels_differ);
    let settings = varied.chain(kernel.map(|kernel| format!("kernel={}", ascii(kernel))));
    lines.extend(settings.flat_map(|setting| broken(&setting, width)).take(SETTINGS));
    lines.iter().map(|line| cut(line, width)).collect()
}

/// Breaks a name after hyphens and equals signs.
fn broken(name: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in name.split_inclusive(['-', '=']) {
        match lines.last_mut() {
            Some(line) if line.len() + part.len() <= width => *line += part,
            _ => lines.push(part.to_owned()),
        }
    }
    lines
}

/// Returns a ratio with two digits or three: `0.56`, `0.008`, `12.3`.
pub(crate) fn share(ratio: f64) -> String {
    match ratio {
        ratio if ratio < 0.0095 => format!("{ratio:.3}"),
        ratio if ratio < 9.995 => format!("{ratio:.2}"),
        ratio if ratio < 9999.5 => format!("{ratio:.0}"),
        _ => ">9999".to_owned(),
    }
}

/// Returns a rate in few columns: `7.92M`.
pub(crate) fn short(per_s: f64) -> String {
    rate(per_s).replace(" ", "").replace("/s", "")
}
