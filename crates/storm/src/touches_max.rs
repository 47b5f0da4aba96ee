//! The most touches of its pass that a thread makes before it stops.

use workload::{
    self, Action, Backing, Loops, Order, Scope, Slices, ThreadGroup, Touch, Until, Workload,
};

/// A thread of a group, and how long it storms.
#[derive(Clone, Copy)]
pub(super) struct GroupMember {
    pub index: u64,
    pub of: u64,
    pub seed: u64,
    /// The same for all threads of the group.
    pub seed_of_group: u64,
    /// Repetitions of its steps.
    pub loops: Loops,
    /// When it stops.
    pub until: Until,
}

/// Most touches from the start of a pass that a thread makes between two resets; `None` if nothing
/// but the pass itself bounds them.
pub(super) fn touches_max(workload: &Workload, touch: &Touch, member: &GroupMember) -> Option<u64> {
    // A thread that claims may come to any touch of the pass.
    if touch.claims.is_some() || member.loops == Loops::UntilDone || !is_left_alone(workload, touch)
    {
        return None;
    }
    match member.until {
        Until::Touches(touches) => Some(touches),
        // A fault maps at most `around` pages of the pass, and neighbours as many at either
        // end of the slice: all others fault.
        Until::Faults(faults) if is_alone(workload, touch, member) => {
            Some(faults.saturating_add(2).saturating_mul(around(workload, touch)))
        }
        Until::Faults(_) | Until::Duration(_) | Until::Rounds(_) => None,
    }
}

/// Returns true if no thread changes mappings, or each thread only maps and unmaps all of its own:
/// then every page that it reaches faults.
fn is_left_alone(workload: &Workload, touch: &Touch) -> bool {
    let own = workload.vmas[touch.vma].scope == Scope::PerThread;
    workload.changes().all(|change| {
        let (Action::Mmap(pieces) | Action::Munmap(pieces)) = &change.action else { return false };
        own && pieces.pages == workload.vmas[pieces.vma].pages
    })
}

/// Returns true if no other thread maps pages of the slice, nor this thread in another step, and no
/// page is touched twice in a pass.
fn is_alone(workload: &Workload, touch: &Touch, member: &GroupMember) -> bool {
    let touches = workload.groups.iter().flat_map(ThreadGroup::touches);
    let own = workload.vmas[touch.vma].scope == Scope::PerThread
        || touch.slices == Slices::Disjoint
        || member.of == 1;
    let once = !matches!(touch.order, Order::Zipf(_));
    own && once && touches.filter(|other| other.vma == touch.vma).count() == 1
}

/// Returns the most pages of the pass that a fault of this touch maps.
fn around(workload: &Workload, touch: &Touch) -> u64 {
    let reads = touch.access == workload::LoadOrStore::Read;
    match workload.vmas[touch.vma].backing {
        // Those around, and those of a folio, are of the same table.
        _ if touch.order == Order::OnePerTable => 1,
        Backing::Anonymous if !reads => workload.vmas[touch.vma].folio_pages,
        Backing::File { fault_around_order, .. } if reads => 1 << fault_around_order,
        _ => 1,
    }
}
