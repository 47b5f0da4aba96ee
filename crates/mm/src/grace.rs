//! Waiting for memory that was freed, but that readers may still see.

use machine::Machine;

/// How long a core waits at a time.
const WAIT_NS: u64 = 1_000;
/// How often it waits before it gives up: a second, or more where sleeps end late.
const WAITS_MAX: u32 = 1_000_000;

/// Tries to take a `what` until there is one.
///
/// The caller may hold locks, as long as no fault waits for them in a read section. `take`
/// lets go of what its own core has deferred.
pub(super) fn until<M: Machine, T>(what: &str, take: impl FnMut() -> Option<T>) -> T {
    patiently::<M, T>(take).unwrap_or_else(|| panic!("no {what} is left for a writer"))
}

/// Tries to take something until there is some; `None` where it takes too long.
pub(super) fn patiently<M: Machine, T>(mut take: impl FnMut() -> Option<T>) -> Option<T> {
    for _ in 0..WAITS_MAX {
        let taken = take();
        if taken.is_some() {
            return taken;
        }
        M::sleep_ns(WAIT_NS);
    }
    None
}
