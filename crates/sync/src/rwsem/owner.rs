//! The owner word: the present or last owner, and a mark that writers do not spin.

use super::{Home, RwSem};
use machine::{Machine, Ordering, VALUE_MASK};

/// Bit of the owner word: readers own the lock (the other bits name one of them).
pub(super) const OWNED_BY_READERS: u64 = 1;
/// Bit of the owner word: writers do not spin for it.
pub(super) const NONSPINNABLE: u64 = 1 << 1;

/// Bits of the owner word other than the name.
const FLAGS: u64 = OWNED_BY_READERS | NONSPINNABLE;

/// Returns the name of a core in the owner word; 0 names nobody.
#[inline(always)]
fn name(core: usize) -> u64 {
    (core as u64 + 1) << 8
}

/// Owner in the owner word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Nobody,
    Writer,
    Readers,
    /// Readers for whom no writer spins.
    Nonspinnable,
}

impl Owner {
    /// Decodes the owner word (`rwsem_owner_state`).
    pub fn of(owner: u64) -> Self {
        match owner {
            _ if owner & NONSPINNABLE != 0 => Self::Nonspinnable,
            _ if owner & OWNED_BY_READERS != 0 => Self::Readers,
            0 => Self::Nobody,
            _ => Self::Writer,
        }
    }
}

impl<H: Home> RwSem<'_, H> {
    pub(super) fn set_writer_owned(self) {
        self.0.owner().store(name(H::Machine::core()), Ordering::Relaxed);
    }

    /// Names a reader as the owner; keeps the mark that writers do not spin.
    #[inline(always)]
    pub(super) fn set_reader_owned(self, reader: usize) {
        let kept = self.0.owner().load(Ordering::Relaxed) & NONSPINNABLE;
        self.0.owner().store(name(reader) | OWNED_BY_READERS | kept, Ordering::Relaxed);
    }

    /// Removes the name of a reader that leaves, unless another owner has replaced it.
    #[inline(always)]
    pub(super) fn clear_reader_owned(self) {
        let (owner, relaxed) = (self.0.owner(), Ordering::Relaxed);
        let mut now = owner.load(relaxed);
        while now & !FLAGS == name(H::Machine::core()) {
            match owner.compare_exchange(now, now & FLAGS, relaxed, relaxed) {
                Ok(_) => return,
                Err(other) => now = other,
            }
        }
    }

    /// Marks the lock: writers no longer spin for the readers that hold it.
    pub(super) fn set_nonspinnable(self) {
        let (owner, relaxed) = (self.0.owner(), Ordering::Relaxed);
        let mut now = owner.load(relaxed);
        while Owner::of(now) == Owner::Readers {
            match owner.compare_exchange(now, now | NONSPINNABLE, relaxed, relaxed) {
                Ok(_) => return,
                Err(other) => now = other,
            }
        }
    }

    /// Removes the mark: the last reader has left, and writers may spin again.
    pub(super) fn clear_nonspinnable(self) {
        if self.0.owner().load(Ordering::Relaxed) & NONSPINNABLE != 0 {
            self.0.owner().fetch_and(VALUE_MASK & !NONSPINNABLE, Ordering::Relaxed);
        }
    }
}
