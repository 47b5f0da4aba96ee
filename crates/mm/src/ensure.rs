//! Page tables that a writer needs, in a VMA that no other core knows yet.

use super::addr::{Level, Vaddr};
use super::fault::Walk;
use super::grace;
use super::locked::Held;
use super::page_table::TableId;
use super::vma::VmaRef;
use super::{Core, Mm};
use machine::Machine;

impl<M: Machine> Mm<M> {
    /// Makes sure that there is a pmd table for an address of `vma`, and returns it.
    pub(super) fn ensure_pmd(
        &self,
        core: &mut Core<M>,
        vma: VmaRef<'_, M>,
        addr: Vaddr,
    ) -> TableId {
        self.ensure(core, |core| {
            Walk::to_pmd(self, self.pgd(), core, &Held::by_mmap_lock(vma), addr).map(drop)
        });
        self.table_with_entry(addr, Level::Pmd).expect("it has just been made sure of")
    }

    /// Makes sure that there is a page table for an address of `vma`, and returns it.
    pub(super) fn ensure_table(
        &self,
        core: &mut Core<M>,
        vma: VmaRef<'_, M>,
        addr: Vaddr,
    ) -> TableId {
        self.ensure(core, |core| {
            let walk = Walk::to_pmd(self, self.pgd(), core, &Held::by_mmap_lock(vma), addr)?;
            walk.ensure_page_table(self, core, &Held::by_mmap_lock(vma))
        });
        self.table_at(addr).expect("it has just been made sure of")
    }

    /// Tries until no table is missing.
    fn ensure(
        &self,
        core: &mut Core<M>,
        mut walk: impl FnMut(&mut Core<M>) -> Result<(), super::fault::Stop>,
    ) {
        grace::until::<M, _>("page table", || {
            walk(core).ok().or_else(|| {
                core.flush_deferred();
                None
            })
        });
    }
}
