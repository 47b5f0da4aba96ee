//! madvise(MADV_POPULATE_READ, MADV_POPULATE_WRITE) (Linux 6.16 `mm/madvise.c`, `madvise_populate`;
//! `mm/gup.c`, `faultin_page_range`, `__get_user_pages`, `follow_page_pte`): maps each page of a
//! range by a fault, all under one hold of mmap_lock for reading, which is dropped for I/O alone.
//!
//! Each page is looked for under ptl, faulted in if it is missing, and looked for again. At the end
//! the core's batch of folios is put on the LRU lists (`lru_add_drain`).

use super::addr::{Level, PAGE_BYTES, Pte, Vaddr};
use super::fault::{self, Access, End, FaultRequest, Stop};
use super::kernel::Layout;
use super::locked::Held;
use super::{Core, LaidOut, Mm};
use machine::{Machine, Ordering};
use std::ops::Range;

/// Maps all pages of a range for an access; false if a part of it is not mapped, does not allow the
/// access, or is beyond the end of its file. The pages before that part are mapped then.
pub fn populate<M: Machine, L: Layout>(
    mm: &LaidOut<M, L>,
    core: &mut Core<M>,
    range: &Range<Vaddr>,
    access: Access,
) -> bool {
    let mut request = FaultRequest::new(range.start, access);
    let all = loop {
        let waited = match populate_locked(mm, core, &mut request, range.end) {
            Ok(()) => break true,
            Err(Stop::Wait) => mm.wait(core),
            Err(Stop::NoTable) => mm.wait_for_table(core),
            Err(Stop::Oom | Stop::Fallback(_)) => break false,
        };
        if waited.is_err() {
            break false;
        }
    };
    core.drain_lru(mm);
    all
}

/// Maps pages from that of `request` on, in one hold of mmap_lock.
///
/// # Errors
/// What the page of `request` has to wait for with the lock dropped; a fallback or a lack of memory
/// if it cannot be mapped.
fn populate_locked<M: Machine, L: Layout>(
    mm: &LaidOut<M, L>,
    core: &mut Core<M>,
    request: &mut FaultRequest,
    end: Vaddr,
) -> Result<(), Stop> {
    let _lock = mm.mmap_lock().read();
    while request.addr < end {
        if !is_mapped(mm, core, *request) {
            populate_page(mm, core, request)?;
            continue;
        }
        *request = FaultRequest::new(Vaddr(request.addr.0 + PAGE_BYTES), request.access());
    }
    Ok(())
}

/// Handles a fault on one page.
fn populate_page<M: Machine, L: Layout>(
    mm: &LaidOut<M, L>,
    core: &mut Core<M>,
    request: &mut FaultRequest,
) -> Result<(), Stop> {
    let section = core.read_section();
    let vma = mm.find_vma(request.addr).filter(|vma| fault::allows(vma, request.access()));
    let result = vma.map(|vma| fault::handle(mm, core, *request, &Held::by_mmap_lock(vma)));
    drop(section);
    match result {
        Some(Ok(outcome)) if matches!(outcome.end(), End::Mapped(_) | End::Raced(_)) => Ok(()),
        None | Some(Ok(_)) => Err(Stop::Oom),
        // The lock is dropped for a page only once (`fault_flag_allow_retry_first`).
        Some(Err(Stop::Wait)) if request.has_tried() => mm.wait(core).map_err(|_| Stop::Oom),
        Some(Err(stop)) => {
            if stop == Stop::Wait {
                *request = request.after_wait();
            }
            Err(stop)
        }
    }
}

/// Looks under ptl if a page is mapped for an access. `mmap_lock` is held for reading.
fn is_mapped<M: Machine>(mm: &Mm<M>, core: &Core<M>, request: FaultRequest) -> bool {
    // `madvise` frees tables under mmap_lock held for reading, as this does.
    let _section = core.writer_section();
    let Some(table) = mm.table_at(request.addr).map(|id| mm.tables.get(id)) else { return false };
    let _ptl = table.lock(&mm.waiters);
    let pte = Pte(table.entry(request.addr.index(Level::Pte)).load(Ordering::Relaxed));
    pte.is_present() && (request.access() == Access::Read || pte.is_writable())
}
