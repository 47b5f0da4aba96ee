//! The document of a run on another machine, against the model of that machine.

use super::model_storm::{FAULTS, ModelStorm};
use catalogue::Entry;
use document::run::{Body, Cell, HostInfo, Interval, Key, RatedEvent, Run, World};
use host::kernel_locks::version;
use host::placement::Placement;
use inputs::machines::MachineFile;
use inputs::workload::{Workload, restored};
use rayon::prelude::*;
use std::collections::BTreeMap;
use storm::StormError;
use storm::plan::total_threads;

/// The first release in which page faults of x86 do not prefetch mmap_lock (commit 1701771d3069).
const WITHOUT_PREFETCH: (u32, u32) = (6, 16);

/// Measured and predicted rates, and cells that have no prediction.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparedDocument {
    /// Curves in the order of the document.
    pub curves: Vec<ComparedCurve>,
    /// Cells that the model cannot run, by reason.
    pub left_out: Vec<LeftOut>,
}

/// Cells that differ only in their threads.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparedCurve {
    /// The key of its first point, which other points share but for the threads.
    pub key: Key,
    /// The strategy in the model; for cells of the kernel, the one that takes the same lock.
    pub modelled: &'static str,
    /// True if faults in the model prefetch mmap_lock.
    pub entry_prefetch: bool,
    /// Faults per second of the first point in the model before the fit.
    pub unfitted: f64,
    /// Points by rising threads.
    pub points: Vec<CurvePoint>,
}

/// One cell of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct CurvePoint {
    /// All threads of the storm.
    pub threads: u32,
    /// Faults per second in the document.
    pub measured: Interval,
    /// Faults per second in the model.
    pub predicted: f64,
    /// True if the model was fitted to this point, which therefore shows nothing.
    pub fitted: bool,
}

/// Cells that were left out for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The reason.
    pub reason: String,
    /// Their ids.
    pub cells: Vec<String>,
}

impl CurvePoint {
    /// Returns the model's error as a share of the measured rate.
    pub fn error(&self) -> f64 {
        self.predicted / self.measured.median - 1.0
    }
}

impl ComparedCurve {
    /// Returns the rate of a point over the rate of the first point: measured, and predicted.
    pub fn scaling(&self, point: &CurvePoint) -> (f64, f64) {
        let first = &self.points[0];
        (point.measured.median / first.measured.median, point.predicted / first.predicted)
    }

    /// Returns the error of a point's predicted scaling as a share of the measured scaling.
    pub fn scaling_error(&self, point: &CurvePoint) -> f64 {
        let (measured, predicted) = self.scaling(point);
        predicted / measured - 1.0
    }
}

/// Runs each cell of the host and of the kernel in the model of `machine`, if the model can, with
/// the document's workload, threads, placement, body and seed. A cell of the kernel runs under the
/// strategy that takes the same lock.
///
/// The model has one number fitted for each workload, world and body, the private work of a fault,
/// by the first strategy at the fewest threads: a simulated kernel does less work.
///
/// # Errors
/// A storm of the model fails.
pub fn compare_document(run: &Run, machine: &MachineFile) -> Result<ComparedDocument, StormError> {
    let measured = MeasuredRun::new(run, machine);
    let mut left_out: Vec<LeftOut> = Vec::new();
    let mut curves: Vec<Vec<Planned<'_>>> = Vec::new();
    for cell in &run.cells {
        match measured.planned(cell) {
            Ok(planned) => {
                let same = |curve: &&mut Vec<Planned<'_>>| is_one_curve(curve[0].key, &cell.key);
                match curves.iter_mut().find(same) {
                    Some(curve) => curve.push(planned),
                    None => curves.push(vec![planned]),
                }
            }
            Err(reason) => match left_out.iter_mut().find(|known| known.reason == reason) {
                Some(known) => known.cells.push(cell.id.clone()),
                None => left_out.push(LeftOut { reason, cells: vec![cell.id.clone()] }),
            },
        }
    }
    curves.iter_mut().for_each(|curve| curve.sort_by_key(|planned| planned.key.threads));
    Ok(ComparedDocument { curves: predicted(&curves, machine)?, left_out })
}

/// True if two cells differ only in their threads.
fn is_one_curve(a: &Key, b: &Key) -> bool {
    is_one_work(a, b) && a.strategy_name() == b.strategy_name()
}

/// True if faults of two cells do the same work but for their strategies.
fn is_one_work(a: &Key, b: &Key) -> bool {
    (&a.workload_digest, a.world, a.body) == (&b.workload_digest, b.world, b.body)
}

fn predicted(
    curves: &[Vec<Planned<'_>>],
    machine: &MachineFile,
) -> Result<Vec<ComparedCurve>, StormError> {
    let first_of = |curve: &[Planned<'_>]| {
        let same = |other: &Vec<Planned<'_>>| is_one_work(other[0].key, curve[0].key);
        curves.iter().position(same).expect("a curve is like itself")
    };
    let fitted = |(number, curve): (usize, &Vec<Planned<'_>>)| {
        let leads = first_of(curve) == number;
        leads.then(|| curve[0].storm.fitted(machine, curve[0].measured.median)).transpose()
    };
    let fitted = curves.par_iter().enumerate().map(fitted);
    let fitted: Vec<Option<MachineFile>> = fitted.collect::<Result<_, StormError>>()?;
    let curve = |(number, curve): (usize, &Vec<Planned<'_>>)| {
        let leader = first_of(curve);
        let machine_fitted = fitted[leader].as_ref().expect("the first of its work has one");
        let point = |(at, planned): (usize, &Planned<'_>)| {
            Ok(CurvePoint {
                threads: planned.key.threads,
                measured: planned.measured,
                predicted: planned.storm.rate(machine_fitted)?,
                fitted: leader == number && at == 0,
            })
        };
        let points = curve.par_iter().enumerate().map(point);
        let first = &curve[0];
        Ok(ComparedCurve {
            key: first.key.clone(),
            modelled: first.storm.entry.name,
            entry_prefetch: first.storm.entry_prefetch,
            unfitted: first.storm.rate(machine)?,
            points: points.collect::<Result<_, StormError>>()?,
        })
    };
    curves.par_iter().enumerate().map(curve).collect()
}

/// A cell that the model can run.
struct Planned<'a> {
    key: &'a Key,
    measured: Interval,
    storm: ModelStorm<'a>,
}

/// A document, and what its cells share.
struct MeasuredRun<'a> {
    machine: &'a MachineFile,
    /// Workloads by digest, or the reason why the model cannot storm them.
    workloads: BTreeMap<&'a str, Result<Workload, String>>,
    /// The strategy whose lock its kernel takes.
    kernel: Result<&'static Entry, String>,
    kernel_prefetches: bool,
}

impl<'a> MeasuredRun<'a> {
    fn new(run: &'a Run, machine: &'a MachineFile) -> Self {
        let workloads = run.workloads.iter();
        let host = &run.provenance.host;
        MeasuredRun {
            workloads: workloads
                .map(|(digest, value)| (digest.as_str(), restored(value, digest)))
                .collect(),
            kernel: strategy_of(host),
            kernel_prefetches: prefetches(host),
            machine,
        }
    }

    fn planned<'s>(&'s self, cell: &'s Cell) -> Result<Planned<'s>, String> {
        let key = &cell.key;
        let measured = self.measured(cell)?;
        let workload = match self.workloads.get(key.workload_digest.as_str()) {
            Some(Ok(workload)) => workload,
            Some(Err(why)) => return Err(format!("its workload: {why}")),
            None => return Err("its workload is not in the document".to_owned()),
        };
        let (entry, entry_prefetch) = match key.world {
            World::Kernel => {
                refuse_unmodelled(workload)?;
                (self.kernel.clone()?, self.kernel_prefetches)
            }
            _ => {
                let name = key.strategy_name();
                let entry = catalogue::find(&name);
                let entry = entry.ok_or_else(|| format!("there is no strategy '{name}'"))?;
                (entry, key.entry_prefetch)
            }
        };
        if let Some(reason) = (entry.refuses)(workload) {
            return Err(format!("'{}' refuses it: {reason}", entry.name));
        }
        let storm = ModelStorm {
            entry,
            workload,
            threads: weighted_threads(workload, key.threads as usize)?,
            kernel: None,
            faults: FAULTS,
            placement: self.placement(key)?,
            real_body: key.body == Body::Real,
            entry_prefetch,
            seed: key.seed,
            warmup_ns: 0,
        };
        Ok(Planned { key, measured, storm })
    }

    /// Returns the rate of a cell; the error is the reason why it says nothing about its machine.
    fn measured(&self, cell: &Cell) -> Result<Interval, String> {
        if cell.key.world == World::Model {
            return Err("they are of a model".to_owned());
        }
        if cell.key.is_aa_twin {
            return Err("they are second copies, there for the noise of their run".to_owned());
        }
        if cell.is_oversubscribed {
            return Err("threads outnumbered CPUs, so they show the scheduler".to_owned());
        }
        cell.rate(&RatedEvent::Faults).ok_or_else(|| {
            if cell.measured.is_some() {
                return "without faults, and no rate of operations is predicted".to_owned();
            }
            let why = cell.reason.as_deref().unwrap_or("no reason given");
            format!("without a result ({}: {why})", cell.status)
        })
    }

    fn placement(&self, key: &Key) -> Result<Placement, String> {
        let (name, threads) = (&self.machine.name, key.threads as usize);
        let all = self.machine.parameters.shape.hardware_threads();
        if threads > all {
            return Err(format!(
                "{threads} threads are more than the {all} hardware threads of '{name}'"
            ));
        }
        let placement = key.placement.parse::<Placement>().map_err(|error| error.to_string())?;
        let placed = self.machine.places(&placement, threads);
        placed.map_err(|error| format!("'{name}' has not these places: {error}"))?;
        Ok(placement)
    }
}

/// Returns the strategy that takes the lock of the kernel of `host`.
fn strategy_of(host: &HostInfo) -> Result<&'static Entry, String> {
    let locks = host.kernel_locks.as_ref().and_then(|locks| locks.strategy.as_deref());
    let name = locks.ok_or("the document does not say which lock its kernel takes")?;
    let known = catalogue::find(name);
    known.ok_or_else(|| format!("there is no strategy '{name}', whose lock its kernel takes"))
}

/// True if page faults of the kernel of `host` prefetch mmap_lock.
fn prefetches(host: &HostInfo) -> bool {
    let release = host.kernel.as_deref().and_then(version);
    host.architecture.as_deref() == Some("x86_64")
        && release.is_some_and(|release| release < WITHOUT_PREFETCH)
}

/// Refuses workloads of a real kernel for which the model has no counterpart.
fn refuse_unmodelled(workload: &Workload) -> Result<(), String> {
    if workload.huge_pages {
        return Err("it has huge pages, which the model has not".to_owned());
    }
    let waits = |file: &inputs::workload::WorkloadFile| file.cached < 1.0;
    match workload.files.iter().find(|file| waits(file)) {
        Some(file) => {
            Err(format!("reads of '{}' wait for a disk that the model does not know", file.name))
        }
        None => Ok(()),
    }
}

/// Returns the threads that groups with a weight share, of `all` threads of a storm.
fn weighted_threads(workload: &Workload, all: usize) -> Result<usize, String> {
    let fixed = total_threads(workload, 1) - 1;
    let threads = all.checked_sub(fixed).filter(|threads| *threads > 0);
    threads.ok_or_else(|| format!("{all} threads, of which its workload has {fixed} by itself"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use document::run::KernelLockInfo;
    use inputs::workload::parse;

    fn host(strategy: Option<&str>, kernel: &str) -> HostInfo {
        HostInfo {
            architecture: Some("x86_64".to_owned()),
            kernel: Some(kernel.to_owned()),
            kernel_locks: Some(KernelLockInfo {
                per_vma_lock: Some(true),
                config: None,
                counts_events: false,
                strategy: strategy.map(str::to_owned),
            }),
            ..HostInfo::default()
        }
    }

    #[test]
    fn the_kernel_is_the_strategy_of_its_lock_and_prefetches_before_6_16() {
        for (strategy, kernel, prefetched) in [
            ("mmap-lock:6.2", "6.1.0-40-amd64", true),
            ("per-vma-lock", "6.12.48+deb13-amd64", true),
            ("vm-refcnt", "6.15.4", true),
            ("vm-refcnt", "6.16.0-rc1", false),
        ] {
            let host = host(Some(strategy), kernel);
            assert_eq!(strategy_of(&host).unwrap().name, strategy);
            assert_eq!(prefetches(&host), prefetched, "{kernel}");
            assert!(!prefetches(&HostInfo { architecture: Some("aarch64".to_owned()), ..host }));
        }
        let why = |strategy| strategy_of(&host(strategy, "6.18.0")).err().unwrap();
        assert!(why(None).contains("does not say which lock"));
        assert!(why(Some("range-locks")).contains("no strategy 'range-locks'"));
    }

    #[test]
    fn threads_of_a_workload_itself_do_not_share_its_weights() {
        let text = "summary = \"x\"\n[[vma]]\nname = \"v\"\nsize = \"1MiB\"\n\
                    [[group]]\nname = \"f\"\n[[group]]\nname = \"w\"\nthreads = 2\n\
                    [[op]]\ngroup = \"f\"\ntouch = { vma = \"v\", access = \"write\" }\n\
                    [[op]]\ngroup = \"w\"\nmadvise_dontneed = { vma = \"v\" }\n";
        let workload = parse("x", "x.toml", text, &[]).unwrap();
        assert_eq!(total_threads(&workload, 4), 6);
        assert_eq!(weighted_threads(&workload, 6), Ok(4));
        assert!(weighted_threads(&workload, 2).unwrap_err().contains("has 2 by itself"));
    }

    #[test]
    fn scaling_is_over_the_first_point_of_each_side() {
        let point = |threads, median, predicted| CurvePoint {
            threads,
            measured: Interval { median, low: None, high: None },
            predicted,
            fitted: false,
        };
        let curve = ComparedCurve {
            key: Key {
                workload: "w".to_owned(),
                workload_digest: "d".to_owned(),
                strategy: "kernel".to_owned(),
                variant: None,
                world: World::Kernel,
                machine: "cpu".to_owned(),
                machine_digest: None,
                kernel: None,
                kernel_digest: None,
                is_own_kernel: false,
                threads: 1,
                placement: "scatter".to_owned(),
                entry_prefetch: false,
                body: Body::Real,
                seed: 1,
                vary: BTreeMap::new(),
                is_aa_twin: false,
            },
            modelled: "vm-refcnt",
            entry_prefetch: false,
            unfitted: 1.0,
            points: vec![point(1, 100.0, 80.0), point(4, 300.0, 320.0)],
        };
        let last = &curve.points[1];
        assert_eq!(curve.scaling(last), (3.0, 4.0));
        assert!((curve.scaling_error(last) - 1.0 / 3.0).abs() < 1e-9);
        assert!((curve.points[0].error() + 0.2).abs() < 1e-9);
    }
}
