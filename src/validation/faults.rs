//! Page faults of a real kernel: T6.

use super::{Figure, around};
use crate::machine::model::{Parameters, Place};
use crate::machines::Machine;
use crate::storm::{ModelSpec, StormError};
use crate::strategy::{self, Entry, STRATEGIES};
use crate::workload::{self, Limits, Until, Workload};
use std::fmt;

/// Faults a thread: batches turn over several times.
const FAULTS: u64 = 2048;
/// Threads at which hyperthreads begin to share cores; beyond, they slow each other by a
/// factor for which there is no source.
const CORES: usize = 64;
/// Error at which T6 is missed.
const TOLERANCE: f64 = 0.35;

/// Punit Agrawal, reply to `[PATCH v2 00/33] Per-VMA locks`, linux-mm, February 2023: pft
/// on one anonymous VMA of about 100 GB, 2-socket Ice Lake 8336C, mmap_lock of 6.2-rc4.
const PUBLISHED: [(usize, f64); 7] = [
    (1, 898_781.77),
    (4, 2_965_588.97),
    (7, 4_144_512.4),
    (12, 4_969_513.69),
    (21, 5_814_379.48),
    (30, 6_153_685.37),
    (48, 6_197_953.13),
];

/// What of the model is not known, and is varied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Knobs {
    /// Accesses that an owner completes while others wait; `None`: the machine's.
    pub reuse_k: Option<u16>,
    /// Whether independent loads are done along with the lock.
    pub hoist_loads: bool,
    /// Whether an access joins the core's own prefetch of its line.
    pub merge: bool,
}

impl Default for Knobs {
    fn default() -> Self {
        Self { reuse_k: None, hoist_loads: false, merge: true }
    }
}

impl fmt::Display for Knobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reuse_k {
            Some(k) => write!(f, "reuse-k {k}")?,
            None => write!(f, "reuse-k as it is")?,
        }
        f.write_str(if self.hoist_loads { ", loads hoisted" } else { "" })?;
        f.write_str(if self.merge { "" } else { ", no merging" })
    }
}

/// Faults per second on one huge anonymous VMA under mmap_lock as Linux 6.2 has it.
///
/// # Errors
/// Where a storm fails.
pub fn t6(knobs: Knobs) -> Result<Vec<Figure>, StormError> {
    let machine = Machine::find("xeon-icelake-2s");
    let mut parameters = machine.unwrap_or_else(|w| unreachable!("it is shipped: {w}")).parameters;
    parameters.hoist_loads = knobs.hoist_loads;
    parameters.merge_own_requests = knobs.merge;
    parameters.reuse_k = knobs.reuse_k.unwrap_or(parameters.reuse_k);
    let entry = strategy::find("mmap-lock:6.2").expect("it is in the table");
    let workload = huge_anon();
    fit_private_work(&mut parameters, entry, &workload)?;
    let figure = |(threads, published): (usize, f64)| {
        Ok(Figure {
            target: "T6",
            what: format!("mmap-lock:6.2, {threads} threads"),
            unit: "M/s",
            published: published / 1e6,
            model: rate(&parameters, entry, &workload, threads)? / 1e6,
            threads,
            accepts: around(published / 1e6, TOLERANCE),
            fitted: threads == 1,
        })
    };
    PUBLISHED.into_iter().filter(|(threads, _)| *threads <= CORES).map(figure).collect()
}

fn huge_anon() -> Workload {
    let (_, text) = workload::shipped().iter().find(|(n, _)| *n == "huge-anon").expect("shipped");
    let names: Vec<&str> = STRATEGIES.iter().map(|entry| entry.name).collect();
    let limits = Limits { memory_bytes: u64::MAX };
    workload::parse("huge-anon", "huge-anon.toml", text, &names, &limits)
        .unwrap_or_else(|wrong| unreachable!("shipped workloads are right: {wrong}"))
}

/// Makes one thread as fast as published: by the trap, which stands for all that the
/// simulated kernel leaves out.
fn fit_private_work(
    parameters: &mut Parameters,
    entry: &Entry,
    workload: &Workload,
) -> Result<(), StormError> {
    let (_, published) = PUBLISHED[0];
    let lacks_ns = 1e9 / published - 1e9 / rate(parameters, entry, workload, 1)?;
    let trap_ps = parameters.work.trap_ps as f64 + lacks_ns * 1000.0;
    parameters.work.trap_ps = trap_ps.max(0.0) as u64;
    Ok(())
}

fn rate(
    parameters: &Parameters,
    entry: &Entry,
    workload: &Workload,
    threads: usize,
) -> Result<f64, StormError> {
    // Sockets in turn, as a scheduler spreads threads that nobody pins.
    let per_socket = parameters.shape.cores_per_socket;
    let place = |core: usize| {
        let socket = (core % usize::from(parameters.shape.sockets)) as u16;
        let core = (core / usize::from(parameters.shape.sockets)) as u16;
        Place { agent: socket * per_socket + core, socket }
    };
    let places: Vec<Place> = (0..threads).map(place).collect();
    let spec = ModelSpec {
        workload,
        threads,
        machine: parameters,
        places: &places,
        real_body: true,
        entry_prefetch: false,
        seed: 1,
        warmup_ns: 0,
        until: Until::Faults(FAULTS),
        trace: None,
    };
    let storm = (entry.model)(&spec)?.storm;
    let faults: u64 = storm.threads.iter().map(|thread| thread.faults).sum();
    Ok(faults as f64 / storm.window_ns * 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_under_mmap_lock_are_as_published() {
        let figures = t6(Knobs::default()).unwrap();
        let missed: Vec<&Figure> = figures.iter().filter(|figure| !figure.holds()).collect();
        assert!(missed.is_empty(), "{missed:#?}");
    }
}
