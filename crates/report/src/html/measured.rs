//! The numbers of a cell as the page has them.

use std::collections::BTreeMap;

use document::run::{Cell, Measured, RatedEvent, Run, WaitKind, World};
use hdrhistogram::Histogram;
use stats::{JudgedRatio, Verdict};

use super::build::rounded;
use super::data::{EventPart, KernelPart, LatencyPart, Numbers, QUANTILES, RatioPart, TimePart};
use crate::blocks::{fallbacks_per_fault, fault_ns, fault_ns_without_trap};
use crate::percentiles::all_kinds;
use crate::ratios::{BASES, Ratios};

/// Holders that are shown of a cell, the longest waits first.
const HOLDS: usize = 5;
/// Name of the time that is no wait.
const WORK: &str = "own work";
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

/// Names that cells share.
#[derive(Default)]
pub(super) struct SharedNames {
    pub lines: Names,
    pub time_parts: Vec<TimePart>,
}

/// Returns the numbers of a cell.
pub(super) fn numbers(
    names: &mut SharedNames,
    context: &Context<'_>,
    cell: &Cell,
    found: &Measured,
) -> Numbers {
    let Context { run, event, .. } = context;
    let fallbacks = fallbacks_per_fault(found);
    let ops = found.ops.keys().map(|name| RatedEvent::Op(name.clone()));
    let faults = (found.counts.faults > 0).then_some(RatedEvent::Faults);
    let events = faults.into_iter().chain(ops);
    let event_of = |it: RatedEvent| {
        (it.name().to_owned(), event_part(&mut names.time_parts, context, cell, &it))
    };
    Numbers {
        counted: event.name().to_owned(),
        repeats: found.repeats.len(),
        each: event.each(),
        events: events.map(event_of).collect(),
        lines: moved_lines(&mut names.lines, found),
        stages_ns: found.stages_ns.clone(),
        holds: found.holds.iter().take(HOLDS).cloned().collect(),
        fallbacks: fallbacks.map(|(reason, share)| (reason.to_owned(), share)).collect(),
        fairness: found.fairness,
        kernel: found.kernel.as_ref().map(|kernel| KernelPart {
            fault_ns: fault_ns(cell),
            trap_ns: run.provenance.host.trap_cost_ns,
            fault_ns_without_trap: fault_ns_without_trap(run, cell),
            events: kernel.events.clone(),
        }),
    }
}

fn event_part(
    parts: &mut Vec<TimePart>,
    context: &Context<'_>,
    cell: &Cell,
    event: &RatedEvent,
) -> EventPart {
    let is_model = cell.key.world == World::Model;
    let ratio_to = |base| context.ratios.get(cell, base, event).map(|it| ratio(it, is_model));
    let found = cell.measured.as_ref();
    let samples = match event {
        RatedEvent::Faults => found.and_then(all_kinds),
        RatedEvent::Op(name) => {
            found.and_then(|found| found.ops.get(name)?.latency_ns.as_ref()?.samples().ok())
        }
    };
    let is_by_name = found.is_some_and(|found| found.time_of(event).is_some());
    let time_each = match event {
        RatedEvent::Op(name) if is_by_name => name,
        event => event.each(),
    };
    EventPart {
        count: cell.count(event),
        rate: cell.rate(event),
        ratios: BASES.map(ratio_to),
        latency: samples.as_ref().map(latency),
        time_ns: found.map_or(Vec::new(), |found| time_parts(parts, context, found, event)),
        time_each: time_each.to_owned(),
    }
}

/// Returns the parts of an event's time: each wait by its name, or else by the kind of work,
/// which a cell without faults has for operations of all kinds together.
fn time_parts(
    parts: &mut Vec<TimePart>,
    context: &Context<'_>,
    found: &Measured,
    event: &RatedEvent,
) -> Vec<(usize, f64)> {
    let mut index = |kind: &'static str, name: &str| {
        let part = TimePart { name: name.to_owned(), kind };
        parts.iter().position(|other| *other == part).unwrap_or_else(|| {
            parts.push(part);
            parts.len() - 1
        })
    };
    if let Some(time) = found.time_of(event) {
        let waits = time.waits.iter().map(|wait| (kind_name(wait.kind), &*wait.name, wait.ns));
        let all = [("work", WORK, time.work_ns)].into_iter().chain(waits);
        return all.map(|(kind, name, ns)| (index(kind, name), rounded(ns))).collect();
    }
    let Some(split) = found.time_split().filter(|_| event == context.event) else {
        return Vec::new();
    };
    let all = [
        ("work", WORK, split.private_work),
        ("line", "lines", split.coherence),
        ("lock", "locks", split.lock_wait),
        ("io", "I/O", split.io),
    ];
    all.map(|(kind, name, ns)| (index(kind, name), rounded(ns))).to_vec()
}

fn kind_name(kind: WaitKind) -> &'static str {
    match kind {
        WaitKind::Lock => "lock",
        WaitKind::Line => "line",
        WaitKind::Shootdown => "shootdown",
        WaitKind::Interrupted => "interrupted",
        WaitKind::Io => "io",
        WaitKind::GracePeriod => "grace period",
        WaitKind::Memory => "memory",
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

/// Returns each line with its transfers and the nanoseconds that cores waited for it; lines of one
/// name are one.
fn moved_lines(names: &mut Names, found: &Measured) -> Vec<(usize, f64, Option<f64>)> {
    let mut rows: BTreeMap<usize, (f64, Option<f64>)> = BTreeMap::new();
    let waited_ns = found.time_split().map(|split| split.coherence);
    for (line, transfers) in found.moves().into_iter().flat_map(|moves| moves.lines()) {
        let row = rows.entry(names.index(line.name.clone())).or_default();
        row.0 += transfers;
        let stall_ns = line.stall_share.zip(waited_ns).map(|(share, all)| share * all);
        row.1 = stall_ns.map(|ns| ns + row.1.unwrap_or(0.0));
    }
    let matters = |(_, (transfers, stall)): &(usize, (f64, Option<f64>))| {
        *transfers > 0.0 || stall.is_some_and(|ns| ns > 0.0)
    };
    let rows = rows.into_iter().filter(matters);
    rows.map(|(line, (transfers, stall))| (line, rounded(transfers), stall.map(rounded))).collect()
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
