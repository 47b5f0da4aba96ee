//! NUMA hint faults (Linux 6.12 `mm/memory.c`, `do_numa_page`, `numa_rebuild_single_mapping`): a
//! scan made a pte trap, and the fault makes it as it was, and writes to the folio who came.
//!
//! Each page is on the node where it should be: none is migrated.

use super::{End, FaultRequest, Kind, Outcome, Protection, Stop, Walk};
use crate::addr::Pte;
use crate::page_table::TableId;
use crate::{Core, Mm, stage};
use machine::{Machine, Ordering};

/// Ends a fault on a pte that a scan made trap; `None` if the pte is another one.
#[inline(never)]
pub(super) fn hint<M: Machine, P: Protection<M> + ?Sized>(
    mm: &Mm<M>,
    pgd: TableId,
    core: &mut Core<M>,
    request: FaultRequest,
    protection: &P,
) -> Result<Option<Outcome>, Stop> {
    let walk = Walk::to_pmd(mm, pgd, core, protection, request.addr)?;
    let now = walk.peek(mm);
    if !now.is_hinting() {
        return Ok(None);
    }
    let end = match protection.lock_pte(mm, walk)? {
        Some(slot) if slot.get() == now => {
            if let Some(page) = now.frame() {
                // `folio_xchg_last_cpupid`: in the flags of the folio.
                mm.frames.folio_of(page).flags().fetch_or(0, Ordering::Relaxed);
            }
            slot.swap(Pte::NONE);
            slot.set(now.not_hinting());
            M::mark(stage::INSTALL);
            End::Mapped(0)
        }
        _ => End::Raced(0),
    };
    Ok(Some(Outcome::new(Kind::NumaHint, end)))
}
