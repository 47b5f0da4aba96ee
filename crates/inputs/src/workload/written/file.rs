//! `[[file]]`: its keys, and their checks.

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::check::{Check, Named};
use super::folio;
use super::key::{WrittenKey, WrittenTable};
use super::values::{Size, WrittenLatency};
use crate::diag::Diagnostic;
use ::workload::units::print_time;
use ::workload::{IoLatency, Scope, WorkloadFile};

/// A file in the page cache.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema), schemars(rename = "File"))]
#[serde(deny_unknown_fields)]
pub(in crate::workload) struct FileTable {
    /// Name that `[[vma]]` refers to.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub name: WrittenKey<String>,
    /// Length, in whole pages of 4KiB.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub size: WrittenKey<Size>,
    /// Share of the pages that are cached when a round starts, 0 to 1 (default 1).
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1)))]
    pub cached: WrittenKey<f64>,
    /// Share of the cached pages that are locked when a round starts, by reads that are
    /// under way (default 0).
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1)))]
    pub locked: WrittenKey<f64>,
    /// Share of the cached pages that are not up to date when a round starts (default 0).
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1)))]
    pub not_uptodate: WrittenKey<f64>,
    /// Share of the cached pages that are marked for readahead when a round starts
    /// (default 0).
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1)))]
    pub readahead: WrittenKey<f64>,
    /// How long a read of a page sleeps: required below `cached = 1.0`, and where pages
    /// are `locked` or `not_uptodate`.
    pub io_latency: WrittenKey<WrittenLatency>,
    /// Whether the file system lets speculative faults call into it (default true).
    pub speculation: WrittenKey<bool>,
    /// On the running kernel: where the file is made, as an absolute path (default: in
    /// memory). It has no name there, and is gone after the storm.
    pub directory: WrittenKey<String>,
    /// One for all threads (`"shared"`, the default), or one for each that maps it.
    pub scope: WrittenKey<Scope>,
    /// Size of its folios in the page cache: `"4KiB"` (the default: single pages), or
    /// `"16KiB"`, `"32KiB"` and so on to `"1MiB"`. Such a file is cached whole.
    pub folio: WrittenKey<Size>,
}

impl Named for FileTable {
    fn name(&self) -> &WrittenKey<String> {
        &self.name
    }
}

/// A file that a VMA maps, and the scope of the VMA; `None` if that could not be read.
pub(super) struct MappedFile<'d> {
    pub file: &'d Spanned<String>,
    pub scope: Option<Scope>,
}

const SHOWN: &str = "[[file]]";

pub(super) fn lower(
    entry: &WrittenTable<FileTable>,
    mappings: &[MappedFile<'_>],
    check: &mut Check<'_>,
) -> Option<WorkloadFile> {
    let table = &entry.table;
    let size = check.required(entry, SHOWN, "size", &table.size, "\"256MiB\"");
    let pages = size.and_then(|size| check.some_pages("size", size));
    let mut share = |key, written: &WrittenKey<f64>, default| {
        written.checked(default, |it| check.share(key, it))
    };
    let cached = share("cached", &table.cached, 1.0);
    let locked = share("locked", &table.locked, 0.0);
    let not_uptodate = share("not_uptodate", &table.not_uptodate, 0.0);
    let readahead = share("readahead", &table.readahead, 0.0);
    let io = table.io_latency.checked(IoLatency::Fixed(0), |io| latency(io, check));
    let directory = table.directory.checked(None, |path| absolute(path, check).map(Some));
    let scope = table.scope.checked(Scope::Shared, |scope| fits(table, scope, mappings, check));
    let folio_pages = table.folio.checked(1, |it| folio::of_file(table, it, pages, check));
    if entry.unread.is_empty()
        && let (Some(_), Some(_), Some(_), Some(_)) = (cached, locked, not_uptodate, readahead)
    {
        shares_fit(table, check);
        latency_where_a_fault_waits(table, check);
    }
    Some(WorkloadFile {
        name: table.name.value()?.clone(),
        pages: pages?,
        cached: cached?,
        locked: locked?,
        not_uptodate: not_uptodate?,
        readahead: readahead?,
        io: io?,
        speculation: table.speculation.value_or(true),
        directory: directory?,
        scope: scope?,
        folio_pages: folio_pages?,
    })
}

/// Returns the scope of a file. Reports a per-thread file that a shared VMA maps, or that a writer
/// truncates.
fn fits(
    table: &FileTable,
    written: &Spanned<Scope>,
    mappings: &[MappedFile<'_>],
    check: &mut Check<'_>,
) -> Option<Scope> {
    if *written.get_ref() == Scope::Shared {
        return Some(Scope::Shared);
    }
    let name = table.name.value()?;
    let mut shared = mappings.iter().filter(|mapping| mapping.scope == Some(Scope::Shared));
    let shared = shared.find(|mapping| mapping.file.get_ref() == name);
    let truncated = check.has_op("truncate", name, |_| true);
    if shared.is_none() && !truncated {
        return Some(Scope::PerThread);
    }
    let mut wrong = Diagnostic::new(format!("the file \"{name}\" cannot be one of each thread"))
        .at(written.span(), "one for each thread that maps it");
    if let Some(mapping) = shared {
        wrong = wrong
            .at(mapping.file.span(), "mapped by a VMA that all threads share")
            .help("write scope = \"per-thread\" in that [[vma]] too");
    }
    if truncated {
        wrong = wrong.rule("`truncate` is of a file that all threads share");
    }
    check.push(wrong);
    None
}

/// Returns the directory of a file, or reports a relative path.
fn absolute(directory: &Spanned<String>, check: &mut Check<'_>) -> Option<String> {
    let path = directory.get_ref();
    if path.starts_with('/') {
        return Some(path.clone());
    }
    check.push(
        Diagnostic::new(format!("`directory` is an absolute path, not \"{path}\""))
            .at(directory.span(), "does not begin with /")
            .rule("the file is made there, without a name, where the running kernel is stormed")
            .help("write directory = \"/tmp\", or leave it out for a file in memory"),
    );
    None
}

/// Reports shares of page states that exceed 1 together: a page is in one state at most.
fn shares_fit(table: &FileTable, check: &mut Check<'_>) {
    let states = [&table.locked, &table.not_uptodate, &table.readahead];
    let states = || states.into_iter().filter_map(|share| share.as_ref());
    let sum: f64 = states().map(|share| *share.get_ref()).sum();
    // Rounding makes 0.33 + 0.56 + 0.11 exceed 1.
    if sum < 1.0 + 1e-9 {
        return;
    }
    let shown = format!("{sum:.6}");
    let title = format!(
        "`locked`, `not_uptodate` and `readahead` make {} of the cached pages",
        shown.trim_end_matches('0').trim_end_matches('.')
    );
    let labelled = (states().map(Spanned::span))
        .fold(Diagnostic::new(title), |d, place| d.at(place, "of the cached pages"));
    check.push(
        labelled.rule("a page is in one of the three states, or in none: they make 1 at most"),
    );
}

/// Reports a file without an I/O latency for whose pages a fault may wait, and a latency that no
/// fault needs.
fn latency_where_a_fault_waits(table: &FileTable, check: &mut Check<'_>) {
    let waits = [
        (&table.cached, 1.0, "not wholly cached", "a read may miss the page cache", "cached = 1.0"),
        (&table.locked, 0.0, "partly locked", "a read may find a locked page", "locked = 0.0"),
        (
            &table.not_uptodate,
            0.0,
            "not wholly up to date",
            "a read may find a page that is not up to date",
            "not_uptodate = 0.0",
        ),
    ];
    let mut waits = waits.into_iter().filter_map(|(written, never, title, label, help)| {
        let written = written.as_ref().filter(|share| *share.get_ref() != never)?;
        Some((written, title, label, help))
    });
    match (waits.next(), table.io_latency.as_ref()) {
        (Some((written, what, label, help)), None) => check.push(
            Diagnostic::new(format!("a file that is {what} has no `io_latency`"))
                .at(written.span(), label)
                .rule("who needs such a page sleeps for `io_latency`")
                .help(format!("write io_latency = \"80us\", or {help}")),
        ),
        (None, Some(io)) => {
            if table.name.value().is_some_and(|name| check.has_op("truncate", name, |_| true)) {
                return;
            }
            let mut diagnostic = Diagnostic::new("`io_latency` of a file that is wholly cached")
                .at(io.span(), "no read ever misses the page cache");
            if let Some(written) = table.cached.as_ref() {
                diagnostic = diagnostic.at(written.span(), "the share that is cached");
            }
            check.push(diagnostic.help("write cached = 0.5, or leave `io_latency` out"));
        }
        _ => {}
    }
}

fn latency(io: &Spanned<WrittenLatency>, check: &mut Check<'_>) -> Option<IoLatency> {
    let latency = match *io.get_ref() {
        WrittenLatency::Fixed(time) => IoLatency::Fixed(time.0),
        WrittenLatency::Uniform([low, high]) => IoLatency::Uniform(low.0, high.0),
        WrittenLatency::Exponential(mean) => IoLatency::Exponential(mean.0),
    };
    match latency {
        IoLatency::Uniform(low, high) if low > high => {
            let (low, high) = (print_time(low), print_time(high));
            check.push(
                Diagnostic::new(format!("a uniform latency from \"{low}\" down to \"{high}\""))
                    .at(io.span(), "the smaller time comes first")
                    .help(format!("write {{ uniform = [\"{high}\", \"{low}\"] }}")),
            );
            None
        }
        IoLatency::Fixed(0) | IoLatency::Uniform(_, 0) | IoLatency::Exponential(0) => {
            check.push(
                Diagnostic::new("`io_latency` is a time above 0")
                    .at(io.span(), "no time")
                    .help("write io_latency = \"80us\", or cached = 1.0"),
            );
            None
        }
        latency => {
            let (IoLatency::Fixed(ns) | IoLatency::Uniform(_, ns) | IoLatency::Exponential(ns)) =
                latency;
            check.pause("io_latency", ns, io.span()).map(|_| latency)
        }
    }
}
