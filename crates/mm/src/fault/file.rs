//! Read faults in file mappings.

use super::folio::{self, Lock};
use super::map_pages::map_pages;
use super::{End, Fallback, FaultRequest, Kind, MapPages, Outcome, Protection, Stop, Waits, Walk};
use crate::addr::{Pfn, Pte};
use crate::page_cache::File;
use crate::page_table::TableId;
use crate::rss::Member;
use crate::vma::VmaFields;
use crate::wait::Wait;
use crate::{Core, Mm, point, stage};
use machine::Machine;

/// Kinds C, D and E: maps the cached pages around, else the page alone, else waits for it.
#[inline(never)]
pub(super) fn read<M: Machine, P: Protection<M> + ?Sized>(
    mm: &Mm<M>,
    pgd: TableId,
    core: &mut Core<M>,
    request: FaultRequest,
    protection: &P,
    file: &File<M>,
) -> Result<Outcome, Stop> {
    let walk = Walk::to_pmd(mm, pgd, core, protection, request.addr)?;
    // The table is allocated before any page is locked: the allocation may wait for writeback, and
    // writeback may wait for that page (comment in `__do_fault`).
    walk.ensure_page_table(mm, core, protection)?;
    protection.check_file()?;
    let mut around = 0;
    let kind = if request.has_waited() { Kind::FileReadIo } else { Kind::FileRead };
    let maps_around = protection.vma().fault_around_order() > 0;
    let map = protection.map_pages();
    if map == MapPages::Only || map == MapPages::Around && maps_around {
        let (end, pages) = map_pages(mm, core, request, protection, (file, walk))?;
        if let Some(end) = end {
            let is_around = maps_around && !request.has_waited();
            let kind = if is_around { Kind::FileReadAround } else { kind };
            return Ok(Outcome::new(kind, end));
        }
        if map == MapPages::Only {
            return Err(Fallback::Fault.into());
        }
        around = pages;
    }
    protection.check_fault()?;
    let index = protection.vma().file_page(request.addr);
    let frame = match get_locked(mm, core, file, index, protection.waits())? {
        Some(frame) => frame,
        None => return Ok(Outcome::new(kind, End::Sigbus)),
    };
    M::mark(stage::LOOKUP);
    let slot = match protection.lock_pte(mm, walk) {
        Ok(slot) => slot,
        Err(reason) => {
            folio::unlock_and_put(mm, core, file, frame);
            return Err(reason.into());
        }
    };
    let end = match slot {
        Some(slot) if slot.get() == Pte::NONE => {
            core.map_file_page(mm, frame);
            core.add_rss(mm, Member::File, 1);
            slot.set(Pte::read_only(frame));
            drop(slot);
            file.unlock_folio(&mm.frames, frame, &mm.waiters);
            M::mark(stage::INSTALL);
            End::Mapped(1 + around)
        }
        raced => {
            drop(raced);
            folio::unlock_and_put(mm, core, file, frame);
            End::Raced(around)
        }
    };
    Ok(Outcome::new(kind, end))
}

/// Returns the folio of page `index` (`->fault`): referenced, locked, up to date. `None` after the
/// end of the file.
#[inline(never)] // Compiled once for all strategies.
pub(super) fn get_locked<M: Machine>(
    mm: &Mm<M>,
    core: &mut Core<M>,
    file: &File<M>,
    index: u64,
    waits: Waits,
) -> Result<Option<Pfn>, Stop> {
    let may_wait = waits != Waits::Never;
    loop {
        if index >= file.pages() {
            return Ok(None);
        }
        let Some(frame) = folio::get(mm, core, file, index) else {
            if !may_wait {
                return Err(Fallback::Fault.into());
            }
            file.note_cache_miss(index);
            return Err(core.stop_for(Wait::for_io(file, index, waits)));
        };
        M::point(point::FOLIO_GOT_REF);
        if folio::take_readahead(mm, frame, may_wait) {
            if may_wait {
                return Err(core.stop_for(Wait::for_readahead(file, index, frame, waits)));
            }
            core.put_folio(mm, frame);
            return Err(Fallback::Fault.into());
        }
        match folio::try_lock(mm, file, frame, index) {
            Lock::Locked => {
                M::point(point::FOLIO_LOCKED);
                file.note_cache_hit();
                return Ok(Some(frame));
            }
            Lock::Busy if may_wait => {
                return Err(core.stop_for(Wait::for_folio(file, index, frame, waits)));
            }
            Lock::Busy => {
                core.put_folio(mm, frame);
                return Err(Fallback::Fault.into());
            }
            // The file may have grown again.
            Lock::Truncated => core.put_folio(mm, frame),
        }
    }
}
