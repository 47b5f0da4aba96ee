//! `[[op]]`: its keys, and checks of operations against groups, phases and each other.

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::change::{ChangeTable, PlacedChange};
use super::change::{GrowTable, PiecesTable, ProtectTable, TruncateTable, WholeSpaceTable};
use super::check::{Check, TableNames, WrittenOp};
use super::group::GroupTable;
use super::key::{WrittenKey, WrittenTable};
use super::targets::Targets;
use super::touch::{self, TouchTable};
use crate::diag::Diagnostic;
use ::workload::{Action, Change, Loops, Op, Phase, Scope, ThreadGroup, Touch};

/// Defines `[[op]]`. A row is an operation of writers: its key, the table under the key, and the
/// function from what the table is lowered to, to an [`Action`].
macro_rules! operations {
    ($($(#[doc = $doc:literal])+ $key:ident: $table:ident => $action:expr,)+) => {
        /// Something that the threads of a group do in a phase: exactly one of `touch` and the
        /// operations of writers.
        #[derive(Debug, Deserialize)]
        #[cfg_attr(feature = "schema", derive(JsonSchema), schemars(rename = "Op"))]
        #[cfg_attr(feature = "schema", schemars(extend("oneOf" = exactly_one())))]
        #[serde(deny_unknown_fields)]
        pub(in crate::workload) struct OpTable {
            /// Name of the `[[group]]`; may be left out where there is one group.
            pub group: WrittenKey<String>,
            /// Number of the phase, from 1 without holes (default 1).
            #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
            pub phase: WrittenKey<u64>,
            /// Number of times that each loop of the group does it (default 1). Neighbours with the
            /// same number take turns: all of them once, in order, then all again.
            #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
            pub repeat: WrittenKey<u64>,
            /// Accesses to the pages of a mapping.
            pub touch: WrittenKey<TouchTable>,
            $($(#[doc = $doc])+ pub $key: WrittenKey<$table>,)+
        }

        /// The schema of a table that has exactly one of the operations.
        #[cfg(feature = "schema")]
        fn exactly_one() -> serde_json::Value {
            let keys = ["touch", $(stringify!($key)),+];
            keys.iter().map(|key| serde_json::json!({ "required": [key] })).collect()
        }

        impl OpTable {
            /// Returns what is written here: one operation, unless that is a mistake.
            pub(super) fn written(&self) -> impl Iterator<Item = WrittenOp<'_>> {
                let touch = self.touch.as_ref().map(|table| WrittenOp {
                    key: "touch",
                    span: table.span(),
                    target: table.get_ref().vma.as_ref(),
                    makes_writable: false,
                });
                let changes = [$(self.$key.as_ref().map(|table| WrittenOp {
                    key: stringify!($key),
                    span: table.span(),
                    target: table.get_ref().target(),
                    makes_writable: table.get_ref().makes_writable(),
                })),+];
                touch.into_iter().chain(changes.into_iter().flatten())
            }

            /// Checks the operation of a writer that is written here.
            fn change(
                &self,
                repeat: u64,
                place: &mut PlacedChange<'_, '_, '_>,
            ) -> Option<Change> {
                $(if let Some(table) = self.$key.value() {
                    let action = table.lower(place).map($action)?;
                    let every_ns = table.every.value().map_or(0, |every| every.0);
                    return Some(Change { action, every_ns, repeat });
                })+
                None
            }
        }
    };
}

operations! {
    /// Maps a piece of a VMA, if nothing of it is mapped.
    mmap: PiecesTable => Action::Mmap,
    /// Unmaps a piece of a VMA.
    munmap: PiecesTable => Action::Munmap,
    /// Changes the protection of a piece of a VMA.
    mprotect: ProtectTable => |(pieces, writable)| Action::Mprotect { pieces, writable },
    /// Drops the pages of a piece of a VMA, which stays mapped.
    madvise_dontneed: PiecesTable => Action::MadviseDontneed,
    /// Lets the pages of a piece of anonymous memory be reclaimed, until they are written again.
    madvise_free: PiecesTable => Action::MadviseFree,
    /// Tells the kernel that a piece of a VMA is read in no special order.
    madvise_normal: PiecesTable => Action::MadviseNormal,
    /// Tells the kernel that a piece of a VMA is read in sequence.
    madvise_sequential: PiecesTable => Action::MadviseSequential,
    /// Tells the kernel that a piece of a VMA is read in random order.
    madvise_random: PiecesTable => Action::MadviseRandom,
    /// Maps all pages of a piece of a VMA, as reads would.
    madvise_populate_read: PiecesTable => Action::MadvisePopulateRead,
    /// Maps all pages of a piece of a VMA for writing, as writes would.
    madvise_populate_write: PiecesTable => Action::MadvisePopulateWrite,
    /// Looks which pages of a piece of a VMA are mapped, or in the page cache.
    mincore: PiecesTable => Action::Mincore,
    /// Makes the pages of a piece of a VMA trap, as a scan of NUMA balancing does.
    numa_scan: PiecesTable => Action::NumaScan,
    /// Moves a piece of a VMA to a place of its own and, the next time, back.
    mremap: PiecesTable => Action::Mremap,
    /// Grows a VMA that `grows_down`.
    expand_stack: GrowTable => |(vma, pages)| Action::ExpandStack { vma, pages },
    /// Sets the length of a file.
    truncate: TruncateTable => |(file, pages)| Action::Truncate { file, pages },
    /// Write-protects the whole space, as fork does.
    fork: WholeSpaceTable => |()| Action::Fork,
    /// Looks at all mapped pages, as a reader of /proc/PID/smaps_rollup does.
    smaps: WholeSpaceTable => |()| Action::Smaps,
}

/// The operations of a file that have no mistake.
pub(super) struct Ops<'d> {
    pub list: Vec<Lowered<'d>>,
    /// True if no operation has a mistake in its group or its target.
    pub complete: bool,
}

/// One operation, with its places in the text.
pub(super) struct Lowered<'d> {
    pub group: usize,
    pub phase: u64,
    pub op: Op,
    entry: &'d WrittenTable<OpTable>,
    written: WrittenOp<'d>,
}

pub(super) fn lower_all<'d>(
    entries: &'d [WrittenTable<OpTable>],
    groups: &TableNames,
    targets: &Targets<'_>,
    check: &mut Check<'_>,
) -> Ops<'d> {
    let mut list = Vec::new();
    let mut complete = true;
    for entry in entries {
        match lower(entry, groups, targets, check) {
            Some(op) => list.push(op),
            None => complete = false,
        }
    }
    used_by_two_groups(&list, targets, check);
    Ops { list, complete }
}

/// Returns the phases of each of `groups` groups, or reports a hole in their numbers.
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
    entry: &'d WrittenTable<OpTable>,
    groups: &TableNames,
    targets: &Targets<'_>,
    check: &mut Check<'_>,
) -> Option<Lowered<'d>> {
    let table = &entry.table;
    let group = group(entry, groups, check);
    let phase = table.phase.checked(1, |phase| check.at_least("phase", phase, 1));
    let repeat = table.repeat.checked(1, |repeat| check.at_least("repeat", repeat, 1));
    let written = only(entry, check)?;
    let op = match entry.table.touch.as_ref() {
        Some(touch) => touch::lower(touch, &entry.unread, targets, check)
            .and_then(|touch| Some(Op::Touch(Touch { repeat: repeat?, ..touch }))),
        None => {
            let (key, span) = (written.key, written.span.clone());
            let unread = &entry.unread;
            entry
                .table
                .change(
                    repeat.unwrap_or(1),
                    &mut PlacedChange { unread, key, span, targets, check },
                )
                .map(Op::Change)
        }
    };
    repeat?;
    Some(Lowered { group: group?, phase: phase?, op: op?, entry, written })
}

fn group(
    entry: &WrittenTable<OpTable>,
    groups: &TableNames,
    check: &mut Check<'_>,
) -> Option<usize> {
    match entry.table.group.as_ref() {
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

/// Returns what an operation does, or reports that it is not exactly one thing.
fn only<'d>(entry: &'d WrittenTable<OpTable>, check: &mut Check<'_>) -> Option<WrittenOp<'d>> {
    let written: Vec<WrittenOp<'d>> = entry.table.written().collect();
    match written.as_slice() {
        [only] => return Some(only.clone()),
        [first, rest @ ..] => {
            let keys: Vec<String> = written.iter().map(|w| format!("`{}`", w.key)).collect();
            let title = format!("an [[op]] does one thing, here are {}", keys.join(" and "));
            let mut diagnostic =
                Diagnostic::new(title).at(first.span.clone(), format!("`{}`", first.key));
            for other in rest {
                diagnostic = diagnostic.at(other.span.clone(), format!("and `{}`", other.key));
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

/// Returns all touches, each with its table in the text.
fn touches<'a, 'd>(
    ops: &'a Ops<'d>,
) -> impl Iterator<Item = (&'a Lowered<'d>, &'a Touch, &'d TouchTable)> {
    ops.list.iter().filter_map(|op| match (&op.op, op.entry.table.touch.value()) {
        (Op::Touch(touch), Some(written)) => Some((op, touch, written)),
        _ => None,
    })
}

/// Reports touches that walk in a group that loops once.
pub(super) fn walks_with_loops(
    ops: &Ops<'_>,
    groups: &[ThreadGroup],
    entries: &[WrittenTable<GroupTable>],
    check: &mut Check<'_>,
) {
    for (op, touch, written) in touches(ops) {
        let group = &groups[op.group];
        let Some(walks) = written.walks.as_ref() else { continue };
        if !touch.walks || touch.repeat > 1 || group.loops != Loops::Times(1) {
            continue;
        }
        let title =
            format!("a touch that walks, in the group \"{}\", which loops once", group.name);
        let mut diagnostic = Diagnostic::new(title).at(walks.span(), "there is no next loop");
        if let Some(entry) = entries.get(op.group) {
            diagnostic = diagnostic.at(entry.table.loops.span_or(&entry.span), "one loop");
        }
        check.push(
            diagnostic
                .rule("a touch that walks goes on in each loop with the next `touches` pages")
                .help(
                    "write repeat = 256 beside it, or loops = 256 in its [[group]], for 256 of \
                     them, or leave `walks` out",
                ),
        );
    }
}

/// Reports claims in a group that loops.
pub(super) fn claims_without_loops(
    ops: &Ops<'_>,
    groups: &[ThreadGroup],
    entries: &[WrittenTable<GroupTable>],
    check: &mut Check<'_>,
) {
    for (op, touch, written) in touches(ops) {
        let group = &groups[op.group];
        let Some(claims) = written.claims.as_ref().filter(|_| touch.claims.is_some()) else {
            continue;
        };
        if group.loops == Loops::Times(1) && touch.repeat == 1 {
            continue;
        }
        let title = "`claims` of a touch that is repeated";
        let mut diagnostic = Diagnostic::new(title).at(claims.span(), "one pass in a round");
        if let Some(repeat) = op.entry.table.repeat.as_ref().filter(|_| touch.repeat > 1) {
            diagnostic = diagnostic.at(repeat.span(), "again in the same round");
        } else if let Some(entry) = entries.get(op.group) {
            diagnostic = diagnostic.at(entry.table.loops.span_or(&entry.span), "several loops");
        }
        check.push(
            diagnostic
                .rule("the threads of a group make a pass that they claim once in a round")
                .help("leave `loops` and `repeat` out, or `claims`"),
        );
    }
}

fn used_by_two_groups(ops: &[Lowered<'_>], targets: &Targets<'_>, check: &mut Check<'_>) {
    for (index, vma) in targets.vmas.iter().enumerate() {
        let Some(vma) = vma.as_ref().filter(|vma| vma.scope == Scope::PerThread) else { continue };
        let mut using = ops.iter().filter(|op| op.op.vma() == Some(index));
        let Some(first) = using.next() else { continue };
        let Some(other) = using.find(|op| op.group != first.group) else { continue };
        let place = |op: &Lowered<'_>| op.written.target.map_or(0..0, Spanned::span);
        check.push(
            Diagnostic::new(format!("two groups use the per-thread VMA \"{}\"", vma.name))
                .at(place(other), "by another group")
                .at(place(first), "by one group")
                .at(targets.vma_entries[index].span.clone(), "this VMA")
                .rule("a per-thread VMA belongs to the threads of one group")
                .help("write a [[vma]] for each group"),
        );
    }
}
