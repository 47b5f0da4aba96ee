//! Tables of writers' operations, and checks of them against their VMAs and files.

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::Deserialize;
use std::ops::Range;
use toml::Spanned;

use super::check::Check;
use super::key::{WrittenKey, WrittenTable};
use super::targets::Targets;
use super::touch::slices_exist;
use super::values::{Size, Time};
use super::vma::{Prot, VmaTable};
use crate::diag::Diagnostic;
use ::workload::units::print_size;
use ::workload::{Order, PAGE_BYTES, Pieces, Slices, WorkloadVma};

/// A writer's operation on one piece of a mapping after another.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema), schemars(rename = "Pieces"))]
#[serde(deny_unknown_fields)]
pub(in crate::workload) struct PiecesTable {
    /// Name of the `[[vma]]`.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub vma: WrittenKey<String>,
    /// Length of a piece, in whole pages (default: the whole slice).
    pub length: WrittenKey<Size>,
    /// In which order, `"sequential"` by default.
    pub order: WrittenKey<PieceOrder>,
    /// Pieces of a part of its own for each thread (`"disjoint"`, the default) or of
    /// the whole mapping for all (`"shared"`).
    pub slices: WrittenKey<Slices>,
    /// From the start of one such operation to the start of the next (default `"0ns"`:
    /// at once).
    pub every: WrittenKey<Time>,
}

/// A change of the protection of one piece of a mapping after another.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema), schemars(rename = "Protect"))]
#[serde(deny_unknown_fields)]
pub(in crate::workload) struct ProtectTable {
    /// Name of the `[[vma]]`.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub vma: WrittenKey<String>,
    /// The new protection.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub prot: WrittenKey<Prot>,
    /// Length of a piece, in whole pages (default: the whole slice).
    pub length: WrittenKey<Size>,
    /// In which order, `"sequential"` by default.
    pub order: WrittenKey<PieceOrder>,
    /// Pieces of a part of its own for each thread (`"disjoint"`, the default) or of
    /// the whole mapping for all (`"shared"`).
    pub slices: WrittenKey<Slices>,
    /// From the start of one such operation to the start of the next (default `"0ns"`:
    /// at once).
    pub every: WrittenKey<Time>,
}

/// The growth of a mapping that `grows_down`.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema), schemars(rename = "Grow"))]
#[serde(deny_unknown_fields)]
pub(in crate::workload) struct GrowTable {
    /// Name of the `[[vma]]`.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub vma: WrittenKey<String>,
    /// By how much it grows each time, in whole pages (default `"4KiB"`).
    pub length: WrittenKey<Size>,
    /// From the start of one such operation to the start of the next (default `"0ns"`:
    /// at once).
    pub every: WrittenKey<Time>,
}

/// A new length of a file.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema), schemars(rename = "Truncate"))]
#[serde(deny_unknown_fields)]
pub(in crate::workload) struct TruncateTable {
    /// Name of the `[[file]]`.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub file: WrittenKey<String>,
    /// The new length, in whole pages; not more than the file starts with.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub size: WrittenKey<Size>,
    /// From the start of one such operation to the start of the next (default `"0ns"`:
    /// at once).
    pub every: WrittenKey<Time>,
}

/// An operation on the whole space.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema), schemars(rename = "WholeSpace"))]
#[serde(deny_unknown_fields)]
pub(in crate::workload) struct WholeSpaceTable {
    /// From the start of one such operation to the start of the next (default `"0ns"`:
    /// at once).
    pub every: WrittenKey<Time>,
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

/// The table of an operation of writers.
pub(super) trait ChangeTable {
    /// Result of [`ChangeTable::lower`].
    type Lowered;

    /// The VMA or the file that it names.
    fn target(&self) -> Option<&Spanned<String>>;

    /// True if it may make a VMA writable.
    fn makes_writable(&self) -> bool {
        false
    }

    /// Checks the table; mistakes go to the check of `place`.
    fn lower(&self, place: &mut PlacedChange<'_, '_, '_>) -> Option<Self::Lowered>;
}

impl ChangeTable for PiecesTable {
    type Lowered = Pieces;

    fn target(&self) -> Option<&Spanned<String>> {
        self.vma.as_ref()
    }

    fn lower(&self, place: &mut PlacedChange<'_, '_, '_>) -> Option<Pieces> {
        place.pieces(&self.vma, &self.length, &self.order, &self.slices)
    }
}

impl ChangeTable for ProtectTable {
    /// The pieces, and whether they become writable.
    type Lowered = (Pieces, bool);

    fn target(&self) -> Option<&Spanned<String>> {
        self.vma.as_ref()
    }

    fn makes_writable(&self) -> bool {
        self.prot.value() != Some(&Prot::Read)
    }

    fn lower(&self, place: &mut PlacedChange<'_, '_, '_>) -> Option<(Pieces, bool)> {
        let pieces = place.pieces(&self.vma, &self.length, &self.order, &self.slices);
        let prot = place.required("prot", &self.prot, "\"read\" or \"read-write\"");
        pieces.zip(prot.map(|prot| *prot.get_ref() == Prot::ReadWrite))
    }
}

impl ChangeTable for GrowTable {
    /// The VMA, and the pages by which it grows.
    type Lowered = (usize, u64);

    fn target(&self) -> Option<&Spanned<String>> {
        self.vma.as_ref()
    }

    fn lower(&self, place: &mut PlacedChange<'_, '_, '_>) -> Option<(usize, u64)> {
        place.growth(self)
    }
}

impl ChangeTable for TruncateTable {
    /// The file, and its new length in pages.
    type Lowered = (usize, u64);

    fn target(&self) -> Option<&Spanned<String>> {
        self.file.as_ref()
    }

    fn lower(&self, place: &mut PlacedChange<'_, '_, '_>) -> Option<(usize, u64)> {
        place.new_length(self)
    }
}

impl ChangeTable for WholeSpaceTable {
    type Lowered = ();

    fn target(&self) -> Option<&Spanned<String>> {
        None
    }

    fn lower(&self, _: &mut PlacedChange<'_, '_, '_>) -> Option<()> {
        Some(())
    }
}

/// An operation of a writer with its place in the text, and what it may work on.
pub(super) struct PlacedChange<'a, 'd, 'm> {
    pub unread: &'d [String],
    pub key: &'static str,
    pub span: Range<usize>,
    pub targets: &'a Targets<'d>,
    pub check: &'a mut Check<'m>,
}

impl PlacedChange<'_, '_, '_> {
    fn required<'f, T>(
        &mut self,
        key: &str,
        value: &'f WrittenKey<T>,
        form: &str,
    ) -> Option<&'f Spanned<T>> {
        let shown = format!("`{}`", self.key);
        self.check.required_in(&self.span, self.unread, &shown, key, value, form)
    }

    fn vma(&mut self, name: &WrittenKey<String>) -> Option<usize> {
        let name = self.required("vma", name, "\"...\"")?;
        self.targets.vma_names.resolve(name, self.check)
    }

    fn pieces(
        &mut self,
        vma: &WrittenKey<String>,
        length: &WrittenKey<Size>,
        order: &WrittenKey<PieceOrder>,
        slices: &WrittenKey<Slices>,
    ) -> Option<Pieces> {
        let index = self.vma(vma);
        let pages = length.as_ref().and_then(|length| self.check.some_pages("length", length));
        let index = index?;
        let vma = self.targets.vmas[index].as_ref();
        let vma_entry = &self.targets.vma_entries[index];
        if let Some(vma) = vma {
            slices_exist(slices, vma, vma_entry, self.check);
            self.grows_only_as_a_stack(vma, vma_entry);
            self.frees_anonymous_memory(vma, vma_entry);
            self.populates_what_may_be_written(vma, vma_entry);
        }
        let pages = match (length.as_ref(), vma) {
            (None, Some(vma)) => vma.pages,
            (Some(length), Some(vma)) => self.fits(pages?, length, vma, vma_entry)?,
            (_, None) => return None,
        };
        let order = match order.value_or(PieceOrder::Sequential) {
            PieceOrder::Random => Order::Random,
            PieceOrder::Sequential => Order::Sequential,
        };
        Some(Pieces { vma: index, pages, order, slices: slices.value_or(Slices::Disjoint) })
    }

    /// Returns the pages of a piece, or reports a piece that is longer than its mapping.
    fn fits(
        &mut self,
        pages: u64,
        length: &Spanned<Size>,
        vma: &WorkloadVma,
        vma_entry: &WrittenTable<VmaTable>,
    ) -> Option<u64> {
        if pages <= vma.pages {
            return Some(pages);
        }
        let size = vma_entry.table.size.span_or(&vma_entry.span);
        let title = format!("a piece that is longer than the VMA \"{}\"", vma.name);
        let most = print_size(vma.pages * PAGE_BYTES);
        self.check.push(
            Diagnostic::new(title)
                .at(length.span(), "the length of a piece")
                .at(size, "the size of the VMA")
                .help(format!("write \"{most}\" or less, or leave `length` out for all of it")),
        );
        None
    }

    /// Reports `madvise_free` of a mapped file.
    fn frees_anonymous_memory(&mut self, vma: &WorkloadVma, vma_entry: &WrittenTable<VmaTable>) {
        let Some(file) = vma_entry.table.file.as_ref() else { return };
        if self.key != "madvise_free" {
            return;
        }
        let title = format!("`madvise_free` of the VMA \"{}\", which maps a file", vma.name);
        self.check.push(
            Diagnostic::new(title)
                .at(self.span.clone(), "is of anonymous memory")
                .at(file.span(), "a file")
                .rule("the kernel refuses MADV_FREE of a file (EINVAL)")
                .help("write `madvise_dontneed`, or a [[vma]] without `file`"),
        );
    }

    /// Reports `madvise_populate_write` of a VMA that is never writable.
    fn populates_what_may_be_written(
        &mut self,
        vma: &WorkloadVma,
        vma_entry: &WrittenTable<VmaTable>,
    ) {
        let may_be_written =
            vma.writable || self.check.has_op("mprotect", &vma.name, |op| op.makes_writable);
        if self.key != "madvise_populate_write" || may_be_written {
            return;
        }
        let title = format!("`madvise_populate_write` of the read-only VMA \"{}\"", vma.name);
        self.check.push(
            Diagnostic::new(title)
                .at(self.span.clone(), "EINVAL here")
                .at(vma_entry.table.prot.span_or(&vma_entry.span), "read-only")
                .help("write `madvise_populate_read`, or prot = \"read-write\""),
        );
    }

    /// Reports an operation that maps, unmaps or moves a part of a stack.
    fn grows_only_as_a_stack(&mut self, vma: &WorkloadVma, vma_entry: &WrittenTable<VmaTable>) {
        let Some(grows) = vma_entry.table.grows_down.as_ref() else { return };
        if !matches!(self.key, "mmap" | "munmap" | "mremap") {
            return;
        }
        let title = format!("`{}` of the VMA \"{}\", which grows down", self.key, vma.name);
        self.check.push(
            Diagnostic::new(title)
                .at(self.span.clone(), "changes where it begins")
                .at(grows.span(), "grows down")
                .rule("where a VMA that grows down begins is up to `expand_stack` alone")
                .help("write a [[vma]] without `grows_down` for it"),
        );
    }

    fn growth(&mut self, table: &GrowTable) -> Option<(usize, u64)> {
        let vma = self.vma(&table.vma);
        let pages = table.length.checked(1, |length| self.check.some_pages("length", length));
        let vma = vma?;
        let entry = &self.targets.vma_entries[vma];
        let unread = entry.unread.iter().any(|key| key == "grows_down");
        if entry.table.grows_down.is_none() && !unread {
            let name = table.vma.as_ref()?;
            self.check.push(
                Diagnostic::new(format!(
                    "`expand_stack` of the VMA \"{}\", which does not grow",
                    name.get_ref()
                ))
                .at(name.span(), "has its full size from the start")
                .at(entry.span.clone(), "this VMA")
                .help("write grows_down = \"64KiB\" there: how much of it is mapped at the start"),
            );
            return None;
        }
        Some((vma, pages?))
    }

    fn new_length(&mut self, table: &TruncateTable) -> Option<(usize, u64)> {
        let name = self.required("file", &table.file, "\"...\"");
        let size = self.required("size", &table.size, "\"1MiB\"");
        let file = name.and_then(|name| self.targets.file_names.resolve(name, self.check));
        let pages = size.and_then(|size| self.check.pages("size", size));
        let (file, pages, size) = (file?, pages?, size?);
        let whole = self.targets.files[file].as_ref()?;
        if pages > whole.pages {
            let entry = &self.targets.file_entries[file];
            let file_size = entry.table.size.span_or(&entry.span);
            let most = print_size(whole.pages * PAGE_BYTES);
            self.check.push(
                Diagnostic::new(format!(
                    "`truncate` makes the file \"{}\" longer than it is",
                    whole.name
                ))
                .at(size.span(), "the new length")
                .at(file_size, "the length at the start")
                .help(format!("write \"{most}\" or less; \"{most}\" is the whole file again")),
            );
            return None;
        }
        Some((file, pages))
    }
}
