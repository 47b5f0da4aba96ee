//! `[[op]]`: an operation is a table under the name of what is done.

use std::ops::Range;

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::{Access, Document, Field, Order, Prot, Size, Slices, Time};

/// Something that the threads of a group do in a phase: exactly one of `touch` and the
/// operations of writers.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", schemars(extend("oneOf" = one_of(&[
    "touch", "mmap", "munmap", "mprotect", "madvise_dontneed", "mremap", "expand_stack",
    "truncate", "fork",
]))))]
pub(in crate::workload) struct Op {
    /// Name of the `[[group]]`; may be left out where there is one group.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub group: Field<String>,
    /// Number of the phase, from 1 without holes (default 1).
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>", range(min = 1)))]
    pub phase: Field<u64>,
    /// Accesses to the pages of a mapping.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Touch>"))]
    pub touch: Field<Touch>,
    /// Maps a piece of a VMA, if nothing of it is mapped.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Pieces>"))]
    pub mmap: Field<Pieces>,
    /// Unmaps a piece of a VMA.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Pieces>"))]
    pub munmap: Field<Pieces>,
    /// Changes the protection of a piece of a VMA.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Protect>"))]
    pub mprotect: Field<Protect>,
    /// Drops the pages of a piece of a VMA, which stays mapped.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Pieces>"))]
    pub madvise_dontneed: Field<Pieces>,
    /// Moves a piece of a VMA to a place of its own and, the next time, back.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Pieces>"))]
    pub mremap: Field<Pieces>,
    /// Grows a VMA that `grows_down`.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Grow>"))]
    pub expand_stack: Field<Grow>,
    /// Sets the length of a file.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Truncate>"))]
    pub truncate: Field<Truncate>,
    /// Write-protects the whole space, as fork does.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Fork>"))]
    pub fork: Field<Fork>,
}

/// The schema of a table that has exactly one of the keys.
#[cfg(feature = "schema")]
fn one_of(keys: &[&str]) -> serde_json::Value {
    keys.iter().map(|key| serde_json::json!({ "required": [key] })).collect()
}

/// Accesses to the pages of a mapping.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::workload) struct Touch {
    /// Name of the `[[vma]]`.
    #[cfg_attr(feature = "schema", schemars(required, with = "String"))]
    pub vma: Field<String>,
    /// Loads or stores.
    #[cfg_attr(feature = "schema", schemars(required, with = "Access"))]
    pub access: Field<Access>,
    /// In which order, `"sequential"` by default.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Order>"))]
    pub order: Field<Order>,
    /// A part of its own for each thread (`"disjoint"`, the default) or the
    /// whole mapping for all (`"shared"`).
    #[cfg_attr(feature = "schema", schemars(with = "Option<Slices>"))]
    pub slices: Field<Slices>,
    /// Accesses of a thread in each loop (default: one for each page of its slice).
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>", range(min = 1)))]
    pub touches: Field<u64>,
    /// True if each loop touches the next `touches` pages, as writers work on the next piece
    /// (default false: each loop begins at the start); only with `touches`, and in a group
    /// that loops.
    #[cfg_attr(feature = "schema", schemars(with = "Option<bool>"))]
    pub walks: Field<bool>,
    /// Private work between two touches (default `"0ns"`).
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    pub think: Field<Time>,
}

/// A writer's operation on one piece of a mapping after another.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::workload) struct Pieces {
    /// Name of the `[[vma]]`.
    #[cfg_attr(feature = "schema", schemars(required, with = "String"))]
    pub vma: Field<String>,
    /// Length of a piece, in whole pages (default: the whole slice).
    #[cfg_attr(feature = "schema", schemars(with = "Option<Size>"))]
    pub length: Field<Size>,
    /// In which order, `"sequential"` by default.
    #[cfg_attr(feature = "schema", schemars(with = "Option<PieceOrder>"))]
    pub order: Field<PieceOrder>,
    /// Pieces of a part of its own for each thread (`"disjoint"`, the default) or of
    /// the whole mapping for all (`"shared"`).
    #[cfg_attr(feature = "schema", schemars(with = "Option<Slices>"))]
    pub slices: Field<Slices>,
    /// From the start of one such operation to the start of the next (default `"0ns"`:
    /// at once).
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    pub every: Field<Time>,
}

/// A change of the protection of one piece of a mapping after another.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::workload) struct Protect {
    /// Name of the `[[vma]]`.
    #[cfg_attr(feature = "schema", schemars(required, with = "String"))]
    pub vma: Field<String>,
    /// The new protection.
    #[cfg_attr(feature = "schema", schemars(required, with = "Prot"))]
    pub prot: Field<Prot>,
    /// Length of a piece, in whole pages (default: the whole slice).
    #[cfg_attr(feature = "schema", schemars(with = "Option<Size>"))]
    pub length: Field<Size>,
    /// In which order, `"sequential"` by default.
    #[cfg_attr(feature = "schema", schemars(with = "Option<PieceOrder>"))]
    pub order: Field<PieceOrder>,
    /// Pieces of a part of its own for each thread (`"disjoint"`, the default) or of
    /// the whole mapping for all (`"shared"`).
    #[cfg_attr(feature = "schema", schemars(with = "Option<Slices>"))]
    pub slices: Field<Slices>,
    /// From the start of one such operation to the start of the next (default `"0ns"`:
    /// at once).
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    pub every: Field<Time>,
}

/// The growth of a mapping that `grows_down`.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::workload) struct Grow {
    /// Name of the `[[vma]]`.
    #[cfg_attr(feature = "schema", schemars(required, with = "String"))]
    pub vma: Field<String>,
    /// By how much it grows each time, in whole pages (default `"4KiB"`).
    #[cfg_attr(feature = "schema", schemars(with = "Option<Size>"))]
    pub length: Field<Size>,
    /// From the start of one such operation to the start of the next (default `"0ns"`:
    /// at once).
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    pub every: Field<Time>,
}

/// A new length of a file.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::workload) struct Truncate {
    /// Name of the `[[file]]`.
    #[cfg_attr(feature = "schema", schemars(required, with = "String"))]
    pub file: Field<String>,
    /// The new length, in whole pages; not more than the file starts with.
    #[cfg_attr(feature = "schema", schemars(required, with = "Size"))]
    pub size: Field<Size>,
    /// From the start of one such operation to the start of the next (default `"0ns"`:
    /// at once).
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    pub every: Field<Time>,
}

/// Write-protection of the whole space, as fork does it.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::workload) struct Fork {
    /// From the start of one such operation to the start of the next (default `"0ns"`:
    /// at once).
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    pub every: Field<Time>,
}

/// In which order the pieces of a slice are worked on.
#[derive(Debug, Clone, Copy, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(in crate::workload) enum PieceOrder {
    /// Piece after piece.
    Sequential,
    /// Each piece once, in a seeded permutation.
    Random,
}

/// What an operation does, as far as it is written.
#[derive(Debug, Clone, Copy)]
pub(in crate::workload) enum Written<'d> {
    Touch(&'d Spanned<Touch>),
    /// One of the four operations that have no more to say than their pieces.
    Pieces(&'static str, &'d Spanned<Pieces>),
    Mprotect(&'d Spanned<Protect>),
    ExpandStack(&'d Spanned<Grow>),
    Truncate(&'d Spanned<Truncate>),
    Fork(&'d Spanned<Fork>),
}

impl Op {
    /// What the operation does: one thing, unless there is a mistake.
    pub fn written(&self) -> impl Iterator<Item = Written<'_>> {
        fn pieces<'d>(key: &'static str, written: &'d Field<Pieces>) -> Option<Written<'d>> {
            written.as_ref().map(|written| Written::Pieces(key, written))
        }
        [
            self.touch.as_ref().map(Written::Touch),
            pieces("mmap", &self.mmap),
            pieces("munmap", &self.munmap),
            self.mprotect.as_ref().map(Written::Mprotect),
            pieces("madvise_dontneed", &self.madvise_dontneed),
            pieces("mremap", &self.mremap),
            self.expand_stack.as_ref().map(Written::ExpandStack),
            self.truncate.as_ref().map(Written::Truncate),
            self.fork.as_ref().map(Written::Fork),
        ]
        .into_iter()
        .flatten()
    }
}

impl<'d> Written<'d> {
    /// The key that it is written under.
    pub fn key(self) -> &'static str {
        match self {
            Written::Touch(_) => "touch",
            Written::Pieces(key, _) => key,
            Written::Mprotect(_) => "mprotect",
            Written::ExpandStack(_) => "expand_stack",
            Written::Truncate(_) => "truncate",
            Written::Fork(_) => "fork",
        }
    }

    /// Where its value is.
    pub fn span(self) -> Range<usize> {
        match self {
            Written::Touch(written) => written.span(),
            Written::Pieces(_, written) => written.span(),
            Written::Mprotect(written) => written.span(),
            Written::ExpandStack(written) => written.span(),
            Written::Truncate(written) => written.span(),
            Written::Fork(written) => written.span(),
        }
    }

    /// The VMA or the file that it names.
    pub fn target(self) -> Option<&'d Spanned<String>> {
        match self {
            Written::Touch(written) => written.get_ref().vma.as_ref(),
            Written::Pieces(_, written) => written.get_ref().vma.as_ref(),
            Written::Mprotect(written) => written.get_ref().vma.as_ref(),
            Written::ExpandStack(written) => written.get_ref().vma.as_ref(),
            Written::Truncate(written) => written.get_ref().file.as_ref(),
            Written::Fork(_) => None,
        }
    }
}

impl Document {
    /// Whether an operation under `key` that fits `like` names the VMA or file `target`. An
    /// operation of which something could not be read may be that one.
    pub fn has_op(&self, key: &str, target: &str, like: impl Fn(Written<'_>) -> bool) -> bool {
        self.op.iter().any(|op| {
            let names = |written: Written<'_>| {
                let target_of = written.target().map(|name| name.get_ref().as_str());
                written.key() == key && target_of == Some(target) && like(written)
            };
            let unread = ["vma", "file", "prot", key];
            op.unread.iter().any(|name| unread.contains(&name.as_str()))
                || op.table.written().any(names)
        })
    }
}
