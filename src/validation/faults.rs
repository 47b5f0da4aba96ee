//! Page faults of a real kernel: T6.

use super::{Figure, around};
use crate::host::placement::Placement;
use crate::machines::Machine;
use crate::machines::vary::{Settings, varied};
use crate::storm::{ModelSpec, StormError};
use crate::strategy::{self, Entry, STRATEGIES};
use crate::workload::{self, Limits, Until, Workload};
use rayon::prelude::*;

/// Faults a thread: batches turn over several times.
const FAULTS: u64 = 2048;
/// Error at which T6 is missed.
const TOLERANCE: f64 = 0.35;

/// Punit Agrawal, reply to `[PATCH v2 00/33] Per-VMA locks`, linux-mm, February 2023: pft
/// on one anonymous VMA of about 100 GB, 2-socket Ice Lake 8336C (64 cores, 128 threads),
/// mmap_lock of 6.2-rc4.
const PUBLISHED: [(usize, f64); 10] = [
    (1, 898_781.77),
    (4, 2_965_588.97),
    (7, 4_144_512.4),
    (12, 4_969_513.69),
    (21, 5_814_379.48),
    (30, 6_153_685.37),
    (48, 6_197_953.13),
    (79, 6_167_135.37),
    (110, 6_264_768.22),
    (128, 6_460_727.82),
];

/// Faults per second on one huge anonymous VMA under mmap_lock as Linux 6.2 has it, with
/// these of the machine's numbers set.
///
/// # Errors
/// Where a storm fails.
pub fn t6(settings: &Settings) -> Result<Vec<Figure>, StormError> {
    t6_at(settings, &PUBLISHED)
}

fn t6_at(settings: &Settings, published: &[(usize, f64)]) -> Result<Vec<Figure>, StormError> {
    let machine = Machine::find("xeon-icelake-2s");
    let mut machine = machine.unwrap_or_else(|wrong| unreachable!("it is shipped: {wrong}"));
    machine.parameters = varied(&machine.parameters, settings);
    let entry = strategy::find("mmap-lock:6.2").expect("it is in the table");
    let workload = huge_anon();
    fit_private_work(&mut machine, entry, &workload)?;
    let figure = |&(threads, published): &(usize, f64)| {
        Ok(Figure {
            target: "T6",
            what: format!("mmap-lock:6.2, {threads} threads"),
            unit: "M/s",
            published: published / 1e6,
            model: rate(&machine, entry, &workload, threads)? / 1e6,
            threads,
            accepts: around(published / 1e6, TOLERANCE),
            fitted: threads == 1,
        })
    };
    published.par_iter().map(figure).collect()
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
    machine: &mut Machine,
    entry: &Entry,
    workload: &Workload,
) -> Result<(), StormError> {
    let (_, published) = PUBLISHED[0];
    let lacks_ns = 1e9 / published - 1e9 / rate(machine, entry, workload, 1)?;
    let trap_ps = machine.parameters.work.trap_ps as f64 + lacks_ns * 1000.0;
    machine.parameters.work.trap_ps = trap_ps.max(0.0) as u64;
    Ok(())
}

fn rate(
    machine: &Machine,
    entry: &Entry,
    workload: &Workload,
    threads: usize,
) -> Result<f64, StormError> {
    // Sockets in turn and cores before siblings, as a scheduler spreads threads that nobody
    // pins.
    let places = machine.places(&Placement::Scatter, threads).expect("there are cores");
    let spec = ModelSpec {
        workload,
        threads,
        machine: &machine.parameters,
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

    fn missed(settings: &[(&str, f64)], published: &[(usize, f64)]) -> Vec<Figure> {
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), *value));
        let figures = t6_at(&settings.collect(), published).unwrap();
        figures.into_iter().filter(|figure| !figure.holds()).collect()
    }

    #[test]
    fn faults_under_mmap_lock_are_as_published() {
        let missed = missed(&[], &PUBLISHED);
        assert!(missed.is_empty(), "{missed:#?}");
    }

    #[test]
    fn the_verdict_depends_on_reuse_and_on_hoisting() {
        let few = &PUBLISHED[..4];
        assert!(missed(&[("reuse_k", 3.0)], few).is_empty());
        assert!(!missed(&[("reuse_k", 1.0)], few).is_empty(), "compare-exchange loops starve");
        let fast = missed(&[("reuse_k", 4.0), ("hoist", 1.0)], few);
        assert!(!fast.is_empty() && fast.iter().all(|figure| figure.error() > 0.0), "{fast:#?}");
        let apart = missed(&[("reuse_k", 4.0), ("hoist", 1.0), ("merge", 0.0)], few);
        assert!(apart.is_empty(), "{apart:#?}");
    }
}
