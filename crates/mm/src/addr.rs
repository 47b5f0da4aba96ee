//! Addresses and page-table entries: x86-64, four levels, 4 KiB pages.

/// Bytes in a page.
pub const PAGE_BYTES: u64 = 4096;
/// Bits of an address below the page number.
pub const PAGE_SHIFT: u32 = 12;
/// Entries in a page table.
pub const ENTRIES: usize = 512;
/// Log2 of the pages under one page table of the lowest level.
pub const PMD_ORDER: u8 = 9;
/// Bytes under one page table of the lowest level: 2 MiB.
pub const TABLE_SPAN: u64 = PAGE_BYTES * ENTRIES as u64;
/// First address after those that tables reach.
pub const ADDRESS_END: u64 = 1 << 47;

/// A virtual address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Vaddr(pub u64);

/// Levels of page tables, by the table that holds the entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Page global directory: entries of 512 GiB. (p4d is folded into it.)
    Pgd,
    /// Page upper directory: entries of 1 GiB.
    Pud,
    /// Page middle directory: entries of 2 MiB.
    Pmd,
    /// Page table: entries of 4 KiB.
    Pte,
}

impl Vaddr {
    /// Returns the index of the entry for this address in a table of `level`.
    #[inline(always)]
    pub fn index(self, level: Level) -> usize {
        let shift = match level {
            Level::Pgd => 39,
            Level::Pud => 30,
            Level::Pmd => 21,
            Level::Pte => PAGE_SHIFT,
        };
        (self.0 >> shift) as usize % ENTRIES
    }

    /// Returns the number of its page.
    #[inline(always)]
    pub fn page(self) -> u64 {
        self.0 >> PAGE_SHIFT
    }
}

/// Number of a page frame in the arena. Frame 0 is the zero page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pfn(pub u32);

/// An entry of the lowest level: 0, or a frame and its access rights. The bits are those of x86-64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pte(pub u64);

impl Pte {
    /// Nothing is mapped.
    pub const NONE: Self = Self(0);
    const PRESENT: u64 = 1;
    const WRITABLE: u64 = 1 << 1;
    const DIRTY: u64 = 1 << 6;
    /// The processor traps whatever is allowed (`_PAGE_PROTNONE`; the kernel takes the present bit
    /// away and puts this one in its place).
    const HINT: u64 = 1 << 8;
    const SPECIAL: u64 = 1 << 9;
    /// The zero page, read-only: no reference, no mapcount, no rss.
    pub const ZERO_PAGE: Self = Self(Self::PRESENT | Self::SPECIAL);

    /// Maps `frame` for reading.
    #[inline(always)]
    pub fn read_only(frame: Pfn) -> Self {
        Self(u64::from(frame.0) << PAGE_SHIFT | Self::PRESENT)
    }

    /// Maps `frame` for writing, dirty.
    #[inline(always)]
    pub fn writable(frame: Pfn) -> Self {
        Self(Self::read_only(frame).0 | Self::WRITABLE | Self::DIRTY)
    }

    /// Returns the same entry without the right to write.
    pub fn write_protected(self) -> Self {
        Self(self.0 & !Self::WRITABLE)
    }

    /// Returns the same entry with the right to write, dirty.
    pub fn made_writable(self) -> Self {
        Self(self.0 | Self::WRITABLE | Self::DIRTY)
    }

    /// Returns true if an access does not trap.
    #[inline(always)]
    pub fn allows(self, write: bool) -> bool {
        let needed = if write { Self::PRESENT | Self::WRITABLE } else { Self::PRESENT };
        self.0 & (needed | Self::HINT) == needed
    }

    /// Returns the same entry, but the next access traps (`pte_protnone`).
    pub fn hinting(self) -> Self {
        Self(self.0 | Self::HINT)
    }

    /// Returns the same entry, but an access traps only if it is not allowed.
    pub fn not_hinting(self) -> Self {
        Self(self.0 & !Self::HINT)
    }

    /// Returns true if the next access traps, whatever is allowed.
    pub fn is_hinting(self) -> bool {
        self.0 & Self::HINT != 0
    }

    /// Returns true if something is mapped.
    #[inline(always)]
    pub fn is_present(self) -> bool {
        self.0 & Self::PRESENT != 0
    }

    /// Returns true if writes are allowed.
    pub fn is_writable(self) -> bool {
        self.0 & Self::WRITABLE != 0
    }

    /// Returns the same entry, not dirty.
    pub fn cleaned(self) -> Self {
        Self(self.0 & !Self::DIRTY)
    }

    /// Returns true if it is dirty.
    pub fn is_dirty(self) -> bool {
        self.0 & Self::DIRTY != 0
    }

    /// Returns the mapped frame; `None` for the zero page, which is not counted.
    #[inline(always)]
    pub fn frame(self) -> Option<Pfn> {
        let counted = self.0 & (Self::PRESENT | Self::SPECIAL) == Self::PRESENT;
        counted.then_some(Pfn((self.0 >> PAGE_SHIFT) as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_follow_the_address() {
        let addr = Vaddr((3 << 39) | (5 << 30) | (7 << 21) | (9 << 12) | 11);
        let indexes = [Level::Pgd, Level::Pud, Level::Pmd, Level::Pte].map(|l| addr.index(l));
        assert_eq!(indexes, [3, 5, 7, 9]);
    }

    #[test]
    fn a_hinting_pte_maps_its_page_and_allows_nothing() {
        let pte = Pte::writable(Pfn(7)).hinting();
        assert!(!pte.allows(false) && !pte.allows(true) && pte.is_hinting());
        assert_eq!((pte.frame(), pte.is_present()), (Some(Pfn(7)), true));
        assert_eq!(pte.not_hinting(), Pte::writable(Pfn(7)));
    }

    #[test]
    fn the_zero_page_is_present_and_not_counted() {
        assert!(Pte::ZERO_PAGE.allows(false) && !Pte::ZERO_PAGE.allows(true));
        assert_eq!(Pte::ZERO_PAGE.frame(), None);
        assert_eq!(Pte::writable(Pfn(77)).frame(), Some(Pfn(77)));
        assert!(Pte::writable(Pfn(0)).frame().is_some() && Pte::NONE.frame().is_none());
    }
}
