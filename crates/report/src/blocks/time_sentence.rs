//! Where the time went, in one sentence each for the waits and for the holder of the lock.

use document::run::{Cell, LockHold, RatedEvent, TimeUse, WaitKind, WaitedFor};

use crate::numbers::nanoseconds;

/// Least share of the time that is waited for other cores and is worth a sentence.
const SHARE_MIN: f64 = 0.1;
/// Least share of a wait that the sentence names.
const NAMED_MIN: f64 = 0.03;
/// Most waits that it names.
const NAMED_MAX: usize = 4;

/// Returns where the time of an event went under the strategy, of these cells, that waits longest
/// for locks and shootdowns, and who held the lock that it waits for most; nothing if no strategy
/// waits for long.
pub(crate) fn time_sentences<'a>(
    cells: impl Iterator<Item = &'a Cell>,
    event: &RatedEvent,
) -> Vec<String> {
    let timed = cells.filter_map(|cell| {
        let time = cell.measured.as_ref()?.time_of(event)?;
        Some((cell, time, for_others(time)))
    });
    let most = timed.filter(|(_, _, share)| *share >= SHARE_MIN);
    let Some((cell, time, _)) = most.max_by(|a, b| a.2.total_cmp(&b.2)) else { return Vec::new() };
    let mut sentences = vec![waits(&cell.key.strategy_name(), time, event)];
    let holds = cell.measured.iter().flat_map(|found| &found.holds);
    let lock = time.waits.iter().find(|wait| wait.kind == WaitKind::Lock);
    if let Some(lock) = lock.filter(|lock| lock.ns >= time.total_ns * NAMED_MIN) {
        let mut held = holds.filter(|hold| base(&hold.lock) == base(&lock.name));
        let sentence = |hold: &LockHold| format!("{} is held by {}.", hold.lock, held_by(hold));
        sentences.extend(held.next().map(sentence));
    }
    sentences
}

/// Returns the name of a lock without the mode.
fn base(lock: &str) -> &str {
    lock.trim_end_matches(" read").trim_end_matches(" write")
}

/// Returns the share of the time that waits for other cores' locks and shootdowns.
fn for_others(time: &TimeUse) -> f64 {
    let kinds = [WaitKind::Lock, WaitKind::Shootdown, WaitKind::Interrupted];
    kinds.iter().map(|kind| time.of_kind(*kind)).sum::<f64>() / time.total_ns
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
    format!(
        "{strategy}: {of} takes {} and waits: {}.",
        nanoseconds(time.total_ns),
        named.join(", ")
    )
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
