//! The growth of throughput with threads, as two coefficients.

use std::collections::BTreeMap;

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cell::{Cell, grouped, strategies};
use super::key::{Body, Key, World};
use super::rate::RatedEvent;

/// Fewest thread counts from which coefficients are fitted.
pub const POINTS_MIN: usize = 5;

/// The fit of one strategy on one workload, over the thread counts of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Scaling {
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
    /// Varied parameters other than threads.
    #[serde(default)]
    pub vary: BTreeMap<String, f64>,
    /// Name of the kernel that all strategies were put into; left out if each is in its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// The operation of writers whose rate is fitted; left out for faults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op: Option<String>,
    /// Number of thread counts with a result.
    pub points: usize,
    /// The fit; null below 5 points, or without a result at one thread.
    pub law: Option<ScalabilityLaw>,
}

/// The Universal Scalability Law: throughput at n threads is
/// `n X(1) / (1 + contention (n - 1) + coherency n (n - 1))`.
///
/// N. J. Gunther, "A general theory of computational scalability based on rational
/// functions", arXiv:0808.1431.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct ScalabilityLaw {
    /// Share of the work that is serial. Below 0: throughput grows faster than linearly.
    pub contention: f64,
    /// Cost of each pair of threads. Below 0: efficiency rises with threads.
    pub coherency: f64,
    /// Threads at which throughput is largest; null if it always grows.
    pub peak_threads: Option<f64>,
    /// Largest error of the fit at any point, as a share of the measured throughput.
    pub error_max: f64,
}

/// Fits the law to throughputs by threads; one of them must be at one thread.
///
/// By least squares on `n X(1) / X(n) - 1 = b (n - 1) + a (n - 1)^2`, through the origin, with
/// `coherency = a` and `contention = b - a`.
pub fn fit(points: &[(u32, f64)]) -> Option<ScalabilityLaw> {
    let single = points.iter().find(|(threads, _)| *threads == 1)?.1;
    if points.len() < POINTS_MIN || points.iter().any(|(_, rate)| *rate <= 0.0) {
        return None;
    }
    let (mut x2, mut x3, mut x4, mut xy, mut x2y) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for &(threads, rate) in points {
        let x = f64::from(threads) - 1.0;
        let y = f64::from(threads) * single / rate - 1.0;
        x2 += x * x;
        x3 += x * x * x;
        x4 += x * x * x * x;
        xy += x * y;
        x2y += x * x * y;
    }
    let determinant = x2 * x4 - x3 * x3;
    if determinant == 0.0 {
        return None;
    }
    let linear = (xy * x4 - x2y * x3) / determinant;
    let coherency = (x2 * x2y - x3 * xy) / determinant;
    let contention = linear - coherency;
    let peaks = coherency > 0.0 && contention < 1.0;
    let peak_threads = peaks.then(|| ((1.0 - contention) / coherency).sqrt());
    let mut law = ScalabilityLaw { contention, coherency, peak_threads, error_max: 0.0 };
    let error = |&(n, rate): &(u32, f64)| (law.throughput(f64::from(n), single) / rate - 1.0).abs();
    law.error_max = points.iter().map(error).fold(0.0, f64::max);
    Some(law)
}

/// Fits every strategy over its thread counts.
pub(super) fn scaling(cells: &[Cell]) -> Vec<Scaling> {
    let curves = grouped(strategies(cells), |cell| cell.key.curve());
    curves.iter().filter_map(|cells| of_curve(cells)).collect()
}

/// Fits the cells of one curve; `None` if none has a rate.
fn of_curve(cells: &[&Cell]) -> Option<Scaling> {
    let key = &cells[0].key;
    let event = RatedEvent::of(cells.iter().copied());
    let point = |cell: &&Cell| Some((cell.key.threads, cell.rate(&event)?.median));
    let points: Vec<(u32, f64)> = cells.iter().filter_map(point).collect();
    (!points.is_empty()).then(|| Scaling {
        workload: key.workload.clone(),
        strategy: key.strategy_name(),
        world: key.world,
        machine: key.machine.clone(),
        body: key.body,
        vary: key.vary.clone(),
        kernel: key.one_kernel().map(str::to_owned),
        op: match &event {
            RatedEvent::Faults => None,
            RatedEvent::Op(name) => Some(name.clone()),
        },
        points: points.len(),
        law: fit(&points),
    })
}

impl Scaling {
    /// Returns true if this is the fit of the cell's curve.
    pub fn is_of(&self, key: &Key) -> bool {
        (&self.workload, self.world, &self.machine) == (&key.workload, key.world, &key.machine)
            && (self.body, &self.vary) == (key.body, &key.vary)
            && self.strategy == key.strategy_name()
            && self.kernel.as_deref() == key.one_kernel()
    }
}

impl ScalabilityLaw {
    /// Returns the throughput at `threads` where it is `single` at one thread.
    pub fn throughput(&self, threads: f64, single: f64) -> f64 {
        let others = threads - 1.0;
        threads * single / (1.0 + self.contention * others + self.coherency * threads * others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn law(contention: f64, coherency: f64) -> Vec<(u32, f64)> {
        let rate = |n: u32| {
            let (n, others) = (f64::from(n), f64::from(n) - 1.0);
            n * 1e6 / (1.0 + contention * others + coherency * n * others)
        };
        [1, 2, 4, 8, 16, 32].map(|n| (n, rate(n))).to_vec()
    }

    #[test]
    fn finds_the_coefficients_that_made_the_points() {
        let found = fit(&law(0.05, 0.001)).unwrap();
        assert!((found.contention - 0.05).abs() < 1e-9 && (found.coherency - 0.001).abs() < 1e-9);
        assert!((found.peak_threads.unwrap() - (0.95f64 / 0.001).sqrt()).abs() < 1e-6);
        assert!(found.error_max < 1e-9);
        let linear = fit(&law(0.0, 0.0)).unwrap();
        assert!(linear.contention.abs() < 1e-12 && linear.peak_threads.is_none());
    }

    #[test]
    fn says_nothing_from_too_little() {
        assert_eq!(fit(&law(0.1, 0.0)[..4]), None);
        assert_eq!(fit(&law(0.1, 0.0)[1..]), None, "nothing at one thread");
    }
}
