//! Storms in the model: a coroutine for each core, virtual time.

use super::claims::ClaimCounter;
use super::gate::{Gate, GateBroken};
use super::merge::ThreadResult;
use super::meter::Meter;
use super::panics::{guarded, panic_message};
use super::plan::Plan;
use super::platform::{Platform, TickClock};
use super::setup::SpaceMachine;
use super::simulated;
use super::simulated_space::MakeSpace;
use super::target::{Shared, ThreadSetup};
use super::worker::Worker;
use super::{ModelFindings, Storm, StormError, StormRequest};
use machine::host::Recorded;
use machine::model::{self, Halt, Model, Parameters, Place};
use machine::{LINE_WORDS, Line, LineName, Machine, Ordering};
use mm::fault::Kind;
use mm::frames::Arena;
use mm::vmstat::normal_threshold;
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use std::cell::Cell;
use std::rc::Rc;
use workload::Until;

/// A core's fault from which on one may be traced: tables and free lists are there.
const TRACED_FROM: u64 = 100;

/// Memory of a machine for each of its hardware threads: no machine's file says how much it
/// has, and what follows from it goes with the logarithm.
const MEMORY_BYTES: u64 = 4 << 30;

/// The longest sleep before a waiting writer looks whether the others are done.
const SLEEP_MAX_NS: u64 = 20_000;

thread_local! {
    /// The kind of fault to trace; `None`: any.
    static WANTED: Cell<Option<Kind>> = const { Cell::new(None) };
}

/// The line of a counter of the program.
static COUNTER: LineName =
    LineName { name: "program.counter", words: ["claimed", "", "", "", "", "", "", ""] };

/// A counter on a line of the model, whose waits are not those of faults.
pub struct ModelCounter(<Model as Machine>::Line);

impl ClaimCounter for ModelCounter {
    fn new() -> Self {
        Self(Line::new(&COUNTER, [0; LINE_WORDS]))
    }

    fn claim(&self, touches: u64) -> u64 {
        model::in_program(|| self.0.fetch_add(0, touches, Ordering::Relaxed))
    }

    fn restart(&self) {
        self.0.store(0, 0, Ordering::Relaxed);
    }
}

impl Platform for Model {
    type Clock = VirtualClock;
    type Counter = ModelCounter;
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

    fn begin_op(action: usize) {
        model::begin_op(action);
    }

    fn end_op() {
        model::end_op();
    }

    fn note_progress() {
        model::note_progress();
    }

    fn stop_if_hopeless() {
        model::stop_if_hopeless();
    }

    fn wait_until(clock: &VirtualClock, at: u64) {
        Model::sleep_ns((clock.delta_ns(clock.unordered(), at) as u64).clamp(1, SLEEP_MAX_NS));
        // Events of others before now are done when the caller looks.
        model::give_way();
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
pub struct VirtualClock;

impl TickClock for VirtualClock {
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

/// When a storm of the model ends, as far as its plan can tell: a warm-up goes on until its
/// time is over, however far a thread comes.
pub fn planned_until(until: Until, warmup_ns: u64) -> Until {
    if warmup_ns > 0 { Until::Duration(warmup_ns) } else { until }
}

/// Runs a storm in the space that `make` makes, and checks its books.
///
/// # Errors
/// If anything panics, no core can go on, or the books do not balance.
pub fn run(
    make: MakeSpace<Model>,
    request: &StormRequest,
    bytes_per_vma: u64,
) -> Result<Storm, StormError> {
    guarded(|| storm(make, request, bytes_per_vma))
}

fn storm(
    make: MakeSpace<Model>,
    request: &StormRequest,
    bytes_per_vma: u64,
) -> Result<Storm, StormError> {
    let on = request.executor.model();
    let planned = planned_until(request.until, request.warmup_ns);
    let plan = Plan::new(request.workload, request.weighted_threads, request.seed, planned)?;
    assert_eq!(on.places.len(), plan.threads.len(), "every core has its place");
    let multicore = model::Multicore::new(on.machine, on.places);
    let _here = multicore.enter();
    WANTED.set(on.trace.flatten());
    if on.trace.is_some() {
        multicore.trace(0);
    }
    let shared = Rc::new(share(make, request, plan)?);
    let on_core = {
        let (shared, until, warmup_ns) = (shared.clone(), request.until, request.warmup_ns);
        move |core| run_core(&shared, core, warmup_ns, until)
    };
    let results = multicore.run(on_core).map_err(|halt| halted(halt, &shared))?;
    let results = results.into_iter().collect::<Result<Vec<_>, GateBroken>>();
    let results = results.expect("no gate of the model breaks");
    let mut found = ModelFindings {
        accounts: multicore.accounts(),
        times: multicore.times(),
        accesses: multicore.accesses(),
        activities: multicore.activities(),
        holds: multicore.holds(),
        traced: Vec::new(),
    };
    found.accounts.0.retain(|(name, _)| !std::ptr::eq(*name, &COUNTER));
    let shared = Rc::into_inner(shared).expect("all cores have ended");
    let mut storm = simulated::close(request, results, shared, bytes_per_vma)?;
    found.traced = multicore.traced_fault();
    storm.model = Some(found);
    Ok(storm)
}

fn share(
    make: MakeSpace<Model>,
    request: &StormRequest,
    plan: Plan,
) -> Result<Shared<Model>, StormError> {
    let on = request.executor.model();
    // Pages have no content here: what it costs to clear them is charged.
    let arena = Arena::new(1).map_err(|error| StormError::Machine(error.to_string()))?;
    let threads = ThreadSetup {
        gate: Gate::of_cores(plan.threads.len(), request.seed),
        clock: VirtualClock,
        cpus: on.places.iter().map(|place| usize::from(place.agent)).collect(),
        sample_period: 1,
    };
    let nodes_per_socket = request.workload.kernel.nodes_per_socket;
    let machine = SpaceMachine {
        nodes: on
            .places
            .iter()
            .map(|place| node_of(on.machine, nodes_per_socket, *place))
            .collect(),
        cpus: on.machine.shape.hardware_threads(),
        stat_threshold: stat_threshold(on.machine, nodes_per_socket),
        arena: &arena,
    };
    Ok(simulated::share(make, request, plan, threads, &machine))
}

/// Pages that a core of this machine counts before it adds them to its zone.
fn stat_threshold(machine: &Parameters, nodes_per_socket: u64) -> u64 {
    let cpus = machine.shape.hardware_threads();
    let of_socket = cpus as u64 / u64::from(machine.shape.sockets);
    normal_threshold(cpus, of_socket * MEMORY_BYTES / nodes_per_socket)
}

/// Returns the NUMA node of a place: the nodes of a socket have equal shares of its cores.
fn node_of(machine: &Parameters, nodes_per_socket: u64, place: Place) -> usize {
    let (cores, nodes) = (usize::from(machine.shape.cores_per_socket), nodes_per_socket as usize);
    let core = usize::from(place.agent) % cores;
    usize::from(place.socket) * nodes + core * nodes / cores
}

fn run_core(
    shared: &Shared<Model>,
    core: usize,
    warmup_ns: u64,
    until: Until,
) -> Result<ThreadResult, GateBroken> {
    let mut worker = Worker::new(shared, core);
    Model::pause(true);
    let mut random = Pcg64Mcg::seed_from_u64(shared.seed ^ (core as u64) << 32 ^ 0x6669_6c6c);
    worker.toucher.core.stagger(shared.space.mm(), random.next_u64());
    Model::pause(false);
    let warmup = (warmup_ns > 0).then_some(Until::Duration(warmup_ns));
    let (window, _) = worker.measure(warmup, until, model::forget, Meter::closed)?;
    shared.gate.wait()?;
    Model::pause(true);
    let no_counters = Err("the model has no hardware counters".to_owned());
    Ok(worker.finish(window, Recorded::default(), no_counters))
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
        Halt::GivenUp(why) => StormError::GivenUp(why),
        Halt::Interrupted => StormError::Interrupted,
        Halt::Starved(core) => StormError::Starved(core),
        Halt::Stacks(error) => StormError::Machine(format!("no stacks for the cores: {error}")),
    }
}
