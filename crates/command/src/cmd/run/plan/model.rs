//! The groups that storm machines of the model.

use std::collections::BTreeSet;

use anyhow::anyhow;

use super::super::kernels::OneKernel;
use super::super::variations::variations;
use super::cell::{Competitors, key};
use super::group::{CellGroup, ModelSite, Site};
use super::room::ModelRoom;
use super::turns::Turns;
use crate::cli::RunArgs;
use crate::cmd::error::CommandError;
use catalogue::Entry;
use document::run::{Key, World};
use host::placement::Placement;
use host::preflight::Usable;
use inputs::machines::vary::{Settings, combinations, varied};
use inputs::machines::{MachineFile, Variation};
use inputs::workload::{Until, Workload, digest};
use machine::model::Place;
use mm::kernel::Kernel;
use storm::model::planned_until;
use storm::needs::needs;
use storm::plan::total_threads;

/// Faults of a thread, unless flags say how long a storm is: enough for the batches in which a
/// core takes frames and counts pages to turn over several times.
const FAULTS: u64 = 2048;
/// Most threads of the default sweep.
const THREADS_MAX: usize = 128;

/// Returns the workloads as the model runs them, each with its variations: flags beat what is short
/// enough for it.
fn as_run(args: &RunArgs, workloads: Vec<Workload>) -> Vec<(Workload, Settings)> {
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

/// The planner of the model's groups.
pub(in super::super) struct ModelPlanner<'a> {
    pub args: &'a RunArgs,
    pub competitors: Competitors<'a>,
    pub machines: &'a [MachineFile],
    /// Memory and addresses left beside the storms of this machine.
    pub usable: Usable,
}

impl ModelPlanner<'_> {
    /// Plans the storms of the model: machine by machine, workload by workload, few threads
    /// before many.
    ///
    /// # Errors
    ///
    /// A placement that a machine does not have, more threads than it has, a storm that does
    /// not fit in memory.
    pub fn groups(&self, workloads: Vec<Workload>) -> Result<Vec<CellGroup>, CommandError> {
        let workloads = as_run(self.args, workloads);
        let mut groups = Vec::new();
        for machine in self.machines {
            for (workload, settings) in &workloads {
                for threads in thread_counts(self.args, machine, workload) {
                    groups.extend(self.of_workload(machine, workload, settings, threads)?);
                }
            }
        }
        Ok(groups)
    }

    /// Returns the groups of one workload at one number of threads: one for each body and each
    /// combination of what is varied.
    fn of_workload(
        &self,
        machine: &MachineFile,
        workload: &Workload,
        settings: &Settings,
        weighted_threads: usize,
    ) -> Result<Vec<CellGroup>, CommandError> {
        let args = self.args;
        let total = total_threads(workload, weighted_threads);
        let crowded = crowded(machine, weighted_threads, total);
        let placed = if crowded.is_some() { weighted_threads } else { total };
        let places = places(machine, &args.placement, placed)?;
        let until = planned_until(workload.until, workload.warmup_ns);
        let room = match crowded {
            Some(_) => ModelRoom::default(),
            None => model_room(workload, weighted_threads, args.seed, until, self.usable)?,
        };
        let (digest, bodies) = (digest(workload), args.real_bodies());
        let combinations = combinations(&args.machine_vary());
        let each = combinations.iter().flat_map(|vary| {
            let bodies = bodies.iter().map(move |body| (vary, *body));
            bodies.flat_map(|(vary, body)| {
                self.competitors.kernels.each().into_iter().map(move |one| (vary, body, one))
            })
        });
        let refused =
            |entry: &Entry, _: &Kernel| (entry.refuses)(workload).or_else(|| crowded.clone());
        let group = |(vary, real_body, one): (&Settings, bool, Option<&OneKernel>)| {
            let key = Key {
                world: World::Model,
                machine_digest: Some(machine.digest()),
                vary: vary.iter().chain(settings).map(|(k, v)| (k.clone(), *v)).collect(),
                ..key(args, workload, &digest, &machine.name, total, real_body)
            };
            let parameters = varied(&machine.parameters, vary);
            let raised = machine
                .raised()
                .into_iter()
                .map(|raised| Variation { parameters: varied(&raised.parameters, vary), ..raised });
            let site = ModelSite {
                machine: parameters,
                raised: raised.collect(),
                places: places.clone(),
                room,
            };
            CellGroup {
                world: World::Model,
                workload: workload.clone(),
                weighted_threads,
                site: Site::Model(Box::new(site)),
                real_body,
                cells: self.competitors.cells(one, &key, refused),
                base: None,
                turns: Turns::repeats(args.repeats.unwrap_or(1)),
                recorded: false,
                rank: 0,
            }
        };
        Ok(each.map(group).collect())
    }
}

/// Returns the room that a storm takes.
///
/// # Errors
///
/// More than can be had.
pub(in crate::cmd) fn model_room(
    workload: &Workload,
    weighted_threads: usize,
    seed: u64,
    until: Until,
    usable: Usable,
) -> Result<ModelRoom, CommandError> {
    let needs = needs(workload, weighted_threads, seed, until, usable.bytes);
    let room = ModelRoom::of(&needs.map_err(CommandError::machine)?);
    room.fits(workload, weighted_threads, usable).map(|()| room)
}

/// Returns the reason to skip a storm whose threads fit the machine, but not together with the
/// threads that the workload adds: a sweep over many workloads asks for the same counts of all.
fn crowded(machine: &MachineFile, threads: usize, total: usize) -> Option<String> {
    let all = machine.parameters.shape.hardware_threads();
    (threads <= all && total > all).then(|| {
        let added = total - threads;
        format!(
            "{threads} threads and the workload's own {added} do not fit {all} hardware threads"
        )
    })
}

/// Returns the requested thread counts; else doublings up to the hardware threads of the machine
/// without the workload's own.
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

/// Places the cores of a storm on a machine.
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

impl ModelSite {
    /// Returns true if threads are hyperthreads of one core, and the machine does not say how much
    /// they slow each other.
    pub fn siblings_not_slowed(&self) -> bool {
        let cores: BTreeSet<u16> = self.places.iter().map(|place| place.agent).collect();
        cores.len() < self.places.len() && self.machine.smt_slowdown_permille == 1000
    }
}
