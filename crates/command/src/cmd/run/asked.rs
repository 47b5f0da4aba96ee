//! Warnings about what a workload asks for and a storm did not give: paces, and whole loops.

use document::run::{LoopCounts, Measured};
use inputs::workload::Headline;

/// Largest difference of a rate from the pace that was asked for, as a share.
const PACE_APART_MAX: f64 = 0.05;
/// Operations below which a storm of any length misses a pace by more than that.
const PACED_MIN: f64 = 20.0;
/// Least share of the loops that were begun that were done as a whole.
const WHOLE_LOOPS_MIN: f64 = 0.75;

/// Returns the code and the text of each warning.
pub(super) fn of_numbers(measured: &Measured) -> Vec<(&'static str, String)> {
    let paces = paces(measured).map(|text| ("pace_missed", text));
    let loops = measured.loops.as_ref().and_then(|it| part_loops(it, measured));
    paces.into_iter().chain(loops.map(|text| ("part_of_loop", text))).collect()
}

/// Says which operations came at another pace than the workload asks for.
fn paces(measured: &Measured) -> Option<String> {
    let missed = measured.ops.iter().filter_map(|(name, op)| {
        let asked = op.asked_per_s?;
        let is_missed = (op.per_s - asked).abs() > PACE_APART_MAX * asked;
        is_missed.then(|| (format!("{} {name}/s of {}", rate(op.per_s), rate(asked)), op.count))
    });
    let (texts, counts): (Vec<String>, Vec<u64>) = missed.unzip();
    let fewest = counts.into_iter().min()?;
    let why = if (fewest as f64) < PACED_MIN {
        "a storm is too short for this pace; give a longer --time, or more --faults"
    } else {
        "an operation takes longer than its pace allows, or the threads had no CPU for it"
    };
    Some(format!("the workload asks for another pace (`every`): {}; {why}", texts.join(", ")))
}

fn rate(per_s: f64) -> String {
    if per_s < 100.0 { format!("{per_s:.3}") } else { format!("{per_s:.0}") }
}

/// Says that the rate is that of a part of a loop, and which part is missing.
fn part_loops(loops: &LoopCounts, measured: &Measured) -> Option<String> {
    if loops.whole as f64 >= WHOLE_LOOPS_MIN * loops.begun as f64 {
        return None;
    }
    let never: Vec<&str> = loops.never.iter().map(String::as_str).collect();
    let never = match never.as_slice() {
        [] => String::new(),
        names => format!(" and no thread came to {}", names.join(" or ")),
    };
    let touches = match measured.headline.as_deref() {
        None | Some(Headline::FAULTS) if loops.touches > 0 => {
            format!("a loop has {} touches: ", loops.touches)
        }
        _ => String::new(),
    };
    Some(format!(
        "{} of {} loops were whole{never}: the numbers are those of a part of a loop; {touches}\
         give a longer --time, or more --faults",
        loops.whole, loops.begun
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use document::run::OpStats;

    fn with_op(per_s: f64, asked_per_s: Option<f64>, count: u64) -> Measured {
        let op = OpStats { count, per_s, asked_per_s, ..OpStats::default() };
        Measured { ops: [("fork".to_owned(), op)].into(), ..Measured::default() }
    }

    #[test]
    fn a_pace_that_is_missed_is_said_with_both_rates() {
        let text = |per_s, asked, count| {
            let found = of_numbers(&with_op(per_s, asked, count));
            found.into_iter().map(|(_, text)| text).next()
        };
        assert_eq!(text(9_600.0, Some(10_000.0), 960), None);
        assert_eq!(text(60.0, None, 960), None, "nobody asks");
        let slow = text(9_400.0, Some(10_000.0), 940).unwrap();
        assert!(slow.contains("9400 fork/s of 10000; an operation takes longer"), "{slow}");
        let fast = text(195_000.0, Some(100_000.0), 19_500).unwrap();
        assert!(fast.contains("195000 fork/s of 100000"), "{fast}");
        let short = text(0.0, Some(1.0), 0).unwrap();
        assert!(short.contains("0.000 fork/s of 1.000; a storm is too short"), "{short}");
    }

    #[test]
    fn a_part_of_a_loop_is_no_loop() {
        let text = |whole, begun, never: &[&str]| {
            let never = never.iter().map(|name| (*name).to_owned()).collect();
            let loops = Some(LoopCounts { begun, whole, touches: 32768, never });
            let found = of_numbers(&Measured { loops, ..Measured::default() });
            found.into_iter().map(|(code, text)| format!("{code}: {text}")).next()
        };
        assert_eq!(text(75, 100, &[]), None);
        let early = text(0, 24, &["munmap"]).unwrap();
        assert!(early.starts_with("part_of_loop: 0 of 24 loops were whole and no thread"));
        assert!(early.contains("came to munmap: ") && early.contains("32768 touches"), "{early}");
        assert!(!text(24, 48, &[]).unwrap().contains("came to"));
    }
}
