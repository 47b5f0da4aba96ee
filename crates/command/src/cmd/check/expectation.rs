//! Checks an expectation of a workload file against a storm.

use std::fmt;

use inputs::workload::{Action, Expect, Metric};
use mm::fault::Fallback;
use storm::Storm;

/// An expectation that is not met.
pub(super) struct Broken<'a> {
    expect: &'a Expect,
    /// Value found; `None` if there was nothing to divide by.
    found: Option<f64>,
}

/// True if an expectation applies to a strategy at a number of threads.
pub(super) fn concerns(expect: &Expect, strategy: &str, threads: usize) -> bool {
    expect.strategy.as_deref().is_none_or(|name| name == strategy)
        && expect.threads.is_none_or(|count| count == threads)
}

/// True if transfers must be counted to judge an expectation.
pub(super) fn needs_lines(expect: &Expect) -> bool {
    matches!(expect.metric, Metric::TransfersPerFault(_))
}

/// Judges a storm; `None` if the expectation is met.
pub(super) fn broken<'a>(expect: &'a Expect, storm: &Storm) -> Option<Broken<'a>> {
    let found = value(&expect.metric, storm);
    let holds = found.is_some_and(|value| {
        expect.min.is_none_or(|min| value >= min) && expect.max.is_none_or(|max| value <= max)
    });
    (!holds).then_some(Broken { expect, found })
}

fn value(metric: &Metric, storm: &Storm) -> Option<f64> {
    let counts = &storm.counts;
    let ratio = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
    let per_fault = |part| ratio(part, counts.faults);
    match metric {
        Metric::FaultsPerTouch => ratio(counts.faults, counts.touches),
        Metric::PagesPerFault => per_fault(counts.pages_mapped),
        Metric::RacedPerFault => per_fault(counts.raced),
        Metric::AttemptsPerFault => per_fault(counts.attempts),
        Metric::FallbacksPerFault(reason) => {
            let fallbacks = Fallback::ALL.iter().zip(&counts.fallbacks);
            let of_reason = fallbacks.filter(|(fallback, _)| {
                reason.as_deref().is_none_or(|reason| reason == fallback.name())
            });
            per_fault(of_reason.map(|(_, count)| count).sum())
        }
        Metric::TransfersPerFault(line) => {
            let lines = storm.lines.as_ref()?.0.iter();
            let named =
                lines.filter(|(name, _)| line.as_deref().is_none_or(|line| line == name.name));
            per_fault(named.map(|(_, tally)| tally.transfers).sum())
        }
        Metric::OperationsPerLoop(op) => {
            let at = Action::NAMES.iter().position(|name| name == op)?;
            let done = storm.ops[at].as_ref().map_or(0, |times| times.len());
            ratio(done, storm.loops_done?.begun)
        }
    }
}

/// Prints, for instance, `pages-per-fault is 15.5, expected 16 or more`.
impl fmt::Display for Broken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (part, missing) = match &self.expect.metric {
            Metric::FallbacksPerFault(reason) => (reason.as_ref(), "nothing faulted"),
            Metric::TransfersPerFault(line) => (line.as_ref(), "nothing faulted"),
            Metric::OperationsPerLoop(op) => (Some(op), "no loop has several operations"),
            _ => (None, "nothing faulted"),
        };
        f.write_str(self.expect.metric.name())?;
        if let Some(part) = part {
            write!(f, " of '{part}'")?;
        }
        match self.found {
            Some(found) => write!(f, " is {found}")?,
            None => write!(f, " has no value, since {missing}")?,
        }
        match (self.expect.min, self.expect.max) {
            (Some(min), Some(max)) if min == max => write!(f, ", expected {min}"),
            (Some(min), Some(max)) => write!(f, ", expected {min} to {max}"),
            (Some(min), None) => write!(f, ", expected {min} or more"),
            (None, Some(max)) => write!(f, ", expected {max} or less"),
            (None, None) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hdrhistogram::Histogram;
    use machine::LineName;
    use machine::host::{LineTally, Tally};
    use storm::{LoopTally, OpTimes, StormCounts};

    static HOT: LineName = LineName { name: "mm.hot", words: [""; 8] };
    static COLD: LineName = LineName { name: "mm.cold", words: [""; 8] };

    fn storm() -> Storm {
        let mut counts = StormCounts {
            touches: 1600,
            faults: 100,
            raced: 10,
            pages_mapped: 1550,
            attempts: 104,
            ..StormCounts::default()
        };
        counts.fallbacks[Fallback::Pmd as usize] = 3;
        counts.fallbacks[Fallback::Pud as usize] = 1;
        let line = |transfers| LineTally { reads: 0, writes: 0, transfers };
        let lines = Some(Tally(vec![(&HOT, line(40)), (&COLD, line(10))]));
        let mut done = Histogram::new(3).unwrap();
        done.record_n(500, 40).unwrap();
        let mut ops = OpTimes::default();
        ops[1] = Some(done);
        let loops_done = Some(LoopTally { begun: 10, whole: 10, ..LoopTally::default() });
        Storm { rounds: 1, counts, lines, ops, loops_done, ..Storm::default() }
    }

    fn expect(metric: Metric, min: Option<f64>, max: Option<f64>) -> Expect {
        Expect { strategy: None, threads: None, metric, min, max }
    }

    #[test]
    fn every_metric_is_what_its_name_says() {
        let of = |metric| value(&metric, &storm()).unwrap();
        assert_eq!(of(Metric::FaultsPerTouch), 0.0625);
        assert_eq!(of(Metric::PagesPerFault), 15.5);
        assert_eq!(of(Metric::RacedPerFault), 0.1);
        assert_eq!(of(Metric::AttemptsPerFault), 1.04);
        assert_eq!(of(Metric::FallbacksPerFault(None)), 0.04);
        assert_eq!(of(Metric::FallbacksPerFault(Some("PMD".into()))), 0.03);
        assert_eq!(of(Metric::TransfersPerFault(None)), 0.5);
        assert_eq!(of(Metric::OperationsPerLoop("munmap".into())), 4.0);
        assert_eq!(of(Metric::TransfersPerFault(Some("mm.hot".into()))), 0.4);
    }

    #[test]
    fn what_does_not_hold_says_what_was_found() {
        let say = |metric, min, max| {
            let expect = expect(metric, min, max);
            broken(&expect, &storm()).map(|broken| broken.to_string())
        };
        assert_eq!(say(Metric::PagesPerFault, Some(15.5), Some(15.5)), None);
        assert_eq!(
            say(Metric::PagesPerFault, Some(16.0), None).unwrap(),
            "pages-per-fault is 15.5, expected 16 or more"
        );
        assert_eq!(
            say(Metric::FallbacksPerFault(Some("PMD".into())), Some(0.0), Some(0.02)).unwrap(),
            "fallbacks-per-fault of 'PMD' is 0.03, expected 0 to 0.02"
        );
        let nothing = Storm { counts: StormCounts::default(), ..storm() };
        let expect = expect(Metric::RacedPerFault, None, Some(0.0));
        let text = broken(&expect, &nothing).unwrap().to_string();
        assert_eq!(text, "raced-per-fault has no value, since nothing faulted, expected 0 or less");
    }

    #[test]
    fn expectations_may_be_about_one_strategy_or_number_of_threads() {
        let all = expect(Metric::FaultsPerTouch, None, None);
        assert!(concerns(&all, "mmap-lock", 7));
        let one = Expect { strategy: Some("mmap-lock".into()), threads: Some(1), ..all };
        assert!(concerns(&one, "mmap-lock", 1));
        assert!(!concerns(&one, "mmap-lock", 2) && !concerns(&one, "unlocked", 1));
    }
}
