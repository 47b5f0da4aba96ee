//! Waiting for a folio's lock: the kernel's folio wait table, but with one bucket for each file
//! instead of hashed buckets (Linux 7.2 `mm/filemap.c`, `folio_wait_table`).

use super::locked::{Locked, LockedGuard};
use super::spinlock::{LockWords, Waiters};
use machine::Machine;

/// The waiting cores and their keys.
pub struct WaitTable(Locked<Vec<(u32, usize)>>);

impl WaitTable {
    /// Creates a table that holds `cores` waiters without allocating.
    pub fn new(cores: usize) -> Self {
        Self(Locked::new(Vec::with_capacity(cores)))
    }

    /// Locks the table by the lock in these words.
    ///
    /// # Safety
    /// Every call on this table must name the same words, and nothing else may lock them.
    unsafe fn lock<'a, M: Machine>(
        &'a self,
        line: &'a M::Line,
        words: LockWords,
        waiters: &Waiters<M>,
    ) -> LockedGuard<'a, M, Vec<(u32, usize)>> {
        // SAFETY: the caller's contract.
        unsafe { self.0.lock::<M>(line, words, waiters) }
    }

    /// Waits until `done` returns true. If `done` returns false it must leave a mark, so that the
    /// core that makes it true calls [`wake`](Self::wake).
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
            // SAFETY: the caller's contract.
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

    /// Wakes all waiters for `key`.
    ///
    /// # Safety
    /// Every call on this table must name the same lock words, and nothing else may lock them.
    pub unsafe fn wake<M: Machine>(
        &self,
        (line, words): (&M::Line, LockWords),
        waiters: &Waiters<M>,
        key: u32,
    ) {
        // SAFETY: the caller's contract.
        let mut table = unsafe { self.lock::<M>(line, words, waiters) };
        table.retain(|(waits_for, core)| {
            if *waits_for == key {
                M::unpark(*core);
            }
            *waits_for != key
        });
    }
}
