//! mprotect (Linux 7.2 `mm/mprotect.c`, `mprotect_fixup`, `change_protection`): flags
//! first, then the ptes under ptl, then the shootdown, all under mmap_lock.

use super::Writer;
use crate::addr::Vaddr;
use crate::point;
use crate::vma::{VmaFields, flag};
use machine::Machine;
use std::ops::Range;

impl<M: Machine> Writer<'_, M> {
    /// Changes what is mapped in a range to allow writes, or not to; false where it is so
    /// already, or nothing is mapped.
    pub fn mprotect(&mut self, range: &Range<Vaddr>, writable: bool) -> bool {
        let lock = self.mm.mmap_lock().write();
        let mm = self.mm;
        let differs = |flags: u64| (flags & flag::WRITE != 0) != writable;
        if !self.vmas_in(range).iter().any(|id| differs(mm.vma(*id).flags())) {
            return false;
        }
        self.hooks.begin(self.mm);
        for id in self.isolate(range) {
            let vma = mm.vma(id);
            if !differs(vma.flags()) {
                continue;
            }
            let flags = vma.flags() & !flag::WRITE | if writable { flag::WRITE } else { 0 };
            let mapping = vma.mapping();
            let vma = self.change(vma, &crate::vma::Mapping { flags, ..mapping });
            // To a page that may be written now, a fault gives the right: it may have to
            // be copied first.
            if !writable {
                let (from, to) = vma.range();
                mm.write_protect(&(from..to));
                self.core.shoot_down();
            }
        }
        M::point(point::BEFORE_UNLOCK);
        self.hooks.end(self.mm);
        drop(lock);
        true
    }
}
