//! The top level of a workload file, and checks of the whole.
//!
//! A wrong table is left out, and the others are still checked against each other. A mistake that
//! only follows from a reported one is not reported.

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::check::{Check, TableNames};
use super::expect::{self, ExpectTable};
use super::file::{self, FileTable};
use super::group::{self, GroupTable};
use super::headline;
use super::idle;
use super::kernel::{self, KernelTable};
use super::key::{WrittenKey, WrittenTable};
use super::op::{self, OpTable};
use super::targets::Targets;
use super::values::Time;
use super::vma::{self, VmaTable};
use crate::diag::Diagnostic;
use ::workload::{RateWindow, Reset, Until, Workload};

/// A faultstorm workload: an address space and the threads that storm it.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", schemars(
    title = "faultstorm workload",
    extend("required" = ["summary", "vma", "op"])
))]
pub(in crate::workload) struct WrittenWorkload {
    /// One line that `faultstorm list workloads` shows.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub summary: WrittenKey<String>,
    /// Prose that the report prints beside the numbers.
    pub analysis: WrittenKey<String>,
    /// What is undone between rounds: `"zap"` (ptes and pages go, tables stay)
    /// or `"remap"` (tables go too, the default).
    pub reset: WrittenKey<Reset>,
    /// Unmeasured storming at the start of each storm, `"50ms"` by default.
    pub warmup: WrittenKey<Time>,
    /// How long a storm lasts, `"100ms"` by default. At most one of `duration`,
    /// `touches` and `rounds`.
    pub duration: WrittenKey<Time>,
    /// How many touches each thread makes in a storm, at least 1.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub touches: WrittenKey<u64>,
    /// How many whole rounds a storm lasts, at least 1.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub rounds: WrittenKey<u64>,
    /// The event that cells are judged by: `"faults"` or an operation of writers (default:
    /// faults if there are some, else the operation that is done most often).
    pub headline: WrittenKey<String>,
    /// The time over which the rate of faults is measured: while all threads storm
    /// (`"together"`, the default), or from the first start to the last end (`"whole"`).
    pub rate_over: WrittenKey<RateWindow>,
    /// Whether the running kernel may use huge pages for the mappings (default false). The
    /// simulated one has none.
    pub huge_pages: WrittenKey<bool>,
    /// Reserved for several processes that share a file; only 1 can be written.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1)))]
    pub processes: WrittenKey<u64>,
    /// What the kernel keeps behind its locks.
    pub kernel: Option<KernelTable>,
    /// Files that VMAs map.
    #[serde(default)]
    pub file: Vec<WrittenTable<FileTable>>,
    /// Mappings, in address order; at least one.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(required))]
    pub vma: Vec<WrittenTable<VmaTable>>,
    /// Groups of threads; without any, all threads are one group `faulters`.
    #[serde(default)]
    pub group: Vec<WrittenTable<GroupTable>>,
    /// What the threads do; at least one.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(required))]
    pub op: Vec<WrittenTable<OpTable>>,
    /// Counts that `faultstorm check` verifies.
    #[serde(default)]
    pub expect: Vec<WrittenTable<ExpectTable>>,
}

/// Default length of a storm, in nanoseconds.
const DEFAULT_DURATION_NS: u64 = 100_000_000;
/// Default length of the warm-up, in nanoseconds.
const DEFAULT_WARMUP_NS: u64 = 50_000_000;

/// Checks a document, and returns its workload under the name `name`. Adds mistakes to `mistakes`;
/// `None` comes with at least one.
pub(in crate::workload) fn workload(
    name: &str,
    document: &WrittenTable<WrittenWorkload>,
    known_strategies: &[&str],
    mistakes: &mut Vec<Diagnostic>,
) -> Option<Workload> {
    let table = &document.table;
    let written: Vec<_> = table.op.iter().flat_map(|op| op.table.written()).collect();
    let unread_of_ops = table.op.iter().map(|op| op.unread.as_slice()).collect();
    let mut check = Check { mistakes, known_strategies, ops: &written, unread_of_ops };
    let summary = summary(document, &mut check);
    let until = until(document, &mut check);
    processes(document, &mut check);
    let headline = table.headline.checked(None, |it| headline::lower(it, &mut check).map(Some));
    let kernel = kernel::lower(table.kernel.as_ref(), &mut check);

    let file_names = TableNames::collect("file", &table.file, &mut check);
    let vma_names = TableNames::collect("vma", &table.vma, &mut check);
    let group_names = TableNames::collect("group", &table.group, &mut check);
    let mappings = table.vma.iter().filter_map(|entry| entry.table.mapping(&entry.unread));
    let mappings: Vec<_> = mappings.collect();
    let files = table.file.iter().map(|entry| file::lower(entry, &mappings, &mut check));
    let files: Vec<_> = files.collect();
    let vma = |entry| vma::lower(entry, &file_names, &files, &table.file, &mut check);
    let vmas: Vec<_> = table.vma.iter().map(vma).collect();
    let groups = group::headers(&table.group, &mut check);
    let targets = Targets {
        file_names,
        files: &files,
        file_entries: &table.file,
        vma_names,
        vmas: &vmas,
        vma_entries: &table.vma,
    };
    let ops = op::lower_all(&table.op, &group_names, &targets, &mut check);
    something_to_do(document, &mut check);
    if ops.complete {
        idle::report(table, &ops, &mut check);
    }
    let phases = op::phases(&ops, groups.len(), &mut check);
    let groups = group::assemble(groups, phases, &table.group, &mut check);
    if let Some(groups) = &groups {
        op::walks_with_loops(&ops, groups, &table.group, &mut check);
        op::claims_without_loops(&ops, groups, &table.group, &mut check);
    }
    let expect: Vec<_> =
        table.expect.iter().map(|entry| expect::lower(entry, &mut check)).collect();

    let workload = Workload {
        name: name.to_owned(),
        summary: summary?,
        analysis: table.analysis.value().map(|text| text.trim().to_owned()),
        files: files.into_iter().collect::<Option<_>>()?,
        vmas: vmas.into_iter().collect::<Option<_>>()?,
        groups: groups?,
        kernel: kernel?,
        huge_pages: table.huge_pages.value_or(false),
        reset: table.reset.value_or(Reset::Remap),
        until: until?,
        headline: headline?,
        rate_over: table.rate_over.value_or(RateWindow::Together),
        warmup_ns: table.warmup.value().map_or(DEFAULT_WARMUP_NS, |time| time.0),
        expect: expect.into_iter().collect::<Option<_>>()?,
    };
    kernel::check(&workload, table.kernel.as_ref(), &mut check);
    Some(workload)
}

fn summary(document: &WrittenTable<WrittenWorkload>, check: &mut Check<'_>) -> Option<String> {
    let Some(summary) = document.table.summary.as_ref() else {
        if !document.unread.iter().any(|key| key == "summary") {
            check.push(
                Diagnostic::new("the file has no `summary`")
                    .at(0..0, "it goes before the first table")
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

/// Returns the end of the storm: by time, by touches or by rounds.
fn until(document: &WrittenTable<WrittenWorkload>, check: &mut Check<'_>) -> Option<Until> {
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

fn processes(document: &WrittenTable<WrittenWorkload>, check: &mut Check<'_>) {
    if let Some(processes) = document.table.processes.as_ref()
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

/// Reports a workload without a VMA or without an operation.
fn something_to_do(document: &WrittenTable<WrittenWorkload>, check: &mut Check<'_>) {
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
