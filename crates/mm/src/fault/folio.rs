//! Gets a page-cache folio, referenced and locked. Of a large one these functions take and return
//! the page that is asked for.

use crate::addr::Pfn;
use crate::frames::flag;
use crate::page_cache::File;
use crate::{Core, Mm};
use machine::{Machine, Ordering, VALUE_MASK, Word};

/// Looks up page `index` of `file` and takes a reference on its folio.
///
/// The slot is read again after the reference is taken, since the frame may have left the cache,
/// and been reused, in between.
#[inline(always)]
pub fn get<M: Machine>(mm: &Mm<M>, core: &mut Core<M>, file: &File<M>, index: u64) -> Option<Pfn> {
    get_in(mm, core, file.slot(index)?)
}

/// As [`get`], in the slot of the page.
#[inline(always)]
pub(super) fn get_in<M: Machine>(
    mm: &Mm<M>,
    core: &mut Core<M>,
    slot: Word<'_, M::Line>,
) -> Option<Pfn> {
    loop {
        let frame = File::<M>::frame_in(slot)?;
        if mm.frames.folio_of(frame).refs().get_unless_zero() {
            if File::<M>::frame_in(slot) == Some(frame) {
                return Some(frame);
            }
            core.put_folio(mm, frame);
        }
    }
}

/// Returns true if a folio was marked for readahead, and clears the mark if `may_start`.
#[inline(always)]
pub fn take_readahead<M: Machine>(mm: &Mm<M>, frame: Pfn, waits: bool) -> bool {
    let flags = mm.frames.folio_of(frame).flags();
    let marked = flags.load(Ordering::Relaxed) & flag::READAHEAD != 0;
    if marked && waits {
        flags.fetch_and(!flag::READAHEAD & VALUE_MASK, Ordering::Relaxed);
    }
    marked
}

/// The result of an attempt to lock a folio.
pub enum Lock {
    /// Locked, up to date, and still in its file below the file's end.
    Locked,
    /// Another core holds the lock, or the content is not there yet.
    Busy,
    /// It has left the file.
    Truncated,
}

/// Tries to lock a folio to which the caller has a reference, and checks under the lock that it is
/// unchanged: mapping, content, end of file.
///
/// # Ordering
/// The lock is taken with `Acquire`, paired with the `Release` of
/// [`File::unlock_folio`].
#[inline(always)]
pub fn try_lock<M: Machine>(mm: &Mm<M>, file: &File<M>, frame: Pfn, index: u64) -> Lock {
    let folio = mm.frames.folio_of(frame);
    let before = folio.flags().fetch_or(flag::LOCKED, Ordering::Acquire);
    if before & flag::LOCKED != 0 {
        return Lock::Busy;
    }
    if folio.mapping().load(Ordering::Relaxed) != file.mapping() || index >= file.pages() {
        file.unlock_folio(&mm.frames, frame, &mm.waiters);
        return Lock::Truncated;
    }
    if before & flag::UPTODATE == 0 {
        file.unlock_folio(&mm.frames, frame, &mm.waiters);
        return Lock::Busy;
    }
    Lock::Locked
}

/// Unlocks a folio and drops the caller's reference.
#[inline(always)]
pub fn unlock_and_put<M: Machine>(mm: &Mm<M>, core: &mut Core<M>, file: &File<M>, frame: Pfn) {
    file.unlock_folio(&mm.frames, frame, &mm.waiters);
    core.put_folio(mm, frame);
}
