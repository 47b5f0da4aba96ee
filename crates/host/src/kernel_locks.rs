//! The lock that the running kernel takes for a page fault.
//!
//! Its release and configuration determine the lock. The kernel counts events of per-VMA locks only
//! with `CONFIG_PER_VMA_LOCK_STATS`, a debug option, so missing counters prove nothing.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use flate2::read::GzDecoder;

use super::{Roots, text};

/// Known facts about the running kernel's locks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KernelLocks {
    /// Kernel release, such as `6.18.0`.
    pub release: Option<String>,
    /// True if it has per-VMA locks (`CONFIG_PER_VMA_LOCK`); `None` if no configuration can be
    /// read.
    pub per_vma_lock: Option<bool>,
    /// File that the configuration was read from.
    pub config: Option<PathBuf>,
    /// True if it counts their events in `/proc/vmstat`.
    pub counts_events: bool,
}

impl KernelLocks {
    /// Reads the facts from the machine.
    pub fn read(roots: &Roots) -> KernelLocks {
        let release = text(roots.proc.join("sys/kernel/osrelease"));
        let config = config(roots, release.as_deref());
        KernelLocks {
            per_vma_lock: config.as_ref().map(|(_, text)| has(text, "CONFIG_PER_VMA_LOCK")),
            config: config.map(|(path, _)| path),
            counts_events: !events(roots).is_empty(),
            release,
        }
    }

    /// Returns the strategy that takes the same lock; `None` if the release is unknown.
    ///
    /// Per-VMA locks came with Linux 6.4 for anonymous memory, as one rwsem per VMA, and with 6.6
    /// for files. In 6.15 a reference count replaced the rwsem. If no configuration can be read
    /// they are assumed to be on, which is the default.
    pub fn strategy(&self) -> Option<&'static str> {
        let version = version(self.release.as_deref()?)?;
        Some(match version {
            (..=5, _) | (6, ..=3) => "mmap-lock:6.2",
            _ if self.per_vma_lock == Some(false) => "mmap-lock",
            (6, 4..=5) => "per-vma-lock:6.4",
            (6, 6..=14) => "per-vma-lock",
            _ => "vm-refcnt",
        })
    }
}

/// Returns the system-wide events of per-VMA locks (`vma_lock_success`, `_abort`, `_retry`,
/// `_miss`), by name; empty if the kernel does not count them.
pub fn events(roots: &Roots) -> BTreeMap<String, u64> {
    let vmstat = text(roots.proc.join("vmstat")).unwrap_or_default();
    let event = |line: &str| {
        let (name, count) = line.split_once(' ')?;
        name.starts_with("vma_lock_").then_some((name.to_owned(), count.parse().ok()?))
    };
    vmstat.lines().filter_map(event).collect()
}

/// Returns the increase of each event.
pub fn growth(
    before: &BTreeMap<String, u64>,
    after: &BTreeMap<String, u64>,
) -> BTreeMap<String, u64> {
    let from = |name: &String| before.get(name).copied().unwrap_or(0);
    after.iter().map(|(name, count)| (name.clone(), count.saturating_sub(from(name)))).collect()
}

/// Returns the kernel's configuration and its file: the one in `/proc`, else the one next to the
/// kernel image.
fn config(roots: &Roots, release: Option<&str>) -> Option<(PathBuf, String)> {
    let own = roots.proc.join("config.gz");
    let mut text = String::new();
    let packed = std::fs::File::open(&own).ok();
    if packed.is_some_and(|file| GzDecoder::new(file).read_to_string(&mut text).is_ok()) {
        return Some((own, text));
    }
    let beside = roots.boot.join(format!("config-{}", release?));
    let text = std::fs::read_to_string(&beside).ok()?;
    Some((beside, text))
}

fn has(config: &str, option: &str) -> bool {
    let set = |line: &str| line.strip_prefix(option).is_some_and(|rest| rest == "=y");
    config.lines().any(set)
}

/// Returns version and patch level of a release: 6 and 18 of `6.18.44-fc`.
pub fn version(release: &str) -> Option<(u32, u32)> {
    let mut parts = release.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::FakeMachine;
    use super::*;

    fn of(release: &str, config: &str) -> KernelLocks {
        let path = format!("boot/config-{release}");
        let files = [("proc/sys/kernel/osrelease", release), (path.as_str(), config)];
        KernelLocks::read(&FakeMachine::of(&files).roots())
    }

    #[test]
    fn a_release_is_told_by_the_lock_that_it_takes() {
        for (release, strategy) in [
            ("5.15.0-91-generic", "mmap-lock:6.2"),
            ("6.1.0", "mmap-lock:6.2"),
            ("6.4.3", "per-vma-lock:6.4"),
            ("6.12.48+deb13-amd64", "per-vma-lock"),
            ("6.18.44-fc", "vm-refcnt"),
            ("7.2.0-rc1", "vm-refcnt"),
        ] {
            assert_eq!(of(release, "CONFIG_PER_VMA_LOCK=y").strategy(), Some(strategy));
        }
        let without = of("6.18.0", "# CONFIG_PER_VMA_LOCK is not set\nCONFIG_PER_VMA_LOCK_X=y");
        assert_eq!((without.per_vma_lock, without.strategy()), (Some(false), Some("mmap-lock")));
    }

    #[test]
    fn what_is_not_said_is_not_known() {
        let silent = KernelLocks::read(&FakeMachine::of(&[]).roots());
        assert_eq!((silent.strategy(), silent), (None, KernelLocks::default()));
        let machine = FakeMachine::of(&[("proc/sys/kernel/osrelease", "6.18.0")]);
        let found = KernelLocks::read(&machine.roots());
        assert_eq!((found.per_vma_lock, found.strategy()), (None, Some("vm-refcnt")));
    }

    #[test]
    fn events_are_counted_where_there_are_some() {
        let vmstat = |success| {
            let text = format!("pgfault 7\nvma_lock_success {success}\nvma_lock_miss 3");
            events(&FakeMachine::of(&[("proc/vmstat", &text)]).roots())
        };
        let grown = growth(&vmstat(10), &vmstat(25));
        assert_eq!(grown, [("vma_lock_miss".into(), 0), ("vma_lock_success".into(), 15)].into());
        assert!(events(&FakeMachine::of(&[("proc/vmstat", "pgfault 7")]).roots()).is_empty());
    }
}
