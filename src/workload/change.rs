//! What follows from a workload's operations: their names, and what they can bring about.

use super::{Access, Action, Change, Group, Op, Pieces, Touch, Workload};

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

impl Op {
    /// Index of the VMA that it works on; `None` for a file and for the whole space.
    pub fn vma(&self) -> Option<usize> {
        match self {
            Op::Touch(touch) => Some(touch.vma),
            Op::Change(change) => change.action.vma(),
        }
    }
}

impl Group {
    /// All operations, phase after phase.
    pub fn ops(&self) -> impl Iterator<Item = &Op> {
        self.phases.iter().flat_map(|phase| &phase.ops)
    }

    /// All touches, phase after phase.
    pub fn touches(&self) -> impl Iterator<Item = &Touch> {
        self.ops().filter_map(|op| match op {
            Op::Touch(touch) => Some(touch),
            Op::Change(_) => None,
        })
    }
}

impl Workload {
    /// All operations of writers, group after group.
    pub fn changes(&self) -> impl Iterator<Item = &Change> {
        self.groups.iter().flat_map(Group::ops).filter_map(|op| match op {
            Op::Touch(_) => None,
            Op::Change(change) => Some(change),
        })
    }

    /// Whether there are writers.
    pub fn has_changes(&self) -> bool {
        self.changes().next().is_some()
    }

    /// Whether a touch can find no mapping, or one that does not allow it.
    pub fn may_segv(&self) -> bool {
        let takes_away = |change: &Change| {
            let action = &change.action;
            matches!(action, Action::Munmap(_) | Action::Mremap(_))
                || matches!(action, Action::Mprotect { writable: false, .. })
        };
        let incomplete = self.vmas.iter().any(|vma| !vma.mapped || vma.grows_down.is_some());
        // Valid only where a writer makes the mapping writable, which may be too late.
        let writes_early =
            |touch: &Touch| touch.access == Access::Write && !self.vmas[touch.vma].writable;
        incomplete
            || self.changes().any(takes_away)
            || self.groups.iter().flat_map(Group::touches).any(writes_early)
    }

    /// Whether a touch can find that the file has become shorter than its mapping.
    pub fn may_sigbus(&self) -> bool {
        self.changes().any(|change| matches!(change.action, Action::Truncate { .. }))
    }

    /// Whether a fault can have to wait for a page of a file.
    pub fn may_wait(&self) -> bool {
        let waits =
            |file: &super::File| file.cached < 1.0 || file.locked > 0.0 || file.not_uptodate > 0.0;
        self.may_sigbus() || self.files.iter().any(waits)
    }
}
