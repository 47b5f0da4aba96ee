//! A cell that is to be run.

use super::super::kernels::{Kernels, OneKernel};
use crate::cli::RunArgs;
use catalogue::{Entry, Runner};
use document::run::{Body, Cell, Key, World};
use inputs::machines::vary::Settings;
use inputs::workload::Workload;
use mm::kernel::Kernel;

/// A cell that is to be run.
pub(in super::super) struct PlannedCell {
    pub run: &'static Runner,
    /// The kernel of its strategy; none on the running kernel.
    pub kernel: Option<&'static Kernel>,
    pub key: Key,
    /// The reason why it may not run this workload.
    pub refused: Option<String>,
}

impl PlannedCell {
    /// Returns the cell before its first storm.
    pub(super) fn before(&self) -> Cell {
        match &self.refused {
            Some(reason) => Cell::skipped(self.key.clone(), reason),
            None if self.key.world == World::Model => {
                Cell::partial(self.key.clone(), "it was not run", None)
            }
            None => Cell::partial(self.key.clone(), "no repeat is in", None),
        }
    }

    /// True if the cell runs and is no twin.
    pub fn takes_part(&self) -> bool {
        self.refused.is_none() && !self.key.is_aa_twin
    }
}

/// The strategies of a run, and their kernels.
#[derive(Clone, Copy)]
pub(in super::super) struct Competitors<'a> {
    pub strategies: &'a [&'static Entry],
    pub kernels: &'a Kernels,
}

impl Competitors<'_> {
    /// Returns the cells of all strategies, put into `one` kernel or each into its own. `refused`:
    /// the reason why a strategy does not run.
    pub(super) fn cells(
        self,
        one: Option<&OneKernel>,
        key: &Key,
        refused: impl Fn(&Entry, &Kernel) -> Option<String>,
    ) -> Vec<PlannedCell> {
        let cell = |&entry: &&'static Entry| {
            let (strategy, variant) = entry.split();
            let variant = variant.map(str::to_owned);
            let key = Key { strategy: strategy.to_owned(), variant, ..key.clone() };
            let (kernel, key) = self.kernels.of(entry, one, key);
            let refused = refused(entry, kernel);
            PlannedCell { run: entry.run, kernel: Some(kernel), key, refused }
        };
        let runs = |entry: &&&'static Entry| self.kernels.has_to_run(entry, one);
        self.strategies.iter().filter(runs).map(cell).collect()
    }
}

/// Returns the key of a group's cells, without their strategies.
pub(super) fn key(
    args: &RunArgs,
    workload: &Workload,
    digest: &str,
    machine: &str,
    threads: usize,
    real_body: bool,
) -> Key {
    Key {
        workload: workload.name.clone(),
        workload_digest: digest.to_owned(),
        strategy: String::new(),
        variant: None,
        world: World::Host,
        machine: machine.to_owned(),
        machine_digest: None,
        kernel: None,
        kernel_digest: None,
        is_own_kernel: false,
        threads: threads as u32,
        placement: args.placement.to_string(),
        entry_prefetch: args.entry_prefetch,
        body: if real_body { Body::Real } else { Body::None },
        seed: args.seed,
        vary: Settings::new(),
        is_aa_twin: false,
    }
}
