//! The fault rate above which a strategy costs a program throughput.

use std::collections::BTreeMap;

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cell::{Cell, grouped, strategies};
use super::key::{Body, Key, KeyPart, THINK, World};
use super::rate::RatedEvent;

/// Share of the throughput of `unlocked` whose loss counts.
pub const LOST_SHARE: f64 = 0.05;
/// The strategy that all others are compared with: it has no lock.
const BASE: &str = "unlocked";

/// The fault rate at which one strategy starts to matter, at one thread count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct BreakEven {
    /// Name of the workload.
    pub workload: String,
    /// `NAME` or `NAME:VARIANT`.
    pub strategy: String,
    /// World that it ran in.
    pub world: World,
    /// Slug of the CPU, or name of the model's preset.
    pub machine: String,
    /// Work of the fault body on the page.
    pub body: Body,
    /// Threads that storm (in the model: cores).
    pub threads: u32,
    /// Other varied parameters.
    pub vary: BTreeMap<String, f64>,
    /// Name of the kernel that all strategies were put into; left out if each is in its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// Share of the throughput of `unlocked` that is lost at this rate.
    pub lost_share: f64,
    /// Faults per second of each thread, as they would be without any lock, at which this share
    /// is lost; null if the rate is outside of the sweep.
    pub faults_per_thread_s: Option<f64>,
    /// Position of the rate relative to the sweep.
    pub place: BreakEvenPlace,
    /// Lowest and highest rate of the sweep: faults per second of each thread without any lock.
    pub swept: [f64; 2],
}

/// Position of a break-even rate relative to the sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BreakEvenPlace {
    /// Between two rates of the sweep.
    Within,
    /// Below the sweep: more is lost even at the lowest rate.
    BelowAll,
    /// Above the sweep: less is lost even at the highest rate.
    AboveAll,
}

/// One think time: faults per second of a thread under [`BASE`], and the share of throughput
/// that a strategy loses against [`BASE`].
type Point = (f64, f64);

/// Returns the rate at which a strategy starts to lose [`LOST_SHARE`]; rates ascend. Between
/// two points the loss is linear in the logarithm of the rate.
fn crossing(points: &[Point]) -> (BreakEvenPlace, Option<f64>) {
    match points.iter().position(|(_, lost)| *lost >= LOST_SHARE) {
        None => (BreakEvenPlace::AboveAll, None),
        Some(0) => (BreakEvenPlace::BelowAll, None),
        Some(over) => {
            let ((low, below), (high, above)) = (points[over - 1], points[over]);
            let part = (LOST_SHARE - below) / (above - below);
            (BreakEvenPlace::Within, Some(low * (high / low).powf(part)))
        }
    }
}

/// Finds the break-even rate of each strategy, if the think time was varied.
pub(super) fn break_even(cells: &[Cell]) -> Vec<BreakEven> {
    let candidate =
        |cell: &&Cell| cell.key.vary.contains_key(THINK) && cell.key.strategy_name() != BASE;
    let curves =
        grouped(strategies(cells).filter(candidate), |cell| cell.key.without(&[KeyPart::Think]));
    let found = curves.iter().filter_map(|curve| {
        let mut points: Vec<Point> = curve.iter().filter_map(|cell| point(cells, cell)).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        (points.len() > 1).then(|| of_curve(&curve[0].key, &points))
    });
    found.collect()
}

fn point(cells: &[Cell], cell: &Cell) -> Option<Point> {
    let rate = |cell: &Cell| Some(cell.rate(&RatedEvent::Faults)?.median);
    let is_base = |key: &Key| key.strategy_name() == BASE && key.competes_with(&cell.key);
    let base = cells.iter().find(|other| is_base(&other.key))?;
    let (own, free) = (rate(cell)?, rate(base)?);
    Some((free / f64::from(cell.key.threads), 1.0 - own / free))
}

/// Returns the varied parameters but for the think time.
fn without_think(key: &Key) -> BTreeMap<String, f64> {
    let others = key.vary.iter().filter(|(name, _)| *name != THINK);
    others.map(|(name, value)| (name.clone(), *value)).collect()
}

fn of_curve(key: &Key, points: &[Point]) -> BreakEven {
    let (place, faults_per_thread_s) = crossing(points);
    BreakEven {
        workload: key.workload.clone(),
        strategy: key.strategy_name(),
        world: key.world,
        machine: key.machine.clone(),
        body: key.body,
        threads: key.threads,
        vary: without_think(key),
        kernel: key.one_kernel().map(str::to_owned),
        lost_share: LOST_SHARE,
        faults_per_thread_s,
        place,
        swept: [points[0].0, points[points.len() - 1].0],
    }
}

impl BreakEven {
    /// Returns true if this is of the cell's strategy, at any think time.
    pub fn is_of(&self, key: &Key) -> bool {
        let own = (self.threads, self.body, self.world) == (key.threads, key.body, key.world)
            && (&self.workload, &self.machine) == (&key.workload, &key.machine);
        own && key.vary.contains_key(THINK)
            && self.strategy == key.strategy_name()
            && self.vary == without_think(key)
            && self.kernel.as_deref() == key.one_kernel()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_is_linear_in_the_logarithm_of_the_rate() {
        // Halfway from 1 to 9 % between 1e4 and 1e6.
        let points = [(1e4, 0.01), (1e6, 0.09), (1e7, 0.5)];
        let (place, rate) = crossing(&points);
        assert_eq!(place, BreakEvenPlace::Within);
        assert!((rate.unwrap() - 1e5).abs() < 1e-3);
    }

    #[test]
    fn outside_of_what_was_swept_there_is_no_rate() {
        assert_eq!(crossing(&[(1e4, 0.06), (1e5, 0.4)]), (BreakEvenPlace::BelowAll, None));
        assert_eq!(crossing(&[(1e4, -0.01), (1e5, 0.04)]), (BreakEvenPlace::AboveAll, None));
        assert_eq!(crossing(&[(1e4, 0.0), (1e5, 0.05)]).1, Some(1e5));
    }
}
