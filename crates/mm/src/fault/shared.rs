//! Kind G: a write to a page of a shared file mapping (Linux 7.2 `mm/memory.c`,
//! `do_shared_fault`, `do_page_mkwrite`, `fault_dirty_shared_page`).

use super::file::get_locked;
use super::folio::{self, Lock};
use super::{End, Fallback, FaultRequest, Kind, Outcome, Protection, Stop, Waits, Walk, wp};
use crate::addr::{Pfn, Pte};
use crate::frames::flag;
use crate::page_cache::File;
use crate::page_table::TableId;
use crate::rss::Member;
use crate::vma::VmaFields;
use crate::wait::Wait;
use crate::{Core, Mm, stage};
use machine::{Machine, Ordering};

/// Maps the page of the file for writing, after a call of the file system.
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
    protection.check_file()?;
    protection.check_fault()?;
    let index = protection.vma().file_page(request.addr);
    let outcome = |end| Ok(Outcome::new(Kind::SharedWrite, end));
    let Some(frame) = get_locked(mm, core, file, index, protection.waits())? else {
        return outcome(End::Sigbus);
    };
    M::mark(stage::LOOKUP);
    // The file system is called with the page unlocked (`page_mkwrite`), and locks it.
    file.unlock_folio(&mm.frames, frame, &mm.waiters);
    match mark_dirty(mm, core, file, index, frame, protection.waits())? {
        Dirtied::Locked => {}
        Dirtied::Gone => return outcome(End::Raced(0)),
    }
    let end = match protection.lock_pte(mm, walk) {
        Ok(Some(slot)) if slot.get() == Pte::NONE => {
            core.map_file_page(mm, frame);
            core.add_rss(mm, Member::File, 1);
            slot.set(Pte::writable(frame));
            drop(slot);
            file.unlock_folio(&mm.frames, frame, &mm.waiters);
            Ok(End::Mapped(1))
        }
        other => {
            folio::unlock_and_put(mm, core, file, frame);
            other.map(|_| End::Raced(0)).map_err(Stop::from)
        }
    };
    M::mark(stage::INSTALL);
    // In the kernel the throttling of dirty pages pins the file and drops the fault's lock. Here is
    // no throttling, but the pin.
    if protection.waits() == Waits::Unprotected {
        file.refs().get();
        file.refs().put();
    }
    end.and_then(outcome)
}

/// The result of an attempt to dirty a page.
pub(super) enum Dirtied {
    /// It is dirty, and locked by the caller.
    Locked,
    /// It has left the file; the caller's reference is gone too.
    Gone,
}

/// Locks a folio to which the caller has a reference, and marks it dirty: in the index under
/// `xa_lock`, and in its own flags. If that fails the reference is dropped.
#[inline(never)] // Compiled once for all strategies.
pub(super) fn mark_dirty<M: Machine>(
    mm: &Mm<M>,
    core: &mut Core<M>,
    file: &File<M>,
    index: u64,
    frame: Pfn,
    waits: Waits,
) -> Result<Dirtied, Stop> {
    match folio::try_lock(mm, file, frame, index) {
        Lock::Locked => {}
        Lock::Busy if waits != Waits::Never => {
            return Err(core.stop_for(Wait::for_folio(file, index, frame, waits)));
        }
        Lock::Busy => {
            core.put_folio(mm, frame);
            return Err(Fallback::Fault.into());
        }
        Lock::Truncated => {
            core.put_folio(mm, frame);
            return Ok(Dirtied::Gone);
        }
    }
    let flags = mm.frames.folio_of(frame).flags();
    if flags.fetch_or(flag::DIRTY, Ordering::Relaxed) & flag::DIRTY == 0 {
        file.tag_dirty(&mm.waiters);
    }
    Ok(Dirtied::Locked)
}
