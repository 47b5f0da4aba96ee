//! What writers do.

use crate::form::{bytes, prot};
use crate::touch::{Order, Slices};
use serde::de::{Error, IgnoredAny};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A writer's operation on piece after piece of a mapping (or a file, or the space).
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What is done.
    pub action: Action,
    /// Time from the start of one such operation to the start of the next, in nanoseconds;
    /// 0: at once.
    pub every_ns: u64,
}

/// What a writer does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Maps the piece, if nothing of it is mapped.
    Mmap(Pieces),
    /// Unmaps what is mapped of the piece.
    Munmap(Pieces),
    /// Changes the protection of what is mapped of the piece.
    Mprotect {
        /// Of what.
        #[serde(flatten)]
        pieces: Pieces,
        /// Whether the new protection allows writes.
        #[serde(rename = "prot", with = "prot")]
        writable: bool,
    },
    /// Zaps the piece: its pages go, its mapping stays.
    MadviseDontneed(Pieces),
    /// Moves the piece to a place of its own and, the next time, back.
    Mremap(Pieces),
    /// Grows a mapping that [grows down](crate::WorkloadVma::grows_down) by one piece, until it
    /// has its full size.
    ExpandStack {
        /// Index into [`Workload::vmas`](crate::Workload::vmas).
        vma: usize,
        /// Pages of a piece, at least 1.
        #[serde(rename = "length_bytes", with = "bytes")]
        pages: u64,
    },
    /// Sets the file's length; what lies behind it leaves the page cache and all mappings.
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
}

/// The pieces of a mapping that a writer works on, one each time: the `n`th loop of its
/// group works on the `n`th piece, and again from the first after the last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pieces {
    /// Index into [`Workload::vmas`](crate::Workload::vmas).
    pub vma: usize,
    /// Pages of each piece, at least 1 and at most those of the mapping. A piece ends with its
    /// mapping and with the slice at the latest.
    #[serde(rename = "length_bytes", with = "bytes")]
    pub pages: u64,
    /// In which order: [`Order::Sequential`] or [`Order::Random`].
    pub order: Order,
    /// Of which part of the mapping the pieces are.
    pub slices: Slices,
}

impl Action {
    /// The names of all actions, as workload files and documents have them.
    pub const NAMES: [&'static str; 8] = [
        "mmap",
        "munmap",
        "mprotect",
        "madvise_dontneed",
        "mremap",
        "expand_stack",
        "truncate",
        "fork",
    ];

    /// Index into [`Action::NAMES`].
    pub fn number(&self) -> usize {
        match self {
            Action::Mmap(_) => 0,
            Action::Munmap(_) => 1,
            Action::Mprotect { .. } => 2,
            Action::MadviseDontneed(_) => 3,
            Action::Mremap(_) => 4,
            Action::ExpandStack { .. } => 5,
            Action::Truncate { .. } => 6,
            Action::Fork => 7,
        }
    }

    /// The action's name, which is its key in a workload file.
    pub fn name(&self) -> &'static str {
        Action::NAMES[self.number()]
    }

    /// The pieces of a mapping that it works on.
    pub fn pieces(&self) -> Option<&Pieces> {
        match self {
            Action::Mmap(pieces)
            | Action::Munmap(pieces)
            | Action::Mprotect { pieces, .. }
            | Action::MadviseDontneed(pieces)
            | Action::Mremap(pieces) => Some(pieces),
            Action::ExpandStack { .. } | Action::Truncate { .. } | Action::Fork => None,
        }
    }

    /// Index of the VMA that it works on; `None` for a file and for the whole space.
    pub fn vma(&self) -> Option<usize> {
        match self {
            Action::ExpandStack { vma, .. } => Some(*vma),
            _ => self.pieces().map(|pieces| pieces.vma),
        }
    }
}

/// A document has the pace of an operation among the keys of the operation.
impl Serialize for Change {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut form = serde_json::to_value(&self.action).map_err(serde::ser::Error::custom)?;
        form[self.action.name()]["every_ns"] = self.every_ns.into();
        form.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Change {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let form = Value::deserialize(deserializer)?;
        let action = Action::deserialize(&form).map_err(D::Error::custom)?;
        let every_ns = form[action.name()]["every_ns"].as_u64();
        let every_ns = every_ns.ok_or_else(|| D::Error::missing_field("every_ns"))?;
        Ok(Self { action, every_ns })
    }
}

fn no_keys<S: Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_map(Some(0))?.end()
}

fn any_keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| ())
}
