//! Preemptions of the calling thread.

/// Returns the number of times that the calling thread lost its CPU while it could run
/// (`ru_nivcsw` of `getrusage(2)`): to another thread, also after `sched_yield`. Sleeps do not
/// count. What a hypervisor takes away does not count either.
pub fn preemptions() -> u64 {
    // SAFETY: a `rusage` is plain numbers, for which zeroes are valid.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is a `rusage` that the call may write.
    let failed = unsafe { libc::getrusage(libc::RUSAGE_THREAD, &mut usage) };
    assert_eq!(failed, 0, "RUSAGE_THREAD is known since Linux 2.6.26");
    usage.ru_nivcsw as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preemptions_only_grow() {
        let before = preemptions();
        std::thread::yield_now();
        assert!(preemptions() >= before);
    }
}
