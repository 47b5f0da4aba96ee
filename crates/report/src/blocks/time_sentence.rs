//! Sentences about the time: one for the waits, one for the holder of the lock.

use document::run::{Cell, LockHold, RatedEvent, TimeUse, WaitKind, WaitedFor};

use crate::numbers::nanoseconds;

/// Least share of the time that is waited for locks and shootdowns and is worth a sentence.
const SHARE_MIN: f64 = 0.05;
/// Least share of a wait that the sentence names.
const NAMED_MIN: f64 = 0.03;
/// Most waits that it names.
const NAMED_MAX: usize = 4;

/// Returns where the time of an event, and of the operation that takes most time beside it, went
/// under the strategy, of these cells, that waits longest for locks and shootdowns; and who held
/// the lock that it waits for most. Returns nothing if no strategy waits for long.
pub(crate) fn time_sentences<'a>(
    cells: impl Iterator<Item = &'a Cell>,
    event: &RatedEvent,
) -> Vec<String> {
    let timed = cells.filter_map(|cell| {
        let found = cell.measured.as_ref()?;
        Some((cell, found, found.time_of(event)?, for_others(found.time.values())))
    });
    let most = timed.filter(|(.., share)| *share >= SHARE_MIN);
    let most = most.max_by(|a, b| a.3.total_cmp(&b.3));
    let Some((cell, found, time, _)) = most else { return Vec::new() };
    let all = |time: &TimeUse| time.total_ns * time.count as f64;
    let others = RatedEvent::ops([cell]).into_iter().filter(|op| op != event);
    let others = others.filter_map(|op| found.time_of(&op).map(|time| (op, time)));
    let other = others.max_by(|a, b| all(a.1).total_cmp(&all(b.1)));
    let mut sentences = vec![waits(&cell.key.strategy_name(), time, event)];
    sentences.extend(other.map(|(op, time)| waits("beside it", time, &op)));
    sentences.extend(longest_lock(time).and_then(|lock| {
        let mut holds = found.holds.iter().filter(|hold| base(&hold.lock) == base(&lock.name));
        holds.next().map(|hold| format!("{} is held by {}.", hold.lock, held_by(hold)))
    }));
    sentences
}

/// Returns the lock that is waited for longest, if a sentence names it.
fn longest_lock(time: &TimeUse) -> Option<&WaitedFor> {
    let lock = time.waits.iter().find(|wait| wait.kind == WaitKind::Lock);
    lock.filter(|lock| lock.ns >= time.total_ns * NAMED_MIN)
}

/// Returns the name of a lock without the mode.
fn base(lock: &str) -> &str {
    lock.trim_end_matches(" read").trim_end_matches(" write")
}

/// Returns the share of the time of faults and operations that waits for other cores' locks and for
/// shootdowns.
fn for_others<'a>(times: impl Iterator<Item = &'a TimeUse>) -> f64 {
    let kinds = [WaitKind::Lock, WaitKind::Shootdown, WaitKind::Interrupted];
    let (mut waits, mut total) = (0.0, 0.0);
    for time in times {
        let each: f64 = kinds.iter().map(|kind| time.of_kind(*kind)).sum();
        waits += each * time.count as f64;
        total += time.total_ns * time.count as f64;
    }
    if total > 0.0 { waits / total } else { 0.0 }
}

fn waits(strategy: &str, time: &TimeUse, event: &RatedEvent) -> String {
    let share = |ns: f64| ns / time.total_ns;
    let lines = WaitedFor {
        kind: WaitKind::Line,
        name: "lines".to_owned(),
        ns: time.of_kind(WaitKind::Line),
        waits: 0,
        median_ns: None,
    };
    let mut waits: Vec<&WaitedFor> =
        time.waits.iter().filter(|wait| wait.kind != WaitKind::Line).chain([&lines]).collect();
    waits.sort_by(|a, b| b.ns.total_cmp(&a.ns));
    let waits = waits.iter().filter(|wait| share(wait.ns) >= NAMED_MIN).take(NAMED_MAX);
    let named: Vec<String> =
        waits.map(|wait| format!("{} {:.0} %", wait.name, share(wait.ns) * 100.0)).collect();
    let of = match event {
        RatedEvent::Faults => "a fault",
        RatedEvent::Op(name) => name,
    };
    let total = nanoseconds(time.total_ns);
    match named.as_slice() {
        [] => format!("{strategy}: {of} takes {total} and hardly waits."),
        named => format!("{strategy}: {of} takes {total} and waits: {}.", named.join(", ")),
    }
}

/// Returns who held a lock, how often, and for how long.
pub(crate) fn held_by(hold: &LockHold) -> String {
    let function = match hold.kernel_function.as_str() {
        "" => String::new(),
        function => format!(" ({function})"),
    };
    format!(
        "{}{function} for {} in the median, {} at most; {:.0} waits for each of {} holds",
        hold.by,
        nanoseconds(hold.median_ns),
        nanoseconds(hold.longest_ns),
        hold.waiters_mean,
        hold.holds
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(kind: WaitKind, name: &str, ns: f64) -> WaitedFor {
        WaitedFor { kind, name: name.to_owned(), ns, waits: 1, median_ns: None }
    }

    #[test]
    fn the_longest_waits_are_named_and_lines_are_one() {
        let time = TimeUse {
            count: 9,
            total_ns: 2000.0,
            work_ns: 500.0,
            waits: vec![
                wait(WaitKind::Lock, "zone->lock", 1000.0),
                wait(WaitKind::Line, "folio", 150.0),
                wait(WaitKind::Line, "mm.mmap_lock", 250.0),
                wait(WaitKind::Shootdown, "answers to shootdowns", 80.0),
                wait(WaitKind::Lock, "ptl", 20.0),
            ],
        };
        assert_eq!(
            waits("mmap-lock", &time, &RatedEvent::Faults),
            "mmap-lock: a fault takes 2.00 us and waits: zone->lock 50 %, lines 20 %, \
             answers to shootdowns 4 %."
        );
        assert_eq!(for_others([&time].into_iter()), 0.55);
    }

    #[test]
    fn a_holder_has_its_function_and_the_lengths_of_its_holds() {
        let hold = LockHold {
            lock: "mmap_lock write".to_owned(),
            by: "mprotect".to_owned(),
            kernel_function: "do_mprotect_pkey".to_owned(),
            holds: 40,
            median_ns: 11_200.0,
            longest_ns: 52_100.0,
            waiters_mean: 61.6,
            waiters_max: 63,
            waited_ns: 1e9,
        };
        assert_eq!(
            held_by(&hold),
            "mprotect (do_mprotect_pkey) for 11.2 us in the median, 52.1 us at most; 62 waits for \
             each of 40 holds"
        );
        assert_eq!((base("mmap_lock write"), base("zone->lock")), ("mmap_lock", "zone->lock"));
    }
}
