//! Cells of the model: all combinations, in parallel, in an order that does not matter.

use std::collections::BTreeSet;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use rayon::prelude::*;

use super::collect::Collected;
use super::kernels::Kernels;
use super::matrix::key;
use super::variations::variations;
use crate::cli::RunArgs;
use crate::cmd::error::CommandError;
use catalogue::Entry;
use document::run::{Cell, CellCost, Key, World};
use host::interrupt::Interrupt;
use host::placement::Placement;
use inputs::machines::MachineFile;
use inputs::machines::vary::{Settings, combinations, varied};
use inputs::workload::{Until, Workload, digest};
use machine::model::{Model, Parameters, Place};
use mm::kernel::Kernel;
use storm::model::planned_until;
use storm::needs::{fits, needs};
use storm::plan::total_threads;
use storm::{ModelSpec, ModelStorm, StormError};

/// Faults of a thread, unless flags say how long a storm is: so many that the batches in
/// which a core takes frames and counts pages turn over several times.
const FAULTS: u64 = 2048;
/// Threads of the default sweep, at the most.
const THREADS_MAX: usize = 128;

/// A cell of the model that is to be run.
pub(super) struct Point<'a> {
    pub key: Key,
    /// Why the strategy may not run this workload.
    pub refused: Option<String>,
    entry: &'static Entry,
    kernel: &'static Kernel,
    workload: &'a Workload,
    machine: Parameters,
    threads: usize,
    places: Vec<Place>,
    real_body: bool,
    repeats: u32,
    /// What a storm takes; 0 where none is run.
    memory_bytes: u64,
}

/// What came of a cell.
pub(super) struct Outcome {
    pub cell: Cell,
    pub cost: Option<CellCost>,
    pub error: Option<StormError>,
}

/// The workloads as the model runs them, each with what is varied of it: flags beat what is
/// short enough for it.
pub(super) fn workloads(args: &RunArgs, workloads: Vec<Workload>) -> Vec<(Workload, Settings)> {
    let of_model = |mut workload: Workload| {
        workload.warmup_ns = args.warmup_ns.unwrap_or(0);
        workload.until = match (args.time_ns, args.faults) {
            (Some(ns), _) => Until::Duration(ns),
            (None, faults) => Until::Faults(faults.unwrap_or(FAULTS)),
        };
        workload
    };
    workloads.into_iter().flat_map(|workload| variations(of_model(workload), args)).collect()
}

/// Lays out all cells: machine by machine, workload by workload, few threads before many.
///
/// # Errors
///
/// A placement that a machine does not have, more threads than it has, a storm that does not fit
/// in memory.
pub(super) fn points<'a>(
    args: &RunArgs,
    workloads: &'a [(Workload, Settings)],
    strategies: &[&'static Entry],
    machines: &[MachineFile],
    kernels: &Kernels,
    usable_bytes: u64,
) -> Result<Vec<Point<'a>>, CommandError> {
    let bodies = args.real_bodies();
    let combinations = combinations(&args.machine_vary());
    let mut points = Vec::new();
    for machine in machines {
        for (workload, settings) in workloads {
            let digest = digest(workload);
            for threads in thread_counts(args, machine, workload) {
                let total = total_threads(workload, threads);
                let crowded = crowded(machine, threads, total);
                let placed = if crowded.is_some() { threads } else { total };
                let places = places(machine, &args.placement, placed)?;
                let until = planned_until(workload.until, workload.warmup_ns);
                let memory_bytes = match crowded {
                    Some(_) => 0,
                    None => memory(workload, threads, args.seed, until, usable_bytes)?,
                };
                for (vary, &real_body) in
                    combinations.iter().flat_map(|vary| bodies.iter().map(move |body| (vary, body)))
                {
                    let key = key(args, workload, &digest, &machine.name, total, real_body);
                    let key = Key {
                        world: World::Model,
                        machine_digest: Some(machine.digest()),
                        vary: vary.iter().chain(settings).map(|(k, v)| (k.clone(), *v)).collect(),
                        ..key
                    };
                    let point = |entry: &'static Entry, one| {
                        let (kernel, key) = kernels.of(entry, one, of_strategy(&key, entry));
                        Point {
                            key,
                            refused: (entry.refuses)(workload).or_else(|| crowded.clone()),
                            entry,
                            kernel,
                            workload,
                            machine: varied(&machine.parameters, vary),
                            threads,
                            places: places.clone(),
                            real_body,
                            repeats: args.repeats.unwrap_or(1),
                            memory_bytes,
                        }
                    };
                    for one in kernels.each() {
                        points.extend(strategies.iter().map(|entry| point(entry, one)));
                    }
                }
            }
        }
    }
    Ok(points)
}

/// Bytes that a storm takes.
///
/// # Errors
///
/// More than can be had.
pub(in crate::cmd) fn memory(
    workload: &Workload,
    threads: usize,
    seed: u64,
    until: Until,
    usable_bytes: u64,
) -> Result<u64, CommandError> {
    let bytes = needs(workload, threads, seed, until, usable_bytes)
        .map(|needs| needs.space_bytes::<Model>())
        .map_err(CommandError::machine)?;
    let advice = "give fewer --threads, a smaller workload, or fewer --faults";
    fits(workload, threads, bytes, usable_bytes, advice).map_err(CommandError::machine)?;
    Ok(bytes)
}

/// Of `jobs` storms at a time as many as memory holds.
pub(super) fn fitting(points: &[Point], jobs: usize, usable_bytes: u64) -> usize {
    let largest = points.iter().map(|point| point.memory_bytes).max().unwrap_or(0);
    let fit = usable_bytes.checked_div(largest).unwrap_or(u64::MAX);
    jobs.min(usize::try_from(fit).unwrap_or(usize::MAX)).max(1)
}

fn of_strategy(key: &Key, entry: &Entry) -> Key {
    let (strategy, variant) = entry.split();
    let variant = variant.map(str::to_owned);
    Key { strategy: strategy.to_owned(), variant, ..key.clone() }
}

/// Why a storm is skipped whose threads fit the machine, but not with those that the workload
/// adds: a sweep over many workloads asks for the same counts of all.
fn crowded(machine: &MachineFile, threads: usize, total: usize) -> Option<String> {
    let all = machine.parameters.shape.hardware_threads();
    (threads <= all && total > all).then(|| {
        let added = total - threads;
        format!(
            "{threads} threads and the workload's own {added} do not fit {all} hardware threads"
        )
    })
}

/// As asked; else doublings up to what the machine has beside the workload's own threads.
fn thread_counts(args: &RunArgs, machine: &MachineFile, workload: &Workload) -> BTreeSet<usize> {
    if let Some(list) = &args.threads {
        return list.as_slice().iter().copied().collect();
    }
    let hardware = machine.parameters.shape.hardware_threads();
    let fits = |threads: &usize| total_threads(workload, *threads) <= hardware;
    let all = (1..=hardware.min(THREADS_MAX)).rev().find(fits).unwrap_or(1);
    let doublings = std::iter::successors(Some(1), |threads| Some(threads * 2));
    doublings.take_while(|threads| *threads < all).chain([all]).collect()
}

/// Where the cores of a storm are on a machine.
///
/// # Errors
///
/// A placement that the machine does not have, more threads than it has.
pub(in crate::cmd) fn places(
    machine: &MachineFile,
    placement: &Placement,
    total: usize,
) -> Result<Vec<Place>, CommandError> {
    let all = machine.parameters.shape.hardware_threads();
    if total > all {
        return Err(CommandError::machine(anyhow!(
            "{total} threads are more than the {all} hardware threads of '{}': in the model each \
             has one of its own",
            machine.name
        )));
    }
    machine.places(placement, total).map_err(CommandError::machine)
}

impl Point<'_> {
    /// The key of the cell, and its workload.
    pub fn workload(&self) -> (&Key, &Workload) {
        (&self.key, self.workload)
    }

    /// Whether threads are hyperthreads of one core, and the machine does not say how much
    /// they slow each other.
    pub fn siblings_not_slowed(&self) -> bool {
        let cores: BTreeSet<u16> = self.places.iter().map(|place| place.agent).collect();
        cores.len() < self.places.len() && self.machine.smt_slowdown_permille == 1000
    }

    /// The cell before it is run.
    pub fn before(&self) -> Cell {
        match &self.refused {
            Some(reason) => Cell::skipped(self.key.clone(), reason),
            None => Cell::partial(self.key.clone(), "it was not run", None),
        }
    }

    fn run(&self) -> Outcome {
        let from = Instant::now();
        let mut collected = Collected::default();
        let mut accesses = 0;
        for repeat in 0..self.repeats {
            match (self.entry.model)(&self.spec(u64::from(repeat))) {
                Ok(storm) => accesses += self.take(&mut collected, storm, repeat),
                Err(error) => {
                    let cell = Cell::failed(self.key.clone(), error.to_string());
                    return Outcome { cell, cost: None, error: Some(error) };
                }
            }
        }
        let cell = match collected.measured(self.key.seed, 1) {
            Some(measured) => Cell::ok(self.key.clone(), measured),
            None => {
                let why = "at no time did all threads storm: give a longer --time";
                Cell::partial(self.key.clone(), why, None)
            }
        };
        let wall_s = from.elapsed().as_secs_f64();
        let cost = Some(CellCost { wall_s, tracked_accesses: Some(accesses) });
        Outcome { cell, cost, error: None }
    }

    fn take(&self, collected: &mut Collected, storm: ModelStorm, repeat: u32) -> u64 {
        let accesses = storm.accesses;
        collected.model(&storm);
        collected.repeat(storm.storm, repeat, None);
        accesses
    }

    /// Repeats differ by their seed alone.
    fn spec(&self, repeat: u64) -> ModelSpec<'_> {
        ModelSpec {
            workload: self.workload,
            threads: self.threads,
            machine: &self.machine,
            places: &self.places,
            real_body: self.real_body,
            entry_prefetch: self.key.entry_prefetch,
            kernel: Some(self.kernel),
            seed: self.key.seed + repeat,
            warmup_ns: self.workload.warmup_ns,
            until: self.workload.until,
            trace: None,
        }
    }
}

/// Runs all points that are not refused, `jobs` at a time, and hands over what came of
/// each as it comes; also `None`, from time to time, so that somebody can look around.
/// True where the user asked for an end before.
pub(super) fn run(
    points: &[Point],
    jobs: usize,
    interrupt: &Interrupt,
    mut take: impl FnMut(Option<(usize, Outcome)>),
) -> Result<bool, CommandError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs).build();
    let pool = pool.map_err(|error| CommandError::machine(anyhow!(error)))?;
    let (sender, outcomes) = channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let sender = sender;
            pool.install(|| {
                // One by one: a cell may take a thousand times as long as its neighbour.
                let runs = points.par_iter().enumerate().with_max_len(1);
                runs.filter(|(_, point)| point.refused.is_none()).for_each_with(
                    sender,
                    |sender, (index, point)| {
                        if !interrupt.requested() {
                            // Nobody hears it only where the program ends.
                            let _ = sender.send((index, point.run()));
                        }
                    },
                );
            });
        });
        loop {
            match outcomes.recv_timeout(Duration::from_millis(500)) {
                Ok(outcome) => take(Some(outcome)),
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => take(None),
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
            }
        }
    });
    Ok(interrupt.requested())
}
