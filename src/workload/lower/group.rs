//! `[[group]]`

use toml::Spanned;

use super::check::Check;
use crate::diag::Diagnostic;
use crate::workload::wire::Entry;
use crate::workload::{Group, Phase, Threads, wire};

/// The group of all threads, where a file names none.
const DEFAULT_GROUP: &str = "faulters";
/// More threads than any machine to come has cores.
const MAX_THREADS: u64 = 4096;

/// A group without its phases: name and threads.
pub(super) type Header = Option<(String, Threads)>;

/// Returns name and threads of each group; of the default group where there is none.
pub(super) fn threads(entries: &[Entry<wire::Group>], check: &mut Check<'_>) -> Vec<Header> {
    if entries.is_empty() {
        return vec![Some((DEFAULT_GROUP.to_owned(), Threads::Weight(1.0)))];
    }
    let headers: Vec<Header> = entries.iter().map(|entry| header(entry, check)).collect();
    all_beside_others(entries, check);
    let fixed = |header: &Header| matches!(header, Some((_, Threads::Fixed(_))));
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

/// Gives each group its phases.
pub(super) fn assemble(
    headers: Vec<Header>,
    phases: Option<Vec<Vec<Phase>>>,
) -> Option<Vec<Group>> {
    headers
        .into_iter()
        .zip(phases?)
        .map(|(header, phases)| header.map(|(name, threads)| Group { name, threads, phases }))
        .collect()
}

fn header(entry: &Entry<wire::Group>, check: &mut Check<'_>) -> Header {
    let table = &entry.table;
    let threads = match &table.threads {
        None => Some(Threads::Weight(1.0)),
        Some(threads) => match *threads.get_ref() {
            wire::Threads::All => Some(Threads::Weight(1.0)),
            wire::Threads::Weight(weight) => {
                check.positive("weight", weight, threads.span()).map(Threads::Weight)
            }
            wire::Threads::Fixed(count) => fixed(count, threads, check),
        },
    };
    Some((table.name.as_ref()?.get_ref().clone(), threads?))
}

fn fixed(count: u64, threads: &Spanned<wire::Threads>, check: &mut Check<'_>) -> Option<Threads> {
    match usize::try_from(count) {
        Ok(fixed) if (1..=MAX_THREADS).contains(&count) => Some(Threads::Fixed(fixed)),
        _ => {
            let title = format!("a group has 1 to {MAX_THREADS} threads, not {count}");
            check.push(Diagnostic::new(title).at(threads.span(), "out of range"));
            None
        }
    }
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
