//! Tidy CSV: one row for each cell and repeat, columns named as the keys of the document.

use document::run::{Cell, LineCount, Measured, RatedEvent, Repeat, Run};

use crate::percentiles::percentiles;

type Column = (&'static str, fn(&Cell, Option<&Repeat>) -> String);

/// Columns in order: first the key of the cell, then the repeat, then numbers of the whole cell
/// under their path in the document.
const COLUMNS: &[Column] = &[
    ("id", |cell, _| cell.id.clone()),
    ("workload", |cell, _| cell.key.workload.clone()),
    ("workload_digest", |cell, _| cell.key.workload_digest.clone()),
    ("strategy", |cell, _| cell.key.strategy.clone()),
    ("variant", |cell, _| show(cell.key.variant.as_ref())),
    ("world", |cell, _| cell.key.world.to_string()),
    ("machine", |cell, _| cell.key.machine.clone()),
    ("machine_digest", |cell, _| show(cell.key.machine_digest.as_ref())),
    ("threads", |cell, _| cell.key.threads.to_string()),
    ("placement", |cell, _| cell.key.placement.clone()),
    ("entry_prefetch", |cell, _| cell.key.entry_prefetch.to_string()),
    ("body", |cell, _| cell.key.body.to_string()),
    ("seed", |cell, _| cell.key.seed.to_string()),
    ("vary", |cell, _| vary(cell)),
    ("status", |cell, _| cell.status.to_string()),
    ("reason", |cell, _| show(cell.reason.as_ref())),
    ("order", |_, repeat| show(repeat.map(|r| r.order))),
    ("window_s", |_, repeat| show(repeat.map(|r| r.window_s))),
    ("reset_s", |_, repeat| show(repeat.map(|r| r.reset_s))),
    ("faults", |_, repeat| show(repeat.map(|r| r.faults))),
    ("faults_per_s", |_, repeat| show(repeat.and_then(Repeat::faults_per_s))),
    ("overlap_share", |_, repeat| show(repeat.map(|r| r.overlap_share))),
    ("start_skew_ns", |_, repeat| show(repeat.map(|r| r.start_skew_ns))),
    ("counts.touches", |cell, _| of(cell, |m| Some(m.counts.touches))),
    ("counts.faults", |cell, _| of(cell, |m| Some(m.counts.faults))),
    ("counts.mapped", |cell, _| of(cell, |m| m.counts.mapped)),
    ("counts.raced", |cell, _| of(cell, |m| m.counts.raced)),
    ("counts.pages_mapped", |cell, _| of(cell, |m| m.counts.pages_mapped)),
    ("counts.attempts", |cell, _| of(cell, |m| m.counts.attempts)),
    ("fallbacks", |cell, _| of(cell, |m| Some(m.fallbacks.values().sum::<u64>()))),
    ("latency_ns.p50", |cell, _| of(cell, |m| percentiles(m)[0])),
    ("latency_ns.p99", |cell, _| of(cell, |m| percentiles(m)[1])),
    ("latency_ns.p999", |cell, _| of(cell, |m| percentiles(m)[2])),
    ("lines.transfers_per_fault", |cell, _| {
        of(cell, |m| m.lines.as_ref().map(|lines| lines.transfers_per_fault))
    }),
    ("lines.hottest", |cell, _| of(cell, |m| m.hottest_line().map(|line| line.name.clone()))),
    ("lines.hottest.transfer_share", |cell, _| {
        of(cell, |m| m.hottest_line().and_then(|line: &LineCount| line.transfer_share))
    }),
    ("fairness", |cell, _| of(cell, |m| m.fairness)),
    ("counted", |cell, _| of(cell, |_| Some(RatedEvent::of([cell]).name().to_owned()))),
    ("per_s", |cell, repeat| show(repeat.and_then(|repeat| per_s(cell, repeat)))),
    ("kernel", |cell, _| show(cell.key.kernel.as_ref())),
];

type RunColumn = (&'static str, fn(&Run) -> String);

/// Columns after those of the cell: they tell the rows of several runs apart.
const RUN_COLUMNS: &[RunColumn] = &[
    ("provenance.started_at", |run| run.provenance.started_at.clone()),
    ("provenance.version", |run| run.provenance.version.clone()),
    ("provenance.git_revision", |run| show(run.provenance.git_revision.as_ref())),
];

/// Returns the runs as one CSV by RFC 4180, but with Unix line ends. A field that was not
/// measured is empty; a cell without repeats has one row.
pub fn csv(runs: &[Run]) -> String {
    let of_cells = COLUMNS.iter().map(|(name, _)| *name);
    let names = of_cells.chain(RUN_COLUMNS.iter().map(|(name, _)| *name));
    let mut out = line(names.map(str::to_owned));
    for run in runs {
        let of_run: Vec<String> = RUN_COLUMNS.iter().map(|(_, value)| value(run)).collect();
        for cell in &run.cells {
            let repeats = cell.measured.as_ref().map_or(&[][..], |found| &found.repeats);
            let rows: Vec<Option<&Repeat>> = match repeats {
                [] => vec![None],
                repeats => repeats.iter().map(Some).collect(),
            };
            for repeat in rows {
                let of_cell = COLUMNS.iter().map(|(_, value)| value(cell, repeat));
                out += &line(of_cell.chain(of_run.iter().cloned()));
            }
        }
    }
    out
}

/// Returns the rate of the event by which a cell is judged in one repeat, per second.
fn per_s(cell: &Cell, repeat: &Repeat) -> Option<f64> {
    let found = cell.measured.as_ref()?;
    let event = RatedEvent::of([cell]);
    let rates = cell.rates(&event);
    match event {
        RatedEvent::Faults => repeat.faults_per_s().filter(|_| !rates.is_empty()),
        RatedEvent::Op(_) => {
            let place = found.repeats.iter().position(|other| std::ptr::eq(other, repeat))?;
            (rates.len() == found.repeats.len()).then(|| rates[place])
        }
    }
}

fn line(fields: impl Iterator<Item = String>) -> String {
    let fields: Vec<String> = fields.map(quoted).collect();
    fields.join(",") + "\n"
}

/// Returns a field with quotes if it needs them. A text that a spreadsheet would run as a formula
/// gets an apostrophe in front.
fn quoted(field: String) -> String {
    let is_formula = field.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let field = match is_formula && field.parse::<f64>().is_err() {
        true => format!("'{field}"),
        false => field,
    };
    match field.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field,
    }
}

fn show<T: ToString>(value: Option<T>) -> String {
    value.map_or(String::new(), |value| value.to_string())
}

fn of<T: ToString>(cell: &Cell, value: impl Fn(&Measured) -> Option<T>) -> String {
    show(cell.measured.as_ref().and_then(value))
}

fn vary(cell: &Cell) -> String {
    let varied = cell.key.varied().into_iter().map(|(name, value)| format!("{name}={value}"));
    varied.collect::<Vec<_>>().join(";")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_they_must_be() {
        let fields = ["plain", "a,b", "say \"no\"", "two\nlines"].map(str::to_owned);
        assert_eq!(line(fields.into_iter()), "plain,\"a,b\",\"say \"\"no\"\"\",\"two\nlines\"\n");
    }

    #[test]
    fn a_text_is_no_formula() {
        let fields = ["=1+1", "@sum(a,b)", "-1.5", "-x", "1=1"].map(str::to_owned);
        assert_eq!(line(fields.into_iter()), "'=1+1,\"'@sum(a,b)\",-1.5,'-x,1=1\n");
    }

    #[test]
    fn every_column_has_its_own_name() {
        let of_run = RUN_COLUMNS.iter().map(|(name, _)| *name);
        let mut names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).chain(of_run).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), COLUMNS.len() + RUN_COLUMNS.len());
    }
}
