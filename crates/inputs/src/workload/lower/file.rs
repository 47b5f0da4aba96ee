//! `[[file]]`

use toml::Spanned;

use super::check::Check;
use crate::diag::Diagnostic;
use crate::workload::units::print_time;
use crate::workload::wire::{Document, Entry};
use crate::workload::{File, Latency, Scope, wire};

const SHOWN: &str = "[[file]]";

pub(super) fn lower(
    entry: &Entry<wire::File>,
    document: &Document,
    check: &mut Check<'_>,
) -> Option<File> {
    let table = &entry.table;
    let size = check.required(entry, SHOWN, "size", &table.size, "\"256MiB\"");
    let pages = size.and_then(|size| check.some_pages("size", size));
    let mut share = |key: &str, written: &Option<Spanned<f64>>, default: f64| match written {
        Some(written) => check.share(key, written),
        None => Some(default),
    };
    let cached = share("cached", &table.cached, 1.0);
    let locked = share("locked", &table.locked, 0.0);
    let not_uptodate = share("not_uptodate", &table.not_uptodate, 0.0);
    let readahead = share("readahead", &table.readahead, 0.0);
    let io = match &table.io_latency {
        Some(io) => latency(io, check),
        None => Some(Latency::Fixed(0)),
    };
    let directory = match &table.directory {
        Some(directory) => absolute(directory, check).map(Some),
        None => Some(None),
    };
    let scope = table.scope.as_ref().map(|written| scope(table, written, document, check));
    if entry.unread.is_empty()
        && let (Some(_), Some(_), Some(_), Some(_)) = (cached, locked, not_uptodate, readahead)
    {
        shares_fit(table, check);
        latency_where_a_fault_waits(table, document, check);
    }
    Some(File {
        name: table.name.as_ref()?.get_ref().clone(),
        pages: pages?,
        cached: cached?,
        locked: locked?,
        not_uptodate: not_uptodate?,
        readahead: readahead?,
        io: io?,
        speculation: table.speculation.as_ref().is_none_or(|value| *value.get_ref()),
        directory: directory?,
        scope: match scope {
            Some(scope) => scope?,
            None => Scope::Shared,
        },
    })
}

/// For whom a file is: one of each thread is mapped by VMAs of each thread alone, and is not
/// truncated, which would be the file of all.
fn scope(
    table: &wire::File,
    written: &Spanned<wire::Scope>,
    document: &Document,
    check: &mut Check<'_>,
) -> Option<Scope> {
    if *written.get_ref() == wire::Scope::Shared {
        return Some(Scope::Shared);
    }
    let name = table.name.as_ref()?.get_ref();
    let per_thread = |vma: &wire::Vma| {
        vma.scope.as_ref().is_some_and(|scope| *scope.get_ref() == wire::Scope::PerThread)
    };
    let mut vmas = document.vma.iter().filter(|vma| !vma.unread.iter().any(|key| key == "scope"));
    let shared = vmas.find_map(|vma| {
        let file = vma.table.file.as_ref().filter(|file| file.get_ref() == name)?;
        (!per_thread(&vma.table)).then(|| file.span())
    });
    let truncated = document.has_op("truncate", name, |_| true);
    if shared.is_none() && !truncated {
        return Some(Scope::PerThread);
    }
    let mut wrong = Diagnostic::new(format!("the file \"{name}\" cannot be one of each thread"))
        .at(written.span(), "one for each thread that maps it");
    if let Some(span) = shared {
        wrong = wrong
            .at(span, "mapped by a VMA that all threads share")
            .help("write scope = \"per-thread\" in that [[vma]] too");
    }
    if truncated {
        wrong = wrong.rule("`truncate` is of a file that all threads share");
    }
    check.push(wrong);
    None
}

/// The directory of a file, which is the same from wherever the program is run.
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

/// A page is in one of the three states at the most.
fn shares_fit(table: &wire::File, check: &mut Check<'_>) {
    let states = [&table.locked, &table.not_uptodate, &table.readahead];
    let sum: f64 = states.into_iter().flatten().map(|share| *share.get_ref()).sum();
    // 0.33, 0.56 and 0.11 are more by rounding.
    if sum < 1.0 + 1e-9 {
        return;
    }
    let shown = format!("{sum:.6}");
    let title = format!(
        "`locked`, `not_uptodate` and `readahead` make {} of the cached pages",
        shown.trim_end_matches('0').trim_end_matches('.')
    );
    let places = states.into_iter().flatten().map(Spanned::span);
    let labelled =
        places.fold(Diagnostic::new(title), |d, place| d.at(place, "of the cached pages"));
    check.push(
        labelled.rule("a page is in one of the three states, or in none: they make 1 at most"),
    );
}

/// A file has an I/O latency where a fault may wait for one of its pages, and only there.
fn latency_where_a_fault_waits(table: &wire::File, document: &Document, check: &mut Check<'_>) {
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
    match (waits.next(), &table.io_latency) {
        (Some((written, what, label, help)), None) => check.push(
            Diagnostic::new(format!("a file that is {what} has no `io_latency`"))
                .at(written.span(), label)
                .rule("who needs such a page sleeps for `io_latency`")
                .help(format!("write io_latency = \"80us\", or {help}")),
        ),
        (None, Some(io)) => {
            let truncated =
                |name: &Spanned<String>| document.has_op("truncate", name.get_ref(), |_| true);
            if table.name.as_ref().is_some_and(truncated) {
                return;
            }
            let mut diagnostic = Diagnostic::new("`io_latency` of a file that is wholly cached")
                .at(io.span(), "no read ever misses the page cache");
            if let Some(written) = &table.cached {
                diagnostic = diagnostic.at(written.span(), "the share that is cached");
            }
            check.push(diagnostic.help("write cached = 0.5, or leave `io_latency` out"));
        }
        _ => {}
    }
}

fn latency(io: &Spanned<wire::Latency>, check: &mut Check<'_>) -> Option<Latency> {
    let latency = match *io.get_ref() {
        wire::Latency::Fixed(time) => Latency::Fixed(time.0),
        wire::Latency::Uniform([low, high]) => Latency::Uniform(low.0, high.0),
        wire::Latency::Exponential(mean) => Latency::Exponential(mean.0),
    };
    match latency {
        Latency::Uniform(low, high) if low > high => {
            let (low, high) = (print_time(low), print_time(high));
            check.push(
                Diagnostic::new(format!("a uniform latency from \"{low}\" down to \"{high}\""))
                    .at(io.span(), "the smaller time comes first")
                    .help(format!("write {{ uniform = [\"{high}\", \"{low}\"] }}")),
            );
            None
        }
        Latency::Fixed(0) | Latency::Uniform(_, 0) | Latency::Exponential(0) => {
            check.push(
                Diagnostic::new("`io_latency` is a time above 0")
                    .at(io.span(), "no time")
                    .help("write io_latency = \"80us\", or cached = 1.0"),
            );
            None
        }
        latency => {
            let (Latency::Fixed(ns) | Latency::Uniform(_, ns) | Latency::Exponential(ns)) = latency;
            check.pause("io_latency", ns, io.span()).map(|_| latency)
        }
    }
}
