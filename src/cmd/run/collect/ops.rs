//! What writers did.

use std::collections::BTreeMap;

use super::Collected;
use crate::mm::GraceCosts;
use crate::run::{GracePeriods, Latency, OpStats, Shootdowns};
use crate::storm::Storm;
use crate::workload::Action;

impl Collected {
    /// Adds the operations of one more storm.
    pub(super) fn add_ops(&mut self, storm: &mut Storm) {
        self.whole_ns += storm.whole_ns;
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
        self.deferred_free_peak = self.deferred_free_peak.max(storm.deferred_free_peak);
    }

    /// Operations by name.
    pub(super) fn op_stats(&self) -> BTreeMap<String, OpStats> {
        let done = Action::NAMES.into_iter().zip(&self.ops);
        done.filter_map(|(name, times)| {
            let times = times.as_ref()?;
            let per_s = times.len() as f64 / (self.whole_ns / 1e9);
            let latency_ns = Latency::of(times, 1);
            Some((name.to_owned(), OpStats { count: times.len(), per_s, latency_ns }))
        })
        .collect()
    }

    /// Shootdowns, where there were writers.
    pub(super) fn shootdown_stats(&self) -> Option<Shootdowns> {
        self.deferred_free_peak?;
        let count = self.shootdowns.count;
        let mean_ns = self.shootdowns.ns as f64 / count.max(1) as f64;
        Some(Shootdowns { count, mean_ns })
    }
}

/// What grace periods of SRCU cost.
pub(super) fn grace_periods(costs: GraceCosts) -> GracePeriods {
    let GraceCosts { ended, wakeups, looks, put_off } = costs;
    GracePeriods { ended, wakeups, looks, put_off }
}
