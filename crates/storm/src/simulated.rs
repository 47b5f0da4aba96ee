//! The common part of storms in a simulated space, on threads and on cores of the model.

use super::contents::Contents;
use super::gate::Gate;
use super::merge::{Allowed, ThreadResult, merge};
use super::plan::Plan;
use super::platform::Platform;
use super::setup::{self, SpaceOptions};
use super::simulated_space::MakeSpace;
use super::target::{Shared, SharedParts};
use super::{Storm, StormError, StormRequest};
use machine::Machine;
use mm::Core;
use mm::frames::Arena;
use std::sync::Arc;

/// What a platform gives the threads of a storm.
pub(super) struct PlatformParts<'a, W: Platform> {
    pub gate: Gate,
    pub clock: W::Clock,
    /// The CPU or core of each thread.
    pub cpus: Box<[usize]>,
    /// The NUMA node of each thread.
    pub nodes: Vec<usize>,
    /// CPUs of the machine.
    pub machine_cpus: usize,
    /// Pages that a core counts before it adds them to its zone.
    pub stat_threshold: u64,
    pub sample_period: u64,
    pub arena: &'a Arc<Arena>,
}

/// Makes what the threads of a storm share. The caller is a core.
pub(super) fn share<W: Platform + Machine>(
    make: MakeSpace<W>,
    request: &StormRequest,
    plan: Plan,
    given: PlatformParts<'_, W>,
) -> Shared<W> {
    let contents = Contents::new(&plan, request.seed);
    let options = SpaceOptions {
        entry_prefetch: request.entry_prefetch,
        kernel: request.kernel,
        real_body: request.real_body,
        seed: request.seed,
        nodes: given.nodes,
        cpus: given.machine_cpus,
        stat_threshold: given.stat_threshold,
        arena: given.arena,
    };
    let space = setup::space(make, request.workload, &plan, &contents, &options);
    let parts = SharedParts {
        workload: request.workload,
        plan,
        contents,
        gate: given.gate,
        cpus: given.cpus,
        clock: given.clock,
        sample_period: given.sample_period,
        seed: request.seed,
    };
    Shared::new(space, parts)
}

/// Adds threads up, and checks the books. The caller is a core.
pub(super) fn close<W: Platform + Machine>(
    request: &StormRequest,
    results: Vec<ThreadResult>,
    shared: Shared<W>,
    bytes_per_vma: u64,
) -> Result<Storm, StormError> {
    let allowed = Allowed { segv: request.workload.may_segv() };
    let mut storm = merge(results, Some(bytes_per_vma), allowed)?;
    storm.deferred_free_peak = shared.has_changes.then(|| shared.space.mm().deferred_free_peak());
    check_books(shared)?;
    Ok(storm)
}

/// Checks the books with the last round's pages in place, and again after everything has been
/// unmapped.
fn check_books<W: Platform + Machine>(shared: Shared<W>) -> Result<(), StormError> {
    let (space, mm) = (&shared.space, shared.space.mm());
    let mut core = Core::new(mm, 0);
    space.drain(&mut core);
    mm.check_books(&core).map_err(StormError::Books)?;
    space.exit(&mut core);
    core.retire(mm);
    mm.check_all_free(&core).map_err(StormError::Books)
}
