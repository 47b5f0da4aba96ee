//! Operations of threads.

use crate::action::Change;
use crate::touch::Touch;
use serde::{Deserialize, Serialize};

/// One operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// Accesses to the pages of a mapping.
    Touch(Touch),
    /// A writer's operation: it changes mappings, a file or the whole space.
    #[serde(untagged)]
    Change(Change),
}

impl Op {
    /// Returns how often a loop of its group does the operation, at least 1. Neighbours in a phase
    /// with the same number take turns.
    pub fn repeat(&self) -> u64 {
        match self {
            Op::Touch(touch) => touch.repeat,
            Op::Change(change) => change.repeat,
        }
    }

    /// Returns the index of the VMA that it works on; `None` for a file and for the whole space.
    pub fn vma(&self) -> Option<usize> {
        match self {
            Op::Touch(touch) => Some(touch.vma),
            Op::Change(change) => change.action.vma(),
        }
    }
}
