//! Protection of faults that exclude no writer, but notice each: what all such faults have in
//! common.

use super::{Fallback, Protection, PteSlot, Waits, Walk};
use crate::Mm;
use crate::vma::VmaFields;
use machine::Machine;

/// A fault that notices writers by a count which each of them changes. It allocates no table,
/// makes no `anon_vma` and waits for no page, since nothing may be published or held that the next
/// check could find to be wrong.
pub trait NoticesWriters<M: Machine> {
    /// See [`Protection::Vma`].
    type Vma: VmaFields;

    /// See [`Protection::vma`].
    fn vma(&self) -> &Self::Vma;

    /// Checks that no writer has come since the count was read.
    ///
    /// # Errors
    /// `reason`, if one has.
    fn check(&self, reason: Fallback) -> Result<(), Fallback>;

    /// See [`Protection::lock_pte`].
    ///
    /// # Errors
    /// A reason to fall back.
    fn lock_checked_pte<'a>(
        &self,
        mm: &'a Mm<M>,
        walk: Walk<'a, M>,
    ) -> Result<Option<PteSlot<'a, M>>, Fallback>;
}

/// The protection of a fault that notices writers.
pub struct Noticing<'n, N>(pub &'n N);

impl<M: Machine, N: NoticesWriters<M>> Protection<M> for Noticing<'_, N> {
    type Vma = N::Vma;

    #[inline(always)]
    fn vma(&self) -> &N::Vma {
        self.0.vma()
    }

    #[inline(always)]
    fn allocates_tables(&self) -> bool {
        false
    }

    #[inline(always)]
    fn waits(&self) -> Waits {
        Waits::Never
    }

    #[inline(always)]
    fn check_file(&self) -> Result<(), Fallback> {
        self.0.check(Fallback::Fault)
    }

    fn prepare_anon_vma(&self, _mm: &Mm<M>) -> Result<(), Fallback> {
        Err(Fallback::AnonVma)
    }

    #[inline(always)]
    fn lock_pte<'a>(
        &self,
        mm: &'a Mm<M>,
        walk: Walk<'a, M>,
    ) -> Result<Option<PteSlot<'a, M>>, Fallback> {
        self.0.lock_checked_pte(mm, walk)
    }
}
