//! The storms of a run, one after another, with the document on disk after each.

use std::sync::Arc;
use std::time::Instant;

use super::collect::Collected;
use super::document::Document;
use super::matrix::{Group, Matrix, Planned};
use super::progress::Progress;
use super::provenance::SAMPLE_PERIOD;
use super::warnings;
use crate::cli::RunArgs;
use crate::host::clock::Clock;
use crate::host::interrupt::Interrupt;
use crate::mm::frames::Arena;
use crate::run::{Cell, CellCost, Run, Status};
use crate::storm::{Recording, Spec, Storm, StormError};
use crate::workload::Until;

/// A run under way.
pub(super) struct Storms<'a> {
    pub args: &'a RunArgs,
    pub matrix: &'a Matrix,
    /// What is recorded in storms of its own.
    pub passes: Vec<Recording>,
    pub clock: Clock,
    pub arena: &'a Arc<Arena>,
    pub interrupt: &'a Interrupt,
    pub document: Document,
    pub progress: Progress,
    /// What the cells of the group under way have measured.
    pub cells: Vec<Collected>,
    /// Throughput storms so far.
    pub order: u32,
    pub run: Run,
}

/// How a run ended.
#[derive(Debug)]
pub(super) enum Ending {
    /// Every storm was run.
    Done {
        /// Whether the machine did not give some storm what it needs.
        machine_refused: bool,
    },
    /// The user asked for it.
    Interrupted,
    /// A thread panicked.
    Panicked(String),
    /// A thread is stuck: it still runs.
    Stuck(String),
}

impl Storms<'_> {
    /// Runs all storms, and leaves a document that is complete or says why not.
    pub fn all(&mut self) -> Ending {
        let matrix = self.matrix;
        let planned = matrix.groups.iter().flat_map(|group| &group.cells);
        self.run.cells = planned.map(before).collect();
        let mut ending = Ending::Done { machine_refused: false };
        let mut first = 0;
        for group in &matrix.groups {
            let end = self.group(group, first);
            self.warn(group, first);
            self.document.save(&self.run);
            match end {
                Ok(refused) => {
                    if let Ending::Done { machine_refused } = &mut ending {
                        *machine_refused |= refused;
                    }
                }
                Err(end) => {
                    ending = end;
                    break;
                }
            }
            first += group.cells.len();
        }
        self.progress.clear();
        self.run.complete = matches!(ending, Ending::Done { .. });
        if !self.run.complete {
            self.say_what_is_missing(&ending);
        }
        ending
    }

    /// Runs a group whose first cell is `first` of the document. Returns whether the
    /// machine refused something.
    fn group(&mut self, group: &Group, first: usize) -> Result<bool, Ending> {
        self.cells = group.cells.iter().map(|_| Collected::default()).collect();
        for (at, cell) in group.cells.iter().enumerate().filter(|(_, cell)| cell.refused.is_some())
        {
            debug_assert_eq!(cell.key.id(), self.run.cells[first + at].id);
            self.progress.row(&self.run.cells[first + at]);
        }
        let mut refused = false;
        for repeat in 0..self.args.repeats {
            for at in group.order(repeat) {
                refused |= self.storm(group, first, at, Recording::Throughput)?;
            }
            // Something to look at before the first group is over.
            if first == 0 && repeat == 0 {
                self.rows(group, first);
            }
        }
        for recording in self.passes.clone() {
            // The twins are there for the noise of throughput alone.
            for at in group.order(0) {
                if !group.cells[at].key.is_aa_twin() {
                    refused |= self.storm(group, first, at, recording)?;
                }
            }
        }
        self.rows(group, first);
        Ok(refused)
    }

    /// Runs one storm of a cell that has not failed, and takes over what it measured.
    fn storm(
        &mut self,
        group: &Group,
        first: usize,
        at: usize,
        recording: Recording,
    ) -> Result<bool, Ending> {
        if self.interrupt.requested() {
            return Err(Ending::Interrupted);
        }
        let planned = &group.cells[at];
        if self.run.cells[first + at].status == Status::Failed {
            self.progress.done();
            return Ok(false);
        }
        self.progress.next(&planned.key.id());
        let from = Instant::now();
        let result = (planned.entry.run)(&self.spec(group, recording));
        self.cells[at].wall += from.elapsed();
        self.progress.done();
        let outcome = match result {
            Ok(storm) => {
                self.take(at, storm, recording);
                self.run.cells[first + at] = self.cell(planned, at);
                Ok(false)
            }
            Err(error) => {
                let reason = error.to_string();
                self.run.cells[first + at] = Cell::failed(planned.key.clone(), &*reason);
                let id = planned.key.id();
                match error {
                    StormError::Panicked { .. } => Err(Ending::Panicked(format!("{id}: {reason}"))),
                    StormError::Stuck { .. } => Err(Ending::Stuck(format!("{id}: {reason}"))),
                    StormError::Books(_) => Ok(false),
                    StormError::Machine(_) => Ok(true),
                }
            }
        };
        let wall_s = self.cells[at].wall.as_secs_f64();
        let cost = CellCost { wall_s, tracked_accesses: None };
        self.run.provenance.cells.insert(planned.key.id(), cost);
        self.document.save(&self.run);
        outcome
    }

    fn spec<'s>(&'s self, group: &'s Group, recording: Recording) -> Spec<'s> {
        let throughput = recording == Recording::Throughput;
        Spec {
            workload: &group.workload,
            threads: group.threads,
            cpus: &group.cpus,
            real_body: group.real_body,
            entry_prefetch: self.args.entry_prefetch,
            seed: self.args.seed,
            // Each storm sets up a space of its own, and other strategies ran in
            // between: its memory and branches are cold in every repeat.
            warmup_ns: group.workload.warmup_ns,
            until: match group.workload.until {
                // A mean over a hundred thousand faults needs less time than a rate.
                Until::Duration(ns) if !throughput => Until::Duration(ns.div_ceil(2)),
                until => until,
            },
            recording,
            sample_period: if throughput { SAMPLE_PERIOD } else { 0 },
            clock: self.clock,
            arena: self.arena,
        }
    }

    fn take(&mut self, at: usize, storm: Storm, recording: Recording) {
        let cell = &mut self.cells[at];
        match recording {
            Recording::Throughput => {
                self.run.provenance.perf = match &storm.perf {
                    Ok(counts) if counts.hitm_loads.is_none() => {
                        "cycles, instructions and cache misses in user mode; this CPU has no \
                         event that counts HITM alone"
                            .to_owned()
                    }
                    Ok(_) => "cycles, instructions, cache misses and HITM in user mode".to_owned(),
                    Err(why) => why.clone(),
                };
                cell.repeat(storm, self.order);
                self.order += 1;
            }
            Recording::Lines => cell.lines(&storm),
            Recording::Stages => cell.stages(&storm),
        }
    }

    /// Returns a cell as it stands: partial until all its repeats are in.
    fn cell(&self, planned: &Planned, at: usize) -> Cell {
        let collected = &self.cells[at];
        let measured = collected.measured(self.args.seed, SAMPLE_PERIOD);
        let (key, asked) = (planned.key.clone(), self.args.repeats);
        match (collected.repeats(), measured) {
            (repeats, Some(measured)) if repeats == asked as usize => Cell::ok(key, measured),
            (repeats, None) if repeats == asked as usize => {
                Cell::failed(key, "at no time did all threads storm: give a longer --time")
            }
            (repeats, measured) => {
                Cell::partial(key, format!("{repeats} of {asked} repeats are in"), measured)
            }
        }
    }

    fn rows(&self, group: &Group, first: usize) {
        for (at, planned) in group.cells.iter().enumerate() {
            if planned.refused.is_none() {
                self.progress.row(&self.run.cells[first + at]);
            }
        }
    }

    fn warn(&mut self, group: &Group, first: usize) {
        let cells = &self.run.cells[first..first + group.cells.len()];
        let running = cells.iter().filter(|cell| cell.status != Status::Skipped);
        let found = running.flat_map(|cell| warnings::of_cell(cell, group.oversubscribed()));
        self.run.provenance.warnings.extend(found);
    }

    /// Says in each cell that is not finished why.
    fn say_what_is_missing(&mut self, ending: &Ending) {
        let why = match ending {
            Ending::Interrupted => "the run was interrupted",
            _ => "a thread of another cell ended the run",
        };
        for cell in self.run.cells.iter_mut().filter(|cell| cell.status == Status::Partial) {
            let so_far = cell.reason.take().unwrap_or_default();
            cell.reason = Some(format!("{why}: {so_far}"));
        }
    }
}

/// A cell before its first storm.
fn before(planned: &Planned) -> Cell {
    match &planned.refused {
        Some(reason) => Cell::skipped(planned.key.clone(), reason),
        None => Cell::partial(planned.key.clone(), "no repeat is in", None),
    }
}
