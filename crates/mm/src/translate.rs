//! The translation of an address, as the processor does it.

use super::addr::{Level, Pfn, Pte, Vaddr};
use super::fault::Access;
use super::tlb::StaleUse;
use super::{Core, Mm};
use machine::{Machine, Ordering};

/// A touch that no page table allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trap;

impl<M: Machine> Mm<M> {
    /// Translates an address as a touch does. Returns the mapped frame; `None` for the zero page.
    #[inline(always)]
    pub fn translate(
        &self,
        core: &mut Core<M>,
        addr: Vaddr,
        access: Access,
    ) -> Result<Option<Pfn>, Trap> {
        let write = access == Access::Write;
        if M::HAS_TLB
            && let Some((pte, generation)) = core.tlb.lookup(addr)
        {
            if pte.allows(write) {
                self.note_use(core, addr, pte, generation);
                return Ok(pte.frame());
            }
            // An entry that does not allow the access is looked up again before the touch traps.
            core.tlb.forget(addr);
        }
        let pte = self.walk(addr).ok_or(Trap)?;
        if !pte.allows(write) {
            return Err(Trap);
        }
        if M::HAS_TLB {
            let generation = pte.frame().map_or(0, |frame| self.frames.generation(frame));
            core.tlb.insert(addr, pte, generation);
        }
        Ok(pte.frame())
    }

    /// Returns the pte of an address, if there is a table for it.
    #[inline(always)]
    fn walk(&self, addr: Vaddr) -> Option<Pte> {
        let tables = self.tables.all();
        let pud = self.top.of(tables).child(addr.index(Level::Pgd))?;
        let pmd = pud.of(tables).child(addr.index(Level::Pud))?;
        let table = pmd.of(tables).child(addr.index(Level::Pmd))?;
        let entry = table.of(tables).entry(addr.index(Level::Pte));
        Some(Pte(entry.load(Ordering::Acquire)))
    }

    fn note_use(&self, core: &mut Core<M>, addr: Vaddr, pte: Pte, generation: u32) {
        let Some(frame) = pte.frame() else { return };
        if self.frames.generation(frame) != generation {
            core.stale_use.get_or_insert(StaleUse { addr, frame });
        }
    }

    /// Checks the translations that a core has cached, and used, against the tables. No core may
    /// change them.
    ///
    /// # Errors
    /// A translation that was used after its page was freed, or that is cached and wrong.
    pub fn check_translations(&self, core: &mut Core<M>) -> Result<(), String> {
        if let Some(StaleUse { addr, frame }) = core.stale_use {
            let (at, frame) = (addr.0, frame.0);
            return Err(format!("{at:#x} was translated to frame {frame} after that was freed"));
        }
        for (addr, cached) in core.tlb.cached() {
            let now = self.walk(addr).unwrap_or(Pte::NONE);
            let same = now.allows(false) && now.frame() == cached.frame();
            if !same || cached.is_writable() && !now.is_writable() {
                let (at, cached, now) = (addr.0, cached.0, now.0);
                return Err(format!("{at:#x} is cached as pte {cached:#x}, and is {now:#x}"));
            }
        }
        Ok(())
    }
}
