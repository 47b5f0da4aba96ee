//! Storms that tests ask for.

use faultstorm::host::affinity;
use faultstorm::host::clock::Clock;
use faultstorm::machine::model::{Parameters, Place};
use faultstorm::machines::MachineFile;
use faultstorm::mm::frames::Arena;
use faultstorm::mm::kernel::{self, Kernel};
use faultstorm::storm::{
    Executor, ModelExecutor, ModelFindings, Recording, Storm, StormError, StormRequest,
    ThreadExecutor, needs, plan,
};
use faultstorm::strategy::{Entry, STRATEGIES};
use faultstorm::workload::{self, Until, Workload};

/// Parses the text of a workload file; all strategies are known.
pub fn parse(text: &str) -> Workload {
    let names: Vec<&str> = STRATEGIES.iter().map(|entry| entry.name).collect();
    workload::parse("test", "test.toml", text, &names)
        .unwrap_or_else(|wrong| panic!("{}", wrong.render(false)))
}

/// Returns a shipped workload with small page caches: large ones take longer to fill than the
/// storms.
pub fn shipped(name: &str) -> Workload {
    parse(&shipped_text(name))
}

/// Returns its text.
pub fn shipped_text(name: &str) -> String {
    let (_, text) = workload::shipped().iter().find(|(n, _)| *n == name).expect("it is shipped");
    text.replace("16GiB", "1GiB").replace("256MiB", "32MiB")
}

/// Returns all strategies that can run a workload.
pub fn entries(workload: &Workload) -> impl Iterator<Item = &'static Entry> {
    let runs: Vec<_> = STRATEGIES.iter().filter(|e| (e.refuses)(workload).is_none()).collect();
    assert!(!runs.is_empty());
    runs.into_iter()
}

/// Returns the model's machine that most tests storm on.
pub fn xeon() -> Parameters {
    MachineFile::find("xeon-icelake-2s").unwrap_or_else(|_| panic!("it is shipped")).parameters
}

/// Returns a shipped kernel.
pub fn linux(release: &str) -> &'static Kernel {
    kernel::SHIPPED.iter().find(|kernel| kernel.name == release).expect("it is shipped")
}

/// Returns the full results of a storm.
pub fn all_of(storm: &Storm) -> String {
    let ModelFindings { accounts, times, accesses, .. } = of_model(storm);
    format!(
        "{:?} {:?} {} {accounts:?} {times:?} {accesses}",
        storm.counts, storm.threads, storm.window_ns
    )
}

/// Returns the model's findings of a storm.
pub fn of_model(storm: &Storm) -> &ModelFindings {
    storm.model.as_ref().expect("the model ran it")
}

/// A storm that a test asks for.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    pub workload: &'a Workload,
    pub threads: usize,
    pub until: Until,
    pub real_body: bool,
    pub entry_prefetch: bool,
    pub recording: Recording,
    pub warmup_ns: u64,
    pub seed: u64,
    /// Kernel of the model; `None`: the strategy's own.
    pub kernel: Option<&'static Kernel>,
}

impl<'a> Ask<'a> {
    pub fn new(workload: &'a Workload, threads: usize, until: Until) -> Self {
        Self {
            workload,
            threads,
            until,
            real_body: true,
            entry_prefetch: false,
            recording: Recording::Throughput,
            warmup_ns: 0,
            seed: 1,
            kernel: None,
        }
    }

    /// Storms on this machine's cores.
    pub fn on_host(&self, entry: &Entry) -> Storm {
        let Self { workload, threads, seed, until, .. } = *self;
        let needs = needs::needs(workload, threads, seed, until, u64::MAX);
        let frames = needs.expect("a space holds it").frames;
        let storm = self.with_cores(if self.real_body { frames } else { 1 }, entry.run);
        storm.unwrap_or_else(|error| panic!("{} on the host: {error}", entry.name))
    }

    /// Storms with one thread per requested core; the threads use this machine's CPUs in turn.
    pub fn with_cores<F>(&self, frames: usize, run: &F) -> Result<Storm, StormError>
    where
        F: Fn(&StormRequest) -> Result<Storm, StormError> + ?Sized,
    {
        let allowed = affinity::allowed_cpus().expect("the kernel says where we may run");
        let total = plan::total_threads(self.workload, self.threads);
        let cpus: Vec<usize> = allowed.iter().copied().cycle().take(total).collect();
        run(&StormRequest {
            workload: self.workload,
            weighted_threads: self.threads,
            real_body: self.real_body,
            entry_prefetch: self.entry_prefetch,
            kernel: None,
            seed: self.seed,
            warmup_ns: self.warmup_ns,
            until: self.until,
            executor: Executor::Threads(ThreadExecutor {
                cpus: &cpus,
                recording: self.recording,
                sample_period: 16,
                clock: Clock::new(),
                arena: &Arena::new(frames).expect("there is memory"),
            }),
        })
    }

    /// Storms on a machine of the model; with two sockets, threads use both in turn, and
    /// then hyperthreads.
    pub fn in_model(&self, entry: &Entry, machine: &Parameters) -> Storm {
        let shape = &machine.shape;
        let total = plan::total_threads(self.workload, self.threads);
        let sockets = usize::from(shape.sockets);
        let place = |thread: usize| {
            let cores = usize::from(shape.cores_per_socket);
            let agent = (thread % sockets * cores + thread / sockets % cores) as u16;
            Place { agent, socket: shape.socket(agent) }
        };
        let places: Vec<Place> = (0..total).map(place).collect();
        let spec = StormRequest {
            workload: self.workload,
            weighted_threads: self.threads,
            real_body: self.real_body,
            entry_prefetch: self.entry_prefetch,
            kernel: self.kernel,
            seed: self.seed,
            warmup_ns: self.warmup_ns,
            until: self.until,
            executor: Executor::Model(ModelExecutor { machine, places: &places, trace: None }),
        };
        let storm = (entry.run)(&spec);
        storm.unwrap_or_else(|error| panic!("{} in the model: {error}", entry.name))
    }
}
