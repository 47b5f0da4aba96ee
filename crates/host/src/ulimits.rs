//! Limits of the process and of its user (`ulimit`): addresses, threads, open files.

use std::path::Path;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{Roots, field, text};

/// Capabilities with which the limit of threads does not bind: `CAP_SYS_ADMIN`,
/// `CAP_SYS_RESOURCE` (include/uapi/linux/capability.h).
const FREE_OF_LIMIT: u64 = 1 << 21 | 1 << 24;

/// Amounts that the process may still take. `None`: no limit, or it is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ulimits {
    /// Address space in all, in bytes (`ulimit -v`).
    pub address_bytes: Option<u64>,
    /// Threads that the user may still start (`ulimit -u`).
    pub threads_left: Option<u64>,
    /// Files that the process may still open (`ulimit -n`).
    pub files_left: Option<u64>,
}

impl Ulimits {
    /// Reads `/proc/self/limits`, and what is in use.
    pub fn read(roots: &Roots) -> Ulimits {
        let limits = text(roots.proc.join("self/limits")).unwrap_or_default();
        // `Max open files   1024   524288   files`, or `unlimited`.
        let soft = |name: &str| -> Option<u64> {
            let line = limits.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse().ok()
        };
        let open = entries(&roots.proc.join("self/fd")).count() as u64;
        let threads = soft("Max processes").filter(|_| is_limited(&roots.proc));
        Ulimits {
            address_bytes: soft("Max address space"),
            threads_left: threads.map(|most| most.saturating_sub(threads_of_user(&roots.proc))),
            files_left: soft("Max open files").map(|most| most.saturating_sub(open)),
        }
    }
}

/// Lets the process open as many files as it may: the limit that a shell sets is for programs that
/// use `select`.
pub fn allow_all_files() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        // If it is refused, the lower limit stays, and is planned with.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
}

fn entries(directory: &Path) -> impl Iterator<Item = std::fs::DirEntry> {
    std::fs::read_dir(directory).into_iter().flatten().flatten()
}

/// Returns the user of a process, as its `status` has it.
fn user(status: &str) -> Option<u64> {
    field(status, "Uid")?.split_whitespace().next()?.parse().ok()
}

/// True if the limit of threads binds the process (`copy_process` in kernel/fork.c): not root, nor
/// who has one of two capabilities.
fn is_limited(proc: &Path) -> bool {
    let status = text(proc.join("self/status")).unwrap_or_default();
    let capabilities = field(&status, "CapEff").and_then(|hex| u64::from_str_radix(hex, 16).ok());
    user(&status) != Some(0) && capabilities.unwrap_or(0) & FREE_OF_LIMIT == 0
}

/// Returns the threads of all processes of this user that can be seen.
fn threads_of_user(proc: &Path) -> u64 {
    let own = text(proc.join("self/status")).unwrap_or_default();
    let is_process = |entry: &std::fs::DirEntry| {
        entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit())
    };
    let of_process = |entry: std::fs::DirEntry| -> Option<u64> {
        let status = text(entry.path().join("status"))?;
        (user(&status) == user(&own)).then(|| field(&status, "Threads")?.parse().ok())?
    };
    entries(proc).filter(is_process).filter_map(of_process).sum()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::FakeMachine;
    use super::*;

    fn limits(uid: &str, capabilities: &str) -> Ulimits {
        let limits = "Limit                Soft Limit    Hard Limit    Units\n\
                      Max processes        20            100           processes\n\
                      Max open files       10            unlimited     files\n\
                      Max address space    unlimited     unlimited     bytes";
        let status = |uid: &str, threads: u64| {
            format!("Uid:\t{uid}\t0\t0\t0\nCapEff:\t{capabilities}\nThreads:\t{threads}")
        };
        Ulimits::read(
            &FakeMachine::of(&[
                ("proc/self/limits", limits),
                ("proc/self/status", &status(uid, 3)),
                ("proc/self/fd/0", "x"),
                ("proc/self/fd/1", "x"),
                ("proc/7/status", &status(uid, 3)),
                ("proc/8/status", &status("77", 400)),
                ("proc/9/status", &status(uid, 4)),
                ("proc/meminfo", "x"),
            ])
            .roots(),
        )
    }

    #[test]
    fn what_is_in_use_is_taken_off() {
        let user = limits("1000", "0000000000000000");
        let left =
            |threads_left| Ulimits { address_bytes: None, threads_left, files_left: Some(8) };
        assert_eq!(user, left(Some(13)));
        assert_eq!(limits("0", "0000000000000000"), left(None));
        assert_eq!(limits("1000", "0000000001000000"), left(None));
    }

    #[test]
    fn a_machine_that_says_nothing() {
        assert_eq!(Ulimits::read(&FakeMachine::of(&[]).roots()), Ulimits::default());
    }

    #[test]
    fn all_files_that_are_allowed_can_be_opened() {
        allow_all_files();
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        assert_eq!(current, maximum);
    }
}
