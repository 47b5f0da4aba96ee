//! Tables that a writer needs, in a VMA that only it knows.

use super::addr::{Level, Vaddr};
use super::fault::Walk;
use super::locked::Held;
use super::page_table::TableId;
use super::vma::Vma;
use super::{Core, Mm};
use crate::machine::Machine;
use crate::mm::layout::Layout;

/// How long a writer that finds no table waits at a time for a grace period to end.
const GRACE_WAIT_NS: u64 = 1_000;
/// How often it waits before it gives up: a second.
const GRACE_WAITS_MAX: u32 = 1_000_000;

impl<M: Machine, L: Layout> Mm<M, L> {
    /// Makes sure that there is a pmd table for an address of `vma`, and returns it.
    pub(super) fn ensure_pmd(&self, core: &mut Core<M>, vma: &Vma<M>, addr: Vaddr) -> TableId {
        self.ensure(core, |core| Walk::to_pmd(self, core, &Held(vma), addr).map(drop));
        self.table_with_entry(addr, Level::Pmd).expect("it has just been made sure of")
    }

    /// Makes sure that there is a page table for an address of `vma`, and returns it.
    pub(super) fn ensure_table(&self, core: &mut Core<M>, vma: &Vma<M>, addr: Vaddr) -> TableId {
        self.ensure(core, |core| {
            let walk = Walk::to_pmd(self, core, &Held(vma), addr)?;
            walk.ensure_page_table(self, core, &Held(vma))
        });
        self.table_at(addr).expect("it has just been made sure of")
    }

    /// Tries until no table is wanting: those that were freed may wait for readers.
    fn ensure(
        &self,
        core: &mut Core<M>,
        mut walk: impl FnMut(&mut Core<M>) -> Result<(), super::fault::Stop>,
    ) {
        for _ in 0..GRACE_WAITS_MAX {
            if walk(core).is_ok() {
                return;
            }
            core.flush_deferred();
            M::sleep_ns(GRACE_WAIT_NS);
        }
        panic!("no page table is left for a writer");
    }
}
