//! The protection of a VMA, which a strategy gives a fault.

use super::allowed::{MapPages, Waits};
use super::outcome::Fallback;
use super::walk::{PteSlot, Walk};
use crate::Mm;
use crate::vma::VmaFields;
use machine::Machine;

/// The protection of a VMA during a fault: what the fault may do, and what it checks again.
///
/// This contract makes an attempt without mmap_lock sound: a writer stores the word that
/// [`check_table`](Self::check_table) and [`lock_pte`](Self::lock_pte) read *before* it takes any
/// lock of its zap; the fault reads it *after* it has that lock. If it is unchanged, the writer
/// takes the lock later and undoes the work of the fault.
pub trait Protection<M: Machine> {
    /// The source of the VMA's fields: the VMA, or a copy.
    type Vma: VmaFields + ?Sized;

    /// Returns the VMA.
    fn vma(&self) -> &Self::Vma;

    /// Returns true if the fault may allocate page tables; else a fault that needs one falls back.
    fn allocates_tables(&self) -> bool;

    /// Returns true if the fault may wait for a page.
    fn waits(&self) -> Waits;

    /// Returns the use of `->map_pages` by a read fault in a file.
    #[inline(always)]
    fn map_pages(&self) -> MapPages {
        MapPages::Around
    }

    /// Checks that a table may be published. The lock of its parent is held.
    ///
    /// # Errors
    /// A reason to fall back.
    fn check_table(&self) -> Result<(), Fallback> {
        Ok(())
    }

    /// Checks that the file may be called (`->fault`, `->map_pages`).
    ///
    /// # Errors
    /// A reason to fall back.
    fn check_file(&self) -> Result<(), Fallback> {
        Ok(())
    }

    /// Checks that `->fault` may be called, which reads a page that `->map_pages` did not find.
    ///
    /// # Errors
    /// A reason to fall back.
    fn check_fault(&self) -> Result<(), Fallback> {
        Ok(())
    }

    /// Checks that a mapped page may be copied and replaced by the copy.
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

    /// Locks a pte so that it may be published; `None` if its table has been freed.
    ///
    /// # Errors
    /// A reason to fall back.
    fn lock_pte<'a>(
        &self,
        mm: &'a Mm<M>,
        walk: Walk<'a, M>,
    ) -> Result<Option<PteSlot<'a, M>>, Fallback>;
}
