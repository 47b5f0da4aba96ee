//! How much waits to be freed: the price in memory of readers without locks.

use std::sync::atomic::{AtomicU64, Ordering};

/// A count of objects that wait for readers to leave, and the most that ever did. It is
/// the harness's and no kernel's, so it is no line.
#[derive(Debug, Default)]
pub struct Backlog {
    now: AtomicU64,
    peak: AtomicU64,
}

impl Backlog {
    /// One more waits. Relaxed: only counted.
    pub fn add(&self) {
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.peak.fetch_max(now, Ordering::Relaxed);
    }

    /// One is free.
    pub fn remove(&self) {
        self.now.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.now.load(Ordering::Relaxed) == 0
    }

    /// The most that ever waited.
    pub fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }
}
