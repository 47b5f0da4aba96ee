//! Costs of grace periods other than the waiters' time.

/// Costs of grace periods, counted by one core. Each core has its own, so that counting shares no
/// cache line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GraceCosts {
    /// Grace periods that have ended.
    pub ended: u64,
    /// Times that the work was requested while idle: the kernel then queues a work item and wakes a
    /// thread.
    pub wakeups: u64,
    /// Times that the counters of all cores were summed.
    pub looks: u64,
    /// Sums that found readers: the kernel then postpones its work and schedules it again.
    pub put_off: u64,
}

impl GraceCosts {
    /// Adds the costs that another core counted.
    pub fn add(&mut self, other: &Self) {
        self.ended += other.ended;
        self.wakeups += other.wakeups;
        self.looks += other.looks;
        self.put_off += other.put_off;
    }
}
