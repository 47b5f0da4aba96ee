//! Count of objects that wait to be freed: the price in memory of readers without locks.

use std::sync::atomic::{AtomicU64, Ordering};

/// A count of objects that wait for readers to leave, and the most that ever did. The harness
/// counts it, not the kernel, so it is on no line.
#[derive(Debug, Default)]
pub struct Backlog {
    now: AtomicU64,
    peak: AtomicU64,
}

impl Backlog {
    /// Counts one more. Relaxed: it is a count and orders nothing.
    pub fn add(&self) {
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.peak.fetch_max(now, Ordering::Relaxed);
    }

    /// Counts one less: it has been freed.
    pub fn remove(&self) {
        self.now.fetch_sub(1, Ordering::Relaxed);
    }

    /// Returns true if nothing waits.
    pub fn is_empty(&self) -> bool {
        self.now.load(Ordering::Relaxed) == 0
    }

    /// Returns the largest number that ever waited.
    pub fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }
}
