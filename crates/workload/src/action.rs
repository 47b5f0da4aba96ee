//! Operations of writers.

use crate::form::{bytes, prot};
use crate::touch::{Order, Slices};
use serde::de::{Error, IgnoredAny};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// An operation that a writer repeats: on one piece of a mapping after another, on a file, or on
/// the whole space.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The operation.
    pub action: Action,
    /// Time from the start of one operation to the start of the next, in nanoseconds; 0: no wait.
    pub every_ns: u64,
    /// See [`Op::repeat`](crate::Op::repeat).
    pub repeat: u64,
}

/// An operation of writers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Maps the piece if no part of it is mapped.
    Mmap(Pieces),
    /// Unmaps the mapped parts of the piece.
    Munmap(Pieces),
    /// Changes the protection of the mapped parts of the piece.
    Mprotect {
        /// The pieces.
        #[serde(flatten)]
        pieces: Pieces,
        /// True if the new protection allows writes.
        #[serde(rename = "prot", with = "prot")]
        writable: bool,
    },
    /// Zaps the piece: frees its pages, and keeps its mapping.
    MadviseDontneed(Pieces),
    /// Lets the pages of the piece, which is of anonymous memory, be reclaimed until they are
    /// written again.
    MadviseFree(Pieces),
    /// Tells the kernel that the piece will be read in no special order.
    MadviseNormal(Pieces),
    /// Tells the kernel that the piece will be read in sequence.
    MadviseSequential(Pieces),
    /// Tells the kernel that the piece will be read in random order.
    MadviseRandom(Pieces),
    /// Maps all pages of the piece, as reads of them would.
    MadvisePopulateRead(Pieces),
    /// Maps all pages of the piece for writing, as writes to them would.
    MadvisePopulateWrite(Pieces),
    /// Looks which pages of the piece are mapped, or in the page cache.
    Mincore(Pieces),
    /// Makes the mapped pages of the piece trap, as a scan of NUMA balancing does.
    NumaScan(Pieces),
    /// Moves the piece to a place of its own, and the next time back.
    Mremap(Pieces),
    /// Grows a mapping that [grows down](crate::WorkloadVma::grows_down_from_pages) by one
    /// piece, until it has its full size.
    ExpandStack {
        /// Index into [`Workload::vmas`](crate::Workload::vmas).
        vma: usize,
        /// Pages of a piece, at least 1.
        #[serde(rename = "length_bytes", with = "bytes")]
        pages: u64,
    },
    /// Sets the file's length; pages beyond it leave the page cache and all mappings.
    Truncate {
        /// Index into [`Workload::files`](crate::Workload::files).
        file: usize,
        /// The new length in pages, at most [`WorkloadFile::pages`](crate::WorkloadFile::pages).
        #[serde(rename = "size_bytes", with = "bytes")]
        pages: u64,
    },
    /// Write-protects the whole space as fork does; the child holds its references until
    /// the next fork or the end of the round.
    #[serde(serialize_with = "no_keys", deserialize_with = "any_keys")]
    Fork,
    /// Reads `/proc/PID/smaps_rollup`: looks at all mapped pages under `mmap_lock` held for
    /// reading.
    #[serde(serialize_with = "no_keys", deserialize_with = "any_keys")]
    Smaps,
}

/// Pieces of a mapping. The `n`th loop of a writer's group works on the `n`th piece, and after the
/// last on the first again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pieces {
    /// Index into [`Workload::vmas`](crate::Workload::vmas).
    pub vma: usize,
    /// Pages of each piece, at least 1 and at most those of the mapping. A piece ends with its
    /// mapping and with the slice at the latest.
    #[serde(rename = "length_bytes", with = "bytes")]
    pub pages: u64,
    /// Their order: [`Order::Sequential`] or [`Order::Random`].
    pub order: Order,
    /// The part of the mapping that they are pieces of.
    pub slices: Slices,
}

/// Names each action once, with the function of Linux 7.2 that it stands for.
macro_rules! names {
    ($($action:pat => $name:literal, $function:literal;)+) => {
        impl Action {
            /// Names of all actions in workload files and documents.
            pub const NAMES: [&'static str; [$($name),+].len()] = [$($name),+];

            /// Functions of the kernel that the actions stand for, in the order of their names.
            pub const KERNEL_FUNCTIONS: [&'static str; Action::NAMES.len()] = [$($function),+];

            /// Returns its name, which is its key in workload files.
            pub fn name(&self) -> &'static str {
                match self {
                    $($action => $name,)+
                }
            }
        }
    };
}

names! {
    Action::Mmap(_) => "mmap", "do_mmap";
    Action::Munmap(_) => "munmap", "__vm_munmap";
    Action::Mprotect { .. } => "mprotect", "do_mprotect_pkey";
    Action::MadviseDontneed(_) => "madvise_dontneed", "madvise_dontneed_single_vma";
    Action::MadviseFree(_) => "madvise_free", "madvise_free_single_vma";
    Action::MadviseNormal(_) => "madvise_normal", "madvise_update_vma";
    Action::MadviseSequential(_) => "madvise_sequential", "madvise_update_vma";
    Action::MadviseRandom(_) => "madvise_random", "madvise_update_vma";
    Action::MadvisePopulateRead(_) => "madvise_populate_read", "madvise_populate";
    Action::MadvisePopulateWrite(_) => "madvise_populate_write", "madvise_populate";
    Action::Mincore(_) => "mincore", "do_mincore";
    Action::NumaScan(_) => "numa_scan", "task_numa_work";
    Action::Mremap(_) => "mremap", "do_mremap";
    Action::ExpandStack { .. } => "expand_stack", "expand_stack";
    Action::Truncate { .. } => "truncate", "truncate_pagecache";
    Action::Fork => "fork", "dup_mmap";
    Action::Smaps => "smaps", "show_smaps_rollup";
}

impl Action {
    /// Returns the index of its name in [`Action::NAMES`].
    pub fn number(&self) -> usize {
        let index = Action::NAMES.iter().position(|name| *name == self.name());
        index.expect("the names are those of actions")
    }

    /// Returns the pieces that it works on, if it works on pieces.
    pub fn pieces(&self) -> Option<&Pieces> {
        match self {
            Action::Mmap(pieces)
            | Action::Munmap(pieces)
            | Action::Mprotect { pieces, .. }
            | Action::MadviseDontneed(pieces)
            | Action::MadviseFree(pieces)
            | Action::MadviseNormal(pieces)
            | Action::MadviseSequential(pieces)
            | Action::MadviseRandom(pieces)
            | Action::MadvisePopulateRead(pieces)
            | Action::MadvisePopulateWrite(pieces)
            | Action::Mincore(pieces)
            | Action::NumaScan(pieces)
            | Action::Mremap(pieces) => Some(pieces),
            Action::ExpandStack { .. } | Action::Truncate { .. } | Action::Fork | Action::Smaps => {
                None
            }
        }
    }

    /// Returns the pieces of which it maps all pages, if it does so.
    pub fn populates(&self) -> Option<&Pieces> {
        match self {
            Action::MadvisePopulateRead(pieces) | Action::MadvisePopulateWrite(pieces) => {
                Some(pieces)
            }
            _ => None,
        }
    }

    /// Returns the pieces whose pages it needs in the page cache, touched or not.
    pub fn looks_up(&self) -> Option<&Pieces> {
        match self {
            Action::Mincore(pieces) => Some(pieces),
            _ => self.populates(),
        }
    }

    /// Returns the index of the VMA that it works on; `None` for a file and for the whole space.
    pub fn vma(&self) -> Option<usize> {
        match self {
            Action::ExpandStack { vma, .. } => Some(*vma),
            _ => self.pieces().map(|pieces| pieces.vma),
        }
    }
}

/// Documents have `every_ns`, and a `repeat` above 1, among the keys of the action.
impl Serialize for Change {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut form = serde_json::to_value(&self.action).map_err(serde::ser::Error::custom)?;
        form[self.action.name()]["every_ns"] = self.every_ns.into();
        if self.repeat != 1 {
            form[self.action.name()]["repeat"] = self.repeat.into();
        }
        form.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Change {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let form = Value::deserialize(deserializer)?;
        let action = Action::deserialize(&form).map_err(D::Error::custom)?;
        let repeat = form[action.name()]["repeat"].as_u64().unwrap_or(1);
        let every_ns = form[action.name()]["every_ns"].as_u64();
        let every_ns = every_ns.ok_or_else(|| D::Error::missing_field("every_ns"))?;
        Ok(Self { action, every_ns, repeat })
    }
}

fn no_keys<S: Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_map(Some(0))?.end()
}

fn any_keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| ())
}
