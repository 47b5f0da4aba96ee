//! The owner word: who has the lock, or had it last, and whether writers spin for it.

use super::{Home, RwSem};
use machine::{Machine, Ordering};

/// Bit of the owner word: readers own the lock (the rest names one of them).
pub(super) const OWNED_BY_READERS: u64 = 1;
/// Bit of the owner word: writers do not spin for it.
pub(super) const NONSPINNABLE: u64 = 1 << 1;

/// All bits of a word.
const VALUE: u64 = (1 << machine::VALUE_BITS) - 1;
/// What the owner word says beside a name.
const FLAGS: u64 = OWNED_BY_READERS | NONSPINNABLE;

/// The name of a core in the owner word; 0 is nobody's.
#[inline(always)]
fn name(core: usize) -> u64 {
    (core as u64 + 1) << 8
}

/// Whom the owner word names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Nobody,
    Writer,
    Readers,
    /// Whom no writer spins for.
    Nonspinnable,
}

impl Owner {
    /// `rwsem_owner_state`.
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

    /// Names a reader as the owner; that writers do not spin stays as it is.
    #[inline(always)]
    pub(super) fn set_reader_owned(self, reader: usize) {
        let kept = self.0.owner().load(Ordering::Relaxed) & NONSPINNABLE;
        self.0.owner().store(name(reader) | OWNED_BY_READERS | kept, Ordering::Relaxed);
    }

    /// Takes the name of a reader that leaves out of the owner, where no other has come.
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

    /// Writers spin no more for readers who have the lock.
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

    /// Writers may spin again: the last reader has left.
    pub(super) fn clear_nonspinnable(self) {
        if self.0.owner().load(Ordering::Relaxed) & NONSPINNABLE != 0 {
            self.0.owner().fetch_and(VALUE & !NONSPINNABLE, Ordering::Relaxed);
        }
    }
}
