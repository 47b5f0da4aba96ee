//! What grace periods cost beside the time of who waits for them.

/// What grace periods have cost whoever counts it: a core its own, so that no line is shared
/// for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GraceCosts {
    /// Grace periods that have ended.
    pub ended: u64,
    /// How often the work was idle when it was called for: in the kernel a work item is put
    /// on its queue, and a thread woken.
    pub wakeups: u64,
    /// How often the counters of all cores were summed.
    pub looks: u64,
    /// Looks that found readers: the kernel puts its work off then, and schedules it again.
    pub put_off: u64,
}

impl GraceCosts {
    /// Adds what another core has counted.
    pub fn add(&mut self, other: &Self) {
        self.ended += other.ended;
        self.wakeups += other.wakeups;
        self.looks += other.looks;
        self.put_off += other.put_off;
    }
}
