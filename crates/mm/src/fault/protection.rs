//! The protection of a VMA, which a strategy gives a fault.

use super::outcome::Fallback;
use super::walk::{PteSlot, Walk};
use crate::Mm;
use crate::vma::VmaFields;
use machine::Machine;

/// Whether a read fault in a file maps what is cached (`->map_pages`) before it asks for its
/// page alone (`->fault`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapPages {
    /// Where the mapping maps pages around (Linux 7.2 `mm/memory.c`, `should_fault_around`).
    Around,
    /// Also where the window is one page, and the page alone is not asked for.
    Only,
    /// It has been tried.
    Never,
}

/// Whether a fault may wait for a page, and what keeps the file open then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waits {
    /// It may not: a page that is not there at once makes it fall back.
    Never,
    /// After its protection is dropped. The fault pins the file.
    Unprotected,
    /// Under its protection, which keeps the VMA, and so the file.
    Protected,
}

/// What a strategy allows a fault to do, and what it checks again.
///
/// The contract that makes an attempt without mmap_lock sound: a writer stores the
/// word that [`check_table`](Self::check_table) and [`lock_pte`](Self::lock_pte)
/// look at *before* it takes any lock of its zap; the fault looks at it *after* it
/// has that lock. If it is unchanged, the writer takes the lock later and undoes
/// what the fault has done.
pub trait Protection<M: Machine> {
    /// Where the fields of the VMA are read.
    type Vma: VmaFields + ?Sized;

    /// The VMA.
    fn vma(&self) -> &Self::Vma;

    /// Whether missing page tables may be allocated; else a fault that needs one falls
    /// back.
    fn allocates_tables(&self) -> bool;

    /// Whether the fault may wait for a page.
    fn waits(&self) -> Waits;

    /// Whether a read fault in a file maps what is cached first.
    #[inline(always)]
    fn map_pages(&self) -> MapPages {
        MapPages::Around
    }

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

    /// Whether `->fault` may be called, which brings a page that `->map_pages` did not find.
    ///
    /// # Errors
    /// A reason to fall back.
    fn check_fault(&self) -> Result<(), Fallback> {
        Ok(())
    }

    /// Whether a page that is mapped may be copied, and the copy put in its place.
    ///
    /// # Errors
    /// A reason to fall back.
    fn check_copy(&self) -> Result<(), Fallback> {
        Ok(())
    }

    /// Gives the VMA an `anon_vma`.
    ///
    /// # Errors
    /// A reason to fall back.
    fn prepare_anon_vma(&self, mm: &Mm<M>) -> Result<(), Fallback>;

    /// Locks a pte such that it may be published; `None` where its table is gone.
    ///
    /// # Errors
    /// A reason to fall back.
    fn lock_pte<'a>(
        &self,
        mm: &'a Mm<M>,
        walk: Walk<'a, M>,
    ) -> Result<Option<PteSlot<'a, M>>, Fallback>;
}
