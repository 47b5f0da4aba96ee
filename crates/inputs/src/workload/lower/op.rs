//! `[[op]]`: groups, phases, and operations beside each other.

use toml::Spanned;

use super::check::{Check, Names};
use super::{Space, change, touch};
use crate::diag::Diagnostic;
use crate::workload::wire::{Document, Entry, Written};
use crate::workload::{Action, Group, Loops, Op, Phase, Scope, wire};

/// The operations of a file, as far as they could be read.
pub(super) struct Ops<'d> {
    pub list: Vec<Lowered<'d>>,
    /// Whether it is known of every operation who does what.
    pub complete: bool,
}

/// One operation with the places of what it says.
pub(super) struct Lowered<'d> {
    pub group: usize,
    pub phase: u64,
    pub op: Op,
    entry: &'d Entry<wire::Op>,
    written: Written<'d>,
}

pub(super) fn lower_all<'d>(
    entries: &'d [Entry<wire::Op>],
    groups: &Names,
    space: &Space<'_>,
    check: &mut Check<'_>,
) -> Ops<'d> {
    let mut list = Vec::new();
    let mut complete = true;
    for entry in entries {
        match lower(entry, groups, space, check) {
            Some(op) => list.push(op),
            None => complete = false,
        }
    }
    used_by_two_groups(&list, space, check);
    Ops { list, complete }
}

/// Returns the phases of each of `groups` groups, where they are numbered without holes.
pub(super) fn phases(
    ops: &Ops<'_>,
    groups: usize,
    check: &mut Check<'_>,
) -> Option<Vec<Vec<Phase>>> {
    let mut numbers: Vec<u64> = ops.list.iter().map(|op| op.phase).collect();
    numbers.sort_unstable();
    numbers.dedup();
    for (&number, expected) in numbers.iter().zip(1..) {
        if number != expected {
            if ops.complete {
                hole(ops, number, expected, check);
            }
            return None;
        }
    }
    let mut phases = vec![vec![Phase::default(); numbers.len()]; groups];
    for op in &ops.list {
        let index = usize::try_from(op.phase).ok()? - 1;
        phases[op.group][index].ops.push(op.op.clone());
    }
    ops.complete.then_some(phases)
}

fn hole(ops: &Ops<'_>, number: u64, missing: u64, check: &mut Check<'_>) {
    let span = ops
        .list
        .iter()
        .find(|op| op.phase == number)
        .and_then(|op| op.entry.table.phase.as_ref())
        .map_or(0..0, Spanned::span);
    let after =
        if missing == 1 { "is the first".to_owned() } else { format!("follows {}", missing - 1) };
    check.push(
        Diagnostic::new(format!("phase {number} {after}: there is no phase {missing}"))
            .at(span, "a hole in the numbers")
            .rule("phases are numbered 1, 2, ... over all groups of the file")
            .help(format!("write phase = {missing}")),
    );
}

fn lower<'d>(
    entry: &'d Entry<wire::Op>,
    groups: &Names,
    space: &Space<'_>,
    check: &mut Check<'_>,
) -> Option<Lowered<'d>> {
    let table = &entry.table;
    let group = group(entry, groups, check);
    let phase = match &table.phase {
        Some(phase) => check.at_least("phase", phase, 1).then_some(*phase.get_ref()),
        None => Some(1),
    };
    let written = action(entry, check)?;
    let op = match written {
        Written::Touch(touch) => touch::lower(entry, touch, space, check).map(Op::Touch),
        _ => change::lower(entry, written, space, check).map(Op::Change),
    };
    Some(Lowered { group: group?, phase: phase?, op: op?, entry, written })
}

fn group(entry: &Entry<wire::Op>, groups: &Names, check: &mut Check<'_>) -> Option<usize> {
    match &entry.table.group {
        Some(name) if groups.len() == 0 && name.get_ref() == "faulters" => Some(0),
        Some(name) => groups.resolve(name, check),
        None if groups.len() <= 1 => Some(0),
        None => {
            if !entry.unread.iter().any(|key| key == "group") {
                check.push(
                    Diagnostic::new("an [[op]] that does not say its group")
                        .at(entry.span.clone(), "`group` is missing")
                        .rule("`group` may be left out where the file has one [[group]]")
                        .help(format!("write group = {}", groups.any_of())),
                );
            }
            None
        }
    }
}

/// Returns what an operation does, where that is exactly one thing.
fn action<'d>(entry: &'d Entry<wire::Op>, check: &mut Check<'_>) -> Option<Written<'d>> {
    let written: Vec<Written<'d>> = entry.table.written().collect();
    match written.as_slice() {
        [only] => return Some(*only),
        [first, rest @ ..] => {
            let keys: Vec<String> = written.iter().map(|w| format!("`{}`", w.key())).collect();
            let title = format!("an [[op]] does one thing, here are {}", keys.join(" and "));
            let mut diagnostic =
                Diagnostic::new(title).at(first.span(), format!("`{}`", first.key()));
            for other in rest {
                diagnostic = diagnostic.at(other.span(), format!("and `{}`", other.key()));
            }
            check.push(diagnostic.help("write an [[op]] for each: they are done in this order"));
        }
        [] if entry.unread.iter().any(|key| key == "touch" || is_action(key)) => {}
        [] => {
            let keys: Vec<String> = Action::NAMES.iter().map(|key| format!("`{key}`")).collect();
            check.push(
                Diagnostic::new("an [[op]] that does nothing")
                    .at(entry.span.clone(), "what is done is missing")
                    .rule(format!("an operation is `touch`, {}", keys.join(", ")))
                    .help("write touch = { vma = \"...\", access = \"read\" }"),
            );
        }
    }
    None
}

fn is_action(key: &str) -> bool {
    Action::NAMES.contains(&key)
}

/// Reports touches that walk on with the loops of a group that does its operations once.
pub(super) fn walks_with_loops(
    ops: &Ops<'_>,
    groups: &[Group],
    document: &Document,
    check: &mut Check<'_>,
) {
    for op in &ops.list {
        let (Op::Touch(touch), Written::Touch(written)) = (&op.op, op.written) else { continue };
        let group = &groups[op.group];
        let Some(walks) = &written.get_ref().walks else { continue };
        if !touch.walks || group.loops != Loops::Times(1) {
            continue;
        }
        let title =
            format!("a touch that walks, in the group \"{}\", which loops once", group.name);
        let mut diagnostic = Diagnostic::new(title).at(walks.span(), "there is no next loop");
        if let Some(entry) = document.group.get(op.group) {
            let loops = entry.table.loops.as_ref().map(Spanned::span);
            diagnostic = diagnostic.at(loops.unwrap_or(entry.span.clone()), "one loop");
        }
        check.push(
            diagnostic
                .rule("a touch that walks goes on in each loop with the next `touches` pages")
                .help("write loops = 256 in its [[group]], for 256 of them, or leave `walks` out"),
        );
    }
}

fn used_by_two_groups(ops: &[Lowered<'_>], space: &Space<'_>, check: &mut Check<'_>) {
    for (index, vma) in space.vmas.iter().enumerate() {
        let Some(vma) = vma.as_ref().filter(|vma| vma.scope == Scope::PerThread) else { continue };
        let mut using = ops.iter().filter(|op| op.op.vma() == Some(index));
        let Some(first) = using.next() else { continue };
        let Some(other) = using.find(|op| op.group != first.group) else { continue };
        let place = |op: &Lowered<'_>| op.written.target().map_or(0..0, Spanned::span);
        check.push(
            Diagnostic::new(format!("two groups use the per-thread VMA \"{}\"", vma.name))
                .at(place(other), "by another group")
                .at(place(first), "by one group")
                .at(space.document.vma[index].span.clone(), "this VMA")
                .rule("a per-thread VMA belongs to the threads of one group")
                .help("write a [[vma]] for each group"),
        );
    }
}
