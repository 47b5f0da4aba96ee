//! The numbers of a cell as the page has them.

use std::collections::BTreeMap;

use document::run::{Cell, Measured, OpStats, RatedEvent, Run, TimeSplit, World};
use hdrhistogram::Histogram;
use stats::{JudgedRatio, Verdict};

use super::data::{KernelPart, LatencyPart, Numbers, OpPart, QUANTILES, RatioPart};
use crate::blocks::{fallbacks_per_fault, fault_ns, fault_ns_without_trap};
use crate::percentiles::all_kinds;
use crate::ratios::{BASES, Ratios};

/// Names of the parts of a fault's time.
pub(super) const TIME_PARTS: [&str; 4] =
    ["work of its own", "waiting for lines", "waiting for locks", "waiting for I/O"];
/// Quantiles of the percentiles that tables show.
const PERCENTILES: [f64; 3] = [0.5, 0.99, 0.999];

/// Names in the order of their first use.
#[derive(Default)]
pub(super) struct Names {
    pub list: Vec<String>,
    indices: BTreeMap<String, usize>,
}

impl Names {
    /// Returns the index of a name, which is added if it is new.
    pub fn index(&mut self, name: String) -> usize {
        let Names { list, indices } = self;
        *indices.entry(name).or_insert_with_key(|name| {
            list.push(name.clone());
            list.len() - 1
        })
    }
}

/// What the numbers of a cell depend on beside the cell.
pub(super) struct Context<'a> {
    pub run: &'a Run,
    pub ratios: &'a Ratios,
    /// The event by which the cell is judged.
    pub event: &'a RatedEvent,
}

/// Returns the numbers of a cell.
pub(super) fn numbers(
    lines: &mut Names,
    context: &Context<'_>,
    cell: &Cell,
    found: &Measured,
) -> Numbers {
    let Context { run, ratios, event } = context;
    let is_model = cell.key.world == World::Model;
    let fallbacks = fallbacks_per_fault(found);
    Numbers {
        counted: event.name().to_owned(),
        rate: cell.rate(event),
        repeats: found.repeats.len(),
        each: event.each(),
        ratios: BASES.map(|base| ratios.get(cell, base, event).map(|it| ratio(it, is_model))),
        latency: all_kinds(found).as_ref().map(latency),
        transfers: found.moves().map(|moves| moves.each),
        lines: moved_lines(lines, found),
        time_ns: found.time_split().as_ref().map(time_parts),
        stages_ns: found.stages_ns.clone(),
        fallbacks: fallbacks.map(|(reason, share)| (reason.to_owned(), share)).collect(),
        fairness: found.fairness,
        ops: found.ops.iter().map(|(name, stats)| (name.clone(), op(stats))).collect(),
        kernel: found.kernel.as_ref().map(|kernel| KernelPart {
            fault_ns: fault_ns(cell),
            trap_ns: run.provenance.host.trap_cost_ns,
            fault_ns_without_trap: fault_ns_without_trap(run, cell),
            events: kernel.events.clone(),
        }),
    }
}

/// Returns a ratio; one of the model is exact for its seed if it has no verdict.
fn ratio(found: &JudgedRatio, is_model: bool) -> RatioPart {
    let verdict = match found.verdict {
        Some(verdict) => verdict.to_string(),
        None if is_model => "exact for its seed".to_owned(),
        None => "too few repeats".to_owned(),
    };
    let median = found.ratio.median;
    let side = match found.verdict {
        Some(Verdict::Faster) => "faster",
        Some(Verdict::Slower) => "slower",
        None if is_model && median > 1.0 => "faster",
        None if is_model && median < 1.0 => "slower",
        _ => "",
    };
    RatioPart { ratio: found.ratio, verdict, side }
}

/// Returns each line with its transfers and its share of the waits; lines of one name are one.
fn moved_lines(names: &mut Names, found: &Measured) -> Vec<(usize, f64, Option<f64>)> {
    let mut rows: BTreeMap<usize, (f64, Option<f64>)> = BTreeMap::new();
    for (line, transfers) in found.moves().into_iter().flat_map(|moves| moves.lines()) {
        let row = rows.entry(names.index(line.name.clone())).or_default();
        row.0 += transfers;
        row.1 = line.stall_share.map(|share| share + row.1.unwrap_or(0.0));
    }
    let matters = |(_, (transfers, stall)): &(usize, (f64, Option<f64>))| {
        *transfers > 0.0 || stall.is_some_and(|share| share > 0.0)
    };
    let rows = rows.into_iter().filter(matters);
    rows.map(|(line, (transfers, stall))| (line, transfers, stall)).collect()
}

fn time_parts(split: &TimeSplit) -> Vec<(&'static str, f64)> {
    let TimeSplit { private_work, coherence, lock_wait, io } = *split;
    TIME_PARTS.into_iter().zip([private_work, coherence, lock_wait, io]).collect()
}

fn op(stats: &OpStats) -> OpPart {
    let samples = stats.latency_ns.as_ref().and_then(|latency| latency.samples().ok());
    OpPart { count: stats.count, per_s: stats.per_s, latency: samples.as_ref().map(latency) }
}

fn latency(samples: &Histogram<u64>) -> LatencyPart {
    let count = samples.len();
    // Beyond this, a quantile is the largest sample again.
    let has_samples = |quantile: f64| (1.0 - quantile) * count as f64 >= 1.0;
    let value = |quantile: f64| has_samples(quantile).then(|| samples.value_at_quantile(quantile));
    LatencyPart {
        samples: count,
        percentiles_ns: PERCENTILES.map(value),
        ns: QUANTILES.into_iter().map_while(value).collect(),
        max_ns: samples.max(),
    }
}
