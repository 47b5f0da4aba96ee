//! Twins of the fault in a file mapping that reads cached pages, under mmap_lock.

use faultstorm::machine::{Machine, Ordering};
use faultstorm::mm::addr::{PAGE_BYTES, Pte, TABLE_SPAN, Vaddr};
use faultstorm::mm::fault::folio::{self, Lock};
use faultstorm::mm::fault::{End, FaultRequest, Kind, Outcome, PteSlot, Stop, Walk};
use faultstorm::mm::frames::flag;
use faultstorm::mm::kernel::Linux7_2;
use faultstorm::mm::locked::Held;
use faultstorm::mm::rss::Member;
use faultstorm::mm::vma::{VmaFields, VmaRef};
use faultstorm::mm::{Core, locked, point};
use faultstorm::strategy::{Space, Strategy};
use faultstorm::sync::rwsem::Home;

/// No step is missing.
pub const SOUND: u32 = 0;
/// The table is allocated after the page is locked, not before.
pub const PAGE_FIRST: u32 = 1;
/// After the page is locked, it is not checked again.
pub const NO_RECHECK: u32 = 2;
/// If the page has become another one, its reference is kept (three places in the series of April
/// 2021, in `filemap_fault`).
pub const KEEPS_PAGE: u32 = 3;
/// A fault that must wait for a page releases mmap_lock, and its caller releases it again.
pub const UNLOCKS_TWICE: u32 = 4;
/// A fault that has waited for a page is assumed to have released mmap_lock.
pub const KEEPS_LOCK: u32 = 5;
/// Pages around are not limited to the table of the fault.
pub const NO_TABLE_END: u32 = 6;

/// One reader in the count of mmap_lock.
const READER: u64 = 1 << 8;

/// Reads of a file, with one step missing.
pub struct FileRead<const STEP: u32>;

impl<const STEP: u32> FileRead<STEP> {
    fn read<M: Machine>(
        space: &Space<M, Self>,
        core: &mut Core<M>,
        request: FaultRequest,
        vma: VmaRef<'_, M>,
    ) -> Result<Outcome, Stop> {
        let (mm, held) = (&**space, Held::by_its_lock(vma));
        let waiters = Home::waiters(mm);
        let outcome = |end| Ok(Outcome::new(Kind::FileRead, end));
        let walk = Walk::to_pmd(mm, mm.pgd(), core, &held, request.addr)?;
        if STEP != PAGE_FIRST {
            walk.ensure_page_table(mm, core, &held)?;
        }
        let file = &mm.files()[vma.file().expect("a file is mapped")];
        let index = vma.file_page(request.addr);
        let Some(frame) = folio::get(mm, core, file, index) else { return outcome(End::Sigbus) };
        M::point(point::FOLIO_GOT_REF);
        let folio = mm.frames().folio(frame);
        let locked = if STEP == NO_RECHECK {
            let before = folio.flags().fetch_or(flag::LOCKED, Ordering::Acquire);
            if before & flag::LOCKED == 0 { Lock::Locked } else { Lock::Busy }
        } else {
            folio::try_lock(mm, file, frame, index)
        };
        if !matches!(locked, Lock::Locked) {
            if STEP == UNLOCKS_TWICE {
                space.field(space.kernel().mm.mmap_count).fetch_sub(READER, Ordering::Release);
            }
            file.wait_unlocked(mm.frames(), frame, waiters);
            if STEP != KEEPS_PAGE {
                core.put_folio(mm, frame);
            }
            return outcome(End::Raced(0));
        }
        M::point(point::FOLIO_LOCKED);
        if STEP == PAGE_FIRST {
            walk.ensure_page_table(mm, core, &held)?;
        }
        let Some(slot) = walk.lock(mm).filter(|slot| slot.get() == Pte::NONE) else {
            folio::unlock_and_put(mm, core, file, frame);
            return outcome(End::Raced(0));
        };
        core.map_file_page(mm, frame);
        core.add_rss(mm, Member::File, 1);
        slot.set(Pte::read_only(frame));
        let around = Self::map_around(space, core, &slot, request.addr, vma);
        drop(slot);
        file.unlock_folio(mm.frames(), frame, waiters);
        outcome(End::Mapped(1 + around))
    }

    /// Maps the cached pages around, under ptl; returns their number.
    fn map_around<M: Machine>(
        space: &Space<M, Self>,
        core: &mut Core<M>,
        slot: &PteSlot<'_, M>,
        at: Vaddr,
        vma: VmaRef<'_, M>,
    ) -> u16 {
        let (mm, (start, end)) = (&**space, vma.range());
        let file = &mm.files()[vma.file().expect("a file is mapped")];
        let span = PAGE_BYTES << vma.fault_around_order();
        let (window, table) = (at.0 / span * span, at.0 / TABLE_SPAN * TABLE_SPAN);
        let table_end = if STEP == NO_TABLE_END { u64::MAX } else { table + TABLE_SPAN };
        let (from, to) = (window.max(start.0).max(table), (window + span).min(end.0));
        let mut pages = 0;
        for addr in (from..to.min(table_end)).step_by(PAGE_BYTES as usize).map(Vaddr) {
            let index = vma.file_page(addr);
            if slot.get_at(addr) != Pte::NONE {
                continue;
            }
            let Some(frame) = folio::get(mm, core, file, index) else { continue };
            if !matches!(folio::try_lock(mm, file, frame, index), Lock::Locked) {
                core.put_folio(mm, frame);
                continue;
            }
            core.map_file_page(mm, frame);
            slot.set_at(addr, Pte::read_only(frame));
            file.unlock_folio(mm.frames(), frame, Home::waiters(mm));
            pages += 1;
        }
        core.add_rss(mm, Member::File, i64::from(pages));
        pages
    }
}

impl<M: Machine, const STEP: u32> Strategy<M> for FileRead<STEP> {
    type Layout = Linux7_2;
    type Words = ();

    fn attempt(
        space: &Space<M, Self>,
        core: &mut Core<M>,
        request: FaultRequest,
    ) -> Result<Outcome, Stop> {
        let lock = space.mmap_lock().read();
        let _section = core.read_section();
        let outcome = match space.find_vma(request.addr) {
            Some(vma) => Self::read(space, core, request, vma.loaded()).expect("memory is left"),
            None => locked::failed(request, End::Segv),
        };
        if STEP == KEEPS_LOCK && outcome.end() == End::Raced(0) {
            std::mem::forget(lock);
        }
        Ok(outcome)
    }
}
