//! Operations of writers.

use std::collections::BTreeMap;

use super::Collected;
use document::run::{GracePeriods, LatencyDistribution, OpStats, ShootdownCosts};
use inputs::workload::Action;
use mm::GraceCosts;
use storm::Storm;

/// Operations a second, as [`Action::NAMES`].
pub(super) type OpRates = [f64; Action::NAMES.len()];

/// CellCounts the operations of a storm.
pub(super) fn done(storm: &Storm) -> u64 {
    storm.ops.iter().flatten().map(|times| times.len()).sum()
}

impl Collected {
    /// Adds the operations of one more storm.
    pub(super) fn add_ops(&mut self, storm: &mut Storm) {
        self.whole_ns += storm.whole_ns;
        let whole_s = storm.whole_ns / 1e9;
        self.op_rates.push(storm.ops.each_ref().map(|times| match times {
            Some(times) if whole_s > 0.0 => times.len() as f64 / whole_s,
            _ => 0.0,
        }));
        for (sum, own) in self.ops.iter_mut().zip(std::mem::take(&mut storm.ops)) {
            match (sum, own) {
                (Some(sum), Some(own)) => sum.add(own).expect("all have the same precision"),
                (sum, own) => *sum = sum.take().or(own),
            }
        }
        self.shootdowns.count += storm.shootdowns.count;
        self.shootdowns.ns += storm.shootdowns.ns;
        if let Some(costs) = &storm.grace_periods {
            self.grace_periods.get_or_insert_default().add(costs);
        }
        self.asked_per_s = storm.asked_per_s;
        self.deferred_free_peak = self.deferred_free_peak.max(storm.deferred_free_peak);
    }

    /// Operations by name, those included that the workload asks for and no thread came to.
    pub(super) fn op_stats(&self) -> BTreeMap<String, OpStats> {
        let done = Action::NAMES.into_iter().zip(&self.ops).enumerate();
        done.filter_map(|(action, (name, times))| {
            let asked_per_s = self.asked(action);
            if times.is_none() && asked_per_s.is_none() {
                return None;
            }
            let count = times.as_ref().map_or(0, |times| times.len());
            let repeats = self.op_rates.iter().map(|rates| rates[action]);
            let stats = OpStats {
                count,
                per_s: count as f64 / (self.whole_ns / 1e9),
                // Of one it is the same number.
                repeats_per_s: repeats.filter(|_| self.op_rates.len() > 1).collect(),
                latency_ns: times.as_ref().and_then(|it| LatencyDistribution::of(it, 1)),
                asked_per_s,
            };
            Some((name.to_owned(), stats))
        })
        .collect()
    }

    /// Returns the operations per second that the workload asks for, if it asks for a pace.
    fn asked(&self, action: usize) -> Option<f64> {
        let asked = self.asked_per_s[action];
        (asked > 0.0 && asked.is_finite()).then_some(asked)
    }

    /// Adds the loops of one more storm.
    pub(super) fn add_loops(&mut self, storm: &Storm) {
        let Some(found) = &storm.loops_done else { return };
        let sum = self.loops.get_or_insert_default();
        sum.begun += found.begun;
        sum.whole += found.whole;
        sum.touches = sum.touches.max(found.touches);
        sum.never.extend(found.never().map(str::to_owned));
    }

    /// Costs of shootdowns, if there were writers.
    pub(super) fn shootdown_stats(&self) -> Option<ShootdownCosts> {
        self.deferred_free_peak?;
        let count = self.shootdowns.count;
        let mean_ns = self.shootdowns.ns as f64 / count.max(1) as f64;
        Some(ShootdownCosts { count, mean_ns })
    }
}

/// Costs of grace periods of SRCU.
pub(super) fn grace_periods(costs: GraceCosts) -> GracePeriods {
    let GraceCosts { ended, wakeups, looks, put_off } = costs;
    GracePeriods { ended, wakeups, looks, put_off }
}

#[cfg(test)]
mod tests {
    use super::super::tests::storm;
    use super::*;
    use hdrhistogram::Histogram;

    /// Returns a storm of a millisecond with this number of `munmap`s.
    fn unmapping(faults: u64, munmaps: u64) -> Storm {
        let mut times = Histogram::new(3).unwrap();
        times.record_n(500, munmaps).unwrap();
        let mut storm = storm(faults);
        storm.whole_ns = 1e6;
        storm.ops[1] = Some(times);
        storm
    }

    #[test]
    fn operations_have_a_rate_of_each_repeat_where_there_are_several() {
        let mut collected = Collected::default();
        collected.repeat(unmapping(100, 40), 0, Some(0));
        let of = |collected: &Collected| collected.measured(1, 64).unwrap().ops["munmap"].clone();
        let one = of(&collected);
        assert_eq!((one.count, one.per_s, one.repeats_per_s), (40, 40e3, vec![]));
        collected.repeat(unmapping(100, 60), 1, Some(1));
        let two = of(&collected);
        assert_eq!((two.count, two.per_s, two.repeats_per_s), (100, 50e3, vec![40e3, 60e3]));
    }

    #[test]
    fn lines_are_told_for_each_operation_where_there_are_no_faults() {
        let lines = |faults, munmaps| {
            let mut collected = Collected::default();
            let storm = unmapping(faults, munmaps);
            collected.repeat(storm.clone(), 0, Some(0));
            collected.lines(&Storm { lines: Some(Default::default()), ..storm });
            let found = collected.measured(1, 64).unwrap();
            (found.lines.is_some(), found.per_op.is_some_and(|per_op| per_op.lines.is_some()))
        };
        assert_eq!(lines(100, 0), (true, false));
        assert_eq!(lines(100, 40), (true, false));
        assert_eq!(lines(0, 40), (false, true));
        assert_eq!(lines(0, 0), (false, false));
    }
}
