//! `[[group]]`

use toml::Spanned;

use super::check::Check;
use crate::diag::Diagnostic;
use crate::workload::wire::{Document, Entry};
use crate::workload::{Group, Loops, Op, Phase, Threads, WEIGHT_MAX, wire};

/// The group of all threads, where a file names none.
const DEFAULT_GROUP: &str = "faulters";

/// A group without its phases.
pub(super) struct Header {
    name: String,
    threads: Threads,
    /// As written.
    loops: Option<Loops>,
}

/// Returns the header of each group; of the default group where there is none.
pub(super) fn headers(
    entries: &[Entry<wire::Group>],
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
        let span = entries[0].table.threads.as_ref().map_or(entries[0].span.clone(), |t| t.span());
        check.push(
            Diagnostic::new("no group takes the threads of a run")
                .at(span, "every group has a fixed number")
                .rule("`--threads` divides its threads among the groups without a fixed number")
                .help("write threads = \"all\" for one group"),
        );
    }
    headers
}

/// Gives each group its phases, and the loops that follow from them.
pub(super) fn assemble(
    headers: Vec<Option<Header>>,
    phases: Option<Vec<Vec<Phase>>>,
    document: &Document,
    check: &mut Check<'_>,
) -> Option<Vec<Group>> {
    let headers: Vec<Header> = headers.into_iter().collect::<Option<_>>()?;
    let phases = phases?;
    let somebody_touches = phases.iter().flatten().any(touches);
    let groups: Vec<Group> = (headers.into_iter().zip(phases))
        .map(|(Header { name, threads, loops }, phases)| {
            let beside = somebody_touches && !phases.iter().any(touches);
            let default = if beside { Loops::UntilDone } else { Loops::Times(1) };
            Group { name, threads, loops: loops.unwrap_or(default), phases }
        })
        .collect();
    for (index, group) in groups.iter().enumerate() {
        if let Some(phase) = never_ends(group, &groups) {
            without_end(index, phase, &groups, document, check);
        }
    }
    Some(groups)
}

fn touches(phase: &Phase) -> bool {
    phase.ops.iter().any(|op| matches!(op, Op::Touch(_)))
}

/// Returns the index of a phase of a group that goes on until others are done, in which
/// there are no others.
fn never_ends(group: &Group, groups: &[Group]) -> Option<usize> {
    let ends = |other: &Group, phase: usize| {
        other.loops != Loops::UntilDone && touches(&other.phases[phase])
    };
    let mut phases = (0..group.phases.len()).filter(|phase| !group.phases[*phase].ops.is_empty());
    let until_done = group.loops == Loops::UntilDone;
    phases.find(|phase| until_done && !groups.iter().any(|other| ends(other, *phase)))
}

fn without_end(
    index: usize,
    phase: usize,
    groups: &[Group],
    document: &Document,
    check: &mut Check<'_>,
) {
    let group = &groups[index];
    let Some(entry) = document.group.get(index) else { return };
    let name = entry.table.name.as_ref().map_or(entry.span.clone(), Spanned::span);
    let (place, label) = match &entry.table.loops {
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

fn header(entry: &Entry<wire::Group>, check: &mut Check<'_>) -> Option<Header> {
    let table = &entry.table;
    let threads = match &table.threads {
        None => Some(Threads::Weight(1.0)),
        Some(threads) => match *threads.get_ref() {
            wire::Threads::All => Some(Threads::Weight(1.0)),
            wire::Threads::Weight(weight) => self::weight(weight, threads, check),
            wire::Threads::Fixed(count) => {
                check.threads("a group", count, threads.span()).map(Threads::Fixed)
            }
        },
    };
    let loops = match &table.loops {
        None => None,
        Some(loops) => Some(self::loops(loops, check)?),
    };
    Some(Header { name: table.name.as_ref()?.get_ref().clone(), threads: threads?, loops })
}

fn loops(loops: &Spanned<wire::Loops>, check: &mut Check<'_>) -> Option<Loops> {
    match *loops.get_ref() {
        wire::Loops::UntilDone => Some(Loops::UntilDone),
        wire::Loops::Times(times) => {
            let times = Spanned::new(loops.span(), times);
            check.at_least("loops", &times, 1).then_some(Loops::Times(*times.get_ref()))
        }
    }
}

fn weight(weight: f64, threads: &Spanned<wire::Threads>, check: &mut Check<'_>) -> Option<Threads> {
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

/// `"all"` stands alone among the groups that divide the run's threads.
fn all_beside_others(entries: &[Entry<wire::Group>], check: &mut Check<'_>) {
    let is_all = |entry: &&Entry<wire::Group>| {
        let written = entry.table.threads.as_ref().map(Spanned::get_ref);
        let unread = entry.unread.iter().any(|key| key == "threads");
        !unread && matches!(written, None | Some(wire::Threads::All))
    };
    let place = |entry: &Entry<wire::Group>| {
        entry.table.threads.as_ref().map_or(entry.span.clone(), Spanned::span)
    };
    let divides = |entry: &&Entry<wire::Group>| {
        let written = entry.table.threads.as_ref().map(Spanned::get_ref);
        is_all(entry) || matches!(written, Some(wire::Threads::Weight(_)))
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
