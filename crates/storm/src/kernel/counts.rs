//! The kernel's own counts of faults.

use super::signal::{self, Missed};

/// Faults of the calling thread since it began.
///
/// The kernel counts a fault when it is complete, whatever it took (`mm_account_fault` in
/// mm/memory.c, since Linux 5.9): one that was done again under `mmap_lock` is one. Those
/// that failed it does not count; our own handler of the signal does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ThreadFaults {
    /// Without I/O.
    pub minor: u64,
    /// With I/O, or done again after a wait for it.
    pub major: u64,
    /// Ended by a signal.
    pub missed: Missed,
}

impl ThreadFaults {
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

    /// Faults since `before`.
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
    use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
    use std::ptr::null_mut;

    #[test]
    fn fresh_pages_are_minor_faults_of_the_thread_that_touches_them() {
        const PAGES: u64 = 64;
        // A mapping of its own: an allocator may hand out pages that were touched before. The
        // first pass brings in the code that the second runs.
        let found = [(); 2].map(|()| {
            let (bytes, prot) = (PAGES as usize * 4096, ProtFlags::READ | ProtFlags::WRITE);
            // SAFETY: a new mapping, at a place of the kernel's choice.
            let at = unsafe { mmap_anonymous(null_mut(), bytes, prot, MapFlags::PRIVATE) };
            let at = at.expect("there is memory").cast::<u8>();
            // SAFETY: all of it is ours; without huge pages each page faults by itself.
            unsafe { madvise(at.cast(), bytes, Advice::LinuxNoHugepage) }.expect("it is mapped");
            let before = ThreadFaults::now();
            for page in 0..PAGES as usize {
                // SAFETY: the page is mapped for writing, and no other reference to it exists.
                unsafe { at.add(page * 4096).write_volatile(1) };
            }
            let found = ThreadFaults::now().since(&before);
            // SAFETY: it was made above, and no reference to it is left.
            unsafe { munmap(at.cast(), bytes) }.expect("it is mapped");
            found
        });
        // A thread that waits has none of its own.
        let idle = std::thread::spawn(|| {
            let before = ThreadFaults::now();
            ThreadFaults::now().since(&before).total()
        });
        assert!((PAGES..=PAGES + 4).contains(&found[1].minor), "{found:?}");
        assert_eq!((found[1].major, found[1].missed), (0, Missed::default()));
        assert!(idle.join().unwrap() <= 1);
    }
}
