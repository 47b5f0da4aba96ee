//! madvise(MADV_NORMAL, MADV_SEQUENTIAL, MADV_RANDOM) (Linux 6.16 `mm/madvise.c`, `get_lock_mode`,
//! `madvise_vma_behavior`, `madvise_update_vma`): changes flags of VMAs, which are split and merged
//! for it, under mmap_lock for writing.
//!
//! The lock is taken even if no flag changes, as by a program that gives the same advice for each
//! part of a file that it reads. No page table is looked at, and no translation shot down.
//!
//! The flags change nothing else here: a page that is not cached is read alone in any case, and a
//! mark for readahead counts in every VMA (the kernel ignores it under `VM_RAND_READ`).

use super::Writer;
use crate::addr::Vaddr;
use crate::point;
use crate::vma::{VmaFields, flag};
use machine::Machine;
use std::ops::Range;

/// The order in which pages are expected to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadAdvice {
    /// None in particular.
    Normal,
    /// Page after page.
    Sequential,
    /// Any.
    Random,
}

impl ReadAdvice {
    /// Returns the flags of a VMA that had `flags`, after this advice.
    fn apply(self, flags: u64) -> u64 {
        let flags = flags & !(flag::SEQ_READ | flag::RAND_READ);
        match self {
            Self::Normal => flags,
            Self::Sequential => flags | flag::SEQ_READ,
            Self::Random => flags | flag::RAND_READ,
        }
    }
}

impl<M: Machine> Writer<'_, M> {
    /// Changes how the mapped parts of a range are expected to be read; false if nothing is mapped
    /// there.
    pub fn madvise_reads(&mut self, range: &Range<Vaddr>, advice: ReadAdvice) -> bool {
        let lock = self.mm.mmap_lock().write();
        self.hooks.begin(self.mm);
        let (mut at, mut found) = (range.start, false);
        while let Some(id) = self.vmas_in(&(at..range.end)).first() {
            let vma = self.mm.vma(*id);
            let ((start, end), flags) = (vma.range(), vma.flags());
            (at, found) = (end, true);
            if advice.apply(flags) != flags {
                let part = start.max(range.start)..end.min(range.end);
                let part = self.mm.vma(self.isolate(&part)[0]);
                at = self.set_flags(part, advice.apply(flags)).range().1;
            }
        }
        M::point(point::BEFORE_UNLOCK);
        self.hooks.end(self.mm);
        drop(lock);
        found
    }
}
