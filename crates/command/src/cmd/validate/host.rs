//! This machine compared with its model.

use std::fmt::Write;

use anyhow::{Context, anyhow};
use serde_json::{Value, json};

use crate::cmd::console::tell;
use crate::cmd::error::CommandError;
use crate::cmd::names;
use calibration::{machine, measure};
use catalogue::Known;
use host::clock::Clock;
use host::code_pages;
use host::preflight::Facts;
use host::topology::Topology;
use inputs::machines::MachineFile;
use inputs::workload::SEED;
use validation::{HostStorms, OrderedPair, Prediction, orders, predictions};

/// Repeats of each measurement of this machine.
const REPEATS: u32 = 7;
/// Largest number of inversions that are listed.
const LISTED_MAX: usize = 10;

/// Result of the comparison.
pub(super) struct HostComparison {
    machine: MachineFile,
    predictions: Vec<Prediction>,
    orders: Vec<OrderedPair>,
}

/// Calibrates this machine, and storms the seed workloads on it and in its model. Numbers that a
/// few cores cannot show come from the machine `base`.
///
/// # Errors
///
/// If the base is not a machine or not complete enough, threads or memory cannot be had, or a storm
/// fails.
pub(super) fn compare(base: &str) -> Result<HostComparison, CommandError> {
    let base = names::machine(base, "nothing was measured")?;
    let topology = Topology::here().context("cannot read the CPUs that this process may use")?;
    let facts = Facts::here();
    if let Err(error) = code_pages::make_private() {
        tell(&format!(
            "faultstorm: code runs from the page cache, not from a private copy: {error}"
        ));
    }
    let workloads = names::workloads(&SEED.map(str::to_owned), Known::SHIPPED)?;
    let measured = measure(&topology, REPEATS)
        .map_err(|error| CommandError::machine(anyhow!(error).context("cannot measure")))?;
    let cpu = facts.cpu_model.as_deref().unwrap_or("unknown CPU");
    let machine = machine(&base, &measured, &topology, cpu).map_err(CommandError::usage)?;
    let host = HostStorms::new(topology, Clock::new())
        .map_err(|error| CommandError::machine(anyhow!(error).context("no memory for frames")))?;
    let mut found = Vec::new();
    for workload in &workloads {
        found.extend(predictions(&host, &machine, workload)?);
    }
    Ok(HostComparison { machine, orders: orders(&found), predictions: found })
}

impl HostComparison {
    /// Returns the table, and a comparison of the order of strategies.
    pub fn as_text(&self) -> String {
        let mut out = format!(
            "{:<21}{:<16}{:>8}{:>10}{:>5}{:>10}{:>6}\n",
            "faults per second", "", "threads", "measured", "+-", "predicted", "ratio"
        );
        let mut workload = "";
        for found in &self.predictions {
            let name = if found.workload == workload { "" } else { &found.workload };
            workload = &found.workload;
            let (measured, predicted) = (millions(found.measured), millions(found.predicted));
            let spread = format!("{:.0}%", found.spread * 100.0);
            let fitted = if found.fitted { " f" } else { "" };
            let _ = writeln!(
                out,
                "{name:<21}{:<16}{:>8}{measured:>10}{spread:>5}{predicted:>10}{:>6.2}{fitted}",
                found.strategy,
                found.threads,
                found.ratio(),
            );
        }
        out += &self.order_as_text();
        let share = self.machine.estimated_share() * 100.0;
        let _ = writeln!(
            out,
            "\nThe lock alone. The machine was calibrated just now; {share:.0} % of its numbers\n\
             are estimates. f: the private work of a fault (0 or more) was fitted to this\n\
             row. No verdict: a few short storms, on a machine that may not be quiet."
        );
        out
    }

    fn order_as_text(&self) -> String {
        let inverted: Vec<&OrderedPair> =
            self.orders.iter().filter(|order| !order.holds()).collect();
        let mut out = format!(
            "\n{} pairs of strategies are at least 5 % apart here; the model has {} of\nthem in \
             the same order.\n",
            self.orders.len(),
            self.orders.len() - inverted.len()
        );
        for OrderedPair { faster, slower } in inverted.iter().take(LISTED_MAX) {
            let _ = writeln!(
                out,
                "  {}, {} threads: {} over {}: {:.2}x, predicted {:.2}x",
                faster.workload,
                faster.threads,
                faster.strategy,
                slower.strategy,
                faster.measured / slower.measured,
                faster.predicted / slower.predicted
            );
        }
        if inverted.len() > LISTED_MAX {
            let _ = writeln!(out, "  and {} more", inverted.len() - LISTED_MAX);
        }
        out
    }

    /// Returns the same for scripts.
    pub fn as_json(&self) -> Value {
        let prediction = |found: &Prediction| {
            json!({
                "workload": found.workload,
                "strategy": found.strategy,
                "threads": found.threads,
                "measured_faults_per_s": found.measured,
                "measured_spread": found.spread,
                "predicted_faults_per_s": found.predicted,
                "ratio": found.ratio(),
                "fitted": found.fitted,
            })
        };
        let holding = self.orders.iter().filter(|order| order.holds()).count();
        json!({
            "machine": self.machine.resolved(),
            "predictions": self.predictions.iter().map(prediction).collect::<Vec<_>>(),
            "pairs_apart": self.orders.len(),
            "pairs_in_order": holding,
        })
    }
}

fn millions(per_s: f64) -> String {
    format!("{:.2} M/s", per_s / 1e6)
}
