//! Addresses of mappings, and the part of them that each thread works on.

use mm::addr::{PAGE_BYTES, TABLE_SPAN, Vaddr};
use std::ops::Range;
use workload::{PAGES_PER_TABLE, WorkloadVma};

/// Equal mappings, one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    pub(super) base: u64,
    pub(super) each: u64,
    pub(super) count: u64,
    pub(super) stride: u64,
}

impl Extent {
    /// Address of page `page` of all.
    #[inline(always)]
    pub fn address(&self, page: u64) -> Vaddr {
        if self.count == 1 {
            return Vaddr(self.base + page * PAGE_BYTES);
        }
        Vaddr(self.base + page / self.each * self.stride + page % self.each * PAGE_BYTES)
    }

    pub(super) fn end(&self) -> u64 {
        self.base + (self.count - 1) * self.stride + self.each * PAGE_BYTES
    }

    pub(super) fn pages(&self) -> u64 {
        self.each * self.count
    }

    /// Mappings as large as a table or larger start at its boundary, those with large folios at
    /// one of a folio; others are packed. A page stays free between neighbours. None if addresses
    /// have too few bits.
    pub(super) fn place(vma: &WorkloadVma, after: u64) -> Option<Self> {
        let large = vma.pages >= PAGES_PER_TABLE;
        let align = if large { TABLE_SPAN } else { vma.folio_pages * PAGE_BYTES };
        let bytes = vma.pages.checked_add(1)?.checked_mul(PAGE_BYTES)?;
        let stride = bytes.checked_next_multiple_of(align)?;
        let base = after.checked_add(PAGE_BYTES)?.checked_next_multiple_of(align)?;
        base.checked_add(stride.checked_mul(vma.count)?)?;
        Some(Self { base, each: vma.pages, count: vma.count, stride })
    }

    /// Part `part` of `parts`: whole mappings if there are enough, else whole
    /// tables, else pages.
    pub(super) fn slice(&self, part: u64, parts: u64) -> Range<u64> {
        let unit = match () {
            () if self.count >= parts && self.count > 1 => self.each,
            () if self.pages() >= parts * PAGES_PER_TABLE => PAGES_PER_TABLE,
            () => 1,
        };
        let units = self.pages().div_ceil(unit);
        let bound = |part: u64| (units * part / parts * unit).min(self.pages());
        bound(part)..bound(part + 1)
    }
}
