//! Kind H: a write to a page that is mapped, but not for writing (Linux 7.2
//! `mm/memory.c`, `do_wp_page`, `wp_page_copy`).

use super::shared::{Dirtied, mark_dirty};
use super::{End, FaultRequest, Kind, Outcome, Protection, PteSlot, Stop, Walk};
use crate::addr::{Pfn, Pte};
use crate::frames::{ANON, flag};
use crate::rss::Member;
use crate::vma::{VmaFields, flag as vm};
use crate::{Core, Mm, point, stage};
use machine::{Machine, Ordering};

/// Most references of a page that may be exclusive: of its mapping, of a batch, and in the kernel
/// of the swap cache.
const ALONE_MAX: u64 = 3;

/// Makes the pte of the fault writable: at once if no other space has the page, else by a copy.
/// `now` is the pte as it was read without its lock.
#[inline(never)]
pub(super) fn write<M: Machine, P: Protection<M> + ?Sized>(
    mm: &Mm<M>,
    core: &mut Core<M>,
    request: FaultRequest,
    protection: &P,
    (walk, now): (Walk<'_, M>, Pte),
) -> Result<Outcome, Stop> {
    let outcome = |end| Ok(Outcome::new(Kind::WpCopy, end));
    protection.check_copy()?;
    let slot = match protection.lock_pte(mm, walk)? {
        Some(slot) if slot.get() == now && !now.is_writable() => slot,
        _ => return outcome(End::Raced(0)),
    };
    if protection.vma().flags() & vm::SHARED != 0 {
        return shared(mm, core, request, protection, (walk, now, slot));
    }
    let old = now.frame();
    let is_ours = |frame| {
        let is_marked = mm.kernel.rules.anon_exclusive && mm.frames.folio(frame).is_exclusive();
        is_marked || is_alone(mm, core, frame)
    };
    if old.is_some_and(is_ours) {
        slot.set(now.made_writable());
        return outcome(End::Mapped(0));
    }
    // The reference keeps the page during the copy, since ptl is not held.
    old.inspect(|frame| mm.frames.folio_of(*frame).refs().get());
    drop(slot);
    let result = copy(mm, core, request, protection, (walk, now));
    old.inspect(|frame| core.put_folio(mm, *frame));
    result.and_then(outcome)
}

/// Returns true if an anonymous page is mapped here alone, and no other space has it
/// (`wp_can_reuse_anon_folio`). It is exclusive from then on. The reference of this core's batch
/// does not count.
fn is_alone<M: Machine>(mm: &Mm<M>, core: &mut Core<M>, frame: Pfn) -> bool {
    let folio = mm.frames.folio(frame);
    let relaxed = Ordering::Relaxed;
    if mm.frames.is_large(frame) {
        return is_large_alone(mm, frame);
    }
    if folio.mapping().load(relaxed) != ANON || folio.refs().count() > ALONE_MAX {
        return false;
    }
    if mm.lru.is_on() && folio.flags().load(relaxed) & flag::LRU == 0 {
        core.drain_lru(mm);
    }
    let is_alone = folio.refs().count() == 1;
    if is_alone && mm.kernel.rules.anon_exclusive {
        folio.set_exclusive(true);
    }
    is_alone
}

/// Returns true if no other space has a large folio of which more than this page is mapped (Linux
/// 6.15 `__wp_can_reuse_large_anon_folio`; 6.14 and before always copied). The page alone is
/// exclusive then.
fn is_large_alone<M: Machine>(mm: &Mm<M>, frame: Pfn) -> bool {
    let (page, head) = (mm.frames.folio(frame), mm.frames.head(frame));
    let mappings = mm.frames.large_mapcount(head).load(Ordering::Relaxed);
    // The child of a fork maps each page that the folio had here.
    let is_shared = page.mapcount().load(Ordering::Relaxed) > 1;
    let is_anon = page.mapping().load(Ordering::Relaxed) == ANON;
    if !is_anon || is_shared || mappings <= 1 {
        return false;
    }
    let is_alone = mm.frames.folio(head).refs().count() == mappings;
    if is_alone && mm.kernel.rules.anon_exclusive {
        page.set_exclusive(true);
    }
    is_alone
}

#[inline(always)]
fn copy<M: Machine, P: Protection<M> + ?Sized>(
    mm: &Mm<M>,
    core: &mut Core<M>,
    request: FaultRequest,
    protection: &P,
    (walk, now): (Walk<'_, M>, Pte),
) -> Result<End, Stop> {
    if !protection.vma().has_anon_vma() {
        protection.prepare_anon_vma(mm)?;
    }
    let new = core.take_frame(mm).ok_or(Stop::Oom)?;
    M::mark(stage::ALLOCATE);
    M::point(point::AFTER_PAGE_ALLOC);
    match now.frame() {
        Some(old) => mm.frames.copy(old, new),
        None => mm.frames.clear(new),
    }
    M::mark(stage::CLEAR);
    let index = protection.vma().file_page(request.addr);
    let slot = match protection.lock_pte(mm, walk) {
        Ok(Some(slot)) if slot.get() == now => slot,
        Ok(raced) => {
            drop(raced);
            core.give_frame(mm, new);
            return Ok(End::Raced(0));
        }
        Err(reason) => {
            core.give_frame(mm, new);
            return Err(reason.into());
        }
    };
    replace(mm, core, &slot, index, (now.frame(), new));
    drop(slot);
    M::mark(stage::INSTALL);
    if let Some(old) = now.frame() {
        // The reference of the old mapping.
        core.put_folio(mm, old);
    }
    Ok(End::Mapped(1))
}

/// Replaces `old` by `new`, under ptl. No core may see the new page while another still writes
/// through an old translation, so the old one is shot down in between.
fn replace<M: Machine>(
    mm: &Mm<M>,
    core: &mut Core<M>,
    slot: &PteSlot<'_, M>,
    index: u64,
    (old, new): (Option<Pfn>, Pfn),
) {
    slot.set(Pte::NONE);
    core.shoot_down();
    core.map_anon(mm, new, index);
    let mapping = old.map(|old| mm.frames.folio(old).mapping().load(Ordering::Relaxed));
    if mapping != Some(ANON) {
        core.add_rss(mm, Member::Anon, 1);
        core.add_rss(mm, Member::File, -i64::from(old.is_some()));
    }
    core.add_to_lru(mm, new);
    slot.set(Pte::writable(new));
    // Only after no core can find the old page through this pte.
    old.inspect(|old| core.unmap_page(mm, *old));
}

/// In a shared mapping: calls the file system, then allows writes in the pte.
#[inline(always)]
fn shared<M: Machine, P: Protection<M> + ?Sized>(
    mm: &Mm<M>,
    core: &mut Core<M>,
    request: FaultRequest,
    protection: &P,
    (walk, now, slot): (Walk<'_, M>, Pte, PteSlot<'_, M>),
) -> Result<Outcome, Stop> {
    let outcome = |end| Ok(Outcome::new(Kind::WpCopy, end));
    let frame = now.frame().expect("a shared mapping maps pages of its file");
    mm.frames.folio_of(frame).refs().get();
    drop(slot);
    let vma = protection.vma();
    let file = &mm.files[vma.file().expect("a shared mapping has a file")];
    let index = vma.file_page(request.addr);
    let dirtied = match mark_dirty(mm, core, file, index, frame, protection.waits())? {
        Dirtied::Locked => true,
        Dirtied::Gone => false,
    };
    if !dirtied {
        return outcome(End::Raced(0));
    }
    let end = match protection.lock_pte(mm, walk) {
        Ok(Some(slot)) if slot.get() == now => {
            slot.set(now.made_writable());
            Ok(End::Mapped(0))
        }
        Ok(_) => Ok(End::Raced(0)),
        Err(reason) => Err(Stop::from(reason)),
    };
    super::folio::unlock_and_put(mm, core, file, frame);
    end.and_then(outcome)
}
