//! Cells that compete with each other.

use std::collections::BTreeSet;

use super::cell::PlannedCell;
use super::room::ModelRoom;
use super::turns::Turns;
use document::run::World;
use inputs::machines::Variation;
use inputs::workload::Workload;
use machine::model::{Parameters, Place};
use storm::{Executor, StormRequest};

/// One workload at one number of threads with one body in one world: its cells are compared
/// with each other.
pub(in super::super) struct CellGroup {
    pub world: World,
    /// As it is run: flags have beaten the file.
    pub workload: Workload,
    /// Threads that groups with a weight share.
    pub weighted_threads: usize,
    /// The CPUs or cores of all threads, those of groups with a fixed number included.
    pub site: Site,
    /// True if pages are cleared and copied.
    pub real_body: bool,
    /// In the order asked for; the A/A twin of the first that runs comes last.
    pub cells: Vec<PlannedCell>,
    /// The cell that the others are compared with.
    pub base: Option<usize>,
    /// The turns that its cells take.
    pub turns: Turns,
    /// True if the run's passes are made for it.
    pub recorded: bool,
    /// Its place among groups that want time: the group whose verdicts matter most is first.
    pub rank: usize,
}

/// CPUs or cores of the threads of a group.
pub(in super::super) enum Site {
    /// CPUs of this machine.
    Cpus(Vec<usize>),
    /// Cores of a machine of the model.
    Model(Box<ModelSite>),
}

/// Cores of a machine of the model.
pub(in super::super) struct ModelSite {
    pub machine: Parameters,
    /// The machine with each of its estimates raised.
    pub raised: Vec<Variation>,
    pub places: Vec<Place>,
    /// The room that a storm takes; none if none is run.
    pub room: ModelRoom,
}

impl CellGroup {
    /// Returns the cells that may run the workload.
    pub fn running(&self) -> impl Iterator<Item = &PlannedCell> {
        self.cells.iter().filter(|cell| cell.refused.is_none())
    }

    /// Returns a storm of one of its cells.
    pub fn request<'a>(&'a self, cell: &PlannedCell, executor: Executor<'a>) -> StormRequest<'a> {
        StormRequest {
            workload: &self.workload,
            weighted_threads: self.weighted_threads,
            real_body: self.real_body,
            entry_prefetch: cell.key.entry_prefetch,
            kernel: cell.kernel,
            seed: cell.key.seed,
            // Each storm sets up a space of its own, and other strategies ran in
            // between: its memory and branches are cold in every repeat.
            warmup_ns: self.workload.warmup_ns,
            until: self.workload.until,
            executor,
        }
    }

    /// Returns the CPU of each thread; none in the model.
    pub fn cpus(&self) -> &[usize] {
        match &self.site {
            Site::Cpus(cpus) => cpus,
            Site::Model(_) => &[],
        }
    }

    /// Returns the cells that are `present` in the order of one turn's storms.
    ///
    /// The A/A twin is half a cycle away from the first copy, so that a drift of the
    /// machine shows between the two as much as between any others. Each turn begins one cell
    /// later, so that no cell always follows the same moment of a cycle. If the base storms
    /// twice, that and the twin are a third of a cycle apart.
    pub fn order(&self, turn: u32, present: impl Fn(usize) -> bool) -> Vec<usize> {
        let runs = |&cell: &usize| self.cells[cell].refused.is_none() && present(cell);
        let (twin, mut order): (Vec<usize>, Vec<usize>) =
            (0..self.cells.len()).filter(runs).partition(|&cell| self.cells[cell].key.is_aa_twin);
        let length = order.len();
        let base = self.base.filter(|_| self.turns.looks);
        if let Some(place) = order.iter().position(|cell| Some(*cell) == base) {
            order.rotate_left(place);
            let third = length.div_ceil(3);
            let again = (2 * third).min(length);
            order.splice(again..again, base);
            order.splice(third..third, twin);
        } else {
            let half = length.div_ceil(2);
            order.splice(half..half, twin);
        }
        if !order.is_empty() {
            let first = turn as usize % order.len();
            order.rotate_left(first);
        }
        order
    }

    /// Returns true if two threads share a CPU.
    pub fn oversubscribed(&self) -> bool {
        self.cpus().iter().collect::<BTreeSet<_>>().len() < self.cpus().len()
    }
}
