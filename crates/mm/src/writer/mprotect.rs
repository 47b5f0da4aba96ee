//! mprotect (Linux 7.2 `mm/mprotect.c`, `mprotect_fixup`, `change_protection`): changes flags, then
//! the ptes under ptl, then shoots down translations, all under mmap_lock.
//!
//! Every table of the range is locked and walked, also if writes are allowed again. Each pte that
//! maps a page is exchanged for 0 and stored anew. If a range has no page, or none whose rights
//! change, no core is interrupted.

use super::Writer;
use crate::addr::{Pte, Vaddr};
use crate::frames::Folio;
use crate::point;
use crate::vma::{VmaFields, VmaRef, flag};
use machine::{Machine, Ordering};
use std::ops::Range;

impl<M: Machine> Writer<'_, M> {
    /// Allows or forbids writes in the mapped parts of a range; false if nothing is mapped, or
    /// nothing changes.
    pub fn mprotect(&mut self, range: &Range<Vaddr>, writable: bool) -> bool {
        let lock = self.mm.mmap_lock().write();
        let mm = self.mm;
        let differs = |flags: u64| (flags & flag::WRITE != 0) != writable;
        if !self.vmas_in(range).iter().any(|id| differs(mm.vma(*id).flags())) {
            return false;
        }
        self.hooks.begin(self.mm);
        let (mut stale, mut done) = (false, range.start);
        for id in self.isolate(range) {
            let vma = mm.vma(id);
            // A merge with the VMA before it may have freed it.
            if vma.range().0 < done || !differs(vma.flags()) {
                continue;
            }
            let flags = vma.flags() & !flag::WRITE | if writable { flag::WRITE } else { 0 };
            let part = vma.range();
            let vma = self.set_flags(vma, flags);
            done = vma.range().1;
            stale |= self.change_ptes(vma, part.0..part.1);
            if stale && mm.kernel.rules.mprotect_flushes_unchanged {
                self.core.shoot_down();
                stale = false;
            }
        }
        // Once for the whole call (`tlb_finish_mmu`), still under the lock.
        if stale {
            self.core.shoot_down();
        }
        M::point(point::BEFORE_UNLOCK);
        self.hooks.end(self.mm);
        drop(lock);
        true
    }

    /// Changes the ptes of a part of a VMA to its flags, under ptl (`change_pte_range`). Returns
    /// true if translations have to be shot down.
    fn change_ptes(&self, vma: VmaRef<'_, M>, part: Range<Vaddr>) -> bool {
        let mm = self.mm;
        let writable = vma.flags() & flag::WRITE != 0;
        let mut stale = false;
        mm.for_each_table_in(&part, |id, entries| {
            let table = mm.tables.get(id);
            let _ptl = table.lock(&mm.waiters);
            for entry in entries.map(|index| table.entry(index)) {
                let old = Pte(entry.load(Ordering::Relaxed)).not_hinting();
                if !old.is_present() {
                    continue;
                }
                let new = match writable {
                    false => old.write_protected(),
                    true if self.may_write(vma, old) => old.made_writable(),
                    true => old,
                };
                // Only the lock protects it: a touch in between traps, and waits.
                entry.swap(Pte::NONE.0, Ordering::AcqRel);
                entry.store(new.0, Ordering::Release);
                stale |= new != old || mm.kernel.rules.mprotect_flushes_unchanged;
            }
        });
        stale
    }

    /// Returns true if a write to what a pte maps need not fault first, now that its VMA allows
    /// writes (`can_change_pte_writable`): no other space has the page, or its file system has been
    /// called already.
    fn may_write(&self, vma: VmaRef<'_, M>, pte: Pte) -> bool {
        if vma.flags() & flag::SHARED != 0 {
            return pte.is_dirty();
        }
        let folio = pte.frame().map(|frame| self.mm.frames.folio(frame));
        self.mm.kernel.rules.anon_exclusive && folio.is_some_and(Folio::is_exclusive)
    }
}
