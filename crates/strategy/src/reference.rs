//! The reference that a fault has on a VMA.

use machine::Machine;
use mm::point;
use sync::ref_lock::RefLock;
use sync::refcount::RefCount;

/// A count of references on a VMA.
pub(super) trait Count {
    /// The machine that it is on.
    type Machine: Machine;

    /// Drops a reference.
    fn put(&self);
}

/// The thread that drops the last reference need do nothing: the VMA is freed after a grace
/// period.
impl<M: Machine> Count for RefCount<'_, M> {
    type Machine = M;

    #[inline(always)]
    fn put(&self) {
        self.put();
    }
}

impl<M: Machine> Count for RefLock<'_, M> {
    type Machine = M;

    #[inline(always)]
    fn put(&self) {
        self.put();
    }
}

/// A reference of a fault on a VMA, which the fault drops at its end.
#[must_use]
pub(super) struct Reference<C: Count>(C);

impl<C: Count> Reference<C> {
    /// A reference that has been taken.
    #[inline(always)]
    pub(super) fn new(count: C) -> Self {
        Self(count)
    }
}

impl<C: Count> Drop for Reference<C> {
    #[inline(always)]
    fn drop(&mut self) {
        C::Machine::point(point::BEFORE_EXIT_PUT);
        self.0.put();
    }
}
