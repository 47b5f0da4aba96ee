//! Storms on this machine's own cores: real threads, pinned.

use super::gate::Gate;
use super::merge::ThreadResult;
use super::meter::Meter;
use super::panics::guarded;
use super::plan::Plan;
use super::platform::Platform;
use super::setup::SpaceMachine;
use super::simulated;
use super::simulated_space::MakeSpace;
use super::target::{Shared, ThreadSetup};
use super::threads::{self, Failed};
use super::worker::Worker;
use super::{Recording, Storm, StormError, StormRequest};
use ::host::Roots;
use ::host::affinity;
use ::host::clock::Clock;
use ::host::memory::Memory;
use ::host::topology::{self, Topology};
use crossbeam_utils::CachePadded;
use machine::FIRST_OP;
use machine::host::{self, Cores, Host, Record};
use mm::vmstat::normal_threshold;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use workload::Until;

impl<A: Record> Platform for Host<A> {
    type Clock = Clock;
    type Counter = CachePadded<AtomicU64>;

    fn pause(paused: bool) {
        A::pause(paused);
    }

    fn wait_until(clock: &Clock, at: u64) {
        threads::wait_until(clock, at);
    }

    fn begin_op(action: usize) {
        A::begin_op(FIRST_OP + action as u16);
    }

    fn end_op() {
        A::end_op();
    }

    fn is_on(cpu: usize) -> bool {
        affinity::current_cpu() == cpu
    }
}

/// Runs a storm in the space that `make` makes, and checks its books.
///
/// # Errors
/// If anything panics, a thread is stuck, the books do not balance, or the machine does not
/// give what is needed.
pub fn run<A: Record>(
    make: MakeSpace<Host<A>>,
    request: &StormRequest,
    bytes_per_vma: u64,
) -> Result<Storm, StormError> {
    guarded(|| storm(make, request, bytes_per_vma))
}

fn storm<A: Record>(
    make: MakeSpace<Host<A>>,
    request: &StormRequest,
    bytes_per_vma: u64,
) -> Result<Storm, StormError> {
    if let Some(why) = request.workload.kernel.needs_a_model() {
        return Err(StormError::Machine(why));
    }
    let plan = Plan::new(request.workload, request.weighted_threads, request.seed, request.until)?;
    let cores = cores(request, plan.threads.len());
    let shared = share(make, request, plan);
    let (warmup, until) = (threads::warmup(request.until, request.warmup_ns), request.until);
    let (results, shared) = threads::run(shared, move |shared: &Shared<Host<A>>, number| {
        run_thread(shared, &cores, number, warmup, until)
    })?;
    let _core = host::enter(&Cores::new(1), 0);
    simulated::close(request, results, shared, bytes_per_vma)
}

fn cores(request: &StormRequest, count: usize) -> Arc<Cores> {
    match request.executor.threads().recording {
        Recording::Audit => Cores::audited(count),
        _ => Cores::new(count),
    }
}

fn share<A: Record>(
    make: MakeSpace<Host<A>>,
    request: &StormRequest,
    plan: Plan,
) -> Shared<Host<A>> {
    let executor = request.executor.threads();
    let threads = ThreadSetup {
        gate: Gate::of_threads(plan.threads.len()),
        clock: executor.clock,
        cpus: executor.cpus.into(),
        sample_period: executor.sample_period,
    };
    let (cpus, stat_threshold) = cpus_and_threshold();
    let nodes = topology::nodes_of(executor.cpus);
    let machine = SpaceMachine { nodes, cpus, stat_threshold, arena: executor.arena };
    let cores = cores(request, 1);
    let _core = host::enter(&cores, 0);
    simulated::share(make, request, plan, threads, &machine)
}

/// CPUs of this machine, and pages that a core counts before it adds them to its zone.
fn cpus_and_threshold() -> (usize, u64) {
    let topology = Topology::here().ok();
    let (cpus, nodes) = topology.map_or((1, 1), |here| (here.cpus.len(), here.nodes()));
    let memory = Memory::read(&Roots::default()).total_bytes.unwrap_or(0);
    (cpus, normal_threshold(cpus, memory / nodes.max(1) as u64))
}

fn run_thread<A: Record>(
    shared: &Shared<Host<A>>,
    cores: &Arc<Cores>,
    number: usize,
    warmup: Option<Until>,
    until: Until,
) -> Result<ThreadResult, Failed> {
    let _core = host::enter(cores, number);
    let mut worker = Worker::new(shared, number);
    A::start();
    let (window, meter) = worker.measure(warmup, until, A::forget, Meter::open)?;
    let mut result = worker.finish(window, A::finish(), meter.read());
    result.thread.yields = host::yields();
    Ok(result)
}
