//! Limits that control groups set for the process: CPU time, memory, threads.
//!
//! Reads version 2 (Documentation/admin-guide/cgroup-v2.rst) and version 1, also mounted together.
//! A limit of any group up to the root binds, so all are read. In a container the path in
//! `/proc/self/cgroup` may not exist under the mount; those of its parents that exist are then the
//! container's own groups.

use std::path::{Path, PathBuf};

use super::{Roots, number, text};

/// Limits of the process.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Limits {
    /// CPU quota, in CPUs; `None`: no quota.
    pub cpus: Option<f64>,
    /// Smallest memory limit, in bytes; `None`: no limit.
    pub memory_bytes: Option<u64>,
    /// Memory left under the tightest limit, in bytes; inactive page cache counts as free. `None`:
    /// no limit, or its use is unknown.
    pub memory_left_bytes: Option<u64>,
    /// Threads that may still be started (`pids.max`); `None`: no limit.
    pub threads_left: Option<u64>,
}

/// Version 1 writes "no limit" as the largest multiple of a page.
const V1_UNLIMITED_MIN: u64 = 1 << 62;

impl Limits {
    /// Reads the limits of the process.
    pub fn read(roots: &Roots) -> Limits {
        let groups = groups(roots);
        let cpus = groups.iter().filter_map(|group| quota_cpus(group));
        let memory: Vec<(u64, Option<u64>)> =
            groups.iter().filter_map(|group| memory(group)).collect();
        Limits {
            cpus: cpus.min_by(f64::total_cmp),
            memory_bytes: memory.iter().map(|(limit, _)| *limit).min(),
            memory_left_bytes: memory
                .iter()
                .filter_map(|(limit, used)| Some(limit.saturating_sub((*used)?)))
                .min(),
            threads_left: groups.iter().filter_map(|group| threads_left(group)).min(),
        }
    }
}

/// Returns the directories of the process's groups and of all their parents.
fn groups(roots: &Roots) -> Vec<PathBuf> {
    let mount = roots.sys.join("fs/cgroup");
    let mut groups = Vec::new();
    for line in text(roots.proc.join("self/cgroup")).unwrap_or_default().lines() {
        // `hierarchy:controllers:path`; hierarchy 0 is version 2.
        let mut fields = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) =
            (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let top = match controllers {
            "" if mount.join("unified").is_dir() => mount.join("unified"),
            "" => mount.clone(),
            controllers => mount.join(controllers.trim_start_matches("name=")),
        };
        let path = Path::new(path.trim_start_matches('/'));
        groups.extend(path.ancestors().map(|above| top.join(above)));
    }
    groups
}

/// Returns the CPU quota of a group, in CPUs.
fn quota_cpus(group: &Path) -> Option<f64> {
    let (quota, period) = match text(group.join("cpu.max")) {
        Some(max) => {
            let (quota, period) = max.split_once(' ')?;
            (quota.parse::<f64>().ok()?, period.parse::<f64>().ok()?)
        }
        None => (number(group.join("cpu.cfs_quota_us"))?, number(group.join("cpu.cfs_period_us"))?),
    };
    (quota > 0.0 && period > 0.0).then(|| quota / period)
}

/// Returns the threads that a group may still start. A limit of `max` is no number.
fn threads_left(group: &Path) -> Option<u64> {
    let limit: u64 = number(group.join("pids.max"))?;
    Some(limit.saturating_sub(number(group.join("pids.current")).unwrap_or(0)))
}

/// Returns the memory limit of a group and the memory it uses, in bytes.
fn memory(group: &Path) -> Option<(u64, Option<u64>)> {
    let limit = number(group.join("memory.max"))
        .or_else(|| number(group.join("memory.limit_in_bytes")))
        .filter(|&limit: &u64| limit < V1_UNLIMITED_MIN)?;
    let used: Option<u64> = number(group.join("memory.current"))
        .or_else(|| number(group.join("memory.usage_in_bytes")));
    let stat = text(group.join("memory.stat")).unwrap_or_default();
    let reclaimable = ["total_inactive_file", "inactive_file"].iter().find_map(|key| {
        let line = stat.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))?;
        line.trim().parse::<u64>().ok()
    });
    Some((limit, used.map(|used| used.saturating_sub(reclaimable.unwrap_or(0)))))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::FakeMachine;
    use super::*;

    fn limits(files: &[(&str, &str)]) -> Limits {
        Limits::read(&FakeMachine::of(files).roots())
    }

    #[test]
    fn the_tightest_limit_on_the_way_to_the_root_binds() {
        let limits = limits(&[
            ("proc/self/cgroup", "0::/user/bench"),
            ("sys/fs/cgroup/user/cpu.max", "150000 100000"),
            ("sys/fs/cgroup/user/memory.max", "1000000"),
            ("sys/fs/cgroup/user/memory.current", "900000"),
            ("sys/fs/cgroup/user/memory.stat", "anon 1\ninactive_file 300000\nactive_file 7"),
            ("sys/fs/cgroup/user/bench/cpu.max", "max 100000"),
            ("sys/fs/cgroup/user/bench/memory.max", "2000000"),
            ("sys/fs/cgroup/user/bench/memory.current", "10"),
        ]);
        assert_eq!(limits.cpus, Some(1.5));
        assert_eq!(limits.memory_bytes, Some(1_000_000));
        assert_eq!(limits.memory_left_bytes, Some(400_000));
    }

    #[test]
    fn version_1() {
        let limits = limits(&[
            ("proc/self/cgroup", "5:memory:/job\n2:cpu,cpuacct:/job\n1:name=systemd:/\n0::/"),
            ("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "50000"),
            ("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000"),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1"),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000"),
            ("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "4096000"),
            ("sys/fs/cgroup/memory/job/memory.usage_in_bytes", "4000"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712"),
        ]);
        assert_eq!(limits.cpus, Some(0.5));
        assert_eq!(limits.memory_bytes, Some(4_096_000));
        assert_eq!(limits.memory_left_bytes, Some(4_092_000));
    }

    #[test]
    fn a_container_sees_its_own_group_as_the_root() {
        let limits = limits(&[
            ("proc/self/cgroup", "0::/docker/0123"),
            ("sys/fs/cgroup/memory.max", "8192"),
        ]);
        assert_eq!(limits.memory_bytes, Some(8192));
        assert_eq!(limits.memory_left_bytes, None, "its use is not known");
    }

    #[test]
    fn without_limits() {
        assert_eq!(limits(&[]), Limits::default());
        let unlimited = [
            ("proc/self/cgroup", "0::/"),
            ("sys/fs/cgroup/cpu.max", "max 100000"),
            ("sys/fs/cgroup/memory.max", "max"),
        ];
        assert_eq!(limits(&unlimited), Limits::default());
    }
}
