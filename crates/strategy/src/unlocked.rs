//! No protection of the VMA at all: the cost of a fault without a scheme.
//!
//! *Fault:* the VMA is looked up and used. The page tables keep their own locks, since
//! every scheme has those. *Writers* are not allowed, which is why nothing can go
//! wrong: a workload with writers is refused.

use super::{FoundVma, Scheme, Space, Strategy, Traits};
use machine::Machine;
use mm::fault::{
    self, End, Fallback, FaultRequest, Outcome, Protection, PteSlot, Stop, Waits, Walk,
};
use mm::kernel::Linux7_2;
use mm::{Core, Mm, locked, stage};
use workload::Workload;

/// See the module.
pub struct Unlocked;

/// A VMA that never changes, since there are no writers.
struct Bare<'a, M: Machine>(FoundVma<'a, M, Unlocked>);

impl<'v, M: Machine> Protection<M> for Bare<'v, M> {
    type Vma = FoundVma<'v, M, Unlocked>;

    #[inline(always)]
    fn allocates_tables(&self) -> bool {
        true
    }

    #[inline(always)]
    fn waits(&self) -> Waits {
        Waits::Unprotected
    }

    #[inline(always)]
    fn vma(&self) -> &FoundVma<'v, M, Unlocked> {
        &self.0
    }

    fn prepare_anon_vma(&self, mm: &Mm<M>) -> Result<(), Fallback> {
        mm.prepare_anon_vma(self.0);
        Ok(())
    }

    #[inline(always)]
    fn lock_pte<'a>(
        &self,
        mm: &'a Mm<M>,
        walk: Walk<'a, M>,
    ) -> Result<Option<PteSlot<'a, M>>, Fallback> {
        Ok(walk.lock_stable(mm))
    }
}

impl Scheme for Unlocked {
    const NAME: &'static str = "unlocked";
    const SUMMARY: &'static str = "no protection at all: the cost of a fault without a scheme";
    const WHO: &'static str = "the limit";
    const TRAITS: Traits = Traits {
        shared_writes: "0",
        sleeps: "no: drops everything for I/O",
        allocates_tables: "yes",
        falls_back: "nothing",
        writers_pay: "no writers allowed",
    };

    fn refuses(workload: &Workload) -> Option<String> {
        let change = workload.changes().next()?;
        let name = change.action.name();
        Some(format!("`{name}` changes what a fault reads, which nothing protects here"))
    }
}

impl<M: Machine> Strategy<M> for Unlocked {
    type Layout = Linux7_2;
    type Words = ();

    #[inline(always)]
    fn attempt(
        space: &Space<M, Self>,
        core: &mut Core<M>,
        request: FaultRequest,
    ) -> Result<Outcome, Stop> {
        // Not needed without writers; every strategy pays for a read section alike.
        let _section = core.read_section();
        let vma = space.find_vma(request.addr);
        M::mark(stage::LOOKUP);
        match vma {
            Some(vma) if fault::allows(&vma, request.access()) => {
                fault::handle(space, core, request, &Bare(vma))
            }
            _ => Ok(locked::failed(request, End::Segv)),
        }
    }
}
