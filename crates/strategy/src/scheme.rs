//! The traits of a scheme: its part of a fault, and its description.

use super::{Space, Words};
use machine::Machine;
use mm::fault::{self, FaultRequest, Outcome, Stop};
use mm::kernel::Layout;
use mm::vma::VmaRef;
use mm::{Core, locked};
use workload::Workload;

/// A locking scheme: its own words, with what writers do to them, and its own part of a
/// fault. If that part does not end a fault, the fault is done under mmap_lock
/// ([`mm::locked`]).
pub trait Strategy<M: Machine>: Sized + Send + Sync + 'static {
    /// The kernel for which the scheme was proposed, or in which it was shipped.
    type Layout: Layout;
    /// The words that it adds to `mm_struct` and `vm_area_struct`; `()`: none.
    type Words: Words<M>;

    /// Attempts a fault: finds and protects the VMA, and calls
    /// [`fault::handle`](mm::fault::handle).
    ///
    /// # Errors
    /// The reason why the attempt did not end the fault. Nothing is held or published then.
    fn attempt(
        space: &Space<M, Self>,
        core: &mut Core<M>,
        request: FaultRequest,
    ) -> Result<Outcome, Stop>;

    /// Ends a fault that an attempt did not end.
    ///
    /// # Errors
    /// The request to try again with.
    #[inline]
    fn after(
        space: &Space<M, Self>,
        core: &mut Core<M>,
        request: FaultRequest,
        stop: Stop,
    ) -> Result<Outcome, FaultRequest> {
        locked::after(space, core, request, stop)
    }

    /// Handles a fault from beginning to end.
    #[inline]
    fn fault(space: &Space<M, Self>, core: &mut Core<M>, request: FaultRequest) -> Outcome {
        space.enter_fault();
        retry(space, core, request)
    }
}

/// Attempts a fault until it ends.
#[inline(always)]
pub(super) fn retry<M: Machine, S: Strategy<M>>(
    space: &Space<M, S>,
    core: &mut Core<M>,
    request: FaultRequest,
) -> Outcome {
    fault::retry(
        core,
        request,
        |core, request| S::attempt(space, core, request),
        |core, request, stop| S::after(space, core, request, stop),
    )
}

/// A VMA that a fault under a scheme has found, with its fields as in the scheme's kernel.
pub type FoundVma<'a, M, S> = VmaRef<'a, M, <S as Strategy<M>>::Layout>;

/// A scheme as its users see it, and the workloads that it refuses.
pub trait Scheme {
    /// `NAME` or `NAME:VARIANT`.
    const NAME: &'static str;
    /// Its description in one line.
    const SUMMARY: &'static str;
    /// Its author, or the kernels that have it.
    const WHO: &'static str;

    /// Its costs and limits.
    const TRAITS: Traits;

    /// Returns why it may not run a workload.
    fn refuses(_workload: &Workload) -> Option<String> {
        None
    }
}

/// Costs and limits of a scheme, in a few words each: the columns of the one table of schemes.
#[derive(Clone, Copy)]
pub struct Traits {
    /// Writes of shared words in an undisturbed fault: those that only this scheme makes, on
    /// lines of the space or of the VMA.
    pub shared_writes: &'static str,
    /// True if a fault may sleep and continue.
    pub sleeps: &'static str,
    /// True if a fault may allocate page tables.
    pub allocates_tables: &'static str,
    /// Causes of a fallback.
    pub falls_back: &'static str,
    /// Cost for a writer beside mmap_lock.
    pub writers_pay: &'static str,
}
