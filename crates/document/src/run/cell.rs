//! A cell: one combination of workload, strategy, world and parameters.

use std::collections::BTreeMap;
use std::fmt;

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Measured;

/// One combination of workload, strategy, world and parameters, and its result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Cell {
    /// Unique in the document: `WORKLOAD/STRATEGY/WORLD/THREADS/BODY`, then what is varied.
    pub id: String,
    /// What was run.
    pub key: Key,
    /// How it ended.
    pub status: Status,
    /// Why it was skipped, is partial or failed; null for `ok`.
    pub reason: Option<String>,
    /// The numbers; null for `skipped` and `failed`.
    pub measured: Option<Measured>,
}

/// What tells one cell from another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Key {
    /// Name of the workload: its file's stem.
    pub workload: String,
    /// Key into `workloads` of the document.
    pub workload_digest: String,
    /// Name of the strategy; `kernel` in the kernel's world.
    pub strategy: String,
    /// Variant of the strategy, as `refcount` in `speculative:refcount`.
    pub variant: Option<String>,
    /// In which world it ran.
    pub world: World,
    /// Slug of the CPU, or name of the model's preset.
    pub machine: String,
    /// Key into `machines` of the document; null outside the model.
    pub machine_digest: Option<String>,
    /// Threads that storm (in the model: cores).
    pub threads: u32,
    /// Placement of the threads, as asked for.
    pub placement: String,
    /// Whether fault entry prefetches mmap_lock for writing.
    pub entry_prefetch: bool,
    /// Whether pages are really cleared and copied.
    pub body: Body,
    /// Seed of every random draw.
    pub seed: u64,
    /// Parameters varied in a sweep. The A/A twin of the first strategy has `aa` = 1.
    #[serde(default)]
    pub vary: BTreeMap<String, f64>,
}

/// Name in `vary` that marks an A/A twin.
const AA: &str = "aa";

/// Where a storm runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum World {
    /// Real threads on this machine.
    Host,
    /// The running kernel's own fault handler.
    Kernel,
    /// The deterministic multicore.
    Model,
}

/// Whether the fault body touches the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// Pages are neither cleared nor copied: the lock alone.
    None,
    /// Pages are cleared and copied as the kernel does.
    Real,
}

/// How a cell ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// All repeats are in and the books balance.
    Ok,
    /// Not run, since the strategy or the machine cannot.
    Skipped,
    /// Some repeats are in: the run goes on, or was cut short.
    Partial,
    /// The storm failed: books that do not balance, a panic, a stuck thread.
    Failed,
}

impl Cell {
    /// Returns a cell whose repeats are all in.
    pub fn ok(key: Key, measured: Measured) -> Cell {
        Cell { id: key.id(), key, status: Status::Ok, reason: None, measured: Some(measured) }
    }

    /// Returns a cell with some of its repeats; `measured` is null before the first.
    pub fn partial(key: Key, reason: impl Into<String>, measured: Option<Measured>) -> Cell {
        let reason = Some(reason.into());
        Cell { id: key.id(), key, status: Status::Partial, reason, measured }
    }

    /// Returns a cell that was not run.
    pub fn skipped(key: Key, reason: impl Into<String>) -> Cell {
        let reason = Some(reason.into());
        Cell { id: key.id(), key, status: Status::Skipped, reason, measured: None }
    }

    /// Returns a cell whose storm failed. It has no numbers: what did not
    /// balance is no result.
    pub fn failed(key: Key, reason: impl Into<String>) -> Cell {
        let reason = Some(reason.into());
        Cell { id: key.id(), key, status: Status::Failed, reason, measured: None }
    }
}

impl Key {
    /// Returns `NAME` or `NAME:VARIANT`.
    pub fn strategy_name(&self) -> String {
        match &self.variant {
            Some(variant) => format!("{}:{variant}", self.strategy),
            None => self.strategy.clone(),
        }
    }

    /// Returns `host`, `kernel` or `model:MACHINE`.
    pub fn world_name(&self) -> String {
        match self.world {
            World::Model => format!("model:{}", self.machine),
            world => world.to_string(),
        }
    }

    /// Returns the cell's name in the document:
    /// `WORKLOAD/STRATEGY/WORLD/THREADS/BODY`, then what is varied.
    ///
    /// Placement, prefetch and seed are one for a whole run and not part of it.
    pub fn id(&self) -> String {
        let (strategy, world) = (self.strategy_name(), self.world_name());
        let mut id = format!("{}/{strategy}/{world}/{}/{}", self.workload, self.threads, self.body);
        for (name, value) in &self.vary {
            id += &format!("/{name}={value}");
        }
        id
    }

    /// Whether this is the second copy of the first strategy, there to show
    /// the run's own noise.
    pub fn is_aa_twin(&self) -> bool {
        self.vary.contains_key(AA)
    }

    /// Whether two cells differ in their strategies alone.
    pub fn competes_with(&self, other: &Key) -> bool {
        let (strategy, variant) = (self.strategy.clone(), self.variant.clone());
        *self == Key { strategy, variant, ..other.clone() }
    }

    /// Returns the key of the second copy.
    pub fn aa_twin(&self) -> Key {
        let mut twin = self.clone();
        twin.vary.insert(AA.to_owned(), 1.0);
        twin
    }

    /// Returns the key of the copy that this is the twin of; its own where it is none.
    pub fn first_of(&self) -> Key {
        let mut first = self.clone();
        first.vary.remove(AA);
        first
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            World::Host => "host",
            World::Kernel => "kernel",
            World::Model => "model",
        })
    }
}

impl fmt::Display for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Body::None => "none",
            Body::Real => "real",
        })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Status::Ok => "ok",
            Status::Skipped => "skipped",
            Status::Partial => "partial",
            Status::Failed => "failed",
        })
    }
}
