//! The worlds of a run beside each other: the running kernel, this machine's cores, models.

use std::fmt::Write;

use super::Style;
use super::table::body;
use super::text::{
    Ink, cut, left, listed, nanoseconds, paint, per_second, plural, rate, right, spread, wrap,
};
use document::run::{Body, Cell, RatedEvent, Run, Status, World};

/// Columns of a world's name and of a strategy's.
const WORLD: usize = 24;
const STRATEGY: usize = 21;

/// Cells of one workload in several worlds, all with one body.
struct Beside<'a> {
    cells: Vec<&'a Cell>,
}

/// Appends, for each workload that ran in several worlds, one table of all of them.
pub(super) fn beside(out: &mut String, run: &Run, style: Style) {
    let groups = all(run);
    for group in &groups {
        table(out, run, style, group);
        for threads in group.threads() {
            neighbours(out, run, style, group, threads);
        }
        out.push('\n');
    }
    if groups.iter().any(|group| group.worlds().contains(&World::Kernel.to_string())) {
        trap(out, run, style);
    }
}

/// What is compared: cells of a workload that differ in nothing else that is varied. With the
/// body, which the kernel always has, unless no world ran with it.
fn all(run: &Run) -> Vec<Beside<'_>> {
    let same = |a: &Cell, b: &Cell| {
        a.key.workload == b.key.workload && a.key.vary == b.key.vary && a.key.body == b.key.body
    };
    let mut groups: Vec<Beside<'_>> = Vec::new();
    for cell in run.cells.iter().filter(|cell| !cell.key.is_aa_twin) {
        match groups.iter_mut().find(|group| same(group.cells[0], cell)) {
            Some(group) => group.cells.push(cell),
            None => groups.push(Beside { cells: vec![cell] }),
        }
    }
    // Models are compared with each other by their own tables.
    let real = |cell: &&Cell| cell.key.world != World::Model;
    groups.retain(|group| group.worlds().len() > 1 && group.cells.iter().any(real));
    let real: Vec<String> = groups
        .iter()
        .filter(|group| group.cells[0].key.body == Body::Real)
        .map(|group| group.cells[0].key.workload.clone())
        .collect();
    groups.retain(|group| {
        let key = &group.cells[0].key;
        key.body == Body::Real || !real.contains(&key.workload)
    });
    groups
}

impl<'a> Beside<'a> {
    /// The worlds, the kernel first.
    fn worlds(&self) -> Vec<String> {
        let mut worlds: Vec<(bool, String)> = Vec::new();
        for cell in &self.cells {
            let world = (cell.key.world != World::Kernel, cell.key.world_name());
            if !worlds.contains(&world) {
                worlds.push(world);
            }
        }
        worlds.sort_by_key(|(simulated, _)| *simulated);
        worlds.into_iter().map(|(_, name)| name).collect()
    }

    fn threads(&self) -> Vec<u32> {
        let mut threads: Vec<u32> = self.cells.iter().map(|cell| cell.key.threads).collect();
        threads.sort_unstable();
        threads.dedup();
        threads
    }

    /// The events by which the cells are judged.
    fn counted(&self) -> RatedEvent {
        RatedEvent::of(self.cells.iter().copied())
    }

    /// The cells of a world at so many threads, the fastest first.
    fn ranked(&self, world: &str, threads: u32) -> Vec<&'a Cell> {
        let here = |cell: &&&Cell| cell.key.threads == threads && cell.key.world_name() == world;
        let mut cells: Vec<&Cell> = self.cells.iter().filter(here).copied().collect();
        let counted = self.counted();
        let speed = |cell: &Cell| cell.rate(&counted).map_or(0.0, |rate| rate.median);
        cells.sort_by(|a, b| speed(b).total_cmp(&speed(a)));
        cells
    }

    /// Throughput over that of the same strategy in the same world at the fewest threads.
    fn scaling(&self, cell: &Cell) -> Option<f64> {
        let same = |other: &&&Cell| {
            other.key.world_name() == cell.key.world_name()
                && other.key.strategy_name() == cell.key.strategy_name()
        };
        let fewest = self.cells.iter().filter(same).min_by_key(|cell| cell.key.threads)?;
        let alike = fewest.key.threads == cell.key.threads;
        if alike || cell.is_oversubscribed || fewest.is_oversubscribed {
            return None;
        }
        let counted = self.counted();
        Some(cell.rate(&counted)?.median / fewest.rate(&counted)?.median)
    }
}

fn table(out: &mut String, run: &Run, style: Style, group: &Beside<'_>) {
    let key = &group.cells[0].key;
    let name = cut(&format!("{}, world beside world", key.workload), style.width);
    let blank = if out.ends_with("\n\n") { "" } else { "\n" };
    let rule = "=".repeat(name.chars().count());
    let (name, rule) = (paint(style, Ink::Bold, &name), paint(style, Ink::Bold, &rule));
    let _ = writeln!(out, "{blank}{name}\n{rule}");
    let counted = group.counted();
    let (what, each) = match &counted {
        RatedEvent::Faults => (body(key.body).to_owned(), "a fault"),
        RatedEvent::Op(_) => (format!("{}, {}", per_second(&counted), body(key.body)), "each"),
    };
    let what = left(style, Ink::Bold, &what, WORLD + STRATEGY);
    let heads = format!("{:>10} {:>7}{each:>9}{:>8}", "median", "95%", "scaling");
    let _ = writeln!(out, "{what}{heads}");
    for threads in group.threads() {
        let heading = plural(threads as usize, "thread");
        let _ = writeln!(out, "{}", paint(style, Ink::Faint, &heading));
        for world in group.worlds() {
            for cell in group.ranked(&world, threads) {
                row(out, run, style, group, cell);
            }
        }
    }
    out.push('\n');
}

fn row(out: &mut String, run: &Run, style: Style, group: &Beside<'_>, cell: &Cell) {
    let world = cut(&format!("  {}", cell.key.world_name()), WORLD - 1);
    let strategy = match cell.key.world {
        World::Kernel => String::new(),
        _ => cut(&cell.key.strategy_name(), STRATEGY - 1),
    };
    let mut line = left(style, Ink::Plain, &world, WORLD);
    line += &left(style, Ink::Plain, &strategy, STRATEGY);
    let counted = group.counted();
    line += &match cell.rate(&counted) {
        Some(found) => {
            let apart = found.spread().map_or("-".to_owned(), spread);
            let scaling = group.scaling(cell).map_or(String::new(), |s| format!("{s:.2}x"));
            let each_ns = own_ns(cell, found.median);
            right(style, Ink::Plain, &rate(found.median), 10)
                + " "
                + &right(style, Ink::Plain, &apart, 7)
                + &right(style, Ink::Plain, &nanoseconds(each_ns), 9)
                + &right(style, Ink::Plain, &scaling, 8)
        }
        None if cell.measured.is_some() => right(style, Ink::Faint, "none", 10),
        None => right(style, Ink::Faint, status(cell.status), 10),
    };
    let _ = writeln!(out, "{}", line.trim_end());
    let trap_ns = run.provenance.host.trap_cost_ns.map(|cost| cost.median);
    if let (World::Kernel, Some(trap_ns), Some(fault_ns)) =
        (cell.key.world, trap_ns, fault_ns(cell))
    {
        let net_ns = fault_ns - trap_ns;
        let line = left(style, Ink::Faint, "    less an empty exception", WORLD + STRATEGY + 18)
            + &right(style, Ink::Plain, &nanoseconds(net_ns), 9);
        let _ = writeln!(out, "{line}");
    }
}

/// Returns what a fault takes its thread, in nanoseconds; `None` where there are none.
pub(super) fn fault_ns(cell: &Cell) -> Option<f64> {
    cell.rate(&RatedEvent::Faults).map(|rate| own_ns(cell, rate.median))
}

/// Returns what one of so many a second takes its thread, in nanoseconds.
fn own_ns(cell: &Cell, per_s: f64) -> f64 {
    f64::from(cell.key.threads) * 1e9 / per_s
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Skipped => "skipped",
        Status::Failed => "FAILED",
        Status::Ok | Status::Partial => "no result",
    }
}

/// Appends what an empty exception costs, what to set beside a fault without it, and what
/// differs all the same.
fn trap(out: &mut String, run: &Run, style: Style) {
    let Some(cost) = run.provenance.host.trap_cost_ns else { return };
    let between = cost.low.zip(cost.high).map_or(String::new(), |(low, high)| {
        format!(" ({} to {})", nanoseconds(low), nanoseconds(high))
    });
    let charges = |machine: &serde_json::Value| {
        let ns = machine["numbers"]["work"]["trap-ns"]["is"].as_f64()?;
        Some(format!("{} charges {}", machine["name"].as_str()?, nanoseconds(ns)))
    };
    let charges: Vec<String> = run.machines.values().filter_map(charges).collect();
    let models = match charges.is_empty() {
        true => String::new(),
        false => format!(
            " The model's machine {} for it and for what it leaves out: set the whole fault \
             beside it.",
            listed(&charges)
        ),
    };
    let text = format!(
        "An empty page-fault exception takes at most {}{between} here. The host has none: set \
         beside it what a fault of the kernel takes without.{models} What remains different: \
         entry and accounting of each fault, charges to memory cgroups, LRU lists and statistics \
         are work in the kernel, and only their lines are in the simulation.",
        nanoseconds(cost.median),
    );
    wrap(out, style, "  ", &text);
    out.push('\n');
}

/// Appends which strategies scale most like the kernel, in each other world.
fn neighbours(out: &mut String, run: &Run, style: Style, group: &Beside<'_>, threads: u32) {
    let of = |cell: &&Cell| Some((cell.key.strategy_name(), group.scaling(cell)?));
    let kernel = group.ranked("kernel", threads);
    let Some((_, scaling)) = kernel.first().and_then(of) else { return };
    let apart = |other: f64| (other / scaling).ln().abs();
    let nearest = |world: &String| {
        let cells = group.ranked(world, threads);
        let near = cells.iter().filter_map(of).min_by(|a, b| apart(a.1).total_cmp(&apart(b.1)))?;
        Some(format!("'{}' of {world} ({:.2}x)", near.0, near.1))
    };
    let others = group.worlds().into_iter().filter(|world| world != "kernel");
    let nearest: Vec<String> = others.filter_map(|world| nearest(&world)).collect();
    if nearest.is_empty() {
        return;
    }
    let locks = run.provenance.host.kernel_locks.as_ref();
    let own = locks.and_then(|locks| locks.strategy.as_deref());
    let own = own.map_or(String::new(), |own| format!(" It takes the lock of '{own}'."));
    let text = format!(
        "At {} the kernel scales {scaling:.2}x; nearest to that {} {}.{own}",
        plural(threads as usize, "thread"),
        if nearest.len() == 1 { "is" } else { "are" },
        listed(&nearest),
    );
    wrap(out, style, "  ", &text);
}
