//! Run -> [`Page`].

use std::collections::{BTreeMap, BTreeSet};

use hdrhistogram::Histogram;
use serde_json::Value;

use super::data::{
    BreakEvenPart, CellPart, FitPart, KernelPart, LatencyPart, Numbers, OpPart, Page, Place,
    QUANTILES, RatioPart, RunPart, WarningPart, WorkloadPart, WorldPart,
};
use crate::contention::all_kinds;
use crate::pairs::{BASES, Ratios, groups};
use crate::prose::{noise_floor, reading};
use crate::worlds::fault_ns;
use document::run::{
    BreakEven, Cell, HostInfo, Key, LOST_SHARE, Measured, OpStats, Provenance, RatedEvent, Run,
    Scaling, World,
};

/// Names in the order of their first use.
#[derive(Default)]
struct Names {
    list: Vec<String>,
    places: BTreeMap<String, usize>,
}

impl Names {
    fn place(&mut self, name: String) -> usize {
        let Names { list, places } = self;
        *places.entry(name).or_insert_with_key(|name| {
            list.push(name.clone());
            list.len() - 1
        })
    }
}

/// What is collected on the way through the cells.
#[derive(Default)]
struct Builder {
    worlds: Names,
    world_parts: Vec<WorldPart>,
    workloads: Names,
    workload_parts: Vec<WorkloadPart>,
    strategies: Names,
    variations: Names,
    lines: Names,
}

/// Returns what the page shows of these runs.
pub(super) fn page(runs: &[Run]) -> Page {
    let mut builder = Builder::default();
    let (mut cells, mut fits, mut parts) = (Vec::new(), Vec::new(), Vec::new());
    for (number, run) in runs.iter().enumerate() {
        let ratios = Ratios::of(run);
        let counted = counted_by_id(run);
        for cell in run.cells.iter().filter(|cell| !cell.key.is_aa_twin) {
            cells.push(builder.cell(number, runs, cell, &ratios, &counted[cell.id.as_str()]));
        }
        let of_run = run.scaling.iter().filter_map(|fit| builder.fit(number, runs, fit));
        fits.extend(of_run);
        parts.push(run_part(run, &ratios));
    }
    Page {
        notes: notes(runs),
        runs: parts,
        worlds: builder.world_parts,
        workloads: builder.workload_parts,
        strategies: builder.strategies.list,
        variations: builder.variations.list,
        lines: builder.lines.list,
        bases: BASES,
        quantiles: QUANTILES,
        lost_share: LOST_SHARE,
        cells,
        fits,
    }
}

/// The events by which each cell is judged beside those of its table.
fn counted_by_id(run: &Run) -> BTreeMap<&str, RatedEvent> {
    let mut by_id = BTreeMap::new();
    for group in groups(run) {
        let counted = group.counted();
        by_id.extend(group.cells.iter().map(|cell| (cell.id.as_str(), counted.clone())));
    }
    by_id
}

impl Builder {
    fn cell(
        &mut self,
        run: usize,
        runs: &[Run],
        cell: &Cell,
        ratios: &Ratios,
        counted: &RatedEvent,
    ) -> CellPart {
        let key = &cell.key;
        let place = self.place(run, runs.len(), key);
        if self.workload_parts.len() == place.workload {
            let resolved = runs[run].workloads.get(&key.workload_digest);
            self.workload_parts.push(workload(&key.workload, resolved));
        }
        CellPart {
            place,
            threads: key.threads,
            status: cell.status,
            reason: cell.reason.clone(),
            break_even: runs[run].break_even.iter().find(|found| found.is_of(key)).map(break_even),
            numbers: cell.measured.as_ref().map(|found| self.numbers(cell, found, ratios, counted)),
        }
    }

    fn place(&mut self, run: usize, runs: usize, key: &Key) -> Place {
        let name = match runs {
            1 => key.world_name(),
            _ => format!("run {}: {}", run + 1, key.world_name()),
        };
        let world = self.worlds.place(name);
        if self.world_parts.len() == world {
            self.world_parts.push(WorldPart {
                name: self.worlds.list[world].clone(),
                run,
                model: key.world == World::Model,
                placement: key.placement.clone(),
                entry_prefetch: key.entry_prefetch,
            });
        }
        Place {
            world,
            workload: self.workloads.place(key.workload.clone()),
            strategy: self.strategies.place(key.strategy_name()),
            body: key.body,
            variation: self.variations.place(variation(key)),
        }
    }

    fn numbers(
        &mut self,
        cell: &Cell,
        found: &Measured,
        ratios: &Ratios,
        counted: &RatedEvent,
    ) -> Numbers {
        let faults = found.counts.faults.max(1) as f64;
        let fallbacks = found.fallbacks.iter().filter(|(_, count)| **count > 0);
        let ratio = |base| {
            let comparison = ratios.get(cell, base, counted)?;
            let verdict = comparison.verdict.map(|verdict| verdict.to_string());
            Some(RatioPart { ratio: comparison.ratio, verdict })
        };
        Numbers {
            counted: counted.name().to_owned(),
            rate: cell.rate(counted),
            repeats: found.repeats.len(),
            ratios: BASES.map(ratio),
            latency: all_kinds(found).as_ref().map(latency),
            transfers: found.moves().map(|moves| moves.each),
            lines: self.lines(found),
            time_ns: found.time_split().cloned(),
            stages_ns: found.stages_ns.clone(),
            fallbacks: fallbacks
                .map(|(reason, count)| (reason.clone(), *count as f64 / faults))
                .collect(),
            fairness: found.fairness,
            ops: found.ops.iter().map(|(name, stats)| (name.clone(), op(stats))).collect(),
            kernel: found.kernel.as_ref().map(|kernel| KernelPart {
                fault_ns: fault_ns(cell),
                events: kernel.events.clone(),
            }),
        }
    }

    /// Lines of one name are one row, as in the heat map.
    fn lines(&mut self, found: &Measured) -> Vec<(usize, f64, Option<f64>)> {
        let Some(moves) = found.moves() else { return Vec::new() };
        let mut rows: BTreeMap<usize, (f64, Option<f64>)> = BTreeMap::new();
        for line in moves.by_name {
            let moved = moves.each * line.transfer_share.unwrap_or(0.0);
            let row = rows.entry(self.lines.place(line.name.clone())).or_default();
            row.0 += moved;
            row.1 = line.stall_share.map(|share| share + row.1.unwrap_or(0.0));
        }
        let moving = |(_, (moved, stall)): &(usize, (f64, Option<f64>))| {
            *moved > 0.0 || stall.is_some_and(|share| share > 0.0)
        };
        rows.into_iter().filter(moving).map(|(line, (moved, stall))| (line, moved, stall)).collect()
    }

    /// A fit, where there is a law and a cell that it is about.
    fn fit(&mut self, run: usize, runs: &[Run], fit: &Scaling) -> Option<FitPart> {
        let law = fit.law?;
        let about = |cell: &&Cell| {
            let key = &cell.key;
            (&key.workload, key.world, &key.machine) == (&fit.workload, fit.world, &fit.machine)
                && (key.body, &key.vary) == (fit.body, &fit.vary)
                && key.strategy_name() == fit.strategy
        };
        let cell = runs[run].cells.iter().find(about)?;
        Some(FitPart { place: self.place(run, runs.len(), &cell.key), law })
    }
}

fn variation(key: &Key) -> String {
    let varied = key.vary.iter().map(|(name, value)| format!("{name} = {value}"));
    varied.collect::<Vec<_>>().join(", ")
}

/// Names the workloads that are not the same under one name.
fn notes(runs: &[Run]) -> Vec<String> {
    let mut digests: BTreeMap<(&str, String), &str> = BTreeMap::new();
    let mut differ: BTreeSet<&str> = BTreeSet::new();
    for key in runs.iter().flat_map(|run| &run.cells).map(|cell| &cell.key) {
        let first = digests.entry((&key.workload, variation(key))).or_insert(&key.workload_digest);
        if *first != key.workload_digest {
            differ.insert(&key.workload);
        }
    }
    let note = |name| format!("'{name}' is not the same workload in all runs: they do not compare");
    differ.into_iter().map(note).collect()
}

fn workload(name: &str, resolved: Option<&Value>) -> WorkloadPart {
    let text = |key: &str| {
        let text = resolved.and_then(|resolved| resolved.get(key)?.as_str());
        text.unwrap_or_default().to_owned()
    };
    WorkloadPart {
        name: name.to_owned(),
        summary: text("summary"),
        analysis: text("analysis"),
        resolved: resolved.cloned().unwrap_or_default(),
    }
}

fn break_even(found: &BreakEven) -> BreakEvenPart {
    let BreakEven { faults_per_thread_s, place, swept, .. } = *found;
    BreakEvenPart { faults_per_thread_s, place, swept }
}

fn op(stats: &OpStats) -> OpPart {
    let samples = stats.latency_ns.as_ref().and_then(|latency| latency.samples().ok());
    OpPart { count: stats.count, per_s: stats.per_s, latency: samples.as_ref().map(latency) }
}

fn latency(samples: &Histogram<u64>) -> LatencyPart {
    let count = samples.len();
    // Beyond this, a quantile is the largest sample again.
    let told = |quantile: &&f64| (1.0 - **quantile) * count as f64 >= 1.0;
    let quantiles = QUANTILES.iter().take_while(told);
    let ns = quantiles.map(|quantile| samples.value_at_quantile(*quantile)).collect();
    LatencyPart { samples: count, ns, max_ns: samples.max() }
}

fn run_part(run: &Run, ratios: &Ratios) -> RunPart {
    RunPart {
        complete: run.complete,
        digest: run.digest.clone(),
        provenance: provenance(&run.provenance),
        noise: noise_floor(run),
        reading: reading(run, ratios),
        warnings: warnings(&run.provenance),
        machines: run.machines.clone(),
    }
}

/// Provenance without what has its own place, or one entry for each cell or CPU.
fn provenance(of: &Provenance) -> Provenance {
    let host = HostInfo { topology: None, ..of.host.clone() };
    Provenance { host, warnings: Vec::new(), cells: BTreeMap::new(), ..of.clone() }
}

/// Each warning once, with the cells that it is about.
fn warnings(of: &Provenance) -> Vec<WarningPart> {
    let mut places: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut parts: Vec<WarningPart> = Vec::new();
    for warning in &of.warnings {
        let place = *places.entry((&warning.code, &warning.text)).or_insert(parts.len());
        if place == parts.len() {
            let (code, text) = (warning.code.clone(), warning.text.clone());
            parts.push(WarningPart { code, text, cells: Vec::new() });
        }
        parts[place].cells.extend(warning.cell.clone());
    }
    parts
}
