//! The storms of a workload, in either world.

use super::draw::Draw;
use crate::ask::all_of;
use faultstorm::host::affinity;
use faultstorm::host::clock::Clock;
use faultstorm::host::placement::Placement;
use faultstorm::machine::model::Place;
use faultstorm::machines::{MachineFile, shipped};
use faultstorm::mm::frames::Arena;
use faultstorm::storm::{
    Executor, ModelExecutor, Recording, Storm, StormError, StormRequest, ThreadExecutor, needs,
    plan,
};
use faultstorm::strategy::Entry;
use faultstorm::workload::Workload;
use std::sync::Arc;

/// Threads per CPU of this machine.
const OVERSUBSCRIBED: usize = 4;
/// Largest exponent of the random number of threads in the model: up to 2 to this power.
const MODEL_THREADS_LOG_MAX: u64 = 6;
/// Largest body memory; a workload that needs more storms without page bodies.
const BODY_BYTES_MAX: u64 = 1 << 30;

/// Totals of all storms.
#[derive(Default)]
pub struct Totals {
    pub storms: u64,
    pub faults: u64,
    pub operations: u64,
}

impl Totals {
    /// Adds a storm whose books balance.
    ///
    /// # Errors
    /// If a fault found no memory, which must not happen: a storm's needs are computed beforehand.
    fn add(&mut self, storm: &Storm) -> Result<(), String> {
        self.storms += 1;
        self.faults += storm.counts.faults;
        self.operations += storm.ops.iter().flatten().map(|times| times.len()).sum::<u64>();
        match storm.counts.oom {
            0 => Ok(()),
            oom => Err(format!("{oom} faults found no memory")),
        }
    }
}

/// The storms of a workload.
pub enum Storms<'a> {
    Host(Host<'a>),
    Model(Box<Modelled<'a>>),
}

impl<'a> Storms<'a> {
    pub fn new(workload: &'a Workload, seed: u64, on_host: bool, draw: &mut Draw) -> Self {
        match on_host {
            true => Self::Host(Host::new(workload, seed, draw)),
            false => Self::Model(Modelled::new(workload, seed, draw).into()),
        }
    }

    /// Returns the storms of two threads with page bodies on this machine.
    pub fn of_two(workload: &'a Workload, seed: u64) -> Self {
        Self::Host(Host::of(workload, seed, 2))
    }

    /// Returns the world, as the command line names it.
    pub fn world(&self) -> String {
        match self {
            Self::Host(_) => "host".to_owned(),
            Self::Model(model) => format!("model:{}", model.machine.name),
        }
    }

    pub fn threads(&self) -> usize {
        match self {
            Self::Host(host) => host.threads,
            Self::Model(model) => model.threads,
        }
    }

    /// Returns the properties drawn in addition to the workload, as flags of `faultstorm run`.
    pub fn flags(&self) -> String {
        let (seed, real_body, entry_prefetch, more) = match self {
            Self::Host(host) => (host.seed, host.real_body, host.entry_prefetch, host.recorded()),
            Self::Model(model) => {
                let placement = format!("--placement {}", model.placement);
                (model.seed, model.real_body, model.entry_prefetch, placement)
            }
        };
        let body = if real_body { "real" } else { "none" };
        let prefetch = if entry_prefetch { "on" } else { "off" };
        format!("--seed {seed} --body {body} --entry-prefetch {prefetch} {more}")
    }

    /// Runs one storm, whose books must balance.
    ///
    /// # Errors
    /// If they do not balance, or anything else is wrong.
    pub fn storm(&self, entry: &Entry, totals: &mut Totals) -> Result<(), String> {
        match self {
            Self::Host(host) => host.storm(entry, totals),
            Self::Model(model) => model.storm(entry, totals),
        }
    }
}

/// Storms on this machine.
pub struct Host<'a> {
    workload: &'a Workload,
    threads: usize,
    seed: u64,
    cpus: Vec<usize>,
    real_body: bool,
    entry_prefetch: bool,
    recording: Recording,
    arena: Arc<Arena>,
}

impl<'a> Host<'a> {
    fn new(workload: &'a Workload, seed: u64, draw: &mut Draw) -> Self {
        let allowed = affinity::allowed_cpus().expect("the kernel says where we may run");
        let host = Self::of(workload, seed, OVERSUBSCRIBED * allowed.len());
        let real_body = host.real_body && !draw.one_in(3);
        let recordings =
            [Recording::Throughput, Recording::Lines, Recording::Audit, Recording::Stages];
        let entry_prefetch = draw.one_in(4);
        let recording = if draw.one_in(2) { recordings[0] } else { draw.pick(&recordings) };
        Self { real_body, entry_prefetch, recording, ..host }
    }

    /// Returns storms with bodies, unless those are too large.
    fn of(workload: &'a Workload, seed: u64, threads: usize) -> Self {
        let allowed = affinity::allowed_cpus().expect("the kernel says where we may run");
        let total = plan::total_threads(workload, threads);
        let needs = needs::needs(workload, threads, seed, workload.until, u64::MAX);
        let needs = needs.expect("drawn workloads are small");
        let real_body = needs.content_bytes() < BODY_BYTES_MAX;
        let frames = if real_body { needs.frames } else { 1 };
        Self {
            workload,
            threads,
            seed,
            cpus: allowed.iter().copied().cycle().take(total).collect(),
            real_body,
            entry_prefetch: false,
            recording: Recording::Throughput,
            arena: Arena::new(frames).expect("there is memory"),
        }
    }

    /// Returns the flags of the passes that record the same; no run has an audited pass.
    fn recorded(&self) -> String {
        let flags = match self.recording {
            Recording::Throughput => "--no-lines",
            Recording::Lines => "",
            Recording::Stages => "--no-lines --stages",
            Recording::Audit => "# audited, as only 'faultstorm check' does",
        };
        flags.to_owned()
    }

    fn storm(&self, entry: &Entry, totals: &mut Totals) -> Result<(), String> {
        let spec = StormRequest {
            workload: self.workload,
            weighted_threads: self.threads,
            real_body: self.real_body,
            entry_prefetch: self.entry_prefetch,
            kernel: None,
            seed: self.seed,
            warmup_ns: self.workload.warmup_ns,
            until: self.workload.until,
            executor: Executor::Threads(ThreadExecutor {
                cpus: &self.cpus,
                recording: self.recording,
                sample_period: 16,
                clock: Clock::new(),
                arena: &self.arena,
            }),
        };
        let storm = (entry.run)(&spec).map_err(|error| error.to_string())?;
        totals.add(&storm)
    }
}

/// Storms in the model.
pub struct Modelled<'a> {
    workload: &'a Workload,
    threads: usize,
    seed: u64,
    machine: MachineFile,
    placement: Placement,
    places: Vec<Place>,
    real_body: bool,
    entry_prefetch: bool,
}

impl<'a> Modelled<'a> {
    fn new(workload: &'a Workload, seed: u64, draw: &mut Draw) -> Self {
        let names: Vec<&str> = shipped().iter().map(|(name, _)| *name).collect();
        let machine = MachineFile::find(draw.pick(&names)).expect("it is shipped");
        let beside = plan::total_threads(workload, 1) - 1;
        let room = machine.parameters.shape.hardware_threads() - beside;
        let most = 2 << draw.below(MODEL_THREADS_LOG_MAX);
        let threads = 1 + draw.below(most.min(room as u64)) as usize;
        let placement = match draw.below(3) {
            0 => Placement::Compact,
            1 => Placement::Smt,
            _ => Placement::Scatter,
        };
        let places = machine
            .places(&placement, threads + beside)
            .expect("these placements are on every machine");
        Self {
            workload,
            threads,
            seed,
            machine,
            placement,
            places,
            real_body: !draw.one_in(3),
            entry_prefetch: draw.one_in(4),
        }
    }

    /// Storms twice: both results must be equal.
    fn storm(&self, entry: &Entry, totals: &mut Totals) -> Result<(), String> {
        let once = match self.run(entry) {
            once => once.map_err(|error| error.to_string())?,
        };
        let again = self.run(entry).map_err(|error| error.to_string())?;
        if all_of(&once) != all_of(&again) {
            return Err("the same storm twice is not the same".to_owned());
        }
        totals.add(&once)
    }

    fn run(&self, entry: &Entry) -> Result<Storm, StormError> {
        let spec = StormRequest {
            workload: self.workload,
            weighted_threads: self.threads,
            real_body: self.real_body,
            entry_prefetch: self.entry_prefetch,
            kernel: None,
            seed: self.seed,
            warmup_ns: self.workload.warmup_ns,
            until: self.workload.until,
            executor: Executor::Model(ModelExecutor {
                machine: &self.machine.parameters,
                places: &self.places,
                trace: None,
            }),
        };
        (entry.run)(&spec)
    }
}
