//! Memory that a storm may use.

use rustix::process::{Resource, getrlimit};

use super::cgroup::Limits;
use super::ulimits::Ulimits;
use super::{Roots, field, text};

/// Lets all threads of a process with a limit of addresses (`ulimit -v`) allocate from one arena of
/// the C library: others reserve 64 MiB of addresses each, which it needs for its stacks. To be
/// called before a thread is started.
pub fn save_addresses() {
    if getrlimit(Resource::As).current.is_none() {
        return;
    }
    #[cfg(target_env = "gnu")]
    // SAFETY: the call sets a number of the allocator, which it reads before each new arena.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// The machine's memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Memory {
    /// Total.
    pub total_bytes: Option<u64>,
    /// Available without swapping.
    pub available_bytes: Option<u64>,
    /// Address space that the process may still take (`ulimit -v`); `None` if unlimited.
    pub address_bytes: Option<u64>,
}

impl Memory {
    /// Reads `/proc/meminfo`, `/proc/self/limits` and `/proc/self/statm`.
    pub fn read(roots: &Roots) -> Memory {
        let meminfo = text(roots.proc.join("meminfo")).unwrap_or_default();
        let bytes = |key| {
            let kib: u64 = field(&meminfo, key)?.strip_suffix("kB")?.trim().parse().ok()?;
            kib.checked_mul(1024)
        };
        let addresses = Ulimits::read(roots).address_bytes;
        let statm = text(roots.proc.join("self/statm")).unwrap_or_default();
        let statm: Vec<u64> =
            statm.split_whitespace().filter_map(|pages| pages.parse().ok()).collect();
        // All of it, and its code once more: storms run from a private copy of that.
        let pages = |field: usize| statm.get(field).copied().unwrap_or(0);
        let taken = pages(0).saturating_add(pages(3));
        let taken = taken.saturating_mul(rustix::param::page_size() as u64);
        Memory {
            total_bytes: bytes("MemTotal"),
            available_bytes: bytes("MemAvailable"),
            address_bytes: addresses.map(|limit| limit.saturating_sub(taken)),
        }
    }

    /// Returns the memory that the process may still take: the least of what is available on the
    /// machine, left by its control groups, and allowed as address space. `None` if nothing is
    /// known.
    pub fn usable_bytes(&self, limits: &Limits) -> Option<u64> {
        let left = limits.memory_left_bytes.or(limits.memory_bytes);
        self.available_bytes.into_iter().chain(left).chain(self.address_bytes).min()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::FakeMachine;
    use super::*;

    #[test]
    fn meminfo_and_the_limit_that_binds() {
        let meminfo = "MemTotal:       2000 kB\nMemFree:    1 kB\nMemAvailable:    1000 kB";
        let memory = Memory::read(&FakeMachine::of(&[("proc/meminfo", meminfo)]).roots());
        assert_eq!(memory.total_bytes, Some(2_048_000));
        assert_eq!(memory.available_bytes, Some(1_024_000));
        let mut limits = Limits::default();
        assert_eq!(memory.usable_bytes(&limits), Some(1_024_000));
        limits.memory_bytes = Some(500_000);
        assert_eq!(memory.usable_bytes(&limits), Some(500_000));
        limits.memory_left_bytes = Some(90_000);
        assert_eq!(memory.usable_bytes(&limits), Some(90_000));
    }

    #[test]
    fn addresses_may_be_the_least() {
        let limited = |soft: &str| {
            let limits = format!(
                "Limit                     Soft Limit           Hard Limit           Units     \n\
                 Max stack size            8388608              unlimited            bytes     \n\
                 Max address space         {soft}                unlimited            bytes     "
            );
            let files = [("proc/meminfo", "MemAvailable: 1000 kB"), ("proc/self/limits", &*limits)];
            Memory::read(&FakeMachine::of(&files).roots()).usable_bytes(&Limits::default())
        };
        assert_eq!(limited("700000"), Some(700_000));
        assert_eq!(limited("unlimited"), Some(1_024_000));
    }

    #[test]
    fn a_machine_that_says_nothing() {
        let memory = Memory::read(&FakeMachine::of(&[]).roots());
        assert_eq!(memory, Memory::default());
        assert_eq!(memory.usable_bytes(&Limits::default()), None);
    }
}
