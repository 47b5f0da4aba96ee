//! Bounds of the number of faults that a number of touches can cause.

use super::super::StormCounts;
use mm::addr::{PAGE_BYTES, TABLE_SPAN};
use std::ops::RangeInclusive;
use workload::{
    Action, Backing, LoadOrStore, Loops, Op, Order, Pieces, Scope, Slices, ThreadGroup, Touch,
    Workload,
};

/// Bounds of the faults of a storm with these touches. None is above the touches; how many
/// there are at least is known if every touch is the first of its page.
pub(super) fn expected(
    workload: &Workload,
    counts: &StormCounts,
    threads: usize,
    around_bytes: u64,
) -> RangeInclusive<u64> {
    let groups = || workload.groups.iter();
    let fresh = groups().all(|group| is_fresh(workload, group, threads));
    let most =
        groups().flat_map(ThreadGroup::touches).map(|t| pages_mapped(workload, t, around_bytes));
    match most.max() {
        Some(most) if fresh => counts.touches / most..=counts.touches,
        _ => 0..=counts.touches,
    }
}

/// Returns the most pages that one fault may map.
fn pages_mapped(workload: &Workload, touch: &Touch, around_bytes: u64) -> u64 {
    let table = TABLE_SPAN / PAGE_BYTES;
    match (workload.vmas[touch.vma].backing, touch.access) {
        _ if workload.huge_pages => table,
        (Backing::Anonymous, _) | (Backing::File { shared: false, .. }, LoadOrStore::Write) => 1,
        // A window of fault-around lies within a table, and so does what is mapped of a large
        // folio (`finish_fault` in mm/memory.c).
        // A page that is not cached is mapped as a written page is.
        (Backing::File { file, .. }, LoadOrStore::Read) if workload.files[file].cached < 1.0 => {
            table
        }
        (Backing::File { .. }, LoadOrStore::Read) => around_bytes / PAGE_BYTES,
        (Backing::File { shared: true, .. }, LoadOrStore::Write) => table,
    }
}

/// Returns true if no touch of this group finds a page that it, or another thread, has mapped.
fn is_fresh(workload: &Workload, group: &ThreadGroup, threads: usize) -> bool {
    let own = |touch: &Touch| {
        let alone = workload.vmas[touch.vma].scope == Scope::PerThread || threads == 1;
        alone || touch.slices == Slices::Disjoint
    };
    let once = |touch: &Touch| {
        let all = workload.groups.iter().flat_map(ThreadGroup::touches);
        let touches = all.filter(|other| other.vma == touch.vma).count();
        !matches!(touch.order, Order::Zipf(_)) && touches == 1
    };
    // Pages that each loop drops are fresh in the next.
    let dropped = |touch: &Touch| {
        let whole = |pieces: &Pieces| {
            pieces.vma == touch.vma && pieces.pages == workload.vmas[touch.vma].pages
        };
        group.ops().any(|op| match op {
            Op::Change(change) => match &change.action {
                Action::Munmap(pieces) | Action::MadviseDontneed(pieces) => whole(pieces),
                _ => false,
            },
            Op::Touch(_) => false,
        })
    };
    let populates = group.ops().any(|op| match op {
        Op::Change(change) => change.action.populates().is_some(),
        Op::Touch(_) => false,
    });
    let loops_once = group.loops == Loops::Times(1);
    let changed_by_others = workload
        .groups
        .iter()
        .filter(|other| other.name != group.name)
        .flat_map(ThreadGroup::ops)
        .any(|op| matches!(op, Op::Change(_)));
    !changed_by_others
        && !populates
        && group.touches().all(|touch| own(touch) && once(touch) && (loops_once || dropped(touch)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use inputs::workload::{find, parse};

    fn of(workload: &Workload, touches: u64) -> RangeInclusive<u64> {
        let counts = StormCounts { touches, ..StormCounts::default() };
        expected(workload, &counts, 2, 65536)
    }

    fn shipped(name: &str) -> Workload {
        find(name).unwrap().parse(&["unlocked", "mmap-lock", "speculative"]).unwrap()
    }

    #[test]
    fn a_first_touch_is_a_fault_unless_fault_around_was_there() {
        assert_eq!(of(&shipped("huge-anon"), 1000), 1000..=1000);
        assert_eq!(of(&shipped("private-write"), 1000), 1000..=1000);
        assert_eq!(of(&shipped("mmap-munmap-storm"), 1000), 1000..=1000, "unmapped in each loop");
        assert_eq!(of(&shipped("file-fault-around"), 1600), 100..=1600);
        assert_eq!(of(&shipped("shared-write"), 5120), 10..=5120, "large folios");
        assert_eq!(of(&shipped("dontneed-storm"), 1000), 0..=1000, "others drop pages");
    }

    #[test]
    fn second_touches_may_be_none() {
        let of_op = |rest: &str| {
            let text = format!(
                "summary = \"x\"\n[[vma]]\nname = \"v\"\nsize = \"1MiB\"\n[[op]]\n\
                 touch = {{ vma = \"v\", access = \"write\"{rest} }}\n"
            );
            of(&parse("x", "x.toml", &text, &[]).unwrap(), 100)
        };
        assert_eq!(of_op(""), 100..=100);
        assert_eq!(of_op(", slices = \"shared\""), 0..=100);
        assert_eq!(of_op(", order = { zipf = 0.9 }"), 0..=100);
    }
}
