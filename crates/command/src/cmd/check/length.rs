//! Length of tiny storms: long enough for events that happen once per table, and short enough to
//! wait for.

use inputs::workload::units::print_time;
use inputs::workload::{Backing, IoLatency, Loops, Op, ThreadGroup, Touch, Until, Workload};

/// Touches of each thread: those of 32 page tables, so that events that happen once per table, or
/// once for all tables, have about their usual share.
const TOUCHES: u64 = 1 << 14;
/// Touches of each thread if some of them sleep for I/O.
const TOUCHES_WITH_IO: u64 = 1 << 10;
/// Rounds of one thread: after each all threads meet, which takes long on a busy machine.
const ROUNDS: u64 = 8;
/// Fewest touches that say anything about a share.
const TOUCHES_MIN: u64 = 1 << 8;
const NS_PER_S: u64 = 1_000_000_000;
/// Time that the touches of a storm may wait, unless too few touches fit in it.
const WAITS_NS: u64 = 2 * NS_PER_S;
/// Longest time that a storm may wait, its writers included.
const WAITS_NS_MAX: u64 = 10 * NS_PER_S;

/// Returns the end of a tiny storm. A workload with smaller storms is checked with its own end.
pub(super) fn until(workload: &Workload) -> Until {
    let most = if workload.may_wait() { TOUCHES_WITH_IO } else { TOUCHES };
    let most = most.min(ROUNDS.saturating_mul(round(workload)).max(TOUCHES_MIN));
    let quick = WAITS_NS.checked_div(touch_ns(workload)).unwrap_or(u64::MAX).max(TOUCHES_MIN);
    match workload.until {
        Until::Touches(touches) => Until::Touches(touches.min(most).min(quick)),
        _ => Until::Touches(most.min(quick)),
    }
}

/// Returns the most touches that a thread has to itself in a round.
fn round(workload: &Workload) -> u64 {
    let of_touch = |touch: &Touch| {
        let vma = &workload.vmas[touch.vma];
        touch.touches.unwrap_or(vma.pages.saturating_mul(vma.count))
    };
    let of_group = |group: &ThreadGroup| {
        let Loops::Times(times) = group.loops else { return 0 };
        group.touches().map(of_touch).fold(0, u64::saturating_add).saturating_mul(times)
    };
    workload.groups.iter().map(of_group).max().unwrap_or(0)
}

/// Returns the reason to refuse `storms` tiny storms of a workload that take too long.
pub(super) fn takes_too_long(workload: &Workload, storms: usize) -> Option<String> {
    let Until::Touches(touches) = until(workload) else { return None };
    let touching_ns = touches.saturating_mul(touch_ns(workload));
    let writing_ns = workload.groups.iter().map(paced_ns).max().unwrap_or(0);
    let storm_ns = touching_ns.max(writing_ns);
    (storm_ns > WAITS_NS_MAX).then(|| {
        // Whole seconds.
        let all_ns = storm_ns.saturating_mul(storms as u64) / NS_PER_S * NS_PER_S;
        format!(
            "'{}': to check it takes {}, for {storms} storms in which a thread thinks, waits for \
             I/O or for its next operation: give it fewer `touches` or `loops`, or shorter times",
            workload.name,
            print_time(all_ns)
        )
    })
}

/// Returns the mean waiting time of the slowest touch, in nanoseconds.
fn touch_ns(workload: &Workload) -> u64 {
    let touches = workload.groups.iter().flat_map(ThreadGroup::touches);
    let waits = |touch: &Touch| touch.think_ns.saturating_add(io_ns(workload, touch));
    touches.map(waits).max().unwrap_or(0)
}

/// Returns the mean time that a touch waits for I/O, in nanoseconds.
fn io_ns(workload: &Workload, touch: &Touch) -> u64 {
    let Backing::File { file, .. } = workload.vmas[touch.vma].backing else { return 0 };
    let file = &workload.files[file];
    let mean = match file.io {
        IoLatency::Fixed(ns) | IoLatency::Exponential(ns) => ns as f64,
        IoLatency::Uniform(low, high) => (low as f64 + high as f64) / 2.0,
    };
    // Pages that were truncated are read again.
    let cached = if workload.may_sigbus() { 0.0 } else { file.cached };
    let ready = cached * (1.0 - file.locked - file.not_uptodate);
    (mean * (1.0 - ready)) as u64
}

/// Returns the shortest time of a group's paced operations, in nanoseconds.
fn paced_ns(group: &ThreadGroup) -> u64 {
    let Loops::Times(times) = group.loops else { return 0 };
    let every = group.phases.iter().map(|phase| {
        let paces = phase.ops.iter().map(|op| match op {
            Op::Change(change) => change.every_ns.saturating_mul(change.repeat),
            Op::Touch(_) => 0,
        });
        paces.max().unwrap_or(0)
    });
    every.fold(0, u64::saturating_add).saturating_mul(times - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use inputs::workload::parse;

    fn touched(file: &str, touch: &str, more: &str) -> Workload {
        let text = format!(
            "summary = \"x\"\n{more}\n[[file]]\nname = \"f\"\nsize = \"1GiB\"\n{file}\n[[vma]]\n\
             name = \"v\"\nsize = \"1GiB\"\nfile = \"f\"\n[[op]]\n\
             touch = {{ vma = \"v\", access = \"read\"{touch} }}\n"
        );
        parse("x", "x.toml", &text, &[]).unwrap_or_else(|wrong| panic!("{wrong}"))
    }

    #[test]
    fn touches_that_wait_are_fewer() {
        let until = |file, touch, more| match until(&touched(file, touch, more)) {
            Until::Touches(touches) => touches,
            other => panic!("{other:?}"),
        };
        assert_eq!(until("", "", ""), TOUCHES);
        assert_eq!(until("", ", think = \"1us\"", ""), TOUCHES);
        assert_eq!(until("", ", touches = 64", ""), ROUNDS * 64);
        assert_eq!(until("", ", think = \"1ms\"", ""), 2_000);
        assert_eq!(until("", ", think = \"1s\"", ""), TOUCHES_MIN);
        assert_eq!(until("", ", think = \"1s\"", "touches = 7"), 7);
        let cold = "cached = 0.5\nio_latency = \"80us\"";
        assert_eq!(until(cold, "", ""), TOUCHES_WITH_IO);
        let slow = "cached = 0.5\nio_latency = { uniform = [\"4ms\", \"12ms\"] }";
        assert_eq!(until(slow, "", ""), 500);
    }

    #[test]
    fn storms_that_take_too_long_are_refused_with_their_time() {
        let refusal = |workload| takes_too_long(&workload, 36);
        assert_eq!(refusal(touched("", ", think = \"30ms\"", "")), None);
        let text = refusal(touched("", ", think = \"1s\"", "")).unwrap();
        assert!(text.starts_with("'x': to check it takes 9216s, for 36 storms in which"), "{text}");
        assert_eq!(refusal(touched("", ", think = \"1s\"", "touches = 10")), None);
        assert!(refusal(touched("cached = 0.0\nio_latency = \"1s\"", "", "")).is_some());
        assert_eq!(refusal(touched("cached = 0.99\nio_latency = \"1s\"", "", "")), None);
    }

    #[test]
    fn times_of_paced_operations_count_too() {
        let refusal = |loops: &str| {
            let text = format!(
                "summary = \"x\"\n[[vma]]\nname = \"v\"\nsize = \"1MiB\"\n[[group]]\nname = \"a\"\n\
                 [[group]]\nname = \"b\"\nthreads = 1\n{loops}[[op]]\ngroup = \"a\"\n\
                 touch = {{ vma = \"v\", access = \"read\" }}\n[[op]]\ngroup = \"b\"\n\
                 fork = {{ every = \"1s\" }}\n"
            );
            takes_too_long(&parse("x", "x.toml", &text, &[]).unwrap(), 34)
        };
        assert_eq!(refusal(""), None, "it ends with the others");
        assert_eq!(refusal("loops = 11\n"), None);
        assert!(refusal("loops = 13\n").unwrap().contains("takes 408s"));
    }
}
