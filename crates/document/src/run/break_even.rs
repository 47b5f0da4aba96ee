//! How often a program may fault before a strategy costs it anything.

use std::collections::BTreeMap;

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Body, Cell, Counted, Key, Run, World};

/// What is varied to find it: the work between two touches, in nanoseconds.
pub const THINK: &str = "think_ns";
/// The pace of writers, where it is varied, in nanoseconds.
pub const EVERY: &str = "every_ns";
/// Share of the throughput of `unlocked` whose loss counts.
pub const LOST_SHARE: f64 = 0.05;
/// The strategy that all others are compared with: it costs nothing.
const BASE: &str = "unlocked";

/// The fault rate at which one strategy starts to matter, at one thread count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct BreakEven {
    /// Name of the workload.
    pub workload: String,
    /// `NAME` or `NAME:VARIANT`.
    pub strategy: String,
    /// In which world.
    pub world: World,
    /// Slug of the CPU, or name of the model's preset.
    pub machine: String,
    /// Whether the fault body touches the page.
    pub body: Body,
    /// Threads that storm (in the model: cores).
    pub threads: u32,
    /// What else was varied.
    pub vary: BTreeMap<String, f64>,
    /// Share of the throughput of `unlocked` that is lost there.
    pub lost_share: f64,
    /// Faults a second of each thread without any lock, at which so much is lost; null
    /// where it is outside of what was swept.
    pub faults_per_thread_s: Option<f64>,
    /// Where it is.
    pub place: Place,
    /// Faults a second of each thread without any lock: the lowest and the highest swept.
    pub swept: [f64; 2],
}

/// Where a break-even rate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Between two rates that were swept.
    Within,
    /// Below all that were swept: even at the lowest more is lost.
    BelowAll,
    /// Above all that were swept: even at the highest less is lost.
    AboveAll,
}

/// A think time: faults a second of a thread under [`BASE`], and the share of throughput
/// that a strategy loses against it.
type Point = (f64, f64);

/// Where a strategy starts to lose [`LOST_SHARE`]; rates ascend. Between two points the
/// loss is taken as linear in the logarithm of the rate.
fn crossing(points: &[Point]) -> (Place, Option<f64>) {
    match points.iter().position(|(_, lost)| *lost >= LOST_SHARE) {
        None => (Place::AboveAll, None),
        Some(0) => (Place::BelowAll, None),
        Some(over) => {
            let ((low, below), (high, above)) = (points[over - 1], points[over]);
            let part = (LOST_SHARE - below) / (above - below);
            (Place::Within, Some(low * (high / low).powf(part)))
        }
    }
}

impl Run {
    /// Finds where each strategy starts to matter, where the think time was varied;
    /// replaces what was found before.
    pub fn find_break_even(&mut self) {
        let mut curves: Vec<(&Key, Vec<Point>)> = Vec::new();
        let candidate = |cell: &&Cell| {
            cell.key.vary.contains_key(THINK)
                && !cell.key.is_aa_twin()
                && cell.key.strategy_name() != BASE
        };
        for cell in self.cells.iter().filter(candidate) {
            let Some(point) = self.point(cell) else { continue };
            match curves.iter_mut().find(|(key, _)| same_curve(key, &cell.key)) {
                Some((_, points)) => points.push(point),
                None => curves.push((&cell.key, vec![point])),
            }
        }
        let curves = curves.into_iter().filter(|(_, points)| points.len() > 1);
        self.break_even = curves
            .map(|(key, mut points)| {
                points.sort_by(|a, b| a.0.total_cmp(&b.0));
                break_even(key, &points)
            })
            .collect();
    }

    fn point(&self, cell: &Cell) -> Option<Point> {
        let base = |other: &&Cell| {
            let key = Key { strategy: BASE.to_owned(), variant: None, ..cell.key.clone() };
            other.key == key
        };
        let rate = |cell: &Cell| Some(cell.rate(&Counted::Faults)?.median);
        let (own, free) = (rate(cell)?, rate(self.cells.iter().find(base)?)?);
        Some((free / f64::from(cell.key.threads), 1.0 - own / free))
    }
}

fn break_even(key: &Key, points: &[Point]) -> BreakEven {
    let (place, faults_per_thread_s) = crossing(points);
    BreakEven {
        workload: key.workload.clone(),
        strategy: key.strategy_name(),
        world: key.world,
        machine: key.machine.clone(),
        body: key.body,
        threads: key.threads,
        vary: without_think(key).vary,
        lost_share: LOST_SHARE,
        faults_per_thread_s,
        place,
        swept: [points[0].0, points[points.len() - 1].0],
    }
}

impl BreakEven {
    /// Whether this is of the cell's strategy, at any think time.
    pub fn is_of(&self, key: &Key) -> bool {
        let own = (self.threads, self.body, self.world) == (key.threads, key.body, key.world)
            && (&self.workload, &self.machine) == (&key.workload, &key.machine);
        own && key.vary.contains_key(THINK)
            && self.strategy == key.strategy_name()
            && self.vary == without_think(key).vary
    }
}

/// Whether two cells differ in nothing but their think time.
fn same_curve(a: &Key, b: &Key) -> bool {
    without_think(a) == without_think(b)
}

/// The key without what the think time changes.
fn without_think(key: &Key) -> Key {
    let mut key = Key { workload_digest: String::new(), ..key.clone() };
    key.vary.remove(THINK);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_is_linear_in_the_logarithm_of_the_rate() {
        // Halfway from 1 to 9 % between 1e4 and 1e6.
        let points = [(1e4, 0.01), (1e6, 0.09), (1e7, 0.5)];
        let (place, rate) = crossing(&points);
        assert_eq!(place, Place::Within);
        assert!((rate.unwrap() - 1e5).abs() < 1e-3);
    }

    #[test]
    fn outside_of_what_was_swept_there_is_no_rate() {
        assert_eq!(crossing(&[(1e4, 0.06), (1e5, 0.4)]), (Place::BelowAll, None));
        assert_eq!(crossing(&[(1e4, -0.01), (1e5, 0.04)]), (Place::AboveAll, None));
        assert_eq!(crossing(&[(1e4, 0.0), (1e5, 0.05)]).1, Some(1e5));
    }
}
