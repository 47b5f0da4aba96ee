//! The plan of a run: groups of cells that compete with each other, the same for this
//! machine, its kernel and the model.

mod cell;
mod group;
mod here;
mod model;
mod room;
mod turns;

pub(super) use self::cell::{Competitors, PlannedCell};
pub(super) use self::group::{CellGroup, ModelSite, Site};
pub(super) use self::model::ModelPlanner;
pub(in crate::cmd) use self::model::{model_room, places};
pub(super) use self::room::{ModelRoom, Room};

use document::run::{Cell, Key, World};
use inputs::workload::Workload;
use storm::Recording;

/// Everything that is to be run.
#[derive(Default)]
pub(super) struct RunPlan {
    /// On this machine, simulated or on its kernel, in the order in which they are run.
    pub here: Vec<CellGroup>,
    /// In the model, in an order that does not matter.
    pub model: Vec<CellGroup>,
    /// Memory of the storms on this machine.
    pub room: Room,
}

/// Recordings that need storms of their own, after the repeats of a group.
#[derive(Default)]
pub(super) struct Passes {
    /// Recordings on the host.
    pub host: Vec<Recording>,
    /// Recordings on the running kernel.
    pub kernel: Vec<Recording>,
}

impl Passes {
    /// Those of a group.
    pub fn of(&self, group: &CellGroup) -> &[Recording] {
        match group.world {
            _ if !group.recorded => &[],
            World::Kernel => &self.kernel,
            _ => &self.host,
        }
    }
}

impl RunPlan {
    /// All groups, in the order of their cells in the document.
    fn groups(&self) -> impl Iterator<Item = &CellGroup> {
        self.here.iter().chain(&self.model)
    }

    /// Every cell's key, and its workload.
    pub fn keys(&self) -> impl Iterator<Item = (&Key, &Workload)> {
        self.groups()
            .flat_map(|group| group.cells.iter().map(move |cell| (&cell.key, &group.workload)))
    }

    /// Every cell before its first storm.
    pub fn cells(&self) -> impl Iterator<Item = Cell> {
        self.groups().flat_map(|group| &group.cells).map(PlannedCell::before)
    }

    /// The place in the document of the first cell of a group on this machine.
    pub fn first_cell(&self, group: usize) -> usize {
        self.here[..group].iter().map(|group| group.cells.len()).sum()
    }

    /// The CPUs of the largest storm.
    pub fn cpus(&self) -> &[usize] {
        let largest = self.here.iter().max_by_key(|group| group.cpus().len());
        largest.map_or(&[], CellGroup::cpus)
    }

    /// The most storms that a run has. On this machine: turns of each cell, then its
    /// passes, except for the twins. In the model one for each cell.
    pub fn storms(&self, passes: &Passes) -> u64 {
        let of_group = |group: &CellGroup| {
            let recorded = group.running().filter(|cell| !cell.key.is_aa_twin).count();
            group.turns.storms(group.running().count()) + recorded * passes.of(group).len()
        };
        let here: usize = self.here.iter().map(of_group).sum();
        let model: usize = self.model.iter().map(|group| group.running().count()).sum();
        (here + model) as u64
    }
}
