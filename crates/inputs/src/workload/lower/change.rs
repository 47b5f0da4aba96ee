//! The operations of writers, beside what they change.

use std::ops::Range;

use toml::Spanned;

use super::Space;
use super::check::Check;
use super::touch::{slices, slices_exist};
use crate::diag::Diagnostic;
use crate::workload::units::print_size;
use crate::workload::wire::{Entry, PieceOrder, Written};
use crate::workload::{Action, Change, Order, PAGE_BYTES, Pieces, Vma, wire};

pub(super) fn lower(
    entry: &Entry<wire::Op>,
    written: Written<'_>,
    space: &Space<'_>,
    check: &mut Check<'_>,
) -> Option<Change> {
    let mut place = Place { entry, key: written.key(), span: written.span(), space, check };
    let (action, every) = match written {
        Written::Touch(_) => return None,
        Written::Pieces(key, written) => {
            let table = written.get_ref();
            let pieces = place.pieces(&table.vma, &table.length, &table.order, &table.slices);
            let action = match key {
                "mmap" => pieces.map(Action::Mmap),
                "munmap" => pieces.map(Action::Munmap),
                "mremap" => pieces.map(Action::Mremap),
                _ => pieces.map(Action::MadviseDontneed),
            };
            (action, &table.every)
        }
        Written::Mprotect(written) => {
            let table = written.get_ref();
            let pieces = place.pieces(&table.vma, &table.length, &table.order, &table.slices);
            let prot = place.required("prot", &table.prot, "\"read\" or \"read-write\"");
            let writable = prot.map(|prot| *prot.get_ref() == wire::Prot::ReadWrite);
            let action = pieces.zip(writable);
            (action.map(|(pieces, writable)| Action::Mprotect { pieces, writable }), &table.every)
        }
        Written::ExpandStack(written) => {
            (place.expand_stack(written.get_ref()), &written.get_ref().every)
        }
        Written::Truncate(written) => (place.truncate(written.get_ref()), &written.get_ref().every),
        Written::Fork(written) => (Some(Action::Fork), &written.get_ref().every),
    };
    let every_ns = every.as_ref().map_or(0, |every| every.get_ref().0);
    action.map(|action| Change { action, every_ns })
}

/// An operation of a writer, and what it may work on.
struct Place<'a, 'd, 'm> {
    entry: &'d Entry<wire::Op>,
    key: &'static str,
    span: Range<usize>,
    space: &'a Space<'d>,
    check: &'a mut Check<'m>,
}

impl<'d> Place<'_, 'd, '_> {
    fn required<'f, T>(
        &mut self,
        key: &str,
        value: &'f Option<Spanned<T>>,
        form: &str,
    ) -> Option<&'f Spanned<T>> {
        let shown = format!("`{}`", self.key);
        self.check.required_in(&self.span, &self.entry.unread, &shown, key, value, form)
    }

    fn vma(&mut self, name: &Option<Spanned<String>>) -> Option<usize> {
        let name = self.required("vma", name, "\"...\"")?;
        self.space.vma_names.resolve(name, self.check)
    }

    fn pieces(
        &mut self,
        vma: &Option<Spanned<String>>,
        length: &Option<Spanned<wire::Size>>,
        order: &Option<Spanned<PieceOrder>>,
        written_slices: &Option<Spanned<wire::Slices>>,
    ) -> Option<Pieces> {
        let index = self.vma(vma);
        let pages = match length {
            Some(length) => self.check.some_pages("length", length),
            None => None,
        };
        let index = index?;
        let vma = self.space.vmas[index].as_ref();
        let vma_entry = &self.space.document.vma[index];
        if let Some(vma) = vma {
            slices_exist(written_slices, vma, vma_entry, self.check);
            self.grows_only_as_a_stack(vma, vma_entry);
        }
        let pages = match (length, vma) {
            (None, Some(vma)) => vma.pages,
            (Some(length), Some(vma)) => self.fits(pages?, length, vma, vma_entry)?,
            (_, None) => return None,
        };
        let order = match order.as_ref().map(Spanned::get_ref) {
            Some(PieceOrder::Random) => Order::Random,
            Some(PieceOrder::Sequential) | None => Order::Sequential,
        };
        Some(Pieces { vma: index, pages, order, slices: slices(written_slices) })
    }

    /// Returns the pages of a piece that is not longer than its mapping.
    fn fits(
        &mut self,
        pages: u64,
        length: &Spanned<wire::Size>,
        vma: &Vma,
        vma_entry: &Entry<wire::Vma>,
    ) -> Option<u64> {
        if pages <= vma.pages {
            return Some(pages);
        }
        let size = vma_entry.table.size.as_ref().map_or(vma_entry.span.clone(), Spanned::span);
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

    /// Pieces of a stack come by its growth alone, and stay where they are.
    fn grows_only_as_a_stack(&mut self, vma: &Vma, vma_entry: &Entry<wire::Vma>) {
        let Some(grows) = &vma_entry.table.grows_down else { return };
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

    fn expand_stack(&mut self, table: &wire::Grow) -> Option<Action> {
        let vma = self.vma(&table.vma);
        let pages = match &table.length {
            Some(length) => self.check.some_pages("length", length),
            None => Some(1),
        };
        let vma = vma?;
        let entry = &self.space.document.vma[vma];
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
        Some(Action::ExpandStack { vma, pages: pages? })
    }

    fn truncate(&mut self, table: &wire::Truncate) -> Option<Action> {
        let name = self.required("file", &table.file, "\"...\"");
        let size = self.required("size", &table.size, "\"1MiB\"");
        let file = name.and_then(|name| self.space.file_names.resolve(name, self.check));
        let pages = size.and_then(|size| self.check.pages("size", size));
        let (file, pages, size) = (file?, pages?, size?);
        let whole = self.space.files[file].as_ref()?;
        if pages > whole.pages {
            let entry = &self.space.document.file[file];
            let file_size = entry.table.size.as_ref().map_or(entry.span.clone(), Spanned::span);
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
        Some(Action::Truncate { file, pages })
    }
}
