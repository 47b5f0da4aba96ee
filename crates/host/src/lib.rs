//! Facts about the machine that the process runs on: CPUs, memory, clock and counters, and the
//! properties that would spoil a measurement.
//!
//! All is read below [`Roots`], so that in tests a directory of files can replace a machine. A fact
//! that the machine does not give is `None`, never a guess. Linux only.

pub mod affinity;
pub mod cgroup;
pub mod clock;
pub mod code_pages;
pub mod events;
pub mod finding;
pub mod interrupt;
pub mod kernel_locks;
pub mod memory;
pub mod perf;
pub mod placement;
pub mod preemption;
pub mod preflight;
pub mod steal;
pub mod stopped;
pub mod topology;
pub mod trap;
pub mod ulimits;

use std::path::{Path, PathBuf};

/// Mount points of the kernel's view of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roots {
    /// sysfs: `/sys`.
    pub sys: PathBuf,
    /// procfs: `/proc`.
    pub proc: PathBuf,
    /// The distribution's files: `/etc`.
    pub etc: PathBuf,
    /// Kernel images and configurations: `/boot`.
    pub boot: PathBuf,
}

impl Default for Roots {
    /// Returns the roots of the machine that the process runs on.
    fn default() -> Roots {
        Roots { sys: "/sys".into(), proc: "/proc".into(), etc: "/etc".into(), boot: "/boot".into() }
    }
}

/// Returns the text of a kernel file without surrounding white space; `None` if the file does not
/// exist, cannot be read or is empty.
fn text(path: impl AsRef<Path>) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_string())
}

/// Returns the number in a kernel file.
fn number<T: std::str::FromStr>(path: impl AsRef<Path>) -> Option<T> {
    text(path)?.parse().ok()
}

/// Returns the text after the colon in the first line of `text` with this `key` (`MemTotal:
/// 24684084 kB`, `model name : AMD EPYC`).
fn field<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == key).then(|| value.trim())
    })
}

#[cfg(test)]
mod fixture {
    use super::Roots;

    /// A machine made of files, which are removed on drop.
    pub struct FakeMachine {
        dir: tempfile::TempDir,
    }

    impl FakeMachine {
        /// Creates a machine with these files; paths start with `sys/`, `proc/`, `etc/` or `boot/`.
        pub fn of(files: &[(&str, &str)]) -> FakeMachine {
            let machine = FakeMachine { dir: tempfile::tempdir().unwrap() };
            machine.write(files);
            machine
        }

        /// Adds files, or replaces them.
        pub fn write(&self, files: &[(&str, &str)]) {
            for (path, text) in files {
                let path = self.dir.path().join(path);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, format!("{text}\n")).unwrap();
            }
        }

        /// Returns the places of its files.
        pub fn roots(&self) -> Roots {
            let root = self.dir.path();
            Roots {
                sys: root.join("sys"),
                proc: root.join("proc"),
                etc: root.join("etc"),
                boot: root.join("boot"),
            }
        }
    }
}
