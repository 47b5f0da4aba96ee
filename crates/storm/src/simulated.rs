//! The common part of storms in a simulated space, on threads and on cores of the model.

use super::contents::Contents;
use super::merge::{ThreadResult, merge};
use super::plan::Plan;
use super::platform::Platform;
use super::setup::{self, SpaceMachine};
use super::simulated_space::MakeSpace;
use super::target::{Shared, ThreadSetup};
use super::{Storm, StormError, StormRequest};
use machine::Machine;
use mm::Core;

/// Makes what the threads of a storm share. The caller is a core.
pub(super) fn share<W: Platform + Machine>(
    make: MakeSpace<W>,
    request: &StormRequest,
    plan: Plan,
    threads: ThreadSetup<W>,
    machine: &SpaceMachine,
) -> Shared<W> {
    let contents = Contents::new(&plan, request.seed);
    let space = setup::space(make, request, &plan, &contents, machine);
    Shared::new(request, plan, contents, space, threads)
}

/// Adds threads up, and checks the books. The caller is a core.
pub(super) fn close<W: Platform + Machine>(
    request: &StormRequest,
    results: Vec<ThreadResult>,
    shared: Shared<W>,
    bytes_per_vma: u64,
) -> Result<Storm, StormError> {
    let mut storm = merge(results, Some(bytes_per_vma), request.workload)?;
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
