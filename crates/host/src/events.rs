//! Kernel events of one thread: faults that it completed, and waits for rw semaphores.
//!
//! Each event costs time when it happens, so events are counted in storms of their own.

use std::ffi::{CStr, c_char};
use std::io;
use std::os::fd::AsRawFd;

use perf_event::events::{Software, Tracepoint};
use perf_event::{Builder, Counter};
use rustix::ioctl::{Opcode, opcode};

use super::kernel_locks::version;
use super::{Roots, number, text};

/// `PERF_EVENT_IOC_SET_FILTER` (include/uapi/linux/perf_event.h).
const SET_FILTER: Opcode = opcode::write::<*const c_char>(b'$', 6);
/// `LCB_F_READ` alone or `LCB_F_WRITE` alone: a wait for a rw semaphore. Spinlocks, mutexes and
/// per-CPU locks set another flag as well (include/trace/events/lock.h; `rwsem_down_read_slowpath`
/// and its twin in kernel/locking/rwsem.c).
const OF_RWSEM: &CStr = c"flags == 2 || flags == 4";
/// First release that has `lock:contention_begin` without lockdep.
const CONTENTION: (u32, u32) = (5, 19);

/// Events of the thread that opened them; not enabled at first.
pub struct PerfEvents {
    minor: Counter,
    major: Counter,
    rwsem_waits: Result<Counter, String>,
}

/// Number of times that each event happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventCounts {
    /// User-mode faults without I/O (`PERF_COUNT_SW_PAGE_FAULTS_MIN`).
    pub minor: u64,
    /// User-mode faults with I/O (`PERF_COUNT_SW_PAGE_FAULTS_MAJ`).
    pub major: u64,
    /// Waits for any rw semaphore of the kernel, `mmap_lock` among them; `None` if they cannot be
    /// counted.
    pub rwsem_waits: Option<u64>,
}

impl EventCounts {
    /// Returns the sum with another thread's counts.
    pub fn plus(&self, other: &EventCounts) -> EventCounts {
        EventCounts {
            minor: self.minor + other.minor,
            major: self.major + other.major,
            rwsem_waits: self.rwsem_waits.zip(other.rwsem_waits).map(|(a, b)| a + b),
        }
    }
}

impl PerfEvents {
    /// Opens the events of the calling thread.
    ///
    /// # Errors
    ///
    /// The reason, in words, if faults cannot be counted.
    pub fn open(roots: &Roots) -> Result<PerfEvents, String> {
        let refused = |error: io::Error| refused(&error, roots);
        Ok(PerfEvents {
            minor: Builder::new(Software::PAGE_FAULTS_MIN).build().map_err(refused)?,
            major: Builder::new(Software::PAGE_FAULTS_MAJ).build().map_err(refused)?,
            rwsem_waits: contention(roots),
        })
    }

    /// Describes the counted events, and why the others are missing.
    pub fn described(&self) -> String {
        match &self.rwsem_waits {
            Ok(_) => "faults by perf, and waits for rw semaphores".to_owned(),
            Err(why) => format!("faults by perf; no waits for rw semaphores: {why}"),
        }
    }

    /// Starts counting.
    ///
    /// # Errors
    ///
    /// The kernel's error.
    pub fn enable(&mut self) -> io::Result<()> {
        let waits = self.rwsem_waits.as_mut().ok();
        [&mut self.minor, &mut self.major].into_iter().chain(waits).try_for_each(Counter::enable)
    }

    /// Returns the counts so far.
    ///
    /// # Errors
    ///
    /// The kernel's error.
    pub fn read(&mut self) -> io::Result<EventCounts> {
        Ok(EventCounts {
            minor: self.minor.read()?,
            major: self.major.read()?,
            rwsem_waits: self.rwsem_waits.as_mut().ok().map(Counter::read).transpose()?,
        })
    }
}

/// Opens the tracepoint `lock:contention_begin`, if it may be counted.
fn contention(roots: &Roots) -> Result<Counter, String> {
    let of = |place: &str| -> Option<u64> {
        number(roots.sys.join("kernel").join(place).join("events/lock/contention_begin/id"))
    };
    let id = of("tracing").or_else(|| of("debug/tracing")).ok_or_else(|| not_there(roots))?;
    // The event happens in kernel mode, on behalf of the thread.
    let counter = Builder::new(Tracepoint::with_id(id)).include_kernel().build();
    let counter = counter.map_err(|error| refused(&error, roots))?;
    // SAFETY: the descriptor belongs to a perf event, and the filter is a NUL-terminated string.
    let filtered = unsafe { libc::ioctl(counter.as_raw_fd(), SET_FILTER as _, OF_RWSEM.as_ptr()) };
    match filtered {
        0 => Ok(counter),
        _ => Err(refused(&io::Error::last_os_error(), roots)),
    }
}

/// Returns the reason why there is no `lock:contention_begin`.
fn not_there(roots: &Roots) -> String {
    let release = text(roots.proc.join("sys/kernel/osrelease")).unwrap_or_default();
    match version(&release) {
        Some(version) if version < CONTENTION => {
            format!("Linux {release} has no lock:contention_begin, which came with 5.19")
        }
        _ => "/sys/kernel/tracing has no lock:contention_begin, or may not be read (it takes \
              root, and 'mount -t tracefs tracefs /sys/kernel/tracing')"
            .to_owned(),
    }
}

fn refused(error: &io::Error, roots: &Roots) -> String {
    let paranoid = text(roots.proc.join("sys/kernel/perf_event_paranoid"));
    let paranoid = paranoid.unwrap_or_else(|| "not known".to_owned());
    format!("perf_event_open is refused: {error}; perf_event_paranoid is {paranoid}")
}

#[cfg(test)]
mod tests {
    use super::super::fixture::FakeMachine;
    use super::*;

    #[test]
    fn faults_are_counted_or_it_is_said_why_not() {
        match PerfEvents::open(&Roots::default()) {
            Ok(mut events) => {
                events.enable().unwrap();
                // More memory than the allocator caches for reuse. With huge pages the faults are
                // few.
                let pages = vec![1u8; 64 << 20];
                std::hint::black_box(&pages);
                let found = events.read().unwrap();
                assert!(found.minor > 0 && found.minor <= 20_000, "{found:?}");
                let described = events.described();
                assert_eq!(
                    found.rwsem_waits.is_none(),
                    described.contains("no waits"),
                    "{described}"
                );
            }
            Err(why) => assert!(why.contains("perf_event_paranoid is"), "{why}"),
        }
    }

    #[test]
    fn what_is_not_there_has_its_reason() {
        let why =
            |files: &[(&str, &str)]| contention(&FakeMachine::of(files).roots()).err().unwrap();
        assert!(why(&[]).contains("may not be read"));
        let old = why(&[("proc/sys/kernel/osrelease", "5.15.0")]);
        assert!(old.contains("came with 5.19"), "{old}");
        let id = ("sys/kernel/tracing/events/lock/contention_begin/id", "4294967295");
        let wrong = why(&[id, ("proc/sys/kernel/perf_event_paranoid", "4")]);
        assert!(wrong.contains("perf_event_paranoid is 4"), "{wrong}");
    }

    #[test]
    fn threads_are_added_and_what_one_lacks_all_lack() {
        let one = EventCounts { minor: 2, major: 1, rwsem_waits: Some(5) };
        assert_eq!(one.plus(&one).rwsem_waits, Some(10));
        let other = EventCounts { rwsem_waits: None, ..one };
        assert_eq!(one.plus(&other), EventCounts { minor: 4, major: 2, rwsem_waits: None });
    }
}
