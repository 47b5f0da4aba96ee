//! Waits for memory that was freed, but that readers may still see.

use machine::{Machine, Waited};

/// Length of one wait of a core.
const WAIT_NS: u64 = 1_000;
/// Number of waits before it gives up: a second in total, or more if sleeps end late.
const WAITS_MAX: u32 = 1_000_000;

/// Takes a `what`, and waits until there is one.
///
/// The caller may hold locks, as long as no fault waits for them in a read section. `take` frees
/// what its own core has deferred.
pub(super) fn until<M: Machine, T>(what: &str, take: impl FnMut() -> Option<T>) -> T {
    patiently::<M, T>(take).unwrap_or_else(|| panic!("no {what} is left for a writer"))
}

/// Calls `take` until it returns something; `None` after too many waits.
pub(super) fn patiently<M: Machine, T>(mut take: impl FnMut() -> Option<T>) -> Option<T> {
    for _ in 0..WAITS_MAX {
        let taken = take();
        if taken.is_some() {
            return taken;
        }
        M::begin_wait(Waited::GracePeriod, 0);
        M::sleep_ns(WAIT_NS);
        M::end_wait();
    }
    None
}
