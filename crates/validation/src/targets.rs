//! Published figures, of files of targets, next to those of the model.

use super::loops;
use super::model_storm::ModelStorm;
use catalogue::{Entry, Known};
use host::placement::Placement;
use inputs::machines::MachineFile;
use inputs::targets::{Compare, Curve, KnownStrategies, Loop, Point, Subject, TargetFile};
use inputs::workload::Diagnostics;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use storm::plan::total_threads;

/// Share of the smaller figure by which two published figures must differ to have an order.
const APART: f64 = 0.05;
/// Faults of all threads, unless each would do too few or too many.
const FAULTS: usize = 65_536;
/// Faults of a thread, at least and at most.
const EACH: (usize, usize) = (512, 2048);

/// A published figure beside the model's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Name of its curve.
    pub curve: String,
    /// Unit, or what it is a ratio to.
    pub measure: String,
    /// Threads.
    pub threads: usize,
    /// The published figure.
    pub published: f64,
    /// The model's, or the reason why there is none.
    pub model: Result<f64, String>,
    /// Largest error that hits the target, as a share of the published figure.
    pub tolerance: f64,
    /// Curves that the published figure differs from, at as many threads.
    pub orders: Vec<PointOrder>,
    /// The model's lowest and highest figure with varied estimates, if it was asked for.
    pub band: Option<(f64, f64)>,
    /// True if the model was fitted to it, so that it shows nothing.
    pub fitted: bool,
}

/// Two curves whose published figures differ at a number of threads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PointOrder {
    /// Name of the other curve.
    pub other: String,
    /// True if the model has them in the same order.
    pub holds: bool,
    /// True if the order is another one with some varied estimate: the model cannot tell.
    pub turns: bool,
}

/// A file of targets, and the figures of the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// The file's stem.
    pub name: String,
    /// Its subject.
    pub summary: String,
    /// Source of the figures.
    pub source: String,
    /// Name of the machine.
    pub machine: String,
    /// The machine that was measured, if the model's is only its nearest kin.
    pub kin_of: Option<String>,
    /// True if numbers of the machine were chosen by these figures too.
    pub calibrated: bool,
    /// The trap time that was fitted, in nanoseconds.
    pub fitted_trap_ns: Option<f64>,
    /// All figures, by curve.
    pub figures: Vec<Figure>,
}

impl Figure {
    /// Returns the model's error as a share of the published figure.
    pub fn error(&self) -> Option<f64> {
        self.model.as_ref().ok().map(|model| model / self.published - 1.0)
    }

    /// True if the model is near enough, and on the right side of all that it differs from.
    pub fn holds(&self) -> bool {
        let near = self.error().is_some_and(|error| error.abs() <= self.tolerance);
        self.fitted || near && self.orders.iter().all(|order| order.holds)
    }
}

impl Compared {
    /// Returns the number of figures that are missed.
    pub fn missed(&self) -> usize {
        self.figures.iter().filter(|figure| !figure.holds()).count()
    }
}

/// Finds a file of targets by name or path.
///
/// # Errors
///
/// Every mistake of the file, or of its name.
pub fn find_targets(name_or_path: &str, known: Known) -> Result<TargetFile, Diagnostics> {
    let names = known.names();
    let has = |name: &str| known.find(name).is_some();
    TargetFile::find(name_or_path, KnownStrategies { names: &names, has: &has })
}

/// Returns the number of measurements of the model that [`compare_targets`] makes for a file.
pub fn measurements(file: &TargetFile) -> usize {
    Cell::all(file).len() + 2 * usize::from(file.fit.is_some())
}

/// Runs the model for all figures of a file. Calls `done` after each measurement of the model.
pub fn compare_targets(file: &TargetFile, known: Known, done: &(dyn Fn() + Sync)) -> Compared {
    Asked::new(file, known, file.machine(), done).fitted().compared()
}

/// A measurement of the model.
#[derive(Debug, Clone, PartialEq)]
struct Cell<'f> {
    subject: &'f Subject,
    placement: &'f Placement,
    threads: usize,
}

impl<'f> Cell<'f> {
    /// Returns all cells that a file needs, each once.
    fn all(file: &'f TargetFile) -> Vec<Self> {
        let mut all: Vec<Cell<'f>> = Vec::new();
        for curve in file.curves.iter().filter(|curve| curve.is_judged) {
            for point in &curve.points {
                let cells = std::iter::once(Cell::of(curve, point.threads));
                for cell in cells.chain(Cell::base(curve, point.threads)) {
                    if !all.contains(&cell) {
                        all.push(cell);
                    }
                }
            }
        }
        all
    }

    fn of(curve: &'f Curve, threads: usize) -> Self {
        Self { subject: &curve.subject, placement: &curve.placement, threads }
    }

    /// Returns what a figure is a ratio to.
    fn base(curve: &'f Curve, threads: usize) -> Option<Self> {
        match &curve.compare {
            Compare::Absolute => None,
            Compare::Ratio { to, placement, .. } => Some(Self { subject: to, placement, threads }),
            Compare::SpeedUp => Some(Self::of(curve, 1)),
        }
    }
}

/// A file, and the machine that it is asked of.
pub(super) struct Asked<'a> {
    file: &'a TargetFile,
    known: Known,
    machine: MachineFile,
    done: &'a (dyn Fn() + Sync),
}

impl<'a> Asked<'a> {
    pub(super) fn new(
        file: &'a TargetFile,
        known: Known,
        machine: MachineFile,
        done: &'a (dyn Fn() + Sync),
    ) -> Self {
        Self { file, known, machine, done }
    }

    /// Returns the same with the private work of a fault fitted, if the file says so. A fit that
    /// fails leaves the machine: the first figure then fails for the same reason.
    pub(super) fn fitted(mut self) -> Self {
        let Some(measured) = self.file.fit else { return self };
        let curve = &self.file.curves[0];
        if let Subject::Strategy(name) = &curve.subject
            && let Ok(machine) =
                self.storm(self.entry(name), &curve.placement, 1).fitted(&self.machine, measured)
        {
            self.machine = machine;
        }
        (self.done)();
        (self.done)();
        self
    }

    /// Runs the model for all figures.
    pub(super) fn compared(&self) -> Compared {
        let file = self.file;
        let mut cells = Cell::all(file);
        // Those with most threads take by far the longest: they come first, and no worker gets two
        // in a row.
        cells.sort_by_key(|cell| std::cmp::Reverse(cell.threads));
        let rate = |cell: &Cell<'_>| {
            let rate = self.rate(cell);
            (self.done)();
            rate
        };
        let rates: Vec<_> = cells.par_iter().with_max_len(1).map(rate).collect();
        let find = |cell: &Cell<'_>| {
            let place = cells.iter().position(|other| other == cell).expect("all were run");
            rates[place].clone()
        };
        let mut figures = Vec::new();
        for (at, curve) in file.curves.iter().enumerate().filter(|(_, curve)| curve.is_judged) {
            figures.extend(curve.points.iter().map(|point| Figure {
                curve: curve.name.clone(),
                measure: TargetFile::measure(curve),
                threads: point.threads,
                published: point.published,
                model: model(curve, point, &find),
                tolerance: point.tolerance,
                orders: orders(file, at, point, &find),
                band: None,
                fitted: file.fit.is_some() && at == 0 && point.threads == 1,
            }));
        }
        let trap_ns = self.machine.parameters.work.trap_ps as f64 / 1e3;
        Compared {
            name: file.name.clone(),
            summary: file.summary.clone(),
            source: file.source.clone(),
            machine: file.own_machine.name.clone(),
            kin_of: file.kin_of.clone(),
            calibrated: file.calibrated,
            fitted_trap_ns: file.fit.map(|_| trap_ns),
            figures,
        }
    }

    /// Returns operations or faults per second of all counted threads.
    fn rate(&self, cell: &Cell<'_>) -> Result<f64, String> {
        match cell.subject {
            Subject::Strategy(name) => {
                let storm = self.storm(self.entry(name), cell.placement, cell.threads);
                storm.rate(&self.machine).map_err(|error| error.to_string())
            }
            Subject::Loop(one) => self.loop_rate(*one, cell),
        }
    }

    fn loop_rate(&self, one: Loop, cell: &Cell<'_>) -> Result<f64, String> {
        let places = self.machine.places(cell.placement, cell.threads + one.writers);
        let places = places.map_err(|error| error.to_string())?;
        loops::rate(&self.machine.parameters, &places, one)
    }

    fn entry(&self, name: &str) -> &'static Entry {
        self.known.find(name).expect("the file was checked")
    }

    fn storm(
        &self,
        entry: &'static Entry,
        placement: &Placement,
        threads: usize,
    ) -> ModelStorm<'_> {
        let workload = self.file.workload.as_ref().expect("the file was checked");
        let total = total_threads(workload, threads);
        ModelStorm {
            entry,
            workload,
            threads,
            kernel: self.file.kernel,
            faults: (FAULTS / total).clamp(EACH.0, EACH.1) as u64,
            placement: placement.clone(),
            real_body: true,
            entry_prefetch: false,
            seed: 1,
            warmup_ns: 0,
        }
    }
}

type Rate = Result<f64, String>;

/// Returns the model's figure of a point, from the rates of its cells.
fn model(curve: &Curve, point: &Point, find: &dyn Fn(&Cell<'_>) -> Rate) -> Rate {
    let figure = |cell: Cell<'_>| Ok(curve.unit.figure(find(&cell)?, cell.threads));
    let own: f64 = figure(Cell::of(curve, point.threads))?;
    match Cell::base(curve, point.threads) {
        None => Ok(own),
        Some(base) => figure(base).map(|base| own / base),
    }
}

/// Returns the curves whose published figures differ from a point's, and whether the model has the
/// same order: earlier curves that are compared as they are, or what the point is a ratio to.
fn orders(
    file: &TargetFile,
    at: usize,
    point: &Point,
    find: &dyn Fn(&Cell<'_>) -> Rate,
) -> Vec<PointOrder> {
    let curve = &file.curves[at];
    let own = model(curve, point, find);
    let order = |other: &str, published: f64, model: Rate| {
        let apart = (point.published / published).max(published / point.published) > 1.0 + APART;
        let greater = point.published > published;
        let holds = matches!((&own, model), (Ok(own), Ok(other)) if (*own > other) == greater);
        apart.then(|| PointOrder { other: other.to_owned(), holds, turns: false })
    };
    if let Compare::Ratio { name, .. } = &curve.compare {
        return order(name, 1.0, Ok(1.0)).into_iter().collect();
    }
    if curve.compare == Compare::SpeedUp {
        return Vec::new();
    }
    let earlier = file.curves[..at].iter().filter(|other| {
        other.compare == Compare::Absolute
            && (other.unit, &other.placement) == (curve.unit, &curve.placement)
    });
    let at_point = |other: &Curve| {
        let same = other.points.iter().find(|one| one.threads == point.threads)?;
        order(&other.name, same.published, model(other, same, find))
    };
    earlier.filter_map(at_point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use inputs::targets::shipped;

    fn find(name: &str) -> TargetFile {
        find_targets(name, Known::SHIPPED).unwrap_or_else(|wrong| panic!("{wrong}"))
    }

    fn compared(file: &TargetFile) -> Vec<Figure> {
        compare_targets(file, Known::SHIPPED, &|| {}).figures
    }

    #[track_caller]
    fn assert_none_is_missed(figures: &[Figure]) {
        let missed: Vec<_> = figures.iter().filter(|figure| !figure.holds()).collect();
        assert!(missed.is_empty(), "{missed:#?}");
    }

    #[test]
    fn every_shipped_file_is_right() {
        shipped().iter().for_each(|(name, _)| drop(find(name)));
    }

    #[test]
    fn tight_loops_are_as_published() {
        for name in ["perfbook-hand-over", "perfbook-fetch-add", "downs-skylake-client"] {
            assert_none_is_missed(&compared(&find(name)));
        }
    }

    /// No number of the machine was chosen with it but the work at one thread. The per-VMA lock is
    /// too slow with more threads.
    #[test]
    fn faults_on_one_vma_are_as_published() {
        let mut file = find("pft-icelake");
        for (curve, most) in file.curves.iter_mut().zip([48, 7]) {
            curve.points.retain(|point| point.threads <= most);
        }
        let figures = compared(&file);
        assert!(figures[0].fitted && figures[0].error().unwrap().abs() < 0.01);
        assert!(figures.iter().any(|figure| !figure.orders.is_empty()));
        assert_none_is_missed(&figures);
    }

    #[test]
    fn a_figure_on_the_wrong_side_of_another_is_missed() {
        let order = |holds| vec![PointOrder { other: "a".to_owned(), holds, turns: false }];
        let figure = |model, orders| Figure {
            curve: "b".to_owned(),
            measure: "op/s".to_owned(),
            threads: 2,
            published: 100.0,
            model,
            tolerance: 0.2,
            orders,
            band: None,
            fitted: false,
        };
        assert!(figure(Ok(119.0), order(true)).holds());
        assert!(!figure(Ok(121.0), order(true)).holds());
        assert!(!figure(Ok(119.0), order(false)).holds());
        assert!(!figure(Err("starved".to_owned()), Vec::new()).holds());
    }

    /// Without contention and with a body, a loop takes its body and no longer; with readers of a
    /// line of their own, threads do not slow each other.
    #[test]
    fn every_loop_runs_and_one_thread_does_what_its_body_says() {
        let text = |kind: &str| {
            format!(
                "summary = \"s\"\nsource = \"p\"\nmachine = \"xeon-icelake-2s\"\nunit = \"ns\"\n\
                 tolerance = 0.1\nthreads = [1, 4]\ncritical-ns = 3000\nparallel-ns = 2000\n\
                 [[curve]]\nloop = \"{kind}\"\npublished = [5000, 5000]\n"
            )
        };
        let names = [];
        for kind in inputs::targets::LoopKind::names() {
            let known = KnownStrategies { names: &names, has: &|_| false };
            let file = TargetFile::parse("x", "x.toml", &text(kind), known).unwrap();
            let figures = compared(&file);
            let (one, four) = (&figures[0], &figures[1]);
            // Turns of a hand-over exclude each other, as locks do.
            assert!(one.holds(), "{kind}: {one:?}");
            let excludes = ["ticket-lock", "queued-lock", "rwsem-write"].contains(&kind);
            let model = *four.model.as_ref().unwrap();
            assert_eq!(excludes, model > 10_000.0, "{kind}: {model}");
        }
    }

    #[test]
    fn a_writer_makes_readers_of_a_count_slower() {
        let text = "summary = \"s\"\nsource = \"p\"\nmachine = \"xeon-icelake-2s\"\n\
             unit = \"op/s\"\ntolerance = 0.1\nthreads = [8]\n\
             [[curve]]\nloop = \"seqcount-read\"\npublished = [1]\n\
             [[curve]]\nloop = \"seqcount-read\"\npublished = [1]\nwriters = 1\n";
        let known = KnownStrategies { names: &[], has: &|_| false };
        let file = TargetFile::parse("x", "x.toml", text, known).unwrap();
        let figures = compared(&file);
        let [alone, beside] = [0, 1].map(|at| *figures[at].model.as_ref().unwrap());
        assert!(beside < alone / 5.0, "{beside} {alone}");
    }
}
