//! Storms in the model: a coroutine for each core, virtual time.

use super::contents::Contents;
use super::gate::Broken;
use super::merge::{Allowed, ThreadResult, merge};
use super::meter::Meter;
use super::plan::Plan;
use super::round::{Parts, Shared};
use super::setup::{self, Options};
use super::stormed::MakeSpace;
use super::threads::group_names;
use super::worker::Worker;
use super::world::{Clock, Meeting, World};
use super::{Storm, StormError, ThreadStorm, guarded, panic_message};
use machine::Machine;
use machine::host::Recorded;
use machine::model::{self, Accounts, CoreTimes, Halt, Model, Parameters, Place, Traced};
use mm::Core;
use mm::fault::Kind;
use mm::frames::Arena;
use mm::kernel::Kernel;
use mm::vmstat::normal_threshold;
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use std::cell::Cell;
use std::rc::Rc;
use workload::{Until, Workload};

/// Cores begin a phase apart by up to this much, since no two threads ever start at once
/// and cores in step would hand lines to each other in the order of their numbers.
const STAGGER_MAX_PS: u64 = 1_000_000;

/// A core's fault from which on one may be traced: tables and free lists are there.
const TRACED_FROM: u64 = 100;

/// Memory of a machine for each of its hardware threads: no machine's file says how much it
/// has, and what follows from it goes with the logarithm.
const MEMORY_BYTES: u64 = 4 << 30;

/// The longest sleep before a waiting writer looks whether the others are done.
const SLEEP_MAX_NS: u64 = 20_000;

thread_local! {
    /// The kind of fault that is to be traced, any where `None`.
    static WANTED: Cell<Option<Kind>> = const { Cell::new(None) };
}

/// A storm that is to be run in the model.
#[derive(Clone)]
pub struct ModelSpec<'a> {
    /// What is stormed.
    pub workload: &'a Workload,
    /// Threads that groups with a weight share; those of groups with a fixed number
    /// come on top.
    pub threads: usize,
    /// The machine.
    pub machine: &'a Parameters,
    /// Where each core is, those of fixed groups included.
    pub places: &'a [Place],
    /// Whether clearing and copying pages is charged.
    pub real_body: bool,
    /// Whether the fault entry asks for mmap_lock's line, whatever the kernel does.
    pub entry_prefetch: bool,
    /// The kernel; `None`: the scheme's own.
    pub kernel: Option<&'static Kernel>,
    /// Of every random draw.
    pub seed: u64,
    /// Storming before the measurement, in virtual nanoseconds.
    pub warmup_ns: u64,
    /// When the storm ends.
    pub until: Until,
    /// Whether one fault of core 0 is traced, and of which kind.
    pub trace: Option<Option<Kind>>,
}

/// What the model tells beside what every storm does.
#[derive(Debug, Clone)]
pub struct ModelStorm {
    /// What every storm measures.
    pub storm: Storm,
    /// Each line by name.
    pub accounts: Accounts,
    /// Where each core's time went.
    pub times: Vec<CoreTimes>,
    /// Accesses that were charged.
    pub accesses: u64,
    /// The fault that was traced; empty where none was.
    pub traced: Vec<Traced>,
}

impl World for Model {
    type Clock = Virtual;
    type Gate = Together;
    const ALLOCATES_FREELY: bool = true;

    fn pause(paused: bool) {
        model::pause(paused);
    }

    #[inline]
    fn begin_fault() {
        model::begin_fault();
    }

    #[inline]
    fn end_fault(kind: Kind, number: u64) {
        let wanted = WANTED.get();
        model::end_fault(wanted.is_none_or(|wanted| wanted == kind) && number >= TRACED_FROM);
    }

    fn wait_until(clock: &Virtual, at: u64) {
        Model::sleep_ns((clock.delta_ns(clock.unordered(), at) as u64).clamp(1, SLEEP_MAX_NS));
    }

    fn give_way() {
        model::give_way();
    }

    fn is_on(_: usize) -> bool {
        true
    }
}

/// The clock of the running core; a tick is a picosecond.
#[derive(Debug, Clone, Copy)]
pub struct Virtual;

impl Clock for Virtual {
    fn start(&self) -> u64 {
        model::clock_ps()
    }

    fn end(&self) -> u64 {
        model::clock_ps()
    }

    fn unordered(&self) -> u64 {
        model::clock_ps()
    }

    fn delta_ns(&self, from: u64, to: u64) -> f64 {
        to.saturating_sub(from) as f64 / 1000.0
    }

    fn ticks(&self, ns: u64) -> u64 {
        ns * 1000
    }
}

/// Where all cores meet; each goes on a little later, by its own draw.
pub struct Together(Vec<u64>);

impl Together {
    fn new(cores: usize, seed: u64) -> Self {
        let mut random = Pcg64Mcg::seed_from_u64(seed ^ 0x7374_6167);
        Self((0..cores).map(|_| random.next_u64() % STAGGER_MAX_PS).collect())
    }
}

impl Meeting for Together {
    fn wait(&self) -> Result<(), Broken> {
        model::meet(self.0[Model::core()]);
        Ok(())
    }

    /// A panic ends the whole world.
    fn is_broken(&self) -> bool {
        false
    }
}

/// When a storm of the model ends, as far as its plan can tell: a warm-up goes on until its
/// time is over, however far a thread comes.
pub fn planned_until(until: Until, warmup_ns: u64) -> Until {
    if warmup_ns > 0 { Until::Duration(warmup_ns) } else { until }
}

/// Runs a storm in the space that `make` makes, and checks its books.
///
/// # Errors
/// Where anything panics, no core can go on, or the books do not balance.
pub fn run(
    make: MakeSpace<Model>,
    spec: &ModelSpec,
    bytes_per_vma: u64,
) -> Result<ModelStorm, StormError> {
    guarded(|| storm(make, spec, bytes_per_vma))
}

fn storm(
    make: MakeSpace<Model>,
    spec: &ModelSpec,
    bytes_per_vma: u64,
) -> Result<ModelStorm, StormError> {
    let until = planned_until(spec.until, spec.warmup_ns);
    let plan = Plan::new(spec.workload, spec.threads, spec.seed, until)?;
    assert_eq!(spec.places.len(), plan.threads.len(), "every core has its place");
    let world = model::World::new(spec.machine, spec.places);
    let _here = world.enter();
    WANTED.set(spec.trace.flatten());
    if spec.trace.is_some() {
        world.trace(0);
    }
    let shared = Rc::new(share(make, spec, plan)?);
    let on_core = {
        let (shared, until, warmup_ns) = (shared.clone(), spec.until, spec.warmup_ns);
        let names = group_names(spec.workload);
        move |core| run_core(&shared, core, &names, warmup_ns, until)
    };
    let results = world.run(on_core).map_err(|halt| halted(halt, &shared))?;
    let results = results.into_iter().collect::<Result<Vec<_>, Broken>>();
    let results = results.expect("no gate of the model breaks");
    let (accounts, times, accesses) = (world.accounts(), world.times(), world.accesses());
    let shared = Rc::into_inner(shared).expect("all cores have ended");
    let allowed = Allowed { segv: spec.workload.may_segv() };
    let mut storm = merge(results, Some(bytes_per_vma), allowed)?;
    storm.deferred_free_peak = shared.has_changes.then(|| shared.space.mm().deferred_free_peak());
    close_books(shared)?;
    Ok(ModelStorm { storm, accounts, times, accesses, traced: world.traced_fault() })
}

fn share(
    make: MakeSpace<Model>,
    spec: &ModelSpec,
    plan: Plan,
) -> Result<Shared<Model>, StormError> {
    let threads = plan.threads.len();
    let contents = Contents::new(&plan, spec.seed);
    // Pages have no content here: what it costs to clear them is charged.
    let arena = Arena::new(1).map_err(|error| StormError::Machine(error.to_string()))?;
    let (entry_prefetch, real_body) = (spec.entry_prefetch, spec.real_body);
    let nodes = spec.places.iter().map(|place| usize::from(place.socket)).collect();
    let cpus = spec.machine.shape.hardware_threads();
    let stat_threshold = stat_threshold(spec.machine);
    let options = Options {
        entry_prefetch,
        kernel: spec.kernel,
        real_body,
        seed: spec.seed,
        nodes,
        cpus,
        stat_threshold,
        arena: &arena,
    };
    let space = setup::space(make, spec.workload, &plan, &contents, &options);
    Ok(Shared::new(
        space,
        Parts {
            workload: spec.workload,
            plan,
            contents,
            gate: Together::new(threads, spec.seed),
            cpus: spec.places.iter().map(|place| usize::from(place.agent)).collect(),
            clock: Virtual,
            sample_period: 1,
            seed: spec.seed,
        },
    ))
}

/// Pages that a core of this machine counts before it tells its zone.
fn stat_threshold(machine: &Parameters) -> u64 {
    let cpus = machine.shape.hardware_threads();
    let of_socket = cpus as u64 / u64::from(machine.shape.sockets);
    normal_threshold(cpus, of_socket * MEMORY_BYTES)
}

fn run_core(
    shared: &Shared<Model>,
    core: usize,
    groups: &[String],
    warmup_ns: u64,
    until: Until,
) -> Result<ThreadResult, Broken> {
    let mut worker = Worker::new(shared, core);
    Model::pause(true);
    let mut random = Pcg64Mcg::seed_from_u64(shared.seed ^ (core as u64) << 32 ^ 0x6669_6c6c);
    worker.hands.core.stagger(shared.space.mm(), random.next_u64());
    Model::pause(false);
    if warmup_ns > 0 {
        worker.rounds(Until::Duration(warmup_ns), &mut Meter::closed())?;
        worker.reset()?;
    }
    worker.forget();
    model::forget();
    let window = worker.rounds(until, &mut Meter::closed())?;
    shared.gate.wait()?;
    Model::pause(true);
    let mut hands = worker.hands;
    let mm = shared.space.mm();
    // Since the gate nobody changes a table.
    let translations = mm.check_translations(&mut hands.core);
    hands.core.rest(mm);
    hands.core.retire(mm);
    Ok(ThreadResult {
        thread: ThreadStorm {
            group: groups[shared.plan.threads[core].group].clone(),
            cpu: shared.cpus[core],
            strayed: 0,
            yields: 0,
            faults: window.faults.round() as u64,
        },
        ops: worker.ops,
        shootdowns: hands.core.shootdowns,
        grace_periods: shared.space.waits_by_srcu().then_some(hands.core.grace_periods),
        translations,
        counts: hands.counts(),
        latency: hands.tally.latency,
        recorded: Recorded::default(),
        io: worker.io,
        io_asked_ns: worker.io_asked_ns,
        perf: Err("the model has no hardware counters".to_owned()),
        window,
    })
}

fn halted(halt: Halt, shared: &Rc<Shared<Model>>) -> StormError {
    // Cores that were given up still refer to it.
    std::mem::forget(shared.clone());
    match halt {
        Halt::Panicked { core, payload } => StormError::Panicked {
            thread: format!("core {core}"),
            message: panic_message(&*payload),
        },
        Halt::Deadlock(cores) => StormError::Deadlock(cores.join("; ")),
        Halt::Starved(core) => StormError::Starved(core),
        Halt::Stacks(error) => StormError::Machine(format!("no stacks for the cores: {error}")),
    }
}

fn close_books(shared: Shared<Model>) -> Result<(), StormError> {
    let (space, mm) = (&shared.space, shared.space.mm());
    let mut core = Core::new(mm, 0);
    space.drain(&mut core);
    mm.check_books(&core).map_err(StormError::Books)?;
    space.exit(&mut core);
    core.retire(mm);
    mm.check_all_free(&core).map_err(StormError::Books)
}
