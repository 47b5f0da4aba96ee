//! Faults in anonymous memory.

use super::large::LargeFolio;
use super::{End, FaultRequest, Kind, Outcome, Protection, Stop, Walk, wp};
use crate::addr::Pte;
use crate::page_table::TableId;
use crate::rss::Member;
use crate::vma::VmaFields;
use crate::{Core, Mm, point, stage};
use machine::Machine;

/// Kind A: a read maps the zero page. It takes no frame and no reference, and does not count in
/// rss.
#[inline(always)]
pub(super) fn read<M: Machine, P: Protection<M> + ?Sized>(
    mm: &Mm<M>,
    pgd: TableId,
    core: &mut Core<M>,
    request: FaultRequest,
    protection: &P,
) -> Result<Outcome, Stop> {
    let walk = Walk::to_pmd(mm, pgd, core, protection, request.addr)?;
    walk.ensure_page_table(mm, core, protection)?;
    let end = match protection.lock_pte(mm, walk)? {
        Some(slot) if slot.get() == Pte::NONE => {
            slot.set(Pte::ZERO_PAGE);
            M::mark(stage::INSTALL);
            End::Mapped(1)
        }
        _ => End::Raced(0),
    };
    Ok(Outcome::new(Kind::AnonRead, end))
}

/// Kind B: a write maps a new, cleared frame. Table, then `anon_vma`, then frame, all
/// before the page-table lock.
#[inline(never)]
pub(super) fn write<M: Machine, P: Protection<M> + ?Sized>(
    mm: &Mm<M>,
    pgd: TableId,
    core: &mut Core<M>,
    request: FaultRequest,
    protection: &P,
) -> Result<Outcome, Stop> {
    let walk = Walk::to_pmd(mm, pgd, core, protection, request.addr)?;
    walk.ensure_page_table(mm, core, protection)?;
    let now = walk.peek(mm);
    if now.is_present() {
        return wp::write(mm, core, request, protection, (walk, now));
    }
    if !protection.vma().has_anon_vma() {
        protection.prepare_anon_vma(mm)?;
    }
    if let Some(folio) = LargeFolio::take(mm, core, request, protection.vma(), walk) {
        let end = folio.map(mm, core, protection, walk)?;
        return Ok(Outcome::new(Kind::AnonWrite, end));
    }
    let frame = core.take_frame(mm).ok_or(Stop::Oom)?;
    M::mark(stage::ALLOCATE);
    M::point(point::AFTER_PAGE_ALLOC);
    mm.frames.clear(frame);
    M::mark(stage::CLEAR);
    let locked = match protection.lock_pte(mm, walk) {
        Ok(locked) => locked,
        Err(reason) => {
            core.give_frame(mm, frame);
            return Err(reason.into());
        }
    };
    let end = match locked {
        Some(slot) if slot.get() == Pte::NONE => {
            core.map_anon(mm, frame, request.addr.page());
            core.add_rss(mm, Member::Anon, 1);
            core.add_to_lru(mm, frame);
            slot.set(Pte::writable(frame));
            M::mark(stage::INSTALL);
            End::Mapped(1)
        }
        raced => {
            drop(raced);
            core.give_frame(mm, frame);
            End::Raced(0)
        }
    };
    Ok(Outcome::new(Kind::AnonWrite, end))
}
