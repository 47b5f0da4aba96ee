//! How a fault, or an attempt at one, ends.

/// Kinds of faults that are simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Read of anonymous memory: the zero page.
    AnonRead,
    /// Write of anonymous memory.
    AnonWrite,
    /// Read of a cached file page, with those around it.
    FileReadAround,
    /// Read of a cached file page alone.
    FileRead,
    /// Read of a file page that had to be read, or waited for.
    FileReadIo,
    /// Write of a private file mapping: a copy of the cached page.
    PrivateWrite,
    /// Write of a shared file mapping.
    SharedWrite,
    /// Write of a page that is mapped, but not for writing.
    WpCopy,
}

impl Kind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::AnonRead,
        Self::AnonWrite,
        Self::FileReadAround,
        Self::FileRead,
        Self::FileReadIo,
        Self::PrivateWrite,
        Self::SharedWrite,
        Self::WpCopy,
    ];

    /// Its name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::AnonRead => "anon_read",
            Self::AnonWrite => "anon_write",
            Self::FileReadAround => "file_read_around",
            Self::FileRead => "file_read",
            Self::FileReadIo => "file_read_io",
            Self::PrivateWrite => "private_write",
            Self::SharedWrite => "shared_write",
            Self::WpCopy => "wp_copy",
        }
    }
}

/// How a fault ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// This fault mapped so many pages, its own among them.
    Mapped(u16),
    /// Somebody else mapped the page first; this fault may still have mapped so many
    /// around it.
    Raced(u16),
    /// Behind the end of the file.
    Sigbus,
    /// No VMA, or one that does not allow the access.
    Segv,
    /// No frame or table was left.
    Oom,
}

/// A fault that is over: kind, end and pages in one scalar, since what goes through
/// memory in parts and is read back whole costs a fault more than some locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome(u32);

impl Outcome {
    /// A fault of this kind that ended so.
    #[inline(always)]
    pub fn new(kind: Kind, end: End) -> Self {
        let (end, pages) = match end {
            End::Mapped(pages) => (0, pages),
            End::Raced(pages) => (1, pages),
            End::Sigbus => (2, 0),
            End::Segv => (3, 0),
            End::Oom => (4, 0),
        };
        Self((kind as u32) << 24 | end << 16 | u32::from(pages))
    }

    /// What it turned out to be.
    #[inline(always)]
    pub fn kind(self) -> Kind {
        match self.0 >> 24 {
            0 => Kind::AnonRead,
            1 => Kind::AnonWrite,
            2 => Kind::FileReadAround,
            3 => Kind::FileRead,
            4 => Kind::FileReadIo,
            5 => Kind::PrivateWrite,
            6 => Kind::SharedWrite,
            _ => Kind::WpCopy,
        }
    }

    /// How it ended.
    #[inline(always)]
    pub fn end(self) -> End {
        let pages = self.0 as u16;
        match self.0 >> 16 & 0xff {
            0 => End::Mapped(pages),
            1 => End::Raced(pages),
            2 => End::Sigbus,
            3 => End::Segv,
            _ => End::Oom,
        }
    }
}

/// Why an attempt gave up and the fault was done again: under mmap_lock, but for
/// [`VmaLockMiss`](Fallback::VmaLockMiss) where the scheme walks the tree again.
///
/// The names are those of the statistics in Lespinasse's 2021 series
/// (`SPF_ABORT_*`) and of `/proc/vmstat` (`VMA_LOCK_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)] // As wide as an outcome, so that a result of either travels in registers.
pub enum Fallback {
    /// A writer was at work when the fault began.
    Odd,
    /// No VMA was found without the lock.
    Unmapped,
    /// The VMA's file system does not allow it.
    NoSpeculate,
    /// A writer came while the VMA was read.
    VmaCopy,
    /// The VMA does not allow the access.
    AccessError,
    /// A table above the pmd was missing.
    Pud,
    /// The page table was missing.
    Pmd,
    /// The VMA had no `anon_vma` yet.
    AnonVma,
    /// A writer came before the page-table lock was tried.
    PteMapLockSeq1,
    /// The page table went before its lock was held.
    PteMapLockPmd,
    /// The page-table lock was busy.
    PteMapLockPtl,
    /// A writer came before the page-table lock was held.
    PteMapLockSeq2,
    /// The page cache could not give the page at once.
    Fault,
    /// The VMA was detached before a reference or its lock was had.
    VmaLockMiss,
    /// The VMA could not be locked, or was detached while the fault ran.
    VmaLockAbort,
    /// The lock of the VMA was dropped to wait for a page.
    VmaLockRetry,
}

impl Fallback {
    /// All reasons, in the order of their numbers.
    pub const ALL: [Self; 16] = [
        Self::Odd,
        Self::Unmapped,
        Self::NoSpeculate,
        Self::VmaCopy,
        Self::AccessError,
        Self::Pud,
        Self::Pmd,
        Self::AnonVma,
        Self::PteMapLockSeq1,
        Self::PteMapLockPmd,
        Self::PteMapLockPtl,
        Self::PteMapLockSeq2,
        Self::Fault,
        Self::VmaLockMiss,
        Self::VmaLockAbort,
        Self::VmaLockRetry,
    ];

    /// The kernel's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Odd => "ODD",
            Self::Unmapped => "UNMAPPED",
            Self::NoSpeculate => "NO_SPECULATE",
            Self::VmaCopy => "VMA_COPY",
            Self::AccessError => "ACCESS_ERROR",
            Self::Pud => "PUD",
            Self::Pmd => "PMD",
            Self::AnonVma => "ANON_VMA",
            Self::PteMapLockSeq1 => "PTE_MAP_LOCK_SEQ1",
            Self::PteMapLockPmd => "PTE_MAP_LOCK_PMD",
            Self::PteMapLockPtl => "PTE_MAP_LOCK_PTL",
            Self::PteMapLockSeq2 => "PTE_MAP_LOCK_SEQ2",
            Self::Fault => "FAULT",
            Self::VmaLockMiss => "VMA_LOCK_MISS",
            Self::VmaLockAbort => "VMA_LOCK_ABORT",
            Self::VmaLockRetry => "VMA_LOCK_RETRY",
        }
    }
}

/// Why an attempt ended before the fault did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// This way does not go any further; nothing is held any more.
    Fallback(Fallback),
    /// The page must be read or waited for, and the core knows which. The file is
    /// pinned; once the strategy has dropped its protection it calls
    /// [`Mm::wait`](crate::Mm::wait), and tries again.
    Wait,
    /// No table was left, but some may wait for readers. Once the strategy has dropped its
    /// protection it calls [`Mm::wait_for_table`](crate::Mm::wait_for_table), and tries
    /// again.
    NoTable,
    /// No frame was left.
    Oom,
}

impl From<Fallback> for Stop {
    fn from(reason: Fallback) -> Self {
        Self::Fallback(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_keeps_kind_end_and_pages() {
        let ends = [End::Mapped(1), End::Mapped(512), End::Raced(0), End::Raced(15)];
        for kind in Kind::ALL {
            for end in ends.into_iter().chain([End::Sigbus, End::Segv, End::Oom]) {
                let outcome = Outcome::new(kind, end);
                assert_eq!((outcome.kind(), outcome.end()), (kind, end));
            }
        }
    }

    #[test]
    fn reasons_stand_in_the_order_of_their_numbers() {
        for (number, reason) in Fallback::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, number);
        }
    }
}
