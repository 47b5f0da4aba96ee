//! The kernel's own counts of faults.

use super::signal::{self, Missed};

/// Faults of the calling thread since it began.
///
/// The kernel counts a fault when it is complete, whatever it took (`mm_account_fault` in
/// mm/memory.c, since Linux 5.9): one that was done again under `mmap_lock` is one. Those
/// that failed it does not count; our own handler of the signal does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Faults {
    /// Without I/O.
    pub minor: u64,
    /// With I/O, or done again after a wait for it.
    pub major: u64,
    /// Ended by a signal.
    pub missed: Missed,
}

impl Faults {
    /// Faults so far.
    #[inline(always)]
    pub fn now() -> Self {
        // SAFETY: a `rusage` is plain numbers, for which zeroes are valid.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: `usage` is a `rusage` that the call may write.
        let failed = unsafe { libc::getrusage(libc::RUSAGE_THREAD, &mut usage) };
        assert_eq!(failed, 0, "RUSAGE_THREAD is known since Linux 2.6.26");
        Self {
            minor: usage.ru_minflt as u64,
            major: usage.ru_majflt as u64,
            missed: signal::missed(),
        }
    }

    /// What there was in between.
    pub fn since(&self, before: &Self) -> Self {
        Self {
            minor: self.minor - before.minor,
            major: self.major - before.major,
            missed: Missed {
                segv: self.missed.segv - before.missed.segv,
                sigbus: self.missed.sigbus - before.missed.sigbus,
            },
        }
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.minor + self.major + self.missed.segv + self.missed.sigbus
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_pages_are_minor_faults_of_the_thread_that_touches_them() {
        const PAGES: u64 = 64;
        // The first pass brings in the code that the second runs.
        let fresh = || vec![0u8; (PAGES as usize + 1) * 4096];
        let found = [fresh(), fresh()].map(|mut memory| {
            let before = Faults::now();
            memory.iter_mut().step_by(4096).for_each(|byte| *byte = 1);
            std::hint::black_box(&memory);
            Faults::now().since(&before)
        });
        // A thread that waits has none of its own.
        let idle = std::thread::spawn(|| {
            let before = Faults::now();
            Faults::now().since(&before).total()
        });
        assert!((PAGES..=PAGES + 4).contains(&found[1].minor), "{found:?}");
        assert_eq!((found[1].major, found[1].missed), (0, Missed::default()));
        assert!(idle.join().unwrap() <= 1);
    }
}
