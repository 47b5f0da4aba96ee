//! Time by kind and by name, and holders of the locks.

use document::run::{Body, LockHold, Measured, RatedEvent, TimeUse, WaitKind, WaitedFor};

use super::source::Source;
use super::time_sentence::held_by;
use crate::block::{Block, Column, Value};
use crate::numbers::nanoseconds;
use crate::table::body_name;

/// Columns of a part of the time.
const PART: usize = 9;
/// Least share of the time of a wait that is listed.
const LISTED_MIN: f64 = 0.01;

/// A column of the table: its heading, and the kinds that it adds up.
const KINDS: [(&str, &[WaitKind]); 4] = [
    ("lines", &[WaitKind::Line]),
    ("locks", &[WaitKind::Lock]),
    ("shootd.", &[WaitKind::Shootdown, WaitKind::Interrupted]),
    ("others", &[WaitKind::Io, WaitKind::GracePeriod, WaitKind::Memory]),
];

/// Returns, for faults and each operation, the time by kind of wait and the waits by name.
pub(super) fn waits(source: &Source<'_>, body: Body) -> Vec<Block> {
    let faults = [RatedEvent::Faults];
    let ops = RatedEvent::ops(source.table.of_body(body));
    let events = faults.iter().chain(&ops);
    events.flat_map(|event| [by_kind(source, body, event), by_name(source, body, event)]).collect()
}

/// Returns the holders of locks for which cores waited.
pub(super) fn holds(source: &Source<'_>, body: Body) -> Vec<Block> {
    let mut block = Block::titled("locks that were waited for, by holder", 0);
    block = block.of_body(body_name(body));
    block.rows = source.rows(|row| {
        let found = row.measured(body)?;
        let shown: Vec<String> = listed_holds(found).map(hold).collect();
        (!shown.is_empty()).then(|| vec![Value::plain(shown.join("; "))])
    });
    vec![block]
}

fn one(event: &RatedEvent) -> &str {
    match event {
        RatedEvent::Faults => "a fault",
        RatedEvent::Op(name) => name,
    }
}

fn by_kind(source: &Source<'_>, body: Body, event: &RatedEvent) -> Block {
    let title = format!("time of {} by what it waited for", one(event));
    let mut block = Block::titled(title, source.name_width()).of_body(body_name(body));
    let heads = ["total", "work"].into_iter().chain(KINDS.map(|(head, _)| head));
    block.columns = heads.map(|head| Column::right(PART, "", ["", head])).collect();
    block.rows = source.rows(|row| {
        let time = row.measured(body)?.time_of(event)?;
        let of = |kinds: &[WaitKind]| kinds.iter().map(|kind| time.of_kind(*kind)).sum::<f64>();
        let parts = KINDS.map(|(_, kinds)| of(kinds));
        let values = [time.total_ns, time.work_ns].into_iter().chain(parts);
        Some(values.map(part).collect())
    });
    block
}

fn part(ns: f64) -> Value {
    if ns == 0.0 { Value::dash() } else { Value::plain(nanoseconds(ns)) }
}

fn by_name(source: &Source<'_>, body: Body, event: &RatedEvent) -> Block {
    let mut block = Block::titled(format!("waits of {} by name", one(event)), 0);
    block = block.of_body(body_name(body));
    block.rows = source.rows(|row| {
        let time = row.measured(body)?.time_of(event)?;
        let listed = time.waits.iter().filter(|wait| wait.ns >= time.total_ns * LISTED_MIN);
        let listed: Vec<String> = listed.map(|wait| named(wait, time)).collect();
        (!listed.is_empty()).then(|| vec![Value::plain(listed.join(", "))])
    });
    block
}

fn named(wait: &WaitedFor, time: &TimeUse) -> String {
    let share = wait.ns / time.total_ns * 100.0;
    let median = wait.median_ns.map(|ns| format!(", median {}", nanoseconds(ns)));
    format!("{} {} ({share:.0}%{})", wait.name, nanoseconds(wait.ns), median.unwrap_or_default())
}

/// Returns the holds that make up at least a hundredth of all waiting for locks.
fn listed_holds(found: &Measured) -> impl Iterator<Item = &LockHold> {
    let all_ns: f64 = found.holds.iter().map(|hold| hold.waited_ns).sum();
    found.holds.iter().filter(move |hold| hold.waited_ns >= all_ns * LISTED_MIN)
}

fn hold(hold: &LockHold) -> String {
    format!("{} by {}", hold.lock, held_by(hold))
}
