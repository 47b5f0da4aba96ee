//! The body of a page fault, common to all strategies: one function for each kind.
//!
//! A strategy finds and protects the VMA, then calls [`handle`] with a
//! [`Protection`] that says what it allows and what must be checked again before
//! anything is published.

mod anon;
mod cow;
mod file;
mod folio;
mod map_pages;
mod walk;

pub use self::walk::{PteSlot, Walk};

use super::addr::Vaddr;
use super::vma::{VmaFields, flag};
use super::wait::Wait;
use super::{Core, Mm};
use crate::machine::Machine;
use crate::strategy::Strategy;

/// Load or store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// A load.
    Read,
    /// A store.
    Write,
}

/// A touch that trapped. Two scalars, so that it is passed in registers: through
/// memory, narrow stores followed by one wide load cost the faults more than a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Where.
    pub addr: Vaddr,
    flags: u8,
}

// As `FAULT_FLAG_WRITE` and `FAULT_FLAG_TRIED` of the kernel.
const WRITE: u8 = 1;
const TRIED: u8 = 1 << 1;

impl Request {
    /// The first attempt of a touch.
    #[inline(always)]
    pub fn new(addr: Vaddr, access: Access) -> Self {
        Self { addr, flags: if access == Access::Write { WRITE } else { 0 } }
    }

    /// How the page was touched.
    #[inline(always)]
    pub fn access(self) -> Access {
        if self.flags & WRITE != 0 { Access::Write } else { Access::Read }
    }

    /// Whether an attempt has waited for the page already.
    #[inline(always)]
    pub fn has_waited(self) -> bool {
        self.flags & TRIED != 0
    }

    /// The attempt after one that waited for the page.
    pub fn after_wait(self) -> Self {
        Self { flags: self.flags | TRIED, ..self }
    }
}

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
}

impl Kind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 6] = [
        Self::AnonRead,
        Self::AnonWrite,
        Self::FileReadAround,
        Self::FileRead,
        Self::FileReadIo,
        Self::PrivateWrite,
    ];
}

/// How a fault ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// This fault mapped so many pages, its own among them.
    Mapped(u32),
    /// Somebody else mapped the page first; this fault may still have mapped so many
    /// around it.
    Raced(u32),
    /// Behind the end of the file.
    Sigbus,
    /// No VMA, or one that does not allow the access.
    Segv,
    /// No frame or table was left.
    Oom,
}

/// A fault that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// What it turned out to be.
    pub kind: Kind,
    /// How it ended.
    pub end: End,
}

/// Why an attempt gave up and the fault was done again under mmap_lock.
///
/// The names are those of the statistics in Lespinasse's 2021 series
/// (`SPF_ABORT_*`) and of `/proc/vmstat` (`VMA_LOCK_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// The page-table lock was busy.
    PteMapLockPtl,
    /// A writer came before the page-table lock was held.
    PteMapLockSeq2,
    /// The page cache could not give the page at once.
    Fault,
    /// The VMA was detached before a reference was had.
    VmaLockMiss,
    /// The VMA was detached while the fault ran.
    VmaLockAbort,
}

impl Fallback {
    /// All reasons, in the order of their numbers.
    pub const ALL: [Self; 14] = [
        Self::Odd,
        Self::Unmapped,
        Self::NoSpeculate,
        Self::VmaCopy,
        Self::AccessError,
        Self::Pud,
        Self::Pmd,
        Self::AnonVma,
        Self::PteMapLockSeq1,
        Self::PteMapLockPtl,
        Self::PteMapLockSeq2,
        Self::Fault,
        Self::VmaLockMiss,
        Self::VmaLockAbort,
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
            Self::PteMapLockPtl => "PTE_MAP_LOCK_PTL",
            Self::PteMapLockSeq2 => "PTE_MAP_LOCK_SEQ2",
            Self::Fault => "FAULT",
            Self::VmaLockMiss => "VMA_LOCK_MISS",
            Self::VmaLockAbort => "VMA_LOCK_ABORT",
        }
    }
}

/// Why an attempt ended before the fault did.
pub enum Stop {
    /// This way does not go any further; nothing is held any more.
    Fallback(Fallback),
    /// The page must be read or waited for. The file is pinned; once the strategy has
    /// dropped its protection it calls [`Mm::wait`], and tries again.
    Wait(Wait),
    /// No frame or table was left.
    Oom,
}

impl From<Fallback> for Stop {
    fn from(reason: Fallback) -> Self {
        Self::Fallback(reason)
    }
}

/// What a strategy allows a fault to do, and what it checks again.
///
/// The contract that makes an attempt without mmap_lock sound: a writer stores the
/// word that [`check_table`](Self::check_table) and [`lock_pte`](Self::lock_pte)
/// look at *before* it takes any lock of its zap; the fault looks at it *after* it
/// has that lock. If it is unchanged, the writer takes the lock later and undoes
/// what the fault has done.
pub trait Protection<M: Machine, S: Strategy<M>> {
    /// Where the fields of the VMA are read.
    type Vma: VmaFields;

    /// The VMA.
    fn vma(&self) -> &Self::Vma;

    /// Whether missing page tables may be allocated; else a fault that needs one falls
    /// back.
    const ALLOCATES_TABLES: bool;
    /// Whether the fault may wait for a page (having dropped the protection); else a
    /// page that is not there at once makes it fall back.
    const WAITS: bool;

    /// Whether a table may be published; called with the lock of its parent held.
    ///
    /// # Errors
    /// A reason to fall back.
    fn check_table(&self) -> Result<(), Fallback> {
        Ok(())
    }

    /// Whether the file may be called (`->fault`, `->map_pages`).
    ///
    /// # Errors
    /// A reason to fall back.
    fn check_file(&self) -> Result<(), Fallback> {
        Ok(())
    }

    /// Gives the VMA an `anon_vma`.
    ///
    /// # Errors
    /// A reason to fall back.
    fn prepare_anon_vma(&self, mm: &Mm<M, S>) -> Result<(), Fallback>;

    /// Locks a pte such that it may be published; `None` where its table is gone.
    ///
    /// # Errors
    /// A reason to fall back.
    fn lock_pte<'a>(
        &self,
        mm: &'a Mm<M, S>,
        walk: Walk,
    ) -> Result<Option<PteSlot<'a, M>>, Fallback>;
}

/// Handles a fault in a VMA that `protection` has found and protects.
///
/// # Errors
/// Where this attempt cannot end the fault. Nothing is held or published then.
#[inline(always)]
pub fn handle<M, S, P>(
    mm: &Mm<M, S>,
    core: &mut Core<M>,
    request: Request,
    protection: &P,
) -> Result<Outcome, Stop>
where
    M: Machine,
    S: Strategy<M>,
    P: Protection<M, S>,
{
    let vma = protection.vma();
    let write = request.access() == Access::Write;
    match (vma.file(), write) {
        (None, false) => anon::read(mm, core, request, protection),
        (None, true) => anon::write(mm, core, request, protection),
        (Some(file), false) => file::read(mm, core, request, protection, &mm.files[file]),
        (Some(file), true) => {
            assert_eq!(
                vma.flags() & flag::SHARED,
                0,
                "shared writes are refused with the workload"
            );
            cow::write(mm, core, request, protection, &mm.files[file])
        }
    }
}

/// Whether a VMA allows an access.
#[inline(always)]
pub fn allows(vma: &impl VmaFields, access: Access) -> bool {
    access == Access::Read || vma.flags() & flag::WRITE != 0
}
