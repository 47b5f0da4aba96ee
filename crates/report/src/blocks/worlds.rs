//! One workload in several worlds: the running kernel, this machine's cores, models.

use document::run::{Body, Cell, KeyPart, RatedEvent, Run, World, distinct, grouped};

use crate::block::{Block, BlockRow, Column, Value};
use crate::layout::Ink;
use crate::numbers::{growth, nanoseconds, per_second, spread};
use crate::outcome::CellOutcome;
use crate::table::{Table, body_name};
use crate::words::{listed, plural};

/// Columns of a world's name and of a strategy's.
const WORLD: usize = 24;
const STRATEGY: usize = 21;

/// The worlds of one workload side by side.
pub(crate) struct Worlds {
    pub title: String,
    pub block: Block,
    /// Strategies that scale like the kernel.
    pub neighbours: Vec<String>,
}

/// Cells of one workload in several worlds, all with one body.
struct Cells<'a>(Table<'a>);

/// Returns each workload that ran in several worlds.
pub(crate) fn beside(run: &Run) -> Vec<Worlds> {
    let worlds = |cells: &Cells<'_>| Worlds {
        title: format!("{}, world beside world", cells.0.key().workload),
        block: cells.block(run),
        neighbours: cells.threads().iter().filter_map(|at| cells.neighbours(run, *at)).collect(),
    };
    all(run).iter().map(worlds).collect()
}

/// Returns the cells that are compared: with the body, which the kernel always has, unless no
/// world ran with it.
fn all(run: &Run) -> Vec<Cells<'_>> {
    let parts = &[KeyPart::Strategy, KeyPart::Threads, KeyPart::World];
    let mut groups = grouped(run.strategies(), |cell| cell.key.without(parts));
    // Models are compared with each other by their own tables.
    let is_real = |cell: &&Cell| cell.key.world != World::Model;
    let world = |cells: &[&Cell]| cells[0].key.world_name();
    groups.retain(|cells| {
        cells.iter().any(is_real) && cells.iter().any(|cell| cell.key.world_name() != world(cells))
    });
    let has_body = |cells: &&Vec<&Cell>| cells[0].key.body == Body::Real;
    let with_body: Vec<&str> =
        groups.iter().filter(has_body).map(|cells| cells[0].key.workload.as_str()).collect();
    groups.retain(|cells| has_body(&cells) || !with_body.contains(&cells[0].key.workload.as_str()));
    groups.into_iter().map(|cells| Cells(Table::of(cells))).collect()
}

impl<'a> Cells<'a> {
    /// Returns the worlds, the kernel first.
    fn worlds(&self) -> Vec<String> {
        let keys = self.0.cells.iter().map(|cell| &cell.key);
        let mut worlds = distinct(keys.map(|key| (key.world != World::Kernel, key.world_name())));
        worlds.sort_by_key(|(is_simulated, _)| *is_simulated);
        worlds.into_iter().map(|(_, name)| name).collect()
    }

    fn threads(&self) -> Vec<u32> {
        let mut threads = distinct(self.0.cells.iter().map(|cell| cell.key.threads));
        threads.sort_unstable();
        threads
    }

    /// Returns the cells of a world at one thread count, the fastest first.
    fn ranked(&self, world: &str, threads: u32) -> Vec<&'a Cell> {
        let here = |cell: &&&Cell| cell.key.threads == threads && cell.key.world_name() == world;
        let mut cells: Vec<&Cell> = self.0.cells.iter().filter(here).copied().collect();
        let speed = |cell: &Cell| cell.rate(&self.0.event).map_or(0.0, |rate| rate.median);
        cells.sort_by(|a, b| speed(b).total_cmp(&speed(a)));
        cells
    }

    fn block(&self, run: &Run) -> Block {
        let (title, each) = match &self.0.event {
            RatedEvent::Faults => (String::new(), "a fault"),
            event => (per_second(event), "each"),
        };
        let body = body_name(self.0.cells[0].key.body);
        let mut block = Block::headed(title, WORLD).of_body(body);
        block.columns = vec![
            Column::left(STRATEGY, "", ["", ""]),
            Column::right(10, "", ["median", ""]),
            Column::right(7, "", ["95%", ""]).after(1),
            Column::right(9, "", [each, ""]),
            Column::right(8, "", ["scaling", ""]),
        ];
        for threads in self.threads() {
            for world in self.worlds() {
                for cell in self.ranked(&world, threads) {
                    let group = plural(threads as usize, "thread");
                    block.rows.push(self.row(cell, &group));
                    block.rows.extend(without_trap(run, cell, &group));
                }
            }
        }
        block
    }

    fn row(&self, cell: &Cell, group: &str) -> BlockRow {
        let outcome = CellOutcome::of(cell, &self.0.event);
        let kernel = cell.key.one_kernel().map(|kernel| format!(" {kernel}"));
        let strategy = match cell.key.world {
            World::Kernel => String::new(),
            _ => cell.key.strategy_name() + &kernel.unwrap_or_default(),
        };
        let mut values = vec![Value::plain(strategy), outcome.value()];
        if let CellOutcome::Rate(found) = outcome {
            values.extend([
                Value::or_dash(found.spread().map(spread)),
                Value::plain(nanoseconds(own_ns(cell, found.median))),
                Value::or_blank(self.0.scaling(cell, &self.0.event).map(growth)),
            ]);
        }
        BlockRow::of(group, cell.key.world_name(), values)
    }

    /// Returns the strategy of each other world that scales most like the kernel.
    fn neighbours(&self, run: &Run, threads: u32) -> Option<String> {
        let of =
            |cell: &&Cell| Some((cell.key.strategy_name(), self.0.scaling(cell, &self.0.event)?));
        let kernel = World::Kernel.to_string();
        let (_, scaling) = self.ranked(&kernel, threads).first().and_then(of)?;
        let apart = |other: f64| (other / scaling).ln().abs();
        let nearest = |world: &String| {
            let cells = self.ranked(world, threads);
            let near =
                cells.iter().filter_map(of).min_by(|a, b| apart(a.1).total_cmp(&apart(b.1)))?;
            Some(format!("'{}' of {world} ({})", near.0, growth(near.1)))
        };
        let worlds = self.worlds();
        let nearest: Vec<String> =
            worlds.iter().filter(|world| **world != kernel).filter_map(nearest).collect();
        let locks = run.provenance.host.kernel_locks.as_ref();
        let own = locks.and_then(|locks| locks.strategy.as_deref());
        let own = own.map_or(String::new(), |own| format!(" It takes the lock of '{own}'."));
        (!nearest.is_empty()).then(|| {
            format!(
                "At {} the kernel scales {}; nearest to that {} {}.{own}",
                plural(threads as usize, "thread"),
                growth(scaling),
                if nearest.len() == 1 { "is" } else { "are" },
                listed(&nearest),
            )
        })
    }
}

/// Returns the time of a kernel's fault without an empty exception, as a row.
fn without_trap(run: &Run, cell: &Cell, group: &str) -> Option<BlockRow> {
    let net_ns = fault_ns_without_trap(run, cell)?;
    let mut row = BlockRow::of(group, "", vec![Value::blank(), Value::blank(), Value::blank()]);
    row.name = Value::new(Ink::Faint, "").ending("  less an empty exception");
    row.values.push(Value::plain(nanoseconds(net_ns)));
    Some(row)
}

/// Returns the time that a fault of the running kernel takes its thread without an empty
/// exception, in nanoseconds; `None` if one of the two is not known.
pub(crate) fn fault_ns_without_trap(run: &Run, cell: &Cell) -> Option<f64> {
    let trap = run.provenance.host.trap_cost_ns.filter(|_| cell.key.world == World::Kernel)?;
    Some(fault_ns(cell)? - trap.median)
}

/// Returns the time that a fault takes its thread, in nanoseconds; `None` without faults.
pub(crate) fn fault_ns(cell: &Cell) -> Option<f64> {
    cell.rate(&RatedEvent::Faults).map(|rate| own_ns(cell, rate.median))
}

/// Returns the time that one event takes its thread, in nanoseconds.
fn own_ns(cell: &Cell, per_s: f64) -> f64 {
    f64::from(cell.key.threads) * 1e9 / per_s
}

/// Returns the cost of an empty exception, and what else differs between the kernel's faults and
/// simulated ones; `None` if the cost was not measured or the kernel is in no table.
pub(crate) fn trap(run: &Run) -> Option<String> {
    let cost = run.provenance.host.trap_cost_ns?;
    let is_shown = |cells: &Cells<'_>| cells.0.cells.iter().any(|c| c.key.world == World::Kernel);
    if !all(run).iter().any(is_shown) {
        return None;
    }
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
            " The model's machine {} for it and for what the model leaves out: compare its faults \
             with the whole fault.",
            listed(&charges)
        ),
    };
    Some(format!(
        "An empty page-fault exception takes at most {}{between} here. Faults on the host have no \
         exception: compare them with faults of the kernel minus this time.{models} Other \
         differences remain: entry and accounting of each fault, charges to memory cgroups, LRU \
         lists and statistics are work in the kernel; the simulation has only their cache lines.",
        nanoseconds(cost.median),
    ))
}
