//! Fault-around: maps the cached pages near a read fault.
//!
//! Reference: Linux 7.2 `mm/memory.c` (`do_fault_around`) and `mm/filemap.c`
//! (`filemap_map_pages`, `next_uptodate_folio`).

use super::{End, FaultRequest, Protection, PteSlot, Stop, Walk, folio};
use crate::addr::{PAGE_BYTES, Pfn, Pte, TABLE_SPAN, Vaddr};
use crate::frames::flag;
use crate::page_cache::{Cursor, File};
use crate::rss::Member;
use crate::vma::VmaFields;
use crate::{Core, Mm, stage};
use machine::{Machine, Ordering};
use std::ops::Range;

/// Pages of the file to map, and the address of the first.
struct Window {
    first: u64,
    end: u64,
    addr: Vaddr,
}

impl Window {
    /// `1 << order` pages, naturally aligned, within the VMA, one page table and the
    /// file.
    #[inline(always)]
    fn around(addr: Vaddr, vma: &(impl VmaFields + ?Sized), file_pages: u64) -> Self {
        let (start, end) = vma.range();
        let span = PAGE_BYTES << vma.fault_around_order();
        let table = addr.0 & !(TABLE_SPAN - 1);
        let low = (addr.0 & !(span - 1)).max(start.0).max(table);
        let high = ((addr.0 & !(span - 1)) + span).min(end.0).min(table + TABLE_SPAN);
        let first = vma.file_page(Vaddr(low));
        // None if the fields of a VMA, read without a lock, do not belong together.
        let pages = high.saturating_sub(low) / PAGE_BYTES;
        Self { first, end: (first + pages).min(file_pages), addr: Vaddr(low) }
    }

    fn addr_of(&self, index: u64) -> Vaddr {
        Vaddr(self.addr.0 + (index - self.first) * PAGE_BYTES)
    }
}

/// Maps what is cached around a read fault. Pages that are locked, not up to date, or gone are left
/// out. Returns how the fault ended, or `None` if its own page was not among them, and the pages
/// mapped.
#[inline(always)]
pub(super) fn map_pages<M: Machine, P: Protection<M> + ?Sized>(
    mm: &Mm<M>,
    core: &mut Core<M>,
    request: FaultRequest,
    protection: &P,
    (file, walk): (&File<M>, Walk<'_, M>),
) -> Result<(Option<End>, u16), Stop> {
    let window = Window::around(request.addr, protection.vma(), file.pages());
    // Found before the page table is locked; the others are found under its lock.
    let mut cursor = file.cursor();
    let Some((first, frame)) = next_folio(mm, core, (file, &mut cursor), window.first..window.end)
    else {
        return Ok((None, 0));
    };
    let slot = match protection.lock_pte(mm, walk) {
        Ok(Some(slot)) => slot,
        Ok(None) => {
            folio::unlock_and_put(mm, core, file, frame);
            return Ok((Some(End::Raced(0)), 0));
        }
        Err(reason) => {
            folio::unlock_and_put(mm, core, file, frame);
            return Err(reason.into());
        }
    };
    let before = slot.get();
    let mut pages = 0;
    let mut next = Some((first, frame));
    while let Some((index, frame)) = next {
        let at = window.addr_of(index);
        let of_folio = u64::from(mm.frames.pages_from(frame)).min(window.end - index);
        pages += match mm.frames.is_large(frame) {
            false => map_one(mm, core, file, &slot, at, frame),
            true => map_some(mm, core, file, &slot, at, (frame, of_folio)),
        };
        next = next_folio(mm, core, (file, &mut cursor), index + of_folio..window.end);
    }
    core.add_rss(mm, Member::File, i64::from(pages));
    file.note_cache_hit();
    M::mark(stage::INSTALL);
    let end = match (before, slot.get()) {
        (_, Pte::NONE) => None,
        (Pte::NONE, _) => Some(End::Mapped(pages)),
        _ => Some(End::Raced(pages)),
    };
    Ok((end, pages))
}

/// Maps a locked folio if the pte is empty, and unlocks it. The mapping keeps the reference.
#[inline(always)]
fn map_one<M: Machine>(
    mm: &Mm<M>,
    core: &mut Core<M>,
    file: &File<M>,
    slot: &PteSlot<'_, M>,
    addr: Vaddr,
    frame: Pfn,
) -> u16 {
    if slot.get_at(addr) != Pte::NONE {
        folio::unlock_and_put(mm, core, file, frame);
        return 0;
    }
    core.map_file_page(mm, frame);
    slot.set_at(addr, Pte::read_only(frame));
    file.unlock_folio(&mm.frames, frame, &mm.waiters);
    1
}

/// Maps pages of a large folio that is locked, where nothing is mapped, and unlocks it: for each
/// run of pages one access to the folio's mapcount and one to its references
/// (`filemap_map_folio_range`).
#[inline(never)]
fn map_some<M: Machine>(
    mm: &Mm<M>,
    core: &mut Core<M>,
    file: &File<M>,
    slot: &PteSlot<'_, M>,
    addr: Vaddr,
    (first, pages): (Pfn, u64),
) -> u16 {
    let at = |page: u64| Vaddr(addr.0 + page * PAGE_BYTES);
    let is_free = |page: &u64| slot.get_at(at(*page)) == Pte::NONE;
    let (mut page, mut mapped) = (0, 0);
    while page < pages {
        let run = (page..pages).take_while(is_free).count() as u64;
        if run > 0 {
            let start = Pfn(first.0 + page as u32);
            core.map_file_pages(mm, start, run as u32);
            for page in page..page + run {
                slot.set_at(at(page), Pte::read_only(Pfn(first.0 + page as u32)));
            }
            mm.frames.folio_of(start).refs().get_many(run);
        }
        mapped += run as u16;
        // The page after a run is mapped already.
        page += run + 1;
    }
    folio::unlock_and_put(mm, core, file, first);
    mapped
}

/// Returns the first of some pages that can be mapped at once: its folio referenced and locked.
#[inline(never)] // Compiled once for all strategies.
fn next_folio<M: Machine>(
    mm: &Mm<M>,
    core: &mut Core<M>,
    (file, cursor): (&File<M>, &mut Cursor<'_, M>),
    pages: Range<u64>,
) -> Option<(u64, Pfn)> {
    let mut index = pages.start;
    while index < pages.end {
        let slot = cursor.slot(index);
        let Some(frame) = slot.and_then(|slot| folio::get_in(mm, core, slot)) else {
            index += 1;
            continue;
        };
        let flags = mm.frames.folio_of(frame).flags().load(Ordering::Relaxed);
        let state = flag::LOCKED | flag::UPTODATE | flag::READAHEAD;
        let ready = flags & state == flag::UPTODATE;
        if ready && matches!(folio::try_lock(mm, file, frame, index), folio::Lock::Locked) {
            return Some((index, frame));
        }
        index += u64::from(mm.frames.pages_from(frame));
        core.put_folio(mm, frame);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vma::Mapping;

    struct Fields(Mapping);

    impl VmaFields for Fields {
        fn range(&self) -> (Vaddr, Vaddr) {
            (self.0.start, self.0.end)
        }
        fn flags(&self) -> u64 {
            self.0.flags
        }
        fn has_anon_vma(&self) -> bool {
            false
        }
        fn file(&self) -> Option<usize> {
            self.0.file
        }
        fn pgoff(&self) -> u64 {
            self.0.pgoff
        }
        fn fault_around_order(&self) -> u8 {
            self.0.fault_around_order
        }
    }

    fn window(start: u64, end: u64, pgoff: u64, addr: u64, file_pages: u64) -> (u64, u64, u64) {
        let page = |n: u64| Vaddr(n * PAGE_BYTES);
        let vma = Fields(Mapping {
            start: page(start),
            end: page(end),
            flags: 0,
            file: Some(0),
            pgoff,
            fault_around_order: 4,
        });
        let w = Window::around(Vaddr(addr * PAGE_BYTES + 5), &vma, file_pages);
        (w.first, w.end, w.addr.0 / PAGE_BYTES)
    }

    #[test]
    fn the_window_is_clamped_to_vma_table_and_file() {
        assert_eq!(window(512, 1024, 0, 515, 512), (0, 16, 512), "aligned");
        assert_eq!(window(520, 1024, 3, 521, 512), (3, 11, 520), "start of the VMA");
        assert_eq!(window(512, 518, 0, 515, 512), (0, 6, 512), "end of the VMA");
        assert_eq!(window(512, 1024, 0, 515, 4), (0, 4, 512), "end of the file");
        assert_eq!(window(505, 2000, 0, 1023, 9000), (503, 519, 1008), "one table");
    }
}
