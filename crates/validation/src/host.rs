//! This machine against the model of it: measured rates, and predicted ones.

use super::model_storm::{FAULTS, ModelStorm, rate};
use catalogue::{Entry, STRATEGIES};
use host::clock::Clock;
use host::placement::{Placement, place};
use host::topology::Topology;
use inputs::machines::MachineFile;
use inputs::workload::{Until, Workload};
use mm::frames::Arena;
use rayon::prelude::*;
use stats::median;
use std::sync::Arc;
use storm::plan::total_threads;
use storm::{Executor, Recording, StormError, StormRequest, ThreadExecutor};

/// Storms of each strategy on the host; strategies take turns.
const REPEATS: usize = 3;
/// Length of a storm on the host, in nanoseconds.
const STORM_NS: u64 = 60_000_000;
/// Length of the warm-up of a storm, on the host and in the model, in nanoseconds.
const WARMUP_NS: u64 = 20_000_000;
/// Seed of all random draws, on the host and in the model.
const SEED: u64 = 1;
/// Share of the slower rate by which two measured rates must differ to have an order.
const APART: f64 = 0.05;

/// One strategy on one workload at one thread count.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// Name of the workload.
    pub workload: String,
    /// Name of the strategy.
    pub strategy: &'static str,
    /// Threads that groups with a weight share; groups with a fixed number add theirs.
    pub threads: usize,
    /// Faults per second on the host: median over repeats.
    pub measured: f64,
    /// Half the distance between the largest and the smallest repeat, as a share of the median.
    pub spread: f64,
    /// Faults per second in the model.
    pub predicted: f64,
    /// True if the model was fitted to this rate, which therefore shows nothing.
    pub fitted: bool,
}

/// Two strategies that differ on the host, with their rates in the model.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderedPair {
    /// The one that is faster on the host.
    pub faster: Prediction,
    /// The other.
    pub slower: Prediction,
}

impl Prediction {
    /// Returns the predicted rate over the measured one.
    pub fn ratio(&self) -> f64 {
        self.predicted / self.measured
    }
}

impl OrderedPair {
    /// True if the model has them in the same order.
    pub fn holds(&self) -> bool {
        self.faster.predicted > self.slower.predicted
    }
}

/// CPUs, clock and memory of storms on this machine.
pub struct HostStorms {
    /// Its CPUs.
    pub topology: Topology,
    /// The clock that times windows.
    pub clock: Clock,
    /// One frame: storms without bodies need none.
    arena: Arc<Arena>,
}

impl HostStorms {
    /// # Errors
    /// The arena cannot be allocated.
    pub fn new(topology: Topology, clock: Clock) -> std::io::Result<Self> {
        Ok(Self { topology, clock, arena: Arena::new(1)? })
    }

    /// Returns 1, its doublings below the number of CPUs, and that number.
    fn thread_counts(&self) -> Vec<usize> {
        let cpus = self.topology.allowed_count().max(1);
        let doublings = std::iter::successors(Some(1), |n| Some(n * 2));
        doublings.take_while(|n| *n < cpus).chain([cpus]).collect()
    }

    /// Storms under every strategy that may run `workload`, beginning with the first strategy at
    /// one thread.
    fn storms(&self, workload: &Workload) -> Result<Vec<Measured>, StormError> {
        let may_run = |entry: &&Entry| !entry.is_variant() && (entry.refuses)(workload).is_none();
        let cpus = self.topology.allowed_count();
        let fits = |threads: &usize| total_threads(workload, *threads) <= cpus;
        let mut all = Vec::new();
        for threads in self.thread_counts().into_iter().filter(fits) {
            let measured = |entry| Measured { entry, threads, rates: Vec::new() };
            let mut group: Vec<_> = STRATEGIES.iter().filter(may_run).map(measured).collect();
            for _ in 0..REPEATS {
                for measured in &mut group {
                    measured.rates.push(self.storm(measured.entry, workload, threads)?);
                }
            }
            all.append(&mut group);
        }
        Ok(all)
    }

    fn storm(&self, entry: &Entry, workload: &Workload, threads: usize) -> Result<f64, StormError> {
        let total = total_threads(workload, threads);
        let cpus = place(&self.topology, &Placement::default(), total)
            .map_err(|error| StormError::Machine(error.to_string()))?;
        let storm = (entry.run)(&StormRequest {
            workload,
            weighted_threads: threads,
            real_body: false,
            entry_prefetch: false,
            kernel: None,
            seed: SEED,
            warmup_ns: WARMUP_NS,
            until: Until::Duration(STORM_NS),
            executor: Executor::Threads(ThreadExecutor {
                cpus: &cpus,
                recording: Recording::Throughput,
                sample_period: 0,
                clock: self.clock,
                arena: &self.arena,
            }),
        })?;
        Ok(rate(&storm))
    }
}

/// Rates on the host of one strategy at one thread count.
struct Measured {
    entry: &'static Entry,
    threads: usize,
    /// Faults per second of each repeat.
    rates: Vec<f64>,
}

impl Measured {
    fn median(&self) -> f64 {
        median(&self.rates).expect("there are repeats, and rates are numbers")
    }

    /// Returns the same storm for the model.
    fn model_storm<'a>(&self, workload: &'a Workload) -> ModelStorm<'a> {
        ModelStorm {
            entry: self.entry,
            workload,
            threads: self.threads,
            kernel: None,
            faults: FAULTS,
            placement: Placement::default(),
            real_body: false,
            entry_prefetch: false,
            seed: SEED,
            // The same length as on the host: both start with lines in caches.
            warmup_ns: WARMUP_NS,
        }
    }

    /// Returns half the distance between the largest and the smallest repeat, as a share of the
    /// median.
    fn spread(&self) -> f64 {
        let low = self.rates.iter().copied().fold(f64::INFINITY, f64::min);
        let high = self.rates.iter().copied().fold(0.0, f64::max);
        (high - low) / 2.0 / self.median()
    }
}

/// Storms `workload` under every strategy that may run it, without bodies, on the host and in the
/// model of `machine`. The model has one number fitted, the private work of a fault, by the first
/// strategy at one thread: the simulated kernel on the host takes no trap.
///
/// # Errors
/// A storm fails.
pub fn predictions(
    host: &HostStorms,
    machine: &MachineFile,
    workload: &Workload,
) -> Result<Vec<Prediction>, StormError> {
    let measured = host.storms(workload)?;
    let machine = match measured.first() {
        Some(first) => first.model_storm(workload).fitted(machine, first.median())?,
        None => machine.clone(),
    };
    let prediction = |(number, measured): (usize, &Measured)| {
        Ok(Prediction {
            workload: workload.name.clone(),
            strategy: measured.entry.name,
            threads: measured.threads,
            measured: measured.median(),
            spread: measured.spread(),
            predicted: measured.model_storm(workload).rate(&machine)?,
            fitted: number == 0,
        })
    };
    measured.par_iter().enumerate().map(prediction).collect()
}

/// Returns all pairs of strategies that differ on the host, with equal threads and workload.
pub fn orders(predictions: &[Prediction]) -> Vec<OrderedPair> {
    let pairs = predictions
        .iter()
        .enumerate()
        .flat_map(|(n, one)| predictions[n + 1..].iter().map(move |other| (one, other)));
    let same = |(one, other): &(&Prediction, &Prediction)| {
        (&one.workload, one.threads) == (&other.workload, other.threads)
    };
    let order = |(one, other): (&Prediction, &Prediction)| {
        let (faster, slower) =
            if one.measured > other.measured { (one, other) } else { (other, one) };
        let apart = faster.measured > slower.measured * (1.0 + APART);
        apart.then(|| OrderedPair { faster: faster.clone(), slower: slower.clone() })
    };
    pairs.filter(same).filter_map(order).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prediction(strategy: &'static str, measured: f64, predicted: f64) -> Prediction {
        Prediction {
            workload: "w".to_owned(),
            strategy,
            threads: 2,
            measured,
            spread: 0.0,
            predicted,
            fitted: false,
        }
    }

    #[test]
    fn strategies_that_are_close_on_the_host_have_no_order() {
        let one = [
            prediction("a", 100.0, 90.0),
            prediction("b", 103.0, 10.0),
            prediction("c", 50.0, 80.0),
        ];
        let elsewhere = Prediction { threads: 1, ..prediction("d", 1.0, 1.0) };
        let found = orders(&[one.as_slice(), &[elsewhere]].concat());
        let ranked: Vec<_> =
            found.iter().map(|o| (o.faster.strategy, o.slower.strategy, o.holds())).collect();
        assert_eq!(ranked, [("a", "c", true), ("b", "c", false)]);
    }
}
