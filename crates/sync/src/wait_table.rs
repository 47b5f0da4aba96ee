//! Waiting for the lock of a folio: the kernel's folio wait table, with one bucket
//! for each file instead of hashed ones (Linux 7.2 `mm/filemap.c`, `folio_wait_table`).

use super::locked::{Locked, LockedGuard};
use super::spinlock::{LockWords, Waiters};
use machine::Machine;

/// Who waits for what.
pub struct WaitTable(Locked<Vec<(u32, usize)>>);

impl WaitTable {
    /// A table that holds `cores` waiters without allocating.
    pub fn new(cores: usize) -> Self {
        Self(Locked::new(Vec::with_capacity(cores)))
    }

    /// Locks the table, whose lock is in these words.
    ///
    /// # Safety
    /// Every call on this table names the same words, which nothing else locks.
    unsafe fn lock<'a, M: Machine>(
        &'a self,
        line: &'a M::Line,
        words: LockWords,
        waiters: &Waiters<M>,
    ) -> LockedGuard<'a, M, Vec<(u32, usize)>> {
        // SAFETY: passed on to the caller.
        unsafe { self.0.lock::<M>(line, words, waiters) }
    }

    /// Waits until `done` holds. `done` marks, where it answers no, that somebody
    /// waits, so that whoever makes it true calls [`wake`](Self::wake).
    ///
    /// # Safety
    /// As for [`wake`](Self::wake).
    pub unsafe fn wait<M: Machine>(
        &self,
        (line, words): (&M::Line, LockWords),
        waiters: &Waiters<M>,
        key: u32,
        done: impl Fn() -> bool,
    ) {
        loop {
            // SAFETY: passed on to the caller.
            let mut table = unsafe { self.lock::<M>(line, words, waiters) };
            if done() {
                return;
            }
            table.push((key, M::core()));
            drop(table);
            M::park();
            // SAFETY: as above.
            let mut table = unsafe { self.lock::<M>(line, words, waiters) };
            table.retain(|waiter| *waiter != (key, M::core()));
        }
    }

    /// Wakes all who wait for `key`.
    ///
    /// # Safety
    /// Every call on this table names the same lock words, which nothing else locks.
    pub unsafe fn wake<M: Machine>(
        &self,
        (line, words): (&M::Line, LockWords),
        waiters: &Waiters<M>,
        key: u32,
    ) {
        // SAFETY: passed on to the caller.
        let mut table = unsafe { self.lock::<M>(line, words, waiters) };
        table.retain(|(waits_for, core)| {
            if *waits_for == key {
                M::unpark(*core);
            }
            *waits_for != key
        });
    }
}
