//! This machine against the model of it.

use std::fmt::Write;

use anyhow::{Context, anyhow};
use serde_json::{Value, json};

use super::failed;
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

/// How often each number of this machine is measured.
const REPEATS: u32 = 7;
/// Inversions that are listed.
const LISTED_MAX: usize = 10;

/// What came of it.
pub(super) struct Compared {
    machine: MachineFile,
    predictions: Vec<Prediction>,
    orders: Vec<OrderedPair>,
}

/// Calibrates this machine, and storms the seed workloads on it and in the model of it.
/// What a few cores cannot see is of the machine `base`.
///
/// # Errors
///
/// A base that is no machine, or not enough of one; threads and memory that cannot be had;
/// a storm that fails.
pub(super) fn compare(base: &str) -> Result<Compared, CommandError> {
    let base = names::machine(base, "nothing was measured")?;
    let topology = Topology::here().context("cannot read the CPUs that this process may use")?;
    let facts = Facts::here();
    if let Err(error) = code_pages::make_private() {
        eprintln!("faultstorm: code runs where the page cache has it: {error}");
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
        found.extend(predictions(&host, &machine, workload).map_err(failed)?);
    }
    Ok(Compared { machine, orders: orders(&found), predictions: found })
}

impl Compared {
    /// The table, and how the order of strategies came out.
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
             are estimates. f: to this one the private work of a fault was fitted, not below\n\
             nothing. No verdict: a few short storms, on a machine that may not be quiet."
        );
        out
    }

    fn order_as_text(&self) -> String {
        let inverted: Vec<&OrderedPair> =
            self.orders.iter().filter(|order| !order.holds()).collect();
        let mut out = format!(
            "\nOf {} pairs of strategies that are at least 5 % apart here the model has {} in\nthe \
             same order.\n",
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

    /// The same for scripts.
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
