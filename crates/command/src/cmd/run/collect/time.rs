//! Time of faults and operations, under the names that documents have.

use std::collections::BTreeMap;

use document::run::{FAULT, LockHold, TimeUse, WaitKind, WaitedFor};
use inputs::workload::Action;
use machine::host::{TimedActivity, TimedWait};
use machine::model::{ActivityTime, HoldAccount, WaitedPart};
use machine::{FIRST_OP, WaitedKind};

/// Function of the kernel that a fault stands for.
const FAULT_FUNCTION: &str = "handle_mm_fault";
/// Holder that is neither a fault nor an operation.
const OTHERS: &str = "others";

/// Returns the time of each activity of a storm of the model.
pub(super) fn of_model(activities: &[ActivityTime]) -> BTreeMap<String, TimeUse> {
    let named = activities.iter().map(|one| (holder(one.activity).0.to_owned(), time_use(one)));
    named.collect()
}

fn time_use(activity: &ActivityTime) -> TimeUse {
    let each = |ps: u64| ps as f64 / 1000.0 / activity.count as f64;
    let mut waits: Vec<WaitedFor> = Vec::new();
    for (part, ps, count) in &activity.waits {
        let (kind, name) = named(*part);
        // A name may stand for lines of several structures.
        match waits.iter_mut().find(|wait| wait.kind == kind && wait.name == name) {
            Some(wait) => {
                wait.ns += each(*ps);
                wait.waits += count;
            }
            None => waits.push(WaitedFor {
                kind,
                name: name.to_owned(),
                ns: each(*ps),
                waits: *count,
                median_ns: None,
            }),
        }
    }
    waits.sort_by(|a, b| b.ns.total_cmp(&a.ns).then_with(|| a.name.cmp(&b.name)));
    TimeUse {
        count: activity.count,
        total_ns: each(activity.total_ps),
        work_ns: each(activity.work_ps),
        waits,
    }
}

/// Returns the time of each activity of a storm on this machine.
pub(super) fn of_host(activities: &[TimedActivity]) -> BTreeMap<String, TimeUse> {
    let named = activities.iter().filter(|one| one.count > 0);
    named.map(|one| (holder(one.activity).0.to_owned(), timed(one))).collect()
}

fn timed(activity: &TimedActivity) -> TimeUse {
    let count = activity.count as f64;
    let wait = |wait: &TimedWait| WaitedFor {
        kind: kind(wait.waited.kind()),
        name: wait.waited.name().to_owned(),
        ns: wait.total_ns / count,
        waits: wait.lengths.len(),
        median_ns: Some(wait.lengths.value_at_quantile(0.5) as f64),
    };
    let mut waits: Vec<WaitedFor> = activity.waits.iter().map(wait).collect();
    waits.sort_by(|a, b| b.ns.total_cmp(&a.ns).then_with(|| a.name.cmp(&b.name)));
    let total_ns = activity.total_ns / count;
    let work_ns = total_ns - waits.iter().map(|wait| wait.ns).sum::<f64>();
    TimeUse { count: activity.count, total_ns, work_ns, waits }
}

fn named(part: WaitedPart) -> (WaitKind, &'static str) {
    match part {
        WaitedPart::Line(line) => (WaitKind::Line, line.name),
        WaitedPart::Named(waited) => (kind(waited.kind()), waited.name()),
    }
}

fn kind(kind: WaitedKind) -> WaitKind {
    match kind {
        WaitedKind::Lock => WaitKind::Lock,
        WaitedKind::Shootdown => WaitKind::Shootdown,
        WaitedKind::Interrupted => WaitKind::Interrupted,
        WaitedKind::Io => WaitKind::Io,
        WaitedKind::GracePeriod => WaitKind::GracePeriod,
        WaitedKind::Memory => WaitKind::Memory,
    }
}

/// Returns the name of an activity, and the function of the kernel that it stands for.
fn holder(activity: u16) -> (&'static str, &'static str) {
    match activity.checked_sub(FIRST_OP) {
        Some(op) => (Action::NAMES[usize::from(op)], Action::KERNEL_FUNCTIONS[usize::from(op)]),
        None if activity == machine::FAULT => (FAULT, FAULT_FUNCTION),
        None => (OTHERS, ""),
    }
}

/// Returns the holds of locks for which cores waited, the longest wait first.
pub(super) fn holds(accounts: &[HoldAccount]) -> Vec<LockHold> {
    let hold = |account: &HoldAccount| {
        let (by, function) = holder(account.activity);
        let holds = account.lengths_ns.len();
        LockHold {
            lock: account.lock.name().to_owned(),
            by: by.to_owned(),
            kernel_function: function.to_owned(),
            holds,
            median_ns: account.lengths_ns.value_at_quantile(0.5) as f64,
            longest_ns: account.longest_ps as f64 / 1000.0,
            waiters_mean: account.waiters as f64 / holds.max(1) as f64,
            waiters_max: account.waiters_max,
            waited_ns: account.waited_ps as f64 / 1000.0,
        }
    };
    let mut holds: Vec<LockHold> = accounts.iter().map(hold).collect();
    holds.sort_by(|a, b| b.waited_ns.total_cmp(&a.waited_ns).then_with(|| a.lock.cmp(&b.lock)));
    holds
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::{LineName, Waited};

    static LINE: LineName = LineName { name: "mm.test", words: [""; 8] };

    #[test]
    fn waits_are_for_one_fault_and_the_longest_comes_first() {
        let activity = ActivityTime {
            activity: machine::FAULT,
            count: 4,
            total_ps: 40_000,
            work_ps: 8_000,
            waits: vec![
                (WaitedPart::Line(&LINE), 12_000, 3),
                (WaitedPart::Named(Waited::ZoneLock), 20_000, 2),
            ],
        };
        let time = of_model(&[activity]);
        let fault = &time[FAULT];
        assert_eq!((fault.total_ns, fault.work_ns), (10.0, 2.0));
        let waits: Vec<_> = fault.waits.iter().map(|wait| (wait.name.as_str(), wait.ns)).collect();
        assert_eq!(waits, [("zone->lock", 5.0), ("mm.test", 3.0)]);
        let parts = fault.work_ns + fault.waits.iter().map(|wait| wait.ns).sum::<f64>();
        assert_eq!(parts, fault.total_ns);
    }

    #[test]
    fn every_activity_has_a_name() {
        assert_eq!(holder(machine::FAULT).0, FAULT);
        assert_eq!(holder(FIRST_OP), ("mmap", "do_mmap"));
        assert_eq!(holder(0).0, OTHERS);
    }
}
