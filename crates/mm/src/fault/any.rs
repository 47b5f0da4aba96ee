//! The protection of any scheme behind a pointer, for worlds that do not time the code: there
//! the body of a fault is compiled once, not once for each scheme.

use super::{Fallback, MapPages, Protection, PteSlot, Waits, Walk};
use crate::Mm;
use crate::vma::VmaFields;
use machine::Machine;

/// [`Protection`] without its associated type. Every protection is one.
pub(super) trait AnyProtection<'p, M: Machine> {
    /// See [`Protection::vma`].
    fn any_vma(&self) -> &(dyn VmaFields + 'p);
    /// See [`Protection::allocates_tables`].
    fn any_allocates_tables(&self) -> bool;
    /// See [`Protection::waits`].
    fn any_waits(&self) -> Waits;
    /// See [`Protection::map_pages`].
    fn any_map_pages(&self) -> MapPages;
    /// See [`Protection::check_table`].
    fn any_check_table(&self) -> Result<(), Fallback>;
    /// See [`Protection::check_file`].
    fn any_check_file(&self) -> Result<(), Fallback>;
    /// See [`Protection::check_fault`].
    fn any_check_fault(&self) -> Result<(), Fallback>;
    /// See [`Protection::check_copy`].
    fn any_check_copy(&self) -> Result<(), Fallback>;
    /// See [`Protection::prepare_anon_vma`].
    fn any_prepare_anon_vma(&self, mm: &Mm<M>) -> Result<(), Fallback>;
    /// See [`Protection::lock_pte`].
    fn any_lock_pte<'a>(
        &self,
        mm: &'a Mm<M>,
        walk: Walk<'a, M>,
    ) -> Result<Option<PteSlot<'a, M>>, Fallback>;
}

impl<'p, M, P> AnyProtection<'p, M> for P
where
    M: Machine,
    P: Protection<M, Vma: Sized> + 'p,
{
    fn any_vma(&self) -> &(dyn VmaFields + 'p) {
        self.vma()
    }

    fn any_allocates_tables(&self) -> bool {
        self.allocates_tables()
    }

    fn any_waits(&self) -> Waits {
        self.waits()
    }

    fn any_map_pages(&self) -> MapPages {
        self.map_pages()
    }

    fn any_check_table(&self) -> Result<(), Fallback> {
        self.check_table()
    }

    fn any_check_file(&self) -> Result<(), Fallback> {
        self.check_file()
    }

    fn any_check_fault(&self) -> Result<(), Fallback> {
        self.check_fault()
    }

    fn any_check_copy(&self) -> Result<(), Fallback> {
        self.check_copy()
    }

    fn any_prepare_anon_vma(&self, mm: &Mm<M>) -> Result<(), Fallback> {
        self.prepare_anon_vma(mm)
    }

    fn any_lock_pte<'a>(
        &self,
        mm: &'a Mm<M>,
        walk: Walk<'a, M>,
    ) -> Result<Option<PteSlot<'a, M>>, Fallback> {
        self.lock_pte(mm, walk)
    }
}

impl<'p, M: Machine> Protection<M> for dyn AnyProtection<'p, M> + 'p {
    type Vma = dyn VmaFields + 'p;

    fn vma(&self) -> &Self::Vma {
        self.any_vma()
    }

    fn allocates_tables(&self) -> bool {
        self.any_allocates_tables()
    }

    fn waits(&self) -> Waits {
        self.any_waits()
    }

    fn map_pages(&self) -> MapPages {
        self.any_map_pages()
    }

    fn check_table(&self) -> Result<(), Fallback> {
        self.any_check_table()
    }

    fn check_file(&self) -> Result<(), Fallback> {
        self.any_check_file()
    }

    fn check_fault(&self) -> Result<(), Fallback> {
        self.any_check_fault()
    }

    fn check_copy(&self) -> Result<(), Fallback> {
        self.any_check_copy()
    }

    fn prepare_anon_vma(&self, mm: &Mm<M>) -> Result<(), Fallback> {
        self.any_prepare_anon_vma(mm)
    }

    fn lock_pte<'a>(
        &self,
        mm: &'a Mm<M>,
        walk: Walk<'a, M>,
    ) -> Result<Option<PteSlot<'a, M>>, Fallback> {
        self.any_lock_pte(mm, walk)
    }
}
