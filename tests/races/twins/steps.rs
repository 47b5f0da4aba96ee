//! Steps that no writer of the crate does: twins of writers, and cores that are no writers.

use super::machines::Short;
use crate::script::addr;
use faultstorm::machine::{Machine, Ordering};
use faultstorm::mm::addr::{PAGE_BYTES, PAGE_SHIFT, Pte, Vaddr};
use faultstorm::mm::fault::{self, Access, End, FaultRequest, Walk, folio};
use faultstorm::mm::frames::flag;
use faultstorm::mm::locked::Held;
use faultstorm::mm::rss::Member;
use faultstorm::mm::vma::{Mapping, VmaFields};
use faultstorm::mm::vmstat::Item;
use faultstorm::mm::{Core, point};
use faultstorm::strategy::{Space, Strategy};
use faultstorm::sync::rwsem::Home;
use std::ops::Range;

#[derive(Clone, Copy)]
pub enum Other {
    /// From now on, a core that wants memory waits until some is reclaimed.
    MemoryIsShort,
    /// Reclaims memory after some is wanted.
    Reclaim,
    /// Writes back the page chosen by reclaim, together with this page of the file.
    WriteBack(u64),
    /// Grows a stack from the VMA's end to its new start, and writes there, with mmap_lock held for
    /// reading.
    ExpandUnlocked(u64, u64),
    /// Truncates to this number of pages of the file; if true, ptes are zapped again at the end.
    Truncate(u64, bool),
    /// Truncates, and goes through the VMAs of the file backwards, so that a page is not found just
    /// because of the order in which pages move; if true, the file's map is locked.
    TruncateBackwards(u64, bool),
}

impl Other {
    pub fn perform<M: Machine, S: Strategy<M>>(self, space: &Space<M, S>, core: &mut Core<M>) {
        match self {
            Self::MemoryIsShort => Short::begin(),
            Self::Reclaim => Short::reclaim(),
            Self::WriteBack(page) => write_back(space, page),
            Self::ExpandUnlocked(end, start) => expand(space, core, end, start),
            Self::Truncate(pages, zaps_again) => truncate(space, core, pages, zaps_again),
            Self::TruncateBackwards(pages, locks) => {
                let before = space.files()[0].set_pages(pages);
                zap_backwards(space, core, pages, locks);
                drop_pages(space, core, pages..before);
                zap_backwards(space, core, pages, locks);
            }
        }
    }
}

/// Takes the lock of a cached page of the file, and releases it.
fn write_back<M: Machine, S: Strategy<M>>(space: &Space<M, S>, page: u64) {
    let (file, frames) = (&space.files()[0], space.frames());
    let frame = file.lookup(page).expect("it is cached");
    let flags = frames.folio(frame).flags();
    while flags.fetch_or(flag::LOCKED, Ordering::Acquire) & flag::LOCKED != 0 {
        file.wait_unlocked(frames, frame, Home::waiters(&**space));
    }
    file.unlock_folio(frames, frame, Home::waiters(&**space));
    Short::written_back();
}

/// Grows a stack, and writes to its first page.
fn expand<M: Machine, S: Strategy<M>>(
    space: &Space<M, S>,
    core: &mut Core<M>,
    end: u64,
    start: u64,
) {
    let _lock = space.mmap_lock().read();
    let vma = space.find_vma(addr(end - 1)).expect("the stack is there");
    let old = vma.mapping();
    let pages = (old.start.0 - addr(start).0) >> PAGE_SHIFT;
    vma.change(&Mapping { start: addr(start), pgoff: old.pgoff - pages, ..old });
    let _section = core.read_section();
    let request = FaultRequest::new(addr(start), Access::Write);
    let ended = fault::handle(&**space, core, request, &Held::by_its_lock(vma));
    assert!(ended.is_ok_and(|fault| fault.end() == End::Mapped(1)), "the page is mapped");
}

/// Truncates in the kernel's order; `madvise` zaps the ptes.
fn truncate<M: Machine, S: Strategy<M>>(
    space: &Space<M, S>,
    core: &mut Core<M>,
    pages: u64,
    zaps_again: bool,
) {
    let before = space.files()[0].set_pages(pages);
    let zap =
        |core: &mut Core<M>| space.writer(core).madvise_dontneed(&(addr(pages)..addr(before)));
    zap(core);
    drop_pages(space, core, pages..before);
    if zaps_again {
        zap(core);
    }
}

/// Removes pages from the page cache.
fn drop_pages<M: Machine, S: Strategy<M>>(
    space: &Space<M, S>,
    core: &mut Core<M>,
    pages: Range<u64>,
) {
    let file = &space.files()[0];
    for index in pages {
        let Some(frame) = folio::get(&**space, core, file, index) else { continue };
        let flags = space.frames().folio(frame).flags();
        while flags.fetch_or(flag::LOCKED, Ordering::Acquire) & flag::LOCKED != 0 {
            file.wait_unlocked(space.frames(), frame, Home::waiters(&**space));
        }
        file.remove(index, Home::waiters(&**space));
        space.frames().folio(frame).mapping().store(0, Ordering::Relaxed);
        core.count(&**space, frame, Item::FilePages, -1);
        folio::unlock_and_put(&**space, core, file, frame);
        core.put_folio(&**space, frame);
    }
}

/// Zaps all ptes of the file's pages from page `first` on.
fn zap_backwards<M: Machine, S: Strategy<M>>(
    space: &Space<M, S>,
    core: &mut Core<M>,
    first: u64,
    locks: bool,
) {
    let (mm, rmap) = (&**space, space.rmap(0));
    let _read = locks.then(|| rmap.lock().read());
    let (mut vmas, mut zapped) = (Vec::new(), Vec::new());
    rmap.vmas(&mut vmas);
    for vma in vmas.into_iter().rev().map(|id| space.vma(id)) {
        let (start, end) = vma.range();
        let skipped = first.saturating_sub(vma.pgoff()) * PAGE_BYTES;
        for addr in (start.0 + skipped..end.0).step_by(PAGE_BYTES as usize).map(Vaddr) {
            let walk = Walk::to_pmd(mm, mm.pgd(), core, &Held::by_its_lock(vma), addr);
            let Some(slot) = walk.expect("upper tables are there").lock(mm) else { continue };
            let Some(frame) = slot.get().frame() else { continue };
            slot.set(Pte::NONE);
            core.unmap_page(&**space, frame);
            core.add_rss(mm, Member::File, -1);
            zapped.push(frame);
        }
        M::point(point::TABLE_ZAPPED);
    }
    core.shoot_down();
    zapped.into_iter().for_each(|frame| core.put_folio(mm, frame));
}
