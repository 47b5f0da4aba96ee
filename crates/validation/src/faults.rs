//! Page faults of a real kernel: T6 and T7.

use super::figure::{Figure, around};
use super::model_storm::{ModelStorm, shipped_workload};
use catalogue::Entry;
use host::placement::Placement;
use inputs::machines::MachineFile;
use inputs::machines::vary::{Settings, varied};
use inputs::workload::Workload;
use rayon::prelude::*;
use storm::StormError;

/// Largest error, as a share of the published rate, that hits T6.
const TOLERANCE: f64 = 0.35;
/// Largest distance from the published ratio that hits T7: with a core for each thread, and with
/// hyperthreads that share cores.
const RATIO_TOLERANCE: (f64, f64) = (0.15, 0.3);
/// Cores of the machine that T6 and T7 were measured on.
const CORES: usize = 64;

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

/// The same mail and runs: the per-VMA lock as it was merged in 6.4 (columns `v2+opt`), as a
/// share of the rates above, in the same order.
const PER_VMA: [f64; 10] = [0.995, 0.919, 0.989, 1.059, 1.077, 1.123, 1.196, 1.238, 1.274, 1.246];

/// Runs T6: faults per second in one huge anonymous VMA under mmap_lock of Linux 6.2, with
/// `settings` of the machine.
///
/// # Errors
/// A storm fails.
pub fn t6(settings: &Settings) -> Result<Vec<Figure>, StormError> {
    t6_at(settings, &PUBLISHED)
}

fn t6_at(settings: &Settings, published: &[(usize, f64)]) -> Result<Vec<Figure>, StormError> {
    let entry = catalogue::find("mmap-lock:6.2").expect("it is in the table");
    let workload = shipped_workload("huge-anon");
    let machine = fitted(settings, entry, &workload)?;
    let figure = |&(threads, published): &(usize, f64)| {
        Ok(Figure {
            target: "T6",
            what: format!("mmap-lock:6.2, {threads} threads"),
            unit: "M/s",
            published: published / 1e6,
            model: model_storm(entry, &workload, threads).rate(&machine)? / 1e6,
            threads,
            accepts: around(published / 1e6, TOLERANCE),
            fitted: threads == 1,
        })
    };
    // Points with many threads take by far the longest: no worker gets two of them in a row.
    published.par_iter().with_max_len(1).map(figure).collect()
}

/// Runs T7: the rate under the per-VMA lock of Linux 6.4 over the rate under mmap_lock, which
/// `t6` has found with the same settings.
///
/// # Errors
/// A storm fails.
pub fn t7(settings: &Settings, t6: &[Figure]) -> Result<Vec<Figure>, StormError> {
    let find = |name| catalogue::find(name).expect("it is in the table");
    let workload = shipped_workload("huge-anon");
    let machine = fitted(settings, find("mmap-lock:6.2"), &workload)?;
    let figure = |(published, mmap_lock): (&f64, &Figure)| {
        let (threads, published) = (mmap_lock.threads, *published);
        let alone = model_storm(find("per-vma-lock:6.4"), &workload, threads).rate(&machine)? / 1e6;
        let (near, far) = RATIO_TOLERANCE;
        let tolerance = if threads <= CORES { near } else { far };
        Ok(Figure {
            target: "T7",
            what: format!("per-vma-lock:6.4 to it, {threads} threads"),
            unit: "ratio",
            published,
            model: alone / mmap_lock.model,
            threads,
            accepts: side(threads, published - tolerance, published + tolerance),
            fitted: false,
        })
    };
    PER_VMA.par_iter().zip(t6).with_max_len(1).map(figure).collect()
}

/// Narrows bounds of a ratio to the side of 1 on which it was published: below at 4 threads,
/// above from 21 threads on.
fn side(threads: usize, from: f64, to: f64) -> (f64, f64) {
    match threads {
        4 => (from, to.min(1.0)),
        21.. => (from.max(1.0), to),
        _ => (from, to),
    }
}

/// Returns the machine with `settings`, fitted so that one thread is as fast as published.
fn fitted(
    settings: &Settings,
    entry: &'static Entry,
    workload: &Workload,
) -> Result<MachineFile, StormError> {
    let machine = MachineFile::find("xeon-icelake-2s");
    let mut machine = machine.unwrap_or_else(|wrong| unreachable!("it is shipped: {wrong}"));
    machine.parameters = varied(&machine.parameters, settings);
    let (threads, published) = PUBLISHED[0];
    model_storm(entry, workload, threads).fitted(&machine, published)
}

fn model_storm<'a>(
    entry: &'static Entry,
    workload: &'a Workload,
    threads: usize,
) -> ModelStorm<'a> {
    ModelStorm {
        entry,
        workload,
        threads,
        // Sockets in turn and cores before siblings, as a scheduler spreads threads that
        // nobody pins.
        placement: Placement::Scatter,
        real_body: true,
        entry_prefetch: false,
        seed: 1,
        warmup_ns: 0,
    }
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
        // Points at which each thread has a core. The others take four times as long as these.
        let missed = missed(&[], &PUBLISHED[..7]);
        assert!(missed.is_empty(), "{missed:#?}");
    }

    #[test]
    fn the_per_vma_lock_gains_and_loses_as_published() {
        let settings = Settings::new();
        let t6 = t6_at(&settings, &PUBLISHED[..5]).unwrap();
        let t7 = t7(&settings, &t6).unwrap();
        assert!(t7.len() == 5 && t7.iter().all(Figure::holds), "{t7:#?}");
    }

    #[test]
    fn the_verdict_depends_on_reuse() {
        let few = &PUBLISHED[..4];
        assert!(missed(&[("reuse_k", 3.0)], few).is_empty());
        assert!(!missed(&[("reuse_k", 1.0)], few).is_empty(), "compare-exchange loops starve");
    }
}
