//! The end of a fault, or of an attempt at one.

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
    /// Access to a page that a scan of NUMA balancing made trap.
    NumaHint,
}

impl Kind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::AnonRead,
        Self::AnonWrite,
        Self::FileReadAround,
        Self::FileRead,
        Self::FileReadIo,
        Self::PrivateWrite,
        Self::SharedWrite,
        Self::WpCopy,
        Self::NumaHint,
    ];

    /// Returns its name in documents.
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
            Self::NumaHint => "numa_hint",
        }
    }
}

/// The end of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Number of pages that this fault mapped, its own included.
    Mapped(u16),
    /// Another core mapped the page first; number of pages around it that this fault still mapped.
    Raced(u16),
    /// After the end of the file.
    Sigbus,
    /// No VMA, or one that does not allow the access.
    Segv,
    /// No frame or table was left.
    Oom,
}

/// A fault that has ended: kind, end and pages in one scalar. Stores of parts that are read back as
/// a whole would cost a fault more than some locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome(u32);

impl Outcome {
    /// Creates the outcome of a fault of this kind with this end.
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

    /// Returns the kind.
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
            7 => Kind::WpCopy,
            _ => Kind::NumaHint,
        }
    }

    /// Returns the end.
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

/// Reason why an attempt gave up and the fault was done again: under mmap_lock, except for
/// [`VmaLockMiss`](Fallback::VmaLockMiss) if the scheme walks the tree again.
///
/// The names are those of the statistics in Lespinasse's 2021 series
/// (`SPF_ABORT_*`) and of `/proc/vmstat` (`VMA_LOCK_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)] // As wide as an outcome, so that a result of either travels in registers.
pub enum Fallback {
    /// A writer was active when the fault began.
    Odd,
    /// No VMA was found without the lock.
    Unmapped,
    /// The VMA's file system does not allow it.
    NoSpeculate,
    /// A writer started while the VMA was read.
    VmaCopy,
    /// The VMA does not allow the access.
    AccessError,
    /// A table above the pmd was missing.
    Pud,
    /// The page table was missing.
    Pmd,
    /// The VMA had no `anon_vma` yet.
    AnonVma,
    /// A writer started before the page-table lock was tried.
    PteMapLockSeq1,
    /// The page table was freed before its lock was held.
    PteMapLockPmd,
    /// The page-table lock was busy.
    PteMapLockPtl,
    /// A writer started before the page-table lock was held.
    PteMapLockSeq2,
    /// The page cache could not give the page at once.
    Fault,
    /// The VMA was detached before the fault had a reference or its lock.
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

    /// Returns the kernel's name.
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

/// Reason why an attempt ended before the fault did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The attempt cannot continue; it holds nothing any more.
    Fallback(Fallback),
    /// The page must be read or waited for; the core has noted which. The file is pinned. The
    /// strategy drops its protection, calls [`Mm::wait`](crate::Mm::wait), and tries again.
    Wait,
    /// No table is left, but some may wait for readers. The strategy drops its protection, calls
    /// [`Mm::wait_for_table`](crate::Mm::wait_for_table), and tries again.
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
