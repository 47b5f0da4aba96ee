//! A run of another machine compared with that machine's model.

use std::fmt::Write;
use std::path::Path;

use anyhow::anyhow;
use serde_json::{Value, json};

use crate::cmd::error::CommandError;
use crate::cmd::names;
use document::run::{Body, Key, Run, World};
use inputs::machines::{MachineFile, of_cpu};
use stats::median;
use validation::{ComparedCurve, ComparedDocument, CurvePoint, LeftOut, compare_document};

/// Result of the comparison with a document.
pub(super) struct DocumentComparison {
    /// Name of the document, with its CPU, kernel and time.
    of: String,
    machine: MachineFile,
    compared: ComparedDocument,
}

/// Reads the document at `path` and runs its cells in the model of the machine `named`, or else of
/// the shipped machine with its CPU.
///
/// # Errors
///
/// If the file is not a run or has no cells of a host or kernel, the machine does not exist or
/// cannot be found by the CPU, or a storm of the model fails.
pub(super) fn compare(
    path: &Path,
    named: Option<&str>,
) -> Result<DocumentComparison, CommandError> {
    let run = Run::read(path).map_err(CommandError::usage)?;
    let path = path.display();
    let real = run.cells.iter().find(|cell| cell.key.world != World::Model);
    let Some(real) = real else {
        return Err(CommandError::usage(anyhow!(
            "'{path}' has no cell of a kernel or a host: 'faultstorm run --on kernel' on that \
             machine writes some"
        )));
    };
    let name = match named {
        Some(name) => name,
        None => machine_of(&real.key.machine)?,
    };
    let machine = names::machine(name, "nothing was compared")?;
    let by = &run.provenance;
    let cpu = by.host.cpu_model.as_deref().unwrap_or("an unknown CPU");
    let kernel = by.host.kernel.as_deref().unwrap_or("of unknown release");
    let of = format!("{path}: {cpu}, Linux {kernel}, {}", by.started_at);
    Ok(DocumentComparison { of, compared: compare_document(&run, &machine)?, machine })
}

/// Returns the shipped machine with the CPU of this slug.
fn machine_of(slug: &str) -> Result<&'static str, CommandError> {
    let found = of_cpu(slug);
    let what = match found.as_slice() {
        [one] => return Ok(one),
        [] => format!("no machine of the model has the CPU '{slug}'"),
        several => format!("'{}' may all have the CPU '{slug}'", several.join("', '")),
    };
    Err(CommandError::usage(anyhow!(
        "{what}: name one with --machine, a name from 'faultstorm list machines' or the path of a \
         file that 'faultstorm calibrate' wrote there"
    )))
}

impl DocumentComparison {
    /// Returns a table for each curve, the error of scaling, and the cells that were left out.
    pub fn as_text(&self) -> String {
        let share = self.machine.estimated_share() * 100.0;
        let mut out = format!(
            "{}\nnext to the model {} ({};\n{share:.0} % of its numbers are estimates)\n\n",
            self.of, self.machine.name, self.machine.summary
        );
        if !self.compared.curves.is_empty() {
            let _ = writeln!(
                out,
                "{:<20}{:>10}{:>7}{:>11}{:>7}{:>9}{:>9}{:>7}",
                "faults per second",
                "measured",
                "+-",
                "predicted",
                "error",
                "scaling",
                "predict.",
                "error"
            );
        }
        self.compared.curves.iter().for_each(|curve| rows(&mut out, curve));
        if !self.compared.curves.is_empty() {
            out += &scaling(&self.compared.curves);
            out += "f: the private work of a fault (0 or more) was fitted to this row, for each\n\
                    workload, world and body. No verdict: only scaling carries over to other\n\
                    machines.\n";
        }
        left_out(&mut out, &self.compared.left_out);
        out
    }

    /// Returns the same for scripts.
    pub fn as_json(&self) -> Value {
        let curve = |curve: &ComparedCurve| {
            let point = |point: &CurvePoint| {
                let (measured, predicted) = curve.scaling(point);
                json!({
                    "threads": point.threads,
                    "measured_faults_per_s": point.measured,
                    "predicted_faults_per_s": point.predicted,
                    "error": point.error(),
                    "measured_scaling": measured,
                    "predicted_scaling": predicted,
                    "scaling_error": curve.scaling_error(point),
                    "fitted": point.fitted,
                })
            };
            json!({
                "workload": curve.key.workload,
                "workload_digest": curve.key.workload_digest,
                "world": curve.key.world,
                "strategy": curve.key.strategy_name(),
                "modelled_as": curve.modelled,
                "entry_prefetch": curve.entry_prefetch,
                "body": curve.key.body,
                "unfitted_faults_per_s": curve.unfitted,
                "points": curve.points.iter().map(point).collect::<Vec<_>>(),
            })
        };
        let left_out = |left: &LeftOut| json!({ "reason": left.reason, "cells": left.cells });
        json!({
            "of": self.of,
            "machine": self.machine.resolved(),
            "curves": self.compared.curves.iter().map(curve).collect::<Vec<_>>(),
            "left_out": self.compared.left_out.iter().map(left_out).collect::<Vec<_>>(),
        })
    }
}

/// Returns the name of a curve.
fn name(key: &Key) -> String {
    let world = match key.world {
        World::Kernel => "the kernel".to_owned(),
        _ => format!("{} on the host", key.strategy_name()),
    };
    let body = if key.body == Body::Real { "with body" } else { "lock alone" };
    format!("{}, {world}, {body}", key.workload)
}

fn rows(out: &mut String, curve: &ComparedCurve) {
    let modelled = match curve.key.world {
        World::Kernel => format!(", as '{}'", curve.modelled),
        _ => String::new(),
    };
    let _ = writeln!(out, "{}{modelled}", name(&curve.key));
    for point in &curve.points {
        let threads =
            format!("  {} thread{}", point.threads, if point.threads == 1 { "" } else { "s" });
        let spread = point
            .measured
            .spread()
            .map_or("-".to_owned(), |share| format!("{:.0}%", share * 100.0));
        let error = if point.fitted { "f".to_owned() } else { percent(point.error()) };
        let (measured, predicted) = (rate(point.measured.median), rate(point.predicted));
        let _ = write!(out, "{threads:<20}{measured:>10}{spread:>7}{predicted:>11}{error:>7}");
        if point.threads > curve.points[0].threads {
            let (measured, predicted) = curve.scaling(point);
            let error = percent(curve.scaling_error(point));
            let _ = write!(out, "{measured:>8.2}x{predicted:>8.2}x{error:>7}");
        }
        out.push('\n');
    }
    if curve.points.iter().any(|point| point.fitted) {
        let _ = writeln!(out, "  before it was fitted{:>26}", rate(curve.unfitted));
    }
}

fn rate(per_s: f64) -> String {
    match per_s {
        slow if slow < 999_500.0 => format!("{:.0} k/s", slow / 1e3),
        _ => format!("{:.2} M/s", per_s / 1e6),
    }
}

fn percent(share: f64) -> String {
    format!("{:+.0}%", share * 100.0)
}

/// Returns the error of predicted scaling, over all curves.
fn scaling(curves: &[ComparedCurve]) -> String {
    let later = |curve: &ComparedCurve| -> Vec<f64> {
        let first = curve.points[0].threads;
        let later = curve.points.iter().filter(|point| point.threads > first);
        later.map(|point| curve.scaling_error(point).abs()).collect()
    };
    let all: Vec<(f64, &ComparedCurve)> = curves
        .iter()
        .flat_map(|curve| later(curve).into_iter().map(move |error| (error, curve)))
        .collect();
    let worst = all.iter().max_by(|a, b| a.0.total_cmp(&b.0));
    let Some((worst, of)) = worst else {
        return "\nNo curve has two numbers of threads, so nothing is known about scaling.\n"
            .to_owned();
    };
    let errors: Vec<f64> = all.iter().map(|(error, _)| *error).collect();
    format!(
        "\nScaling, of {} points: error {:.0} % in the median, {:.0} % at most\n({}).\n",
        errors.len(),
        median(&errors).expect("there are some, and they are numbers") * 100.0,
        worst * 100.0,
        name(&of.key)
    )
}

fn left_out(out: &mut String, all: &[LeftOut]) {
    if !all.is_empty() {
        *out += "\nLeft out\n";
    }
    for LeftOut { reason, cells } in all {
        let more = match cells.len() {
            1 => String::new(),
            n => format!(" and {} more", n - 1),
        };
        let _ = writeln!(out, "  {reason}:\n    {}{more}", cells[0]);
    }
}
