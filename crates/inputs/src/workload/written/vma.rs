//! `[[vma]]`: its keys, and their checks.

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::check::{Check, Named, TableNames};
use super::file::{FileTable, MappedFile};
use super::folio;
use super::key::{WrittenKey, WrittenTable};
use super::values::Size;
use crate::diag::Diagnostic;
use ::workload::units::print_size;
use ::workload::{Backing, PAGE_BYTES, Scope, WorkloadFile, WorkloadVma};

/// A mapping, or `count` equal ones.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema), schemars(rename = "Vma"))]
#[serde(deny_unknown_fields)]
pub(in crate::workload) struct VmaTable {
    /// Name that `[[op]]` refers to.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub name: WrittenKey<String>,
    /// Length of each mapping, in whole pages of 4KiB.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub size: WrittenKey<Size>,
    /// How many equal mappings stand one after another (default 1).
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub count: WrittenKey<u64>,
    /// One for all threads (`"shared"`, the default) or one for each.
    pub scope: WrittenKey<Scope>,
    /// Protection, `"read-write"` by default.
    pub prot: WrittenKey<Prot>,
    /// Name of the `[[file]]` that is mapped; without it the memory is anonymous.
    pub file: WrittenKey<String>,
    /// Where in the file the mapping starts, in whole pages (default `"0"`).
    pub offset: WrittenKey<Size>,
    /// `MAP_PRIVATE` (the default) or `MAP_SHARED`; only with `file`.
    pub sharing: WrittenKey<Sharing>,
    /// A read fault maps up to 2^order cached pages around it (default 4, which is
    /// the kernel's 64KiB; 0 maps one page); only with `file`.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 9)))]
    pub fault_around_order: WrittenKey<u8>,
    /// Whether it is mapped when a round starts (default true); else `mmap` maps it.
    pub mapped: WrittenKey<bool>,
    /// Makes anonymous memory grow down as a stack does: so much of it, at its upper end,
    /// is mapped when a round starts, and `expand_stack` grows it.
    pub grows_down: WrittenKey<Size>,
    /// Size of folios, only of anonymous memory: a write fault maps all pages of one at once.
    /// `"4KiB"` (the default: single pages), or `"16KiB"`, `"32KiB"` and so on to `"1MiB"`.
    pub folio: WrittenKey<Size>,
}

impl VmaTable {
    /// The file that it maps, if any; `unread` are the keys that could not be read.
    pub(super) fn mapping(&self, unread: &[String]) -> Option<MappedFile<'_>> {
        let scope =
            (!unread.iter().any(|key| key == "scope")).then(|| self.scope.value_or(Scope::Shared));
        Some(MappedFile { file: self.file.as_ref()?, scope })
    }
}

impl Named for VmaTable {
    fn name(&self) -> &WrittenKey<String> {
        &self.name
    }
}

/// What a mapping allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(in crate::workload) enum Prot {
    Read,
    ReadWrite,
}

/// `MAP_PRIVATE` or `MAP_SHARED`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(in crate::workload) enum Sharing {
    Private,
    Shared,
}

const SHOWN: &str = "[[vma]]";
/// Pages of the user's addresses, which have 47 bits.
const ADDRESS_SPACE_PAGES: u64 = (1 << 47) / PAGE_BYTES;
/// Order of a whole page table, which has 2^9 entries: fault-around does not leave it.
const MAX_FAULT_AROUND_ORDER: u8 = 9;
/// The kernel's default of 64KiB (`fault_around_bytes`).
const DEFAULT_FAULT_AROUND_ORDER: u8 = 4;

pub(super) fn lower(
    entry: &WrittenTable<VmaTable>,
    names: &TableNames,
    files: &[Option<WorkloadFile>],
    file_entries: &[WrittenTable<FileTable>],
    check: &mut Check<'_>,
) -> Option<WorkloadVma> {
    let table = &entry.table;
    let size = check.required(entry, SHOWN, "size", &table.size, "\"1GiB\"");
    let pages = size.and_then(|size| check.some_pages("size", size));
    let count = table.count.checked(1, |count| check.at_least("count", count, 1));
    let fits = match (size, pages, count) {
        (Some(size), Some(pages), Some(count)) => fits_address_space(size, pages, count, check),
        _ => false,
    };
    let backing = match table.file.as_ref() {
        Some(file) => {
            only_anonymous(entry, file, check);
            mapped(entry, file, pages, names, files, file_entries, check)
        }
        None => {
            if !entry.unread.iter().any(|key| key == "file") {
                only_with_file(entry, check);
            }
            Some(Backing::Anonymous)
        }
    };
    let grows_down =
        (table.grows_down).checked(None, |grows| grows_down(entry, grows, pages, check).map(Some));
    let folio_pages = table.folio.checked(1, |folio| folio_pages(entry, folio, pages, check));
    mapped_some_time(entry, check);
    fits.then_some(())?;
    Some(WorkloadVma {
        name: table.name.value()?.clone(),
        pages: pages?,
        count: count?,
        scope: table.scope.value_or(Scope::Shared),
        backing: backing?,
        writable: table.prot.value_or(Prot::ReadWrite) == Prot::ReadWrite,
        mapped: table.mapped.value_or(true),
        grows_down_from_pages: grows_down?,
        folio_pages: folio_pages?,
    })
}

/// Returns the pages of its folios, or reports folios that the VMA cannot have.
fn folio_pages(
    entry: &WrittenTable<VmaTable>,
    folio: &Spanned<Size>,
    pages: Option<u64>,
    check: &mut Check<'_>,
) -> Option<u64> {
    let folio_pages = folio::size(folio, check)?;
    if let (Some(all), Some(size)) = (pages, entry.table.size.as_ref())
        && folio_pages > all
    {
        check.push(
            Diagnostic::new("`folio` is larger than the VMA")
                .at(folio.span(), "pages of a folio")
                .at(size.span(), "the size of the VMA")
                .rule("a fault maps a folio only where the VMA has room for all of it"),
        );
        return None;
    }
    Some(folio_pages)
}

/// Reports a VMA that is not mapped at the start, and that no operation maps.
fn mapped_some_time(entry: &WrittenTable<VmaTable>, check: &mut Check<'_>) {
    let (Some(mapped), Some(name)) = (entry.table.mapped.as_ref(), entry.table.name.as_ref())
    else {
        return;
    };
    if *mapped.get_ref() || check.has_op("mmap", name.get_ref(), |_| true) {
        return;
    }
    check.push(
        Diagnostic::new(format!("the VMA \"{}\" is never mapped", name.get_ref()))
            .at(mapped.span(), "not mapped when a round starts")
            .help(format!("write [[op]] with mmap = {{ vma = \"{}\" }}", name.get_ref())),
    );
}

/// Returns the pages with which a VMA that grows down starts, or reports one that cannot grow.
fn grows_down(
    entry: &WrittenTable<VmaTable>,
    grows: &Spanned<Size>,
    pages: Option<u64>,
    check: &mut Check<'_>,
) -> Option<u64> {
    let table = &entry.table;
    let first = check.some_pages("grows_down", grows);
    let others = [
        table.file.as_ref().map(|file| (file.span(), "a file is mapped")),
        table.count.as_ref().filter(|n| *n.get_ref() > 1).map(|n| (n.span(), "several mappings")),
        table.mapped.as_ref().filter(|m| !*m.get_ref()).map(|m| (m.span(), "not mapped at all")),
    ];
    if others.iter().any(Option::is_some) {
        let what = Diagnostic::new("`grows_down` of a VMA that cannot be a stack")
            .at(grows.span(), "grows down");
        let what = others.into_iter().flatten().fold(what, |d, (span, label)| d.at(span, label));
        check.push(
            what.rule("a VMA that grows down is one anonymous mapping, mapped from the start"),
        );
    }
    if let Some(name) = table.name.as_ref()
        && !check.has_op("expand_stack", name.get_ref(), |_| true)
    {
        check.push(
            Diagnostic::new(format!("the VMA \"{}\" never grows", name.get_ref()))
                .at(grows.span(), "no [[op]] grows it")
                .help(format!(
                    "write [[op]] with expand_stack = {{ vma = \"{}\" }}",
                    name.get_ref()
                )),
        );
    }
    let (first, size) = (first?, table.size.as_ref()?);
    if pages? <= first {
        check.push(
            Diagnostic::new("`grows_down` is less than `size`")
                .at(grows.span(), "mapped when a round starts")
                .at(size.span(), "the full size")
                .rule("the rest is mapped by `expand_stack`"),
        );
        return None;
    }
    Some(first)
}

fn fits_address_space(size: &Spanned<Size>, pages: u64, count: u64, check: &mut Check<'_>) -> bool {
    if pages.checked_mul(count).is_some_and(|all| all <= ADDRESS_SPACE_PAGES) {
        return true;
    }
    let what = if count == 1 { String::new() } else { format!("{count} mappings of ") };
    let title = format!("{what}{} do not fit the address space", print_size(pages * PAGE_BYTES));
    let limit = print_size(ADDRESS_SPACE_PAGES * PAGE_BYTES);
    check.push(
        Diagnostic::new(title)
            .at(size.span(), "too much")
            .rule(format!("a process has {limit} of addresses (47 bits)")),
    );
    false
}

fn mapped(
    entry: &WrittenTable<VmaTable>,
    name: &Spanned<String>,
    pages: Option<u64>,
    names: &TableNames,
    files: &[Option<WorkloadFile>],
    file_entries: &[WrittenTable<FileTable>],
    check: &mut Check<'_>,
) -> Option<Backing> {
    let table = &entry.table;
    let index = names.resolve(name, check);
    let offset = table.offset.checked(0, |offset| check.pages("offset", offset));
    let order = (table.fault_around_order)
        .checked(DEFAULT_FAULT_AROUND_ORDER, |order| fault_around(order, check));
    let index = index?;
    if let (Some(pages), Some(offset), Some(file)) = (pages, offset, &files[index]) {
        let end = offset.checked_add(pages);
        if end.is_none_or(|end| end > file.pages) {
            beyond_end(entry, offset, file, &file_entries[index], check);
        }
    }
    Some(Backing::File {
        file: index,
        offset_pages: offset?,
        shared: table.sharing.value_or(Sharing::Private) == Sharing::Shared,
        fault_around_order: order?,
    })
}

fn fault_around(order: &Spanned<u8>, check: &mut Check<'_>) -> Option<u8> {
    if *order.get_ref() <= MAX_FAULT_AROUND_ORDER {
        return Some(*order.get_ref());
    }
    let title = format!("`fault_around_order` is 0 to 9, not {}", order.get_ref());
    check.push(
        Diagnostic::new(title)
            .at(order.span(), "too large")
            .rule("fault-around maps 2^order pages and never leaves a page table of 512 entries")
            .help("the kernel's default of 64KiB is order 4; 0 maps one page a fault"),
    );
    None
}

fn beyond_end(
    entry: &WrittenTable<VmaTable>,
    offset: u64,
    file: &WorkloadFile,
    file_entry: &WrittenTable<FileTable>,
    check: &mut Check<'_>,
) {
    let table = &entry.table;
    let (Some(size), Some(file_size)) = (table.size.as_ref(), file_entry.table.size.as_ref())
    else {
        return;
    };
    let length = print_size(file.pages * PAGE_BYTES);
    let title = format!("the mapping ends beyond the end of the file \"{}\"", file.name);
    let mut diagnostic = Diagnostic::new(title).at(size.span(), "this much is mapped");
    if let Some(written) = table.offset.as_ref() {
        diagnostic = diagnostic.at(written.span(), "from here on");
    }
    diagnostic = diagnostic
        .at(file_size.span(), format!("the file has {length}"))
        .rule("a touch beyond the end of a file is SIGBUS");
    let help = match file.pages.checked_sub(offset) {
        None | Some(0) => format!("an offset below \"{length}\""),
        Some(left) => format!("a size of at most \"{}\"", print_size(left * PAGE_BYTES)),
    };
    check.push(diagnostic.help(format!("{help}, or a longer file")));
}

/// Reports keys that only anonymous memory has.
fn only_anonymous(entry: &WrittenTable<VmaTable>, file: &Spanned<String>, check: &mut Check<'_>) {
    let Some(folio) = entry.table.folio.as_ref() else { return };
    check.push(
        Diagnostic::new("`folio` of a VMA that maps a file")
            .at(folio.span(), "`folio` is about anonymous memory")
            .at(file.span(), "this VMA maps a file")
            .help("write `folio` in the [[file]]"),
    );
}

/// Reports keys that only a VMA of a file has.
fn only_with_file(entry: &WrittenTable<VmaTable>, check: &mut Check<'_>) {
    let table = &entry.table;
    let keys = [
        ("offset", table.offset.span()),
        ("sharing", table.sharing.span()),
        ("fault_around_order", table.fault_around_order.span()),
    ];
    for (key, span) in keys {
        let Some(span) = span else { continue };
        check.push(
            Diagnostic::new(format!("`{key}` of an anonymous VMA"))
                .at(span, format!("`{key}` is about a file"))
                .at(entry.span.clone(), "this VMA maps no file")
                .help(format!("write file = \"...\" to map one, or leave `{key}` out")),
        );
    }
}
