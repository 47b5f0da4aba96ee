//! Large folios in anonymous memory: one fault for all pages of a folio, which ptes map (Linux
//! 6.12 `mm/memory.c`, `alloc_anon_folio`, `do_anonymous_page`).
//!
//! Not simulated: smaller sizes to fall back to, except for single pages, and the queue of partly
//! mapped folios to be split (`deferred_split_folio`).

use super::{End, FaultRequest, Protection, Stop, Walk};
use crate::addr::{PAGE_BYTES, Pfn, Pte, Vaddr};
use crate::rss::Member;
use crate::vma::{VmaFields, flag};
use crate::{Core, Mm, point, stage};
use machine::Machine;

/// A cleared folio that is mapped nowhere yet, and the address for it.
pub(super) struct LargeFolio {
    head: Pfn,
    addr: Vaddr,
    pages: u64,
}

impl LargeFolio {
    /// Takes and clears a folio for a fault; `None` if the VMA has only single pages, a folio does
    /// not fit into it there, a page of its range is mapped, or there is none.
    #[inline(always)]
    pub fn take<M: Machine>(
        mm: &Mm<M>,
        core: &mut Core<M>,
        request: FaultRequest,
        vma: &(impl VmaFields + ?Sized),
        walk: Walk<'_, M>,
    ) -> Option<Self> {
        if !mm.frames.has_large() {
            return None;
        }
        match flag::order_of_folios(vma.flags()) {
            0 => None,
            order => Self::take_of_order(mm, core, (request.addr, order), vma.range(), walk),
        }
    }

    #[inline(never)]
    fn take_of_order<M: Machine>(
        mm: &Mm<M>,
        core: &mut Core<M>,
        (addr, order): (Vaddr, u8),
        (start, end): (Vaddr, Vaddr),
        walk: Walk<'_, M>,
    ) -> Option<Self> {
        let (pages, bytes) = (1 << order, PAGE_BYTES << order);
        let addr = Vaddr(addr.0 & !(bytes - 1));
        let fits = start <= addr && addr.0 + bytes <= end.0;
        if !fits || !walk.is_range_none(mm, addr, pages) {
            return None;
        }
        let head = core.take_large_folio(mm, order)?;
        M::mark(stage::ALLOCATE);
        M::point(point::AFTER_PAGE_ALLOC);
        (head.0..head.0 + pages as u32).for_each(|frame| mm.frames.clear(Pfn(frame)));
        M::mark(stage::CLEAR);
        Some(Self { head, addr, pages })
    }

    /// Maps all pages of the folio, unless another core has mapped a page there.
    #[inline(always)]
    pub fn map<M: Machine, P: Protection<M> + ?Sized>(
        self,
        mm: &Mm<M>,
        core: &mut Core<M>,
        protection: &P,
        walk: Walk<'_, M>,
    ) -> Result<End, Stop> {
        let locked = match protection.lock_pte(mm, walk) {
            Ok(locked) => locked,
            Err(reason) => {
                core.give_frame(mm, self.head);
                return Err(reason.into());
            }
        };
        let places = || (0..self.pages).map(|page| Vaddr(self.addr.0 + page * PAGE_BYTES));
        let Some(slot) = locked.filter(|slot| places().all(|at| slot.get_at(at) == Pte::NONE))
        else {
            core.give_frame(mm, self.head);
            return Ok(End::Raced(0));
        };
        core.map_large_anon(mm, self.head, self.addr.page());
        core.add_rss(mm, Member::Anon, self.pages as i64);
        core.add_to_lru(mm, self.head);
        for (frame, at) in (self.head.0..).zip(places()) {
            slot.set_at(at, Pte::writable(Pfn(frame)));
        }
        M::mark(stage::INSTALL);
        Ok(End::Mapped(self.pages as u16))
    }
}
