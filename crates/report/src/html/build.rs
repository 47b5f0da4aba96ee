//! The data of the page, made from runs.

use std::collections::{BTreeMap, BTreeSet};

use document::run::{
    Body, BreakEven, BreakEvenPlace, Cell, Key, LOST_SHARE, RatedEvent, Run, Scaling,
};

use super::data::{
    BreakEvenPart, CellPart, CellPlace, FitPart, Page, QUANTILES, WorkloadPart, WorldPart,
};
use super::families;
use super::measured::{Context, Names, SharedNames, numbers};
use super::runs::{doubts, exact, run_part};
use crate::about::{analysis, settings, text_of};
use crate::blocks::in_order_of_a_fault;
use crate::notes::reason;
use crate::ratios::{BASES, Ratios};
use crate::table::{body_name, tables};

/// Points along a fitted law.
const CURVE: u32 = 32;

/// The lists of names, and what is collected with them.
#[derive(Default)]
struct Builder {
    worlds: Names,
    workloads: Names,
    workload_parts: Vec<WorkloadPart>,
    strategies: Names,
    variations: Names,
    shared: SharedNames,
}

/// Returns the data of these runs.
pub(super) fn page(runs: &[Run]) -> Page {
    let mut builder = Builder::default();
    let (mut cells, mut fits, mut parts) = (Vec::new(), Vec::new(), Vec::new());
    for (number, run) in runs.iter().enumerate() {
        let ratios = Ratios::of(run);
        let events = events_by_id(run);
        for cell in run.strategies() {
            let context = Context { run, ratios: &ratios, event: &events[cell.id.as_str()] };
            cells.push(builder.cell(number, runs.len(), cell, &context));
        }
        let of_run = run.scaling.iter();
        fits.extend(of_run.filter_map(|fit| builder.fit(number, runs, fit, &events)));
        parts.push(run_part(run, &ratios, |key| world_name(number, runs.len(), key)));
    }
    let measured = || runs.iter().flat_map(|run| &run.cells).filter_map(|c| c.measured.as_ref());
    let stages = measured().filter_map(|found| found.stages_ns.as_ref());
    let stages = in_order_of_a_fault(stages.flat_map(|stages| stages.keys()).map(String::as_str));
    let fallbacks = cells.iter().filter_map(|cell: &CellPart| cell.numbers.as_ref());
    let fallbacks: BTreeSet<&String> = fallbacks.flat_map(|found| found.fallbacks.keys()).collect();
    let has = |body: &Body| cells.iter().any(|cell| cell.place.body == *body);
    let bodies = [Body::None, Body::Real].into_iter().filter(has);
    let own = runs.iter().find_map(|run| run.provenance.host.kernel_locks.as_ref());
    let own = own.and_then(|locks| locks.strategy.as_deref());
    let strategies = builder.strategies.list;
    Page {
        doubts: doubts(runs, differing_workloads(runs)),
        runs: parts,
        worlds: builder.worlds.list.into_iter().map(|name| WorldPart { name }).collect(),
        workloads: builder.workload_parts,
        strategies: strategies.iter().map(|name| families::strategy(name, own)).collect(),
        families: families::names(),
        variations: builder.variations.list,
        lines: builder.shared.lines.list,
        bodies: bodies.map(|body| (body, body_name(body))).collect(),
        time_parts: builder.shared.time_parts,
        stages: stages.into_iter().map(str::to_owned).collect(),
        fallbacks: fallbacks.into_iter().cloned().collect(),
        bases: BASES,
        quantiles: QUANTILES,
        lost_share: LOST_SHARE,
        cells,
        fits,
    }
}

/// Returns the event by which each cell is judged in its table.
fn events_by_id(run: &Run) -> BTreeMap<&str, RatedEvent> {
    let mut by_id = BTreeMap::new();
    for table in tables(run) {
        let event = table.event.clone();
        by_id.extend(table.cells.iter().map(|cell| (cell.id.as_str(), event.clone())));
    }
    by_id
}

/// Returns the name of a cell's world, with the number of its run if there are several.
fn world_name(run: usize, runs: usize, key: &Key) -> String {
    match runs {
        1 => key.world_name(),
        _ => format!("run {}: {}", run + 1, key.world_name()),
    }
}

impl Builder {
    fn cell(&mut self, run: usize, runs: usize, cell: &Cell, context: &Context<'_>) -> CellPart {
        let key = &cell.key;
        let place = self.place(run, runs, key);
        if self.workload_parts.len() == place.workload {
            self.workload_parts.push(workload(context.run, key));
        }
        let break_even = context.run.break_even.iter().find(|found| found.is_of(key));
        let shared = &mut self.shared;
        CellPart {
            place,
            threads: key.threads,
            status: cell.status,
            note: reason(cell).map(|(_, text)| text),
            break_even: break_even.map(break_even_part),
            numbers: cell.measured.as_ref().map(|found| numbers(shared, context, cell, found)),
        }
    }

    fn place(&mut self, run: usize, runs: usize, key: &Key) -> CellPlace {
        CellPlace {
            world: self.worlds.index(world_name(run, runs, key)),
            workload: self.workloads.index(key.workload.clone()),
            strategy: self.strategies.index(key.strategy_name()),
            body: key.body,
            variation: self.variations.index(variation(key)),
        }
    }

    /// Returns a fit that has a law, if there is a cell of its curve.
    fn fit(
        &mut self,
        run: usize,
        runs: &[Run],
        fit: &Scaling,
        events: &BTreeMap<&str, RatedEvent>,
    ) -> Option<FitPart> {
        let law = fit.law?;
        let cells: Vec<&Cell> =
            runs[run].strategies().filter(|cell| fit.is_of(&cell.key)).collect();
        let first = cells.first()?;
        let most = cells.iter().map(|cell| cell.key.threads).max()?;
        let single = cells.iter().find(|cell| cell.key.threads == 1);
        let single = single.and_then(|cell| cell.rate(&events[cell.id.as_str()]));
        let point = |step: u32| {
            let threads = f64::from(most).powf(f64::from(step) / f64::from(CURVE));
            Some([rounded(threads), rounded(law.throughput(threads, single?.median))])
        };
        let curve = (0..=CURVE).filter_map(point).collect();
        Some(FitPart { place: self.place(run, runs.len(), &first.key), law, curve })
    }
}

/// Returns a number with as many digits as a drawing needs.
pub(super) fn rounded(value: f64) -> f64 {
    format!("{value:.4e}").parse().expect("a number is read as it was written")
}

fn variation(key: &Key) -> String {
    settings(key).collect::<Vec<_>>().join(", ")
}

/// Returns the workloads that differ under one name.
fn differing_workloads(runs: &[Run]) -> BTreeSet<&str> {
    let mut digests: BTreeMap<(&str, String, String), &str> = BTreeMap::new();
    let mut differ = BTreeSet::new();
    for key in runs.iter().flat_map(|run| &run.cells).map(|cell| &cell.key) {
        // In the model a storm has another length than on the host.
        let place = (&*key.workload, variation(key), key.world_name());
        let first = digests.entry(place).or_insert(&key.workload_digest);
        if *first != key.workload_digest {
            differ.insert(key.workload.as_str());
        }
    }
    differ
}

fn workload(run: &Run, key: &Key) -> WorkloadPart {
    WorkloadPart {
        name: key.workload.clone(),
        summary: text_of(run, key, "summary").unwrap_or_default().to_owned(),
        analysis: analysis(run, key).into_iter().map(str::to_owned).collect(),
        resolved: exact(run.workloads.get(&key.workload_digest).cloned().unwrap_or_default()),
    }
}

fn break_even_part(found: &BreakEven) -> BreakEvenPart {
    let BreakEven { faults_per_thread_s, place, swept, .. } = *found;
    let (end, position) = match place {
        BreakEvenPlace::BelowAll => (swept[0], "below all swept"),
        BreakEvenPlace::Within => (swept[0], "within what was swept"),
        BreakEvenPlace::AboveAll => (swept[1], "above all swept"),
    };
    let at_per_thread_s = faults_per_thread_s.unwrap_or(end);
    BreakEvenPart { faults_per_thread_s, at_per_thread_s, place, position, swept }
}
