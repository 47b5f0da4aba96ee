//! The axis of a comparison: the one property in which the two sides are meant to differ.

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::Serialize;

use super::document::Document;
use super::error::CompareError;
use crate::run::{Cell, Key, Run, distinct};

/// The axis of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// Strategies, variants included.
    Strategy,
    /// Worlds, with their machines.
    World,
    /// Machines of one world.
    Machine,
    /// Kernels that all strategies were put into.
    Kernel,
    /// Commits that the program was built from.
    Revision,
    /// Numbers of threads.
    Threads,
    /// Runs that differ in none of the other axes.
    Run,
}

impl Axis {
    /// Axes that have a name on the command line, in the order in which they are tried.
    pub const NAMED: [Axis; 6] =
        [Axis::Strategy, Axis::World, Axis::Machine, Axis::Kernel, Axis::Revision, Axis::Threads];

    /// Returns the name, as on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Axis::Strategy => "strategy",
            Axis::World => "world",
            Axis::Machine => "machine",
            Axis::Kernel => "kernel",
            Axis::Revision => "revision",
            Axis::Threads => "threads",
            Axis::Run => "run",
        }
    }

    /// Returns the value of a cell on this axis.
    pub(super) fn value(self, document: &Document, cell: &Cell) -> String {
        match self {
            Axis::Strategy => cell.key.strategy_name(),
            Axis::World => cell.key.world_name(),
            Axis::Machine => cell.key.machine.clone(),
            Axis::Kernel => cell.key.one_kernel().unwrap_or("own").to_owned(),
            Axis::Revision => revision(&document.run),
            Axis::Threads => cell.key.threads.to_string(),
            Axis::Run => String::new(),
        }
    }

    /// Returns the values of all cells on this axis, each once, in the order of the documents.
    pub(super) fn values(self, documents: &[Document]) -> Vec<String> {
        let of = |document: &'_ Document| {
            document.run.strategies().map(|cell| self.value(document, cell)).collect::<Vec<_>>()
        };
        distinct(documents.iter().flat_map(of))
    }

    /// Returns the part of a cell's id that it shares with the cells that it is compared with.
    pub(super) fn place(self, key: &Key) -> String {
        let threads = key.threads.to_string();
        let body = key.body.to_string();
        let parts = [
            (Some(Axis::Strategy), key.strategy_name()),
            (Some(Axis::World), key.world_name()),
            (Some(Axis::Threads), threads),
            (None, body),
        ];
        let mut place = key.workload.clone();
        for (axis, part) in parts {
            let part = match axis {
                Some(axis) if axis == self => continue,
                Some(Axis::World) if self == Axis::Machine => key.world.to_string(),
                _ => part,
            };
            place += &format!("/{part}");
        }
        for (name, value) in key.settings() {
            if self != Axis::Kernel || name != Axis::Kernel.name() {
                place += &format!("/{name}={value}");
            }
        }
        place
    }

    /// Returns the axis on which two sides have no value in common; for one side, the axis on
    /// which it has more than one value.
    ///
    /// # Errors
    /// If there is no such axis, or more than one.
    pub(super) fn find(base: &[Document], new: &[Document]) -> Result<Axis, CompareError> {
        let differs = |axis: &Axis| {
            // Models of different machines are one world.
            let of = |value: &String| match axis {
                Axis::World => value.split(':').next().map(str::to_owned),
                _ => Some(value.clone()),
            };
            let values: Vec<_> = axis.values(base).iter().map(of).collect();
            match new {
                [] => values.iter().any(|value| *value != values[0]),
                new => !axis.values(new).iter().any(|value| values.contains(&of(value))),
            }
        };
        let mut found: Vec<Axis> = Axis::NAMED.into_iter().filter(differs).collect();
        // Another world implies another machine.
        if found.contains(&Axis::World) {
            found.retain(|axis| *axis != Axis::Machine);
        }
        match found[..] {
            [axis] => Ok(axis),
            [] if !new.is_empty() => Ok(Axis::Run),
            [] => Err(CompareError::NothingDiffers { path: base[0].path.clone() }),
            _ => {
                let names: Vec<&str> = found.iter().map(|axis| axis.name()).collect();
                Err(CompareError::ManyDiffer { axes: names.join(", ") })
            }
        }
    }
}

/// Returns what a program was built from: its commit, or its version if the commit is unknown.
pub(super) fn revision(run: &Run) -> String {
    let from = &run.provenance;
    let commit = from.git_revision.as_ref().map(|commit| commit.chars().take(12).collect());
    let dirty = if from.git_dirty == Some(true) { " (dirty)" } else { "" };
    commit.unwrap_or_else(|| from.version.clone()) + dirty
}
