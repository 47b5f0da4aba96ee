//! Events at lines, and the order of events at the same time.

use super::engine::LineAt;
use super::line::LineRequest;
use super::queue::{CORES, RANKS};

/// A future event.
pub(super) enum Event {
    /// A request reaches its line.
    Arrive(LineAt, LineRequest),
    /// A line's copy has arrived in a domain, where more readers wait for it.
    Refill(LineAt, u16),
    /// A line may be free.
    Dispatch(LineAt),
    /// The line of a core's oldest store has arrived.
    Commit(u16),
    /// A prefetched line has arrived.
    Prefetched(u16, LineAt),
}

impl Event {
    /// Returns the rank among events at the same time: ends of transfers first, then by time of the
    /// request, then by core. It does not depend on the order in which cores ran.
    pub fn rank(&self) -> u64 {
        let by_class = |class: u64, rank: u64| {
            assert!(rank < RANKS / 4, "a rank stays within its class");
            class * (RANKS / 4) + rank
        };
        match self {
            Event::Commit(core) => by_class(0, u64::from(*core)),
            Event::Prefetched(core, _) => by_class(1, u64::from(*core)),
            Event::Refill(_, domain) => by_class(1, CORES + u64::from(*domain)),
            Event::Dispatch(_) => by_class(2, 0),
            Event::Arrive(_, request) => {
                // Request legs of 69 ms and more have the same rank.
                let leg_ps = request.arrived_at - request.issued_at;
                let late = (RANKS / 4 / CORES - 1).saturating_sub(leg_ps);
                by_class(3, late * CORES + u64::from(request.core))
            }
        }
    }
}
