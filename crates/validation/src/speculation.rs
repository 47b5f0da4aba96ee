//! Speculative page faults: T8 and T9, ratios of rates of real kernels.
//!
//! Nothing is fitted, and neither machine is shipped: each ratio is asked of the nearest kin that
//! is. An error says as much about the kin as about the model.

use super::figure::{Figure, around};
use super::model_storm::ModelStorm;
use catalogue::STRATEGIES;
use host::placement::Placement;
use inputs::machines::MachineFile;
use inputs::workload::{self, Workload};
use rayon::prelude::*;
use storm::StormError;

/// Largest error, as a share of the published ratio, that hits T8 and T9.
const TOLERANCE: f64 = 0.35;

/// A ratio of two rates.
struct Ratio {
    target: &'static str,
    workload: &'static str,
    machine: &'static str,
    /// Strategy and threads of both rates.
    of: (&'static str, usize),
    to: (&'static str, usize),
    published: f64,
}

/// Lespinasse, `[RFC PATCH 00/37] Speculative page faults`, 6 April 2021: one anonymous VMA on
/// two E5-2690v3 (24 cores, 48 threads). The scheme scales 24-fold, is 3.7 times as fast as
/// mmap_lock, and loses 62 % with one reference on the VMA around the copy.
const T8: [Ratio; 3] = [
    on_one_vma(("speculative", 48), ("speculative", 1), 24.0),
    on_one_vma(("speculative", 48), ("mmap-lock:5.12", 48), 3.7),
    on_one_vma(("speculative:refcount", 48), ("speculative", 48), 0.38),
];

const fn on_one_vma(of: (&'static str, usize), to: (&'static str, usize), published: f64) -> Ratio {
    Ratio { target: "T8", workload: "huge-anon", machine: "xeon-icelake-2s", of, to, published }
}

/// Song, reply to version 12 of Dufour's series, 20 June 2019: will-it-scale as 72 threads on two
/// Skylake sockets of 18 cores, the series on over off. It does anonymous memory only, so both
/// loops fall back: the loss is the price of the attempt.
const T9: [Ratio; 2] = [
    on_files("wis-page-fault2", 2_385_165.8 / 2_653_260.7),
    on_files("wis-page-fault3", 3_886_734.2 / 4_436_330.1),
];

const fn on_files(workload: &'static str, published: f64) -> Ratio {
    let (of, to) = (("speculative-vma", 72), ("mmap-lock:5.12", 72));
    Ratio { target: "T9", workload, machine: "xeon-cascadelake-2s", of, to, published }
}

/// Runs T8: what speculation gains on one anonymous VMA, and loses by a reference.
///
/// # Errors
/// If a storm fails.
pub fn t8() -> Result<Vec<Figure>, StormError> {
    T8.par_iter().map(Ratio::figure).collect()
}

/// Runs T9: what an attempt costs that always falls back.
///
/// # Errors
/// If a storm fails.
pub fn t9() -> Result<Vec<Figure>, StormError> {
    T9.par_iter().map(Ratio::figure).collect()
}

impl Ratio {
    fn figure(&self) -> Result<Figure, StormError> {
        let ((of, threads), (to, others)) = (self.of, self.to);
        let what = match (of == to, self.target) {
            (true, _) => format!("{of}, {threads} threads to {others}"),
            (false, "T9") => format!("{of}, {}", self.workload),
            (false, _) => format!("{of} to {to}, {threads}"),
        };
        Ok(Figure {
            target: self.target,
            what,
            unit: "x",
            published: self.published,
            model: self.rate(self.of)? / self.rate(self.to)?,
            threads,
            accepts: around(self.published, TOLERANCE),
            fitted: false,
        })
    }

    /// Returns the rate of faults of a strategy at a number of threads.
    fn rate(&self, (strategy, threads): (&str, usize)) -> Result<f64, StormError> {
        let machine = MachineFile::find(self.machine);
        let machine = machine.unwrap_or_else(|wrong| unreachable!("it is shipped: {wrong}"));
        let storm = ModelStorm {
            entry: catalogue::find(strategy).expect("it is in the table"),
            workload: &workload(self.workload),
            threads,
            placement: Placement::Scatter,
            real_body: true,
            entry_prefetch: false,
            seed: 1,
            warmup_ns: 0,
        };
        storm.rate(&machine)
    }
}

fn workload(name: &str) -> Workload {
    let (_, text) = workload::shipped().iter().find(|(n, _)| *n == name).expect("it is shipped");
    let strategies: Vec<&str> = STRATEGIES.iter().map(|entry| entry.name).collect();
    workload::parse(name, &format!("{name}.toml"), text, &strategies)
        .unwrap_or_else(|wrong| unreachable!("shipped workloads are right: {wrong}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speculation_gains_and_a_reference_loses() {
        let [own, gain, loss] = t8().unwrap().try_into().unwrap();
        assert!(
            own.model > 5.0 && gain.model > 1.5 && loss.model < 0.8,
            "{own:?} {gain:?} {loss:?}"
        );
    }
}
