//! Storms on this machine's own cores: real threads, pinned.

use super::contents::Contents;
use super::gate::Gate;
use super::merge::{Allowed, ThreadResult, merge};
use super::plan::Plan;
use super::round::{Parts, Shared};
use super::setup::{self, Options};
use super::stormed::MakeSpace;
use super::threads::{self, Failed, group_names};
use super::worker::Worker;
use super::world::World;
use super::{Recording, Spec, Storm, StormError, ThreadStorm, guarded};
use ::host::Roots;
use ::host::affinity;
use ::host::clock::Clock;
use ::host::memory::Memory;
use ::host::topology::{self, Topology};
use machine::host::{self, Cores, Host, Record};
use mm::Core;
use mm::vmstat::normal_threshold;
use std::sync::Arc;
use workload::Until;

impl<A: Record> World for Host<A> {
    type Clock = Clock;
    type Gate = Gate;

    fn pause(paused: bool) {
        A::pause(paused);
    }

    fn wait_until(clock: &Clock, at: u64) {
        threads::wait_until(clock, at);
    }

    fn is_on(cpu: usize) -> bool {
        affinity::current_cpu() == cpu
    }
}

/// Runs a storm in the space that `make` makes, and checks its books.
///
/// # Errors
/// Where anything panics, a thread is stuck, the books do not balance, or the machine does
/// not give what is needed.
pub fn run<A: Record>(
    make: MakeSpace<Host<A>>,
    spec: &Spec,
    bytes_per_vma: u64,
) -> Result<Storm, StormError> {
    guarded(|| storm(make, spec, bytes_per_vma))
}

fn storm<A: Record>(
    make: MakeSpace<Host<A>>,
    spec: &Spec,
    bytes_per_vma: u64,
) -> Result<Storm, StormError> {
    if let Some(why) = spec.workload.kernel.needs_a_model() {
        return Err(StormError::Machine(why));
    }
    let shared = share(make, spec)?;
    let cores = cores(spec, shared.plan.threads.len());
    let groups = group_names(spec.workload);
    let (warmup_ns, until) = (spec.warmup_ns, spec.until);
    let (results, shared) = threads::run(shared, move |shared: &Shared<Host<A>>, number| {
        run_thread(shared, &cores, number, &groups, warmup_ns, until)
    })?;
    let allowed = Allowed { segv: spec.workload.may_segv() };
    let mut storm = merge(results, Some(bytes_per_vma), allowed)?;
    storm.deferred_free_peak = shared.has_changes.then(|| shared.space.mm().deferred_free_peak());
    close_books(shared)?;
    Ok(storm)
}

fn cores(spec: &Spec, count: usize) -> Arc<Cores> {
    if spec.recording == Recording::Audit { Cores::audited(count) } else { Cores::new(count) }
}

fn share<A: Record>(make: MakeSpace<Host<A>>, spec: &Spec) -> Result<Shared<Host<A>>, StormError> {
    let plan = Plan::new(spec.workload, spec.threads, spec.seed, spec.until)?;
    let cores = cores(spec, 1);
    let _core = host::enter(&cores, 0);
    let threads = plan.threads.len();
    let contents = Contents::new(&plan, spec.seed);
    let (entry_prefetch, real_body) = (spec.entry_prefetch, spec.real_body);
    let nodes = topology::nodes_of(spec.cpus);
    let (cpus, stat_threshold) = cpus_and_threshold();
    let options = Options {
        entry_prefetch,
        kernel: spec.kernel,
        real_body,
        seed: spec.seed,
        nodes,
        cpus,
        stat_threshold,
        arena: spec.arena,
    };
    let space = setup::space(make, spec.workload, &plan, &contents, &options);
    Ok(Shared::new(
        space,
        Parts {
            workload: spec.workload,
            plan,
            contents,
            gate: Gate::new(threads),
            cpus: spec.cpus.into(),
            clock: spec.clock,
            sample_period: spec.sample_period,
            seed: spec.seed,
        },
    ))
}

/// CPUs of this machine, and pages that one counts before it tells its zone.
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
    groups: &[String],
    warmup_ns: u64,
    until: Until,
) -> Result<ThreadResult, Failed> {
    let _core = host::enter(cores, number);
    let mut worker = Worker::new(shared, number);
    A::start();
    let (window, meter) = threads::measure(&mut worker, warmup_ns, until, A::forget)?;
    let recorded = A::finish();
    let mut hands = worker.hands;
    let mm = shared.space.mm();
    let translations = mm.check_translations(&mut hands.core);
    hands.core.rest(mm);
    hands.core.retire(mm);
    Ok(ThreadResult {
        thread: ThreadStorm {
            group: groups[shared.plan.threads[number].group].clone(),
            cpu: shared.cpus[number],
            strayed: worker.strayed,
            yields: host::yields(),
            faults: window.faults.round() as u64,
        },
        ops: worker.ops,
        shootdowns: hands.core.shootdowns,
        grace_periods: shared.space.waits_by_srcu().then_some(hands.core.grace_periods),
        translations,
        counts: hands.counts(),
        latency: hands.tally.latency,
        recorded,
        io: worker.io,
        io_asked_ns: worker.io_asked_ns,
        perf: meter.read(),
        window,
    })
}

/// Checks the books with the last round's pages in place, and again when everything
/// has been unmapped.
fn close_books<A: Record>(shared: Shared<Host<A>>) -> Result<(), StormError> {
    let (space, mm) = (&shared.space, shared.space.mm());
    let cores = Cores::new(1);
    let _core = host::enter(&cores, 0);
    let mut core = Core::new(mm, 0);
    space.drain(&mut core);
    mm.check_books(&core).map_err(StormError::Books)?;
    space.exit(&mut core);
    core.retire(mm);
    mm.check_all_free(&core).map_err(StormError::Books)
}
