//! The part of a run that is in the model.

use super::storms::{Ending, Storms, worst_of};
use super::sweep::{self, Outcome, Point};
use super::warnings;
use crate::cmd::error::CommandError;
use base::digest::digest;
use document::run::{Run, Status, World};

impl Storms<'_> {
    /// Runs `points`, whose cells are the last of the run, as many at a time as fit in
    /// `usable_bytes`.
    pub fn model(&mut self, points: &[Point], usable_bytes: u64) -> Result<Ending, CommandError> {
        let Self { run, document, progress, worst, .. } = self;
        let first = run.cells.len() - points.len();
        run.complete = false;
        let jobs = self.args.jobs.map_or_else(available, |jobs| jobs as usize);
        let jobs = sweep::fitting(points, jobs, usable_bytes);
        progress.show(&run.cells, first);
        let interrupted = sweep::run(points, jobs, self.interrupt, |outcome| {
            if let Some((index, Outcome { cell, cost, error })) = outcome {
                if let Some(error) = error {
                    *worst = worst_of(*worst, &error);
                    progress.failed(&cell);
                }
                run.provenance.cells.extend(cost.map(|cost| (cell.id.clone(), cost)));
                run.provenance
                    .warnings
                    .extend(warnings::of_model(&cell, points[index].siblings_not_slowed()));
                run.cells[first + index] = cell;
                progress.show(&run.cells, first + index);
                progress.done();
            }
            document.save_now_and_then(run);
        })?;
        finish(run, interrupted);
        Ok(if interrupted { Ending::Interrupted } else { Ending::Done })
    }
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
