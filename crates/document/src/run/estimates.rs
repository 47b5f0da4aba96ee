//! Orders of the model that hang on an estimate of its machine.

use super::cell::Cell;
use super::rate::RatedEvent;

/// Logarithm of the largest ratio of two rates that are asked for their sensitivities: a time that
/// is 30 % off changes a rate by 30 % at most, unless a lock collapses.
pub const NEAR: f64 = 0.4;

/// Returns the estimate of the machine that turns the order of two cells: the one that does so
/// most clearly, if any does. Two cells of one strategy, as two revisions have them, are compared
/// by the same estimates on purpose.
///
/// To first order, an estimate that is 30 % higher or lower changes the logarithm of their ratio
/// by the difference of their sensitivities, up or down.
pub fn turning<'a>(a: &'a Cell, b: &Cell, event: &RatedEvent) -> Option<&'a str> {
    let (key, other) = (&a.key, &b.key);
    let of_two = key.strategy_name() != other.strategy_name();
    if *event != RatedEvent::Faults || key.machine_digest != other.machine_digest || !of_two {
        return None;
    }
    let (of_a, of_b) = (a.measured.as_ref()?, b.measured.as_ref()?);
    let apart = (of_a.faults_per_s.median / of_b.faults_per_s.median).ln().abs();
    let (of_a, of_b) = (of_a.sensitivities.as_ref()?, of_b.sensitivities.as_ref()?);
    let change = |(name, change): (&'a String, &f64)| {
        of_b.get(name).map(|other| (name.as_str(), (change - other).abs()))
    };
    let turns = of_a.iter().filter_map(change).filter(|(_, change)| *change > apart);
    turns.max_by(|one, other| one.1.total_cmp(&other.1)).map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Key, Measured};
    use stats::Interval;

    fn cell(strategy: &str, rate: f64, sensitivities: &[(&str, f64)]) -> Cell {
        let key: Key = serde_json::from_value(serde_json::json!({
            "workload": "w", "workload_digest": "d", "strategy": strategy, "world": "model",
            "machine": "m", "threads": 8, "placement": "scatter", "entry_prefetch": false,
            "body": "none", "seed": 1,
        }))
        .unwrap();
        let all = sensitivities.iter().map(|(name, change)| ((*name).to_owned(), *change));
        let faults_per_s = Interval { median: rate, low: None, high: None };
        let sensitivities = Some(all.collect());
        Cell::ok(key, Measured { faults_per_s, sensitivities, ..Measured::default() })
    }

    #[test]
    fn an_order_turns_where_the_sensitivities_differ_by_more_than_the_rates() {
        let faults = RatedEvent::Faults;
        let a = cell("a", 110.0, &[("line.request-share", 0.2), ("hit.load-ns", -0.3)]);
        let alike = cell("b", 100.0, &[("line.request-share", 0.15), ("hit.load-ns", -0.3)]);
        assert_eq!(turning(&a, &alike, &faults), None, "what moves both alike turns nothing");
        let other = cell("b", 100.0, &[("line.request-share", 0.0), ("hit.load-ns", -0.2)]);
        assert_eq!(turning(&a, &other, &faults), Some("line.request-share"));
        assert_eq!(turning(&other, &a, &faults), Some("line.request-share"));
        assert_eq!(turning(&a, &other, &RatedEvent::Op("mmap".to_owned())), None);
        let revised = Cell { key: a.key.clone(), ..other.clone() };
        assert_eq!(turning(&a, &revised, &faults), None);
        let unknown = Cell { measured: None, ..cell("b", 1.0, &[]) };
        assert_eq!(turning(&a, &unknown, &faults), None);
    }
}
