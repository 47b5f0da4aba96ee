//! Write faults in private file mappings.

use super::file::get_locked;
use super::{End, FaultRequest, Kind, Outcome, Protection, Stop, Walk, folio, wp};
use crate::addr::{Pfn, Pte};
use crate::page_cache::File;
use crate::page_table::TableId;
use crate::rss::Member;
use crate::vma::VmaFields;
use crate::{Core, Mm, point, stage};
use machine::Machine;

/// Kind F: copies the cached page to a new frame, which is allocated before the file is called. The
/// source stays locked until the copy is mapped.
#[inline(never)]
pub(super) fn write<M: Machine, P: Protection<M> + ?Sized>(
    mm: &Mm<M>,
    pgd: TableId,
    core: &mut Core<M>,
    request: FaultRequest,
    protection: &P,
    file: &File<M>,
) -> Result<Outcome, Stop> {
    let walk = Walk::to_pmd(mm, pgd, core, protection, request.addr)?;
    walk.ensure_page_table(mm, core, protection)?;
    let now = walk.peek(mm);
    if now.is_present() {
        return wp::write(mm, core, request, protection, (walk, now));
    }
    protection.check_fault()?;
    if !protection.vma().has_anon_vma() {
        protection.prepare_anon_vma(mm)?;
    }
    let copy = core.take_frame(mm).ok_or(Stop::Oom)?;
    M::mark(stage::ALLOCATE);
    M::point(point::AFTER_PAGE_ALLOC);
    let end = match write_to(mm, core, request, protection, (file, walk, copy)) {
        Ok(end @ End::Mapped(_)) => end,
        Ok(end) => {
            core.give_frame(mm, copy);
            end
        }
        Err(stop) => {
            core.give_frame(mm, copy);
            return Err(stop);
        }
    };
    Ok(Outcome::new(Kind::PrivateWrite, end))
}

/// Copies the page to `copy` and maps it; the frame belongs to the caller again unless the end is
/// [`End::Mapped`].
#[inline(always)]
fn write_to<M: Machine, P: Protection<M> + ?Sized>(
    mm: &Mm<M>,
    core: &mut Core<M>,
    request: FaultRequest,
    protection: &P,
    (file, walk, copy): (&File<M>, Walk<'_, M>, Pfn),
) -> Result<End, Stop> {
    protection.check_file()?;
    let index = protection.vma().file_page(request.addr);
    let Some(source) = get_locked(mm, core, file, index, protection.waits())? else {
        return Ok(End::Sigbus);
    };
    M::mark(stage::LOOKUP);
    mm.frames.copy(source, copy);
    M::mark(stage::CLEAR);
    let end = match protection.lock_pte(mm, walk) {
        Ok(Some(slot)) if slot.get() == Pte::NONE => {
            core.map_anon(mm, copy, request.addr.page());
            core.add_rss(mm, Member::Anon, 1);
            core.add_to_lru(mm, copy);
            slot.set(Pte::writable(copy));
            Ok(End::Mapped(1))
        }
        Ok(_) => Ok(End::Raced(0)),
        Err(reason) => Err(reason.into()),
    };
    folio::unlock_and_put(mm, core, file, source);
    M::mark(stage::INSTALL);
    end
}
