//! Speculative page faults: T8 and T9, ratios of rates of real kernels.
//!
//! Nothing is fitted, and neither machine is shipped: each ratio is asked of the nearest kin that
//! is. An error says as much about the kin as about the model.

use super::figure::{Figure, around};
use super::model_storm::{ModelStorm, shipped_workload};
use host::placement::Placement;
use inputs::machines::MachineFile;
use rayon::prelude::*;
use storm::StormError;

/// Largest error, as a share of the published ratio, that hits T8 and T9.
const TOLERANCE: f64 = 0.35;

/// A ratio of two rates.
struct Ratio {
    target: &'static str,
    what: &'static str,
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
    on_one_vma("speculative, 48 threads to 1", ("speculative", 48), ("speculative", 1), 24.0),
    on_one_vma("it to mmap-lock:5.12, 48", ("speculative", 48), ("mmap-lock:5.12", 48), 3.7),
    on_one_vma("it with a reference, 48", ("speculative:refcount", 48), ("speculative", 48), 0.38),
];

const fn on_one_vma(
    what: &'static str,
    of: (&'static str, usize),
    to: (&'static str, usize),
    published: f64,
) -> Ratio {
    let (workload, machine) = ("huge-anon", "xeon-icelake-2s");
    Ratio { target: "T8", what, workload, machine, of, to, published }
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
    Ratio {
        target: "T9",
        what: workload,
        workload,
        machine: "xeon-cascadelake-2s",
        of,
        to,
        published,
    }
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
        Ok(Figure {
            target: self.target,
            what: self.what.to_owned(),
            unit: "x",
            published: self.published,
            model: self.rate(self.of)? / self.rate(self.to)?,
            threads: self.of.1,
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
            workload: &shipped_workload(self.workload),
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
