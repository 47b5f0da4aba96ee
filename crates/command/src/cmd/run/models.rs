//! The part of a run that is in the model: its cells in parallel, in an order that does not
//! matter.

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use rayon::prelude::*;

use super::collect::Collected;
use super::plan::{CellGroup, ModelRoom, ModelSite, PlannedCell, Site};
use super::storms::{Ending, Storms, worst_of};
use super::{sensitivities, warnings};
use crate::cmd::error::CommandError;
use base::digest::digest;
use document::run::{Cell, CellCost, Run, Status, World};
use host::interrupt;
use host::preflight::Usable;
use machine::model::Parameters;
use storm::{Executor, ModelExecutor, Storm, StormError, StormRequest};

/// A cell of the model that is to be run.
pub(super) struct ModelCell<'a> {
    /// Its place among the cells of the model.
    pub index: usize,
    pub group: &'a CellGroup,
    pub site: &'a ModelSite,
    pub cell: &'a PlannedCell,
}

/// A cell after its storms.
struct Finished {
    cell: Cell,
    cost: Option<CellCost>,
    error: Option<StormError>,
}

impl Storms<'_> {
    /// Runs the cells of the model, which are the last of the run, as many at a time as memory and
    /// threads allow.
    pub fn model(&mut self, usable: Usable) -> Result<Ending, CommandError> {
        let Self { run, document, progress, worst, plan, .. } = self;
        let cells = cells(&plan.model);
        let first = run.cells.len() - plan.model.iter().map(|it| it.cells.len()).sum::<usize>();
        run.complete = false;
        let jobs = self.args.jobs.map_or_else(available, |jobs| jobs as usize);
        let rooms = cells.iter().map(|cell| cell.site.room);
        let jobs = ModelRoom::jobs(rooms, jobs, usable);
        progress.show(&run.cells, first);
        let mut interrupted = run_all(&cells, jobs, ModelCell::run, |finished| {
            let Some((of, Finished { cell, cost, error })) = finished else {
                return document.save_now_and_then(run);
            };
            let at = first + of.index;
            let has_failed = error.is_some();
            if let Some(error) = error {
                *worst = worst_of(*worst, &error);
            }
            run.provenance.cells.extend(cost.map(|cost| (cell.id.clone(), cost)));
            let found = warnings::of_model(&cell, of.site.siblings_not_slowed());
            run.provenance.warnings.extend(warnings::of_cell(&cell).into_iter().chain(found));
            run.cells[at] = cell;
            // Before anything is shown: a terminal may block.
            document.save_now_and_then(run);
            if has_failed {
                progress.failed(&run.cells[at]);
            }
            progress.show(&run.cells, at);
            progress.done();
        })?;
        let near = sensitivities::near(&plan.model, &run.cells[first..]);
        let ask = ModelCell::sensitivities;
        interrupted |= run_all(&near, jobs, ask, |asked| {
            if let Some((of, found)) = asked
                && let Some(measured) = &mut run.cells[first + of.index].measured
            {
                measured.sensitivities = Some(found);
            }
        })?;
        finish(run, interrupted);
        Ok(if interrupted { Ending::Interrupted } else { Ending::Done })
    }
}

/// The cells that run. The index counts those that are refused too.
fn cells(groups: &[CellGroup]) -> Vec<ModelCell<'_>> {
    let all = groups.iter().flat_map(|group| group.cells.iter().map(move |cell| (group, cell)));
    let running = all.enumerate().filter(|(_, (_, cell))| cell.refused.is_none());
    running
        .filter_map(|(index, (group, cell))| match &group.site {
            Site::Model(site) => Some(ModelCell { index, group, site, cell }),
            Site::Cpus(_) => None,
        })
        .collect()
}

impl ModelCell<'_> {
    /// Runs the cell's storms; `None` if the user asked for the end before.
    fn run(&self) -> Option<Finished> {
        if interrupt::is_requested() {
            return None;
        }
        let from = Instant::now();
        let key = || self.cell.key.clone();
        let mut collected = Collected::default();
        let mut accesses = 0;
        for repeat in 0..self.group.turns.most {
            match (self.cell.run)(&self.request(repeat)) {
                Ok(storm) => {
                    accesses += storm.model.as_ref().map_or(0, |model| model.accesses);
                    collected.repeat(storm, repeat, None);
                }
                Err(StormError::Interrupted) => return None,
                Err(error) => {
                    let cell = Cell::failed(key(), error.to_string());
                    return Some(Finished { cell, cost: None, error: Some(error) });
                }
            }
        }
        let cell = match collected.measured(self.cell.key.seed, 1) {
            Some(measured) => Cell::ok(key(), measured),
            None => {
                let why = "at no time did all threads storm: give a longer --time";
                Cell::partial(key(), why, None)
            }
        };
        let wall_s = from.elapsed().as_secs_f64();
        let cost = Some(CellCost { wall_s, tracked_accesses: Some(accesses) });
        Some(Finished { cell, cost, error: None })
    }

    /// Repeats differ by their seed alone.
    fn request(&self, repeat: u32) -> StormRequest<'_> {
        self.request_on(&self.site.machine, repeat)
    }

    /// Returns the request for the same cores on another machine.
    pub(super) fn request_on<'b>(
        &'b self,
        machine: &'b Parameters,
        repeat: u32,
    ) -> StormRequest<'b> {
        let places = &self.site.places;
        let executor = Executor::Model(ModelExecutor { machine, places, trace: None });
        let request = self.group.request(self.cell, executor);
        StormRequest { seed: request.seed + u64::from(repeat), ..request }
    }
}

/// Returns the faults per second of all threads together.
pub(super) fn rate(storm: &Storm) -> Option<f64> {
    let faults: u64 = storm.threads.iter().map(|thread| thread.faults).sum();
    (storm.window_ns > 0.0).then(|| faults as f64 / storm.window_ns * 1e9)
}

/// Does `work` for all cells, `jobs` at a time, and hands over what came of each as it comes; also
/// `None`, from time to time, so that the document can be saved. True if the user asked for
/// an end before.
fn run_all<'a, R: Send>(
    cells: &'a [ModelCell<'a>],
    jobs: usize,
    work: fn(&ModelCell<'a>) -> Option<R>,
    mut take: impl FnMut(Option<(&'a ModelCell<'a>, R)>),
) -> Result<bool, CommandError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs).build();
    let pool = pool.map_err(|error| CommandError::machine(anyhow!(error)))?;
    let (sender, outcomes) = channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let sender = sender;
            pool.install(|| {
                // One by one: a cell may take a thousand times as long as its neighbour.
                cells.par_iter().with_max_len(1).for_each_with(sender, |sender, cell| {
                    if let Some(finished) = work(cell) {
                        // The receiver is gone only if the program ends.
                        let _ = sender.send((cell, finished));
                    }
                });
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
    Ok(interrupt::is_requested())
}

fn available() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn finish(run: &mut Run, interrupted: bool) {
    // In the order of cells, not in that of their ends.
    let place = |id: &Option<String>| {
        id.as_ref().and_then(|id| run.cells.iter().position(|cell| cell.id == *id))
    };
    run.provenance.warnings.sort_by_key(|warning| place(&warning.cell));
    run.digest = Some(digest_of_cells(run));
    run.complete = !interrupted;
    if interrupted {
        for cell in run.cells.iter_mut().filter(|cell| cell.status == Status::Partial) {
            cell.reason = Some("the run was interrupted".to_owned());
        }
    }
    if run.cells.iter().all(|cell| cell.key.world == World::Model) {
        run.provenance.clock = None;
        run.provenance.harness_cost_ns.clear();
        run.provenance.perf = "only the model ran".to_owned();
    }
}

/// Names what the model found: equal for equal cells, wherever and however they were run.
fn digest_of_cells(run: &Run) -> String {
    let cells = run.cells.iter().filter(|cell| cell.key.world == World::Model);
    let text = cells.map(|cell| serde_json::to_string(cell).expect("a cell has no NaN"));
    digest(text.collect::<Vec<_>>().join("\n").as_bytes())
}
