//! `[[group]]`: its keys, and their checks.

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::check::{Check, Named};
use super::key::{WrittenKey, WrittenTable};
use super::values::WrittenThreads;
use crate::diag::Diagnostic;
use ::workload::{Loops, Op, Phase, ThreadGroup, Threads, WEIGHT_MAX};

/// A named group of threads.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema), schemars(rename = "Group"))]
#[serde(deny_unknown_fields)]
pub(in crate::workload) struct GroupTable {
    /// Name that `[[op]]` refers to.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub name: WrittenKey<String>,
    /// How many threads: `"all"` of the run's (the default), a number, or `{ weight = 0.5 }`.
    pub threads: WrittenKey<WrittenThreads>,
    /// How often the operations of a phase are done, a number or `"until-done"` (default:
    /// once; until the groups that touch are done, for a group that does not).
    pub loops: WrittenKey<Loops>,
}

impl Named for GroupTable {
    fn name(&self) -> &WrittenKey<String> {
        &self.name
    }
}

/// The name of the group of all threads, in a file without groups.
const DEFAULT_GROUP: &str = "faulters";

/// A group without its phases.
pub(super) struct Header {
    name: String,
    threads: Threads,
    /// As written.
    loops: Option<Loops>,
}

/// Returns the header of each group, or that of the default group if the file has none.
pub(super) fn headers(
    entries: &[WrittenTable<GroupTable>],
    check: &mut Check<'_>,
) -> Vec<Option<Header>> {
    if entries.is_empty() {
        let (name, threads) = (DEFAULT_GROUP.to_owned(), Threads::Weight(1.0));
        return vec![Some(Header { name, threads, loops: None })];
    }
    let headers: Vec<_> = entries.iter().map(|entry| header(entry, check)).collect();
    all_beside_others(entries, check);
    let fixed = |header: &Option<Header>| {
        header.as_ref().is_some_and(|header| matches!(header.threads, Threads::Fixed(_)))
    };
    if headers.iter().all(fixed) {
        let span = entries[0].table.threads.span_or(&entries[0].span);
        check.push(
            Diagnostic::new("no group takes the threads of a run")
                .at(span, "every group has a fixed number")
                .rule("`--threads` divides its threads among the groups without a fixed number")
                .help("write threads = \"all\" for one group"),
        );
    }
    headers
}

/// Gives each group its phases, and the default of its loops.
pub(super) fn assemble(
    headers: Vec<Option<Header>>,
    phases: Option<Vec<Vec<Phase>>>,
    entries: &[WrittenTable<GroupTable>],
    check: &mut Check<'_>,
) -> Option<Vec<ThreadGroup>> {
    let headers: Vec<Header> = headers.into_iter().collect::<Option<_>>()?;
    let phases = phases?;
    let somebody_touches = phases.iter().flatten().any(touches);
    let groups: Vec<ThreadGroup> = (headers.into_iter().zip(phases))
        .map(|(Header { name, threads, loops }, phases)| {
            let beside = somebody_touches && !phases.iter().any(touches);
            let default = if beside { Loops::UntilDone } else { Loops::Times(1) };
            ThreadGroup { name, threads, loops: loops.unwrap_or(default), phases }
        })
        .collect();
    for (index, group) in groups.iter().enumerate() {
        if let Some(phase) = never_ends(group, &groups) {
            without_end(index, phase, &groups, entries, check);
        }
    }
    Some(groups)
}

fn touches(phase: &Phase) -> bool {
    phase.ops.iter().any(|op| matches!(op, Op::Touch(_)))
}

/// Returns the first phase that never ends: the group goes on until others are done, and no other
/// group touches in this phase.
fn never_ends(group: &ThreadGroup, groups: &[ThreadGroup]) -> Option<usize> {
    let ends = |other: &ThreadGroup, phase: usize| {
        other.loops != Loops::UntilDone && touches(&other.phases[phase])
    };
    let mut phases = (0..group.phases.len()).filter(|phase| !group.phases[*phase].ops.is_empty());
    let until_done = group.loops == Loops::UntilDone;
    phases.find(|phase| until_done && !groups.iter().any(|other| ends(other, *phase)))
}

fn without_end(
    index: usize,
    phase: usize,
    groups: &[ThreadGroup],
    entries: &[WrittenTable<GroupTable>],
    check: &mut Check<'_>,
) {
    let group = &groups[index];
    let Some(entry) = entries.get(index) else { return };
    let name = entry.table.name.span_or(&entry.span);
    let (place, label) = match entry.table.loops.as_ref() {
        Some(loops) => (loops.span(), "goes on until others are done"),
        None => (name, "goes on until others are done, by default"),
    };
    let of_phase =
        if group.phases.len() == 1 { String::new() } else { format!(" in phase {}", phase + 1) };
    let title = format!("the group \"{}\" never ends{of_phase}", group.name);
    check.push(
        Diagnostic::new(title)
            .at(place, label)
            .rule("\"until-done\" waits for groups that touch in the same phase and have a number")
            .help("write loops = 1, or let another group touch in this phase"),
    );
}

fn header(entry: &WrittenTable<GroupTable>, check: &mut Check<'_>) -> Option<Header> {
    let table = &entry.table;
    let all = Threads::Weight(1.0);
    let threads = table.threads.checked(all, |threads| match *threads.get_ref() {
        WrittenThreads::All => Some(all),
        WrittenThreads::Weight(weight) => self::weight(weight, threads, check),
        WrittenThreads::Fixed(count) => {
            check.threads("a group", count, threads.span()).map(Threads::Fixed)
        }
    });
    let loops = table.loops.checked(None, |loops| {
        if let Loops::Times(times) = *loops.get_ref() {
            check.at_least("loops", &Spanned::new(loops.span(), times), 1)?;
        }
        Some(Some(*loops.get_ref()))
    })?;
    Some(Header { name: table.name.value()?.clone(), threads: threads?, loops })
}

fn weight(
    weight: f64,
    threads: &Spanned<WrittenThreads>,
    check: &mut Check<'_>,
) -> Option<Threads> {
    let weight = check.positive("weight", weight, threads.span())?;
    if weight <= WEIGHT_MAX {
        return Some(Threads::Weight(weight));
    }
    check.push(
        Diagnostic::new(format!("`weight` is at most {WEIGHT_MAX}, not {weight:e}"))
            .at(threads.span(), "out of range")
            .rule("weights count beside each other: 3 and 1 divide threads as 300 and 100 do"),
    );
    None
}

/// Reports a group of all threads beside another group that shares them.
fn all_beside_others(entries: &[WrittenTable<GroupTable>], check: &mut Check<'_>) {
    let is_all = |entry: &&WrittenTable<GroupTable>| {
        let unread = entry.unread.iter().any(|key| key == "threads");
        !unread && matches!(entry.table.threads.value(), None | Some(WrittenThreads::All))
    };
    let place = |entry: &WrittenTable<GroupTable>| entry.table.threads.span_or(&entry.span);
    let divides = |entry: &&WrittenTable<GroupTable>| {
        is_all(entry) || matches!(entry.table.threads.value(), Some(WrittenThreads::Weight(_)))
    };
    let Some(all) = entries.iter().find(is_all) else { return };
    let others = entries.iter().filter(|entry| entry.span != all.span);
    if let Some(other) = others.clone().find(divides) {
        check.push(
            Diagnostic::new("a group has all threads of the run, and another has some of them")
                .at(place(all), "all (the default)")
                .at(place(other), "a part of them")
                .help("give each of the groups a weight, as in threads = { weight = 0.5 }"),
        );
    }
}
