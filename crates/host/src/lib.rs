//! What is true of the machine that the process runs on: its CPUs, memory,
//! clock and counters, and what about them would spoil a measurement.
//!
//! Everything is read below [`Roots`], so that a directory of files stands in
//! for a machine in tests. What the machine does not say is `None`, never a
//! guess. Linux only.

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
pub mod preflight;
pub mod steal;
pub mod topology;
pub mod trap;

use std::path::{Path, PathBuf};

/// Where the kernel's view of the machine is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roots {
    /// sysfs: `/sys`.
    pub sys: PathBuf,
    /// procfs: `/proc`.
    pub proc: PathBuf,
    /// Files of the distribution: `/etc`.
    pub etc: PathBuf,
    /// Images and configurations of kernels: `/boot`.
    pub boot: PathBuf,
}

impl Default for Roots {
    /// The machine that the process runs on.
    fn default() -> Roots {
        Roots { sys: "/sys".into(), proc: "/proc".into(), etc: "/etc".into(), boot: "/boot".into() }
    }
}

/// Returns the text of a file of the kernel without the white space around it;
/// `None` where there is no such file, it may not be read, or it is empty.
fn text(path: impl AsRef<Path>) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_string())
}

/// Returns the number that a file of the kernel holds.
fn number<T: std::str::FromStr>(path: impl AsRef<Path>) -> Option<T> {
    text(path)?.parse().ok()
}

/// Returns what follows the colon in the first line of `text` whose key is `key`
/// (`MemTotal:  24684084 kB`, `model name : AMD EPYC`).
fn field<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == key).then(|| value.trim())
    })
}

#[cfg(test)]
mod fixture {
    use super::Roots;

    /// A machine made of files, gone when dropped.
    pub struct Machine {
        dir: tempfile::TempDir,
    }

    impl Machine {
        /// A machine of these files: paths start with `sys/`, `proc/`, `etc/` or
        /// `boot/`.
        pub fn of(files: &[(&str, &str)]) -> Machine {
            let machine = Machine { dir: tempfile::tempdir().unwrap() };
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

        /// Where its files are.
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
