//! Wire tables -> [`Workload`], collecting every mistake.
//!
//! A table that is wrong is left out and the others are still checked against
//! each other; what would only follow from a mistake reported already is not
//! reported again.

mod change;
mod check;
mod expect;
mod file;
mod group;
mod idle;
mod kernel;
mod op;
mod touch;
mod vma;

use toml::Spanned;

use super::wire::{Document, Entry, Reset as WireReset};
use super::{File, Reset, Until, Vma, Workload};
use crate::diag::Diagnostic;
use check::{Check, Names};

/// Storming time where a file says nothing, in nanoseconds.
const DEFAULT_DURATION_NS: u64 = 100_000_000;
/// Warm-up where a file says nothing, in nanoseconds.
const DEFAULT_WARMUP_NS: u64 = 50_000_000;

/// What operations work on, beside how it was written.
struct Space<'d> {
    file_names: Names,
    files: &'d [Option<File>],
    vma_names: Names,
    vmas: &'d [Option<Vma>],
    document: &'d Document,
}

/// Returns the workload `name` of a document; its mistakes go to `mistakes`,
/// and `None` is returned only with a mistake.
pub(super) fn workload(
    name: &str,
    document: &Entry<Document>,
    known_strategies: &[&str],
    mistakes: &mut Vec<Diagnostic>,
) -> Option<Workload> {
    let mut check = Check { mistakes, known_strategies };
    let table = &document.table;
    let summary = summary(document, &mut check);
    let until = until(document, &mut check);
    processes(document, &mut check);
    let kernel = kernel::lower(table.kernel.as_ref(), &mut check);

    let file_names = Names::collect("file", &table.file, &mut check);
    let vma_names = Names::collect("vma", &table.vma, &mut check);
    let group_names = Names::collect("group", &table.group, &mut check);
    let files: Vec<_> =
        table.file.iter().map(|entry| file::lower(entry, table, &mut check)).collect();
    let vmas: Vec<_> = table
        .vma
        .iter()
        .map(|entry| vma::lower(entry, &file_names, &files, table, &mut check))
        .collect();
    let groups = group::headers(&table.group, &mut check);
    let space = Space { file_names, files: &files, vma_names, vmas: &vmas, document: table };
    let ops = op::lower_all(&table.op, &group_names, &space, &mut check);
    something_to_do(document, &mut check);
    if ops.complete {
        idle::report(table, &ops, &mut check);
    }
    let phases = op::phases(&ops, groups.len(), &mut check);
    let groups = group::assemble(groups, phases, table, &mut check);
    if let Some(groups) = &groups {
        op::walks_with_loops(&ops, groups, table, &mut check);
    }
    let expect: Vec<_> =
        table.expect.iter().map(|entry| expect::lower(entry, &mut check)).collect();

    let workload = Workload {
        name: name.to_owned(),
        summary: summary?,
        analysis: table.analysis.as_ref().map(|text| text.get_ref().trim().to_owned()),
        files: files.into_iter().collect::<Option<_>>()?,
        vmas: vmas.into_iter().collect::<Option<_>>()?,
        groups: groups?,
        kernel: kernel?,
        huge_pages: table.huge_pages.as_ref().is_some_and(|value| *value.get_ref()),
        reset: match table.reset.as_ref().map(Spanned::get_ref) {
            Some(WireReset::Zap) => Reset::Zap,
            Some(WireReset::Remap) | None => Reset::Remap,
        },
        until: until?,
        warmup_ns: table.warmup.as_ref().map_or(DEFAULT_WARMUP_NS, |time| time.get_ref().0),
        expect: expect.into_iter().collect::<Option<_>>()?,
    };
    kernel::check(&workload, table.kernel.as_ref(), &mut check);
    Some(workload)
}

fn summary(document: &Entry<Document>, check: &mut Check<'_>) -> Option<String> {
    let Some(summary) = &document.table.summary else {
        if !document.unread.iter().any(|key| key == "summary") {
            check.push(
                Diagnostic::new("the file has no `summary`")
                    .rule("`faultstorm list workloads` shows the summary of every workload")
                    .help("write summary = \"...\": one line that says what the storm is"),
            );
        }
        return None;
    };
    let text = summary.get_ref().trim();
    if text.is_empty() || text.contains('\n') {
        check.push(
            Diagnostic::new("`summary` is one line that is not empty")
                .at(summary.span(), "shown by `faultstorm list workloads`")
                .help("longer prose belongs in `analysis`"),
        );
        return None;
    }
    Some(text.to_owned())
}

/// Says when the storm ends: by time, by touches or by rounds.
fn until(document: &Entry<Document>, check: &mut Check<'_>) -> Option<Until> {
    let table = &document.table;
    let duration = table.duration.as_ref().map(|d| {
        let value = Spanned::new(d.span(), d.get_ref().0);
        ("duration", value, Until::Duration as fn(u64) -> Until)
    });
    let touches =
        table.touches.as_ref().map(|t| ("touches", t.clone(), Until::Touches as fn(u64) -> Until));
    let rounds =
        table.rounds.as_ref().map(|r| ("rounds", r.clone(), Until::Rounds as fn(u64) -> Until));
    let ends: Vec<_> = [duration, touches, rounds].into_iter().flatten().collect();
    for (key, value, _) in &ends {
        check.at_least(key, value, 1);
    }
    if let [(first, first_value, _), rest @ ..] = ends.as_slice()
        && !rest.is_empty()
    {
        let names: Vec<String> = ends.iter().map(|(key, ..)| format!("`{key}`")).collect();
        let title = format!("a storm ends in one way, here are {}", names.join(" and "));
        let mut diagnostic = Diagnostic::new(title).at(first_value.span(), format!("`{first}`"));
        for (key, value, _) in rest {
            diagnostic = diagnostic.at(value.span(), format!("and `{key}`"));
        }
        let help = "keep one of `duration`, `touches` (per thread) and `rounds`";
        check.push(diagnostic.help(help));
        return None;
    }
    Some(
        ends.first().map_or(Until::Duration(DEFAULT_DURATION_NS), |(_, value, make)| {
            make(*value.get_ref())
        }),
    )
}

fn processes(document: &Entry<Document>, check: &mut Check<'_>) {
    if let Some(processes) = &document.table.processes
        && *processes.get_ref() != 1
    {
        check.push(
            Diagnostic::new(format!("`processes` = {} is reserved", processes.get_ref()))
                .at(processes.span(), "only 1 can be written")
                .rule("the key stands for several processes that share a file, not simulated yet")
                .help("leave `processes` out"),
        );
    }
}

/// Reports a file without a mapping or without an operation.
fn something_to_do(document: &Entry<Document>, check: &mut Check<'_>) {
    let unread = |section: &str| document.unread.iter().any(|key| key == section);
    if document.table.vma.is_empty() && !unread("vma") {
        check.push(
            Diagnostic::new("the workload has no [[vma]]: there is nothing to touch")
                .help("write [[vma]] with `name` and `size`, as in workloads/huge-anon.toml"),
        );
    }
    if document.table.op.is_empty() && !unread("op") {
        check.push(
            Diagnostic::new("the workload has no [[op]]: nothing storms")
                .help("write [[op]] with touch = { vma = \"...\", access = \"read\" }"),
        );
    }
}
