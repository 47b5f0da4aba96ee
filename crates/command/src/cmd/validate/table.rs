//! The tables of published figures and of the model's.

use std::fmt::Write;

use serde_json::{Value, json};

use stats::median;
use validation::{Compared, Figure, PointOrder};

/// Returns the figures of a file: a row for each curve, or for each point.
pub(super) fn as_text(compared: &Compared, points: bool) -> String {
    let Compared { name, summary, machine, .. } = compared;
    let mut out = format!("{name}: {summary}\n  model {machine}");
    if let Some(kin) = &compared.kin_of {
        let _ = write!(out, ", the nearest kin of {kin}");
    }
    if let Some(trap_ns) = compared.fitted_trap_ns {
        let _ = write!(out, "; trap-ns fitted at one thread: {trap_ns:.0}");
    }
    out += "\n";
    let width = compared.figures.iter().map(|figure| what(figure).len()).max().unwrap_or(0);
    let mut table = Table { out, width: width.max(WIDTH) };
    table.head(if points { "threads" } else { "worst at" });
    for curve in compared.figures.chunk_by(|a, b| a.curve == b.curve) {
        match points {
            true => curve.iter().for_each(|figure| table.point(figure)),
            false => table.summed(curve),
        }
    }
    table.out
}

/// Returns the name of a figure: its curve and its unit.
fn what(figure: &Figure) -> String {
    format!("{}, {}", figure.curve, figure.measure)
}

/// Least width of the column of names.
const WIDTH: usize = 28;

/// A table of one file.
struct Table {
    out: String,
    /// Width of the column of names.
    width: usize,
}

impl Table {
    fn head(&mut self, threads: &str) {
        let (published, model, error, order) = ("published", "model", "error", "order");
        let _ = writeln!(
            self.out,
            "  {:<width$}{threads:>9}{published:>11}{model:>9}{error:>7}{order:>7}  verdict",
            "",
            width = self.width
        );
    }

    /// Adds the row of a figure.
    fn point(&mut self, figure: &Figure) {
        let order = match &figure.orders {
            none if none.is_empty() => "-",
            some if some.iter().any(|order| !order.holds && !order.turns) => "WRONG",
            some if some.iter().any(|order| order.turns) => "?",
            _ => "ok",
        };
        let verdict = match &figure.model {
            _ if figure.fitted => "fitted",
            Err(_) => "FAILED",
            Ok(_) if figure.holds() => "ok",
            Ok(_) => "MISSED",
        };
        self.row(figure, order, verdict);
        if let Err(reason) = &figure.model {
            let _ = writeln!(self.out, "    {reason}");
        }
    }

    /// Adds the row of a curve: its worst point, and what all points say.
    fn summed(&mut self, curve: &[Figure]) {
        let shown: Vec<&Figure> = curve.iter().filter(|figure| !figure.fitted).collect();
        let error = |figure: &Figure| figure.error().map_or(f64::INFINITY, f64::abs);
        let Some(worst) = shown.iter().max_by(|a, b| error(a).total_cmp(&error(b))) else { return };
        let orders: Vec<_> = shown.iter().flat_map(|figure| &figure.orders).collect();
        let right = orders.iter().filter(|order| order.holds).count();
        let unsure = if orders.iter().any(|order| order.turns) { "?" } else { "" };
        let order = match orders.len() {
            0 => "-".to_owned(),
            all => format!("{right}/{all}{unsure}"),
        };
        let missed = shown.iter().filter(|figure| !figure.holds()).count();
        let all = shown.len();
        let verdict = if missed == 0 { "ok".to_owned() } else { format!("{missed}/{all} MISSED") };
        self.row(worst, &order, &verdict);
    }

    fn row(&mut self, figure: &Figure, order: &str, verdict: &str) {
        let (what, width) = (what(figure), self.width);
        let model = figure.model.as_ref().map_or("-".to_owned(), |model| number(*model));
        let error =
            figure.error().map_or("-".to_owned(), |error| format!("{:+.0}%", error * 100.0));
        let (threads, published) = (figure.threads, number(figure.published));
        let _ = writeln!(
            self.out,
            "  {what:<width$}{threads:>9}{published:>11}{model:>9}{error:>7}{order:>7}  \
             {verdict}{}",
            band(figure)
        );
    }
}

/// Returns the figures at the ends of the band.
fn band(figure: &Figure) -> String {
    figure
        .band
        .map_or(String::new(), |(low, high)| format!(", {} to {}", number(low), number(high)))
}

/// Returns a figure with three digits or more.
fn number(value: f64) -> String {
    match value {
        small if small < 9.995 => format!("{small:.2}"),
        small if small < 9_999.5 => format!("{small:.1}"),
        thousands if thousands < 999_500.0 => format!("{:.0}k", thousands / 1e3),
        millions => format!("{:.2}M", millions / 1e6),
    }
}

/// Returns the line below all tables.
pub(super) fn total(all: &[Compared]) -> String {
    let figures = || all.iter().flat_map(|compared| &compared.figures).filter(|f| !f.fitted);
    let errors: Vec<f64> = figures().filter_map(Figure::error).map(f64::abs).collect();
    let orders = || figures().flat_map(|figure| &figure.orders);
    let missed: usize = all.iter().map(Compared::missed).sum();
    format!(
        "{} points: error {} in the median, {} at most; order right in {} of {}; {missed} missed\n",
        figures().count(),
        median(&errors).map_or("-".to_owned(), percent),
        errors.iter().copied().reduce(f64::max).map_or("-".to_owned(), percent),
        orders().filter(|order| order.holds).count(),
        orders().count(),
    )
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// Returns all figures for scripts.
pub(super) fn as_json(all: &[Compared]) -> Value {
    let figure = |of: &Compared, figure: &Figure| {
        let verdict = match () {
            () if figure.fitted => "fitted",
            () if figure.model.is_err() => "failed",
            () if figure.holds() => "ok",
            () => "missed",
        };
        let order = |order: &PointOrder| {
            let PointOrder { other, holds, turns } = order;
            json!({ "to": other, "holds": holds, "cannot_tell": turns })
        };
        json!({
            "target": of.name,
            "source": of.source,
            "machine": of.machine,
            "kin_of": of.kin_of,
            "fitted_trap_ns": of.fitted_trap_ns,
            "what": figure.curve,
            "unit": figure.measure,
            "threads": figure.threads,
            "published": figure.published,
            "model": figure.model.as_ref().ok(),
            "failed": figure.model.as_ref().err(),
            "error": figure.error(),
            "tolerance": figure.tolerance,
            "band": figure.band,
            "orders": figure.orders.iter().map(order).collect::<Vec<_>>(),
            "verdict": verdict,
        })
    };
    let rows = all.iter().flat_map(|of| of.figures.iter().map(move |one| figure(of, one)));
    rows.collect()
}
