//! Data that a spinlock protects, which is taken with interrupts off: wait queues of the rwsem
//! (`raw_spin_lock_irq`) and of folios, and lists of free objects (`zone->lock`, `list_lock` of a
//! slab) in Linux.

use super::spinlock::{IrqGuard, LockWords, SpinLock, Waiters};
use machine::Machine;
use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};

/// A value that only the holder of a lock can reach. The lock's words are elsewhere (the caller
/// names them at each use), so that their line can be shared with other fields as in the kernel.
/// The value itself is not on a tracked line: its accesses are charged through the lock's line,
/// which moves with it.
pub struct Locked<T>(UnsafeCell<T>);

// SAFETY: a shared `Locked` gives `&mut T` to one thread at a time (see `lock`), so sharing it only
// moves the `T` between threads.
unsafe impl<T: Send> Sync for Locked<T> {}

impl<T> Locked<T> {
    /// Protects `value`.
    pub fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Takes `lock`, and returns a guard of the value.
    ///
    /// # Safety
    /// Every call on this value must name the same lock words, and no other code may take that
    /// lock.
    #[inline]
    pub unsafe fn lock<'a, M: Machine>(
        &'a self,
        line: &'a M::Line,
        words: LockWords,
        waiters: &Waiters<M>,
    ) -> LockedGuard<'a, M, T> {
        LockedGuard { value: &self.0, _guard: SpinLock::new(line, words).lock_irq(waiters) }
    }

    /// Returns the value; no other reference to it exists.
    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_mut()
    }
}

/// Access to the value while the lock is held.
pub struct LockedGuard<'a, M: Machine, T> {
    value: &'a UnsafeCell<T>,
    _guard: IrqGuard<'a, M>,
}

impl<M: Machine, T> Deref for LockedGuard<'_, M, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: the guard holds the one lock of this value (contract of `lock`), so
        // no other guard, and hence no other reference, exists.
        unsafe { &*self.value.get() }
    }
}

impl<M: Machine, T> DerefMut for LockedGuard<'_, M, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`; `&mut self` excludes a second reference from this guard.
        unsafe { &mut *self.value.get() }
    }
}
