//! `[[op]]`: groups, phases, and operations beside each other.

use toml::Spanned;

use super::check::{Check, Names};
use super::touch;
use crate::diag::Diagnostic;
use crate::workload::wire::{Document, Entry};
use crate::workload::{Access, Backing, Op, Phase, Scope, Touch, Vma, wire};

const SHOWN: &str = "[[op]]";

/// The operations of a file, as far as they could be read.
pub(super) struct Ops<'d> {
    pub list: Vec<Lowered<'d>>,
    /// Whether it is known of every operation who touches what.
    pub complete: bool,
}

/// One operation with the places of what it says.
pub(super) struct Lowered<'d> {
    pub group: usize,
    pub phase: u64,
    pub touch: Touch,
    entry: &'d Entry<wire::Op>,
    written: &'d wire::Touch,
}

pub(super) fn lower_all<'d>(
    entries: &'d [Entry<wire::Op>],
    groups: &Names,
    vma_names: &Names,
    vmas: &[Option<Vma>],
    document: &Document,
    check: &mut Check<'_>,
) -> Ops<'d> {
    let mut list = Vec::new();
    let mut complete = true;
    for entry in entries {
        match lower(entry, groups, vma_names, vmas, document, check) {
            Some(op) => list.push(op),
            None => complete = false,
        }
    }
    read_and_written(&list, vmas, document, check);
    touched_by_two_groups(&list, vmas, document, check);
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
        phases[op.group][index].ops.push(Op::Touch(op.touch.clone()));
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
    vma_names: &Names,
    vmas: &[Option<Vma>],
    document: &Document,
    check: &mut Check<'_>,
) -> Option<Lowered<'d>> {
    let table = &entry.table;
    let group = group(entry, groups, check);
    let phase = match &table.phase {
        Some(phase) => check.at_least("phase", phase, 1).then_some(*phase.get_ref()),
        None => Some(1),
    };
    let form = "{ vma = \"...\", access = \"read\" }";
    let written = check.required(entry, SHOWN, "touch", &table.touch, form)?;
    let touch = touch::lower(entry, written, vma_names, vmas, document, check);
    let written = written.get_ref();
    Some(Lowered { group: group?, phase: phase?, touch: touch?, entry, written })
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

/// Reports private VMAs that are both read and written: a write to a page that
/// a read has mapped is a kind of fault that is not simulated.
fn read_and_written(
    ops: &[Lowered<'_>],
    vmas: &[Option<Vma>],
    document: &Document,
    check: &mut Check<'_>,
) {
    for (index, vma) in vmas.iter().enumerate() {
        let Some(vma) = vma else { continue };
        if matches!(vma.backing, Backing::File { shared: true, .. }) || !vma.writable {
            continue;
        }
        let first = |access: Access| {
            let mut touches = ops.iter().filter(|op| op.touch.vma == index);
            let op = touches.find(|op| op.touch.access == access)?;
            op.written.access.as_ref().map(Spanned::span)
        };
        let (Some(read), Some(write)) = (first(Access::Read), first(Access::Write)) else {
            continue;
        };
        check.push(
            Diagnostic::new(format!("the private VMA \"{}\" is read and written", vma.name))
                .at(write, "a page that a read mapped would be `wp_copy`")
                .at(read, "read here")
                .at(document.vma[index].span.clone(), "this VMA")
                .rule("faults of the kind `wp_copy` are not simulated yet")
                .help("read one VMA and write another"),
        );
    }
}

fn touched_by_two_groups(
    ops: &[Lowered<'_>],
    vmas: &[Option<Vma>],
    document: &Document,
    check: &mut Check<'_>,
) {
    for (index, vma) in vmas.iter().enumerate() {
        let Some(vma) = vma.as_ref().filter(|vma| vma.scope == Scope::PerThread) else { continue };
        let mut touching = ops.iter().filter(|op| op.touch.vma == index);
        let Some(first) = touching.next() else { continue };
        let Some(other) = touching.find(|op| op.group != first.group) else { continue };
        let place = |op: &Lowered<'_>| op.written.vma.as_ref().map_or(0..0, Spanned::span);
        check.push(
            Diagnostic::new(format!("two groups touch the per-thread VMA \"{}\"", vma.name))
                .at(place(other), "by another group")
                .at(place(first), "by one group")
                .at(document.vma[index].span.clone(), "this VMA")
                .rule("a per-thread VMA belongs to the threads of one group")
                .help("write a [[vma]] for each group"),
        );
    }
}
