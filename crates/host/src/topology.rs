//! The machine's CPUs: cores, sockets, siblings, NUMA nodes, caches.
//!
//! Read from sysfs (Documentation/ABI/stable/sysfs-devices-system-cpu of the kernel).
//! [`Cpu::allowed`] marks the CPUs that the process may use.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::{Roots, affinity, number, text};

/// One logical CPU that is online.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cpu {
    /// The kernel's number of the CPU.
    pub id: usize,
    /// Number of its core, unique only within the socket.
    pub core_id: usize,
    /// Number of its socket.
    pub package_id: usize,
    /// Number of its NUMA node.
    pub node: usize,
    /// Number of its last-level cache: the lowest online CPU that shares it. If sysfs has no
    /// caches, the socket counts as one.
    pub llc: usize,
    /// Online CPUs of its core, itself included, in ascending order.
    pub siblings: Vec<usize>,
    /// True if the process may run on it.
    pub allowed: bool,
}

/// The CPUs of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    /// Online CPUs, in ascending order.
    pub cpus: Vec<Cpu>,
    /// Size of the last-level cache of the first allowed CPU, in bytes: one instance, not the sum
    /// over sockets.
    pub llc_bytes: Option<u64>,
    /// True if sysfs gives core, socket and siblings of every CPU. A CPU without them counts as a
    /// core of its own on socket 0.
    pub complete: bool,
}

impl Topology {
    /// Reads the machine that the process runs on.
    ///
    /// # Errors
    ///
    /// If the affinity of the calling thread cannot be read.
    pub fn here() -> io::Result<Topology> {
        Ok(Topology::read(&Roots::default().sys, &affinity::allowed_cpus()?))
    }

    /// Reads the machine below `sys`; the process may use the CPUs in `allowed`.
    ///
    /// Without a list of online CPUs (sysfs is not mounted), the allowed CPUs are taken for the
    /// whole machine.
    pub fn read(sys: &Path, allowed: &[usize]) -> Topology {
        let dir = sys.join("devices/system/cpu");
        let online = text(dir.join("online")).and_then(|list| cpu_list(&list));
        let ids = online.clone().unwrap_or_else(|| allowed.to_vec());
        let nodes = nodes(&sys.join("devices/system/node"));
        let mut complete = online.is_some();
        let mut cpus: Vec<Cpu> = Vec::with_capacity(ids.len());
        for &id in &ids {
            let topology = dir.join(format!("cpu{id}/topology"));
            let core_id = number(topology.join("core_id"));
            let package_id = number(topology.join("physical_package_id"));
            let siblings = text(topology.join("core_cpus_list"))
                .or_else(|| text(topology.join("thread_siblings_list")))
                .and_then(|list| cpu_list(&list));
            complete &= core_id.is_some() && package_id.is_some() && siblings.is_some();
            let mut siblings = siblings.unwrap_or_default();
            siblings.retain(|sibling| ids.contains(sibling));
            if !siblings.contains(&id) {
                siblings = vec![id];
            }
            let package_id = package_id.unwrap_or(0);
            let sharing = last_level_cache(&dir.join(format!("cpu{id}/cache")))
                .and_then(|cache| cpu_list(&text(cache.join("shared_cpu_list"))?));
            let first = sharing.into_iter().flatten().find(|cpu| ids.contains(cpu));
            let of_socket = || cpus.iter().find(|cpu| cpu.package_id == package_id);
            cpus.push(Cpu {
                id,
                core_id: core_id.unwrap_or(id),
                package_id,
                llc: first.unwrap_or_else(|| of_socket().map_or(id, |cpu| cpu.id)),
                node: nodes.get(&id).copied().unwrap_or(0),
                siblings,
                allowed: allowed.contains(&id),
            });
        }
        let first = cpus.iter().find(|cpu| cpu.allowed);
        let llc_bytes = first
            .and_then(|cpu| last_level_cache(&dir.join(format!("cpu{}/cache", cpu.id))))
            .and_then(|cache| cache_size(&text(cache.join("size"))?));
        Topology { cpus, llc_bytes, complete }
    }

    /// CPUs that the process may use, in ascending order.
    pub fn allowed(&self) -> impl Iterator<Item = &Cpu> {
        self.cpus.iter().filter(|cpu| cpu.allowed)
    }

    /// Number of CPUs that the process may use: the run's "all cores".
    pub fn allowed_count(&self) -> usize {
        self.allowed().count()
    }

    /// Number of sockets with an online CPU.
    pub fn sockets(&self) -> usize {
        self.distinct(|cpu| cpu.package_id)
    }

    /// Number of cores with an online CPU.
    pub fn cores(&self) -> usize {
        self.distinct(|cpu| cpu.siblings[0])
    }

    /// Number of NUMA nodes with an online CPU.
    pub fn nodes(&self) -> usize {
        self.distinct(|cpu| cpu.node)
    }

    /// True if two online CPUs share a core.
    pub fn smt(&self) -> bool {
        self.cpus.iter().any(|cpu| cpu.siblings.len() > 1)
    }

    fn distinct(&self, of: impl Fn(&Cpu) -> usize) -> usize {
        self.cpus.iter().map(of).collect::<std::collections::BTreeSet<_>>().len()
    }
}

/// Returns the NUMA node of each of these CPUs; 0 if it is unknown.
pub fn nodes_of(cpus: &[usize]) -> Vec<usize> {
    let nodes = nodes(&Roots::default().sys.join("devices/system/node"));
    cpus.iter().map(|cpu| nodes.get(cpu).copied().unwrap_or(0)).collect()
}

/// Parses the kernel's list of CPUs (`0-3,8,10-11`); `None` if it is not one.
fn cpu_list(list: &str) -> Option<Vec<usize>> {
    let mut cpus = Vec::new();
    for item in list.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        let (first, last) = item.split_once('-').unwrap_or((item, item));
        cpus.extend(first.parse().ok()?..=last.parse::<usize>().ok()?);
    }
    cpus.sort_unstable();
    Some(cpus)
}

/// Returns the node of each CPU, from `node*/cpulist`; empty if the kernel has no NUMA.
fn nodes(dir: &Path) -> BTreeMap<usize, usize> {
    let mut node_of = BTreeMap::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let node = name.to_str().and_then(|name| name.strip_prefix("node")?.parse::<usize>().ok());
        let cpus = text(entry.path().join("cpulist")).and_then(|list| cpu_list(&list));
        if let (Some(node), Some(cpus)) = (node, cpus) {
            node_of.extend(cpus.into_iter().map(|cpu| (cpu, node)));
        }
    }
    node_of
}

/// Returns the directory of the highest-level cache in a CPU's `cache/`.
fn last_level_cache(dir: &Path) -> Option<PathBuf> {
    let caches = std::fs::read_dir(dir).ok()?.flatten().filter_map(|entry| {
        let level: u32 = number(entry.path().join("level"))?;
        Some((level, entry.path()))
    });
    caches.max().map(|(_level, cache)| cache)
}

/// Parses a cache size such as `32768K`, the kernel's format since 2.6.
fn cache_size(size: &str) -> Option<u64> {
    let (digits, unit) = match size.strip_suffix('K') {
        Some(digits) => (digits, 1024),
        None => (size, 1),
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::fixture::FakeMachine;
    use super::*;

    /// Writes the topology of one CPU below `sys`.
    fn cpu(machine: &FakeMachine, id: usize, core: usize, package: usize, siblings: &str) {
        let dir = format!("sys/devices/system/cpu/cpu{id}/topology");
        machine.write(&[
            (&format!("{dir}/core_id"), &core.to_string()),
            (&format!("{dir}/physical_package_id"), &package.to_string()),
            (&format!("{dir}/thread_siblings_list"), siblings),
        ]);
    }

    /// 2 sockets of 2 cores of 2 threads, numbered as Linux does on Intel servers:
    /// first threads 0-3 (socket 0: 0 1), second threads 4-7.
    pub fn two_sockets_smt() -> FakeMachine {
        let machine = FakeMachine::of(&[
            ("sys/devices/system/cpu/online", "0-7"),
            ("sys/devices/system/node/node0/cpulist", "0-1,4-5"),
            ("sys/devices/system/node/node1/cpulist", "2-3,6-7"),
            ("sys/devices/system/cpu/cpu0/cache/index0/level", "1"),
            ("sys/devices/system/cpu/cpu0/cache/index0/size", "48K"),
            ("sys/devices/system/cpu/cpu0/cache/index3/level", "3"),
            ("sys/devices/system/cpu/cpu0/cache/index3/size", "32768K"),
            ("sys/devices/system/cpu/cpu0/cache/index2/level", "2"),
            ("sys/devices/system/cpu/cpu0/cache/index2/size", "65536K"),
        ]);
        for id in 0..8 {
            let core = id % 4;
            cpu(&machine, id, core % 2, core / 2, &format!("{core},{}", core + 4));
        }
        machine
    }

    /// 2 sockets of 2 nodes; a node has 2 last-level caches of 2 cores each, without siblings.
    pub fn chiplets() -> FakeMachine {
        let machine = FakeMachine::of(&[("sys/devices/system/cpu/online", "0-15")]);
        for node in 0..4 {
            let cpus = format!("{}-{}", node * 4, node * 4 + 3);
            machine.write(&[(&format!("sys/devices/system/node/node{node}/cpulist"), &cpus)]);
        }
        for id in 0..16 {
            cpu(&machine, id, id % 8, id / 8, &id.to_string());
            let cache = format!("sys/devices/system/cpu/cpu{id}/cache/index3");
            let sharing = format!("{}-{}", id / 2 * 2, id / 2 * 2 + 1);
            machine.write(&[
                (&format!("{cache}/level"), "3"),
                (&format!("{cache}/shared_cpu_list"), &sharing),
            ]);
        }
        machine
    }

    #[test]
    fn a_last_level_cache_is_named_by_its_lowest_cpu() {
        let caches = |machine: &FakeMachine, count: usize| -> Vec<usize> {
            let all: Vec<usize> = (0..count).collect();
            Topology::read(&machine.roots().sys, &all).cpus.iter().map(|cpu| cpu.llc).collect()
        };
        assert_eq!(caches(&chiplets(), 16)[..6], [0, 0, 2, 2, 4, 4]);
        let offline = chiplets();
        offline.write(&[("sys/devices/system/cpu/online", "1-15")]);
        assert_eq!(caches(&offline, 16)[..3], [1, 2, 2], "0 is offline");
        assert_eq!(caches(&two_sockets_smt(), 8), [0, 0, 2, 2, 0, 0, 2, 2], "the sockets");
    }

    #[test]
    fn one_socket_without_smt() {
        let machine = FakeMachine::of(&[("sys/devices/system/cpu/online", "0-1")]);
        cpu(&machine, 0, 0, 0, "0");
        cpu(&machine, 1, 1, 0, "1");
        let topology = Topology::read(&machine.roots().sys, &[0, 1]);
        assert!(topology.complete);
        assert!(!topology.smt());
        assert_eq!((topology.sockets(), topology.cores(), topology.nodes()), (1, 2, 1));
        assert_eq!(topology.allowed_count(), 2);
        assert_eq!(topology.llc_bytes, None);
    }

    #[test]
    fn two_sockets_with_smt() {
        let machine = two_sockets_smt();
        let topology = Topology::read(&machine.roots().sys, &[0, 1, 2, 3, 4, 5, 6, 7]);
        assert!(topology.complete && topology.smt());
        assert_eq!((topology.sockets(), topology.cores(), topology.nodes()), (2, 4, 2));
        assert_eq!(
            topology.cpus[6],
            Cpu {
                id: 6,
                core_id: 0,
                package_id: 1,
                node: 1,
                llc: 2,
                siblings: vec![2, 6],
                allowed: true
            }
        );
        assert_eq!(topology.llc_bytes, Some(32 << 20), "the highest level, not the largest");
    }

    #[test]
    fn offline_and_forbidden_cpus_are_left_out() {
        let machine = two_sockets_smt();
        machine.write(&[("sys/devices/system/cpu/online", "0-3,5")]);
        let topology = Topology::read(&machine.roots().sys, &[1, 2, 5, 6]);
        let allowed: Vec<usize> = topology.allowed().map(|cpu| cpu.id).collect();
        assert_eq!(allowed, [1, 2, 5]);
        assert_eq!(topology.cpus.len(), 5);
        assert_eq!(topology.cpus[0].siblings, [0], "4 is offline");
        assert_eq!(topology.cpus[1].siblings, [1, 5]);
    }

    #[test]
    fn without_sysfs_each_allowed_cpu_is_a_core_and_the_topology_says_so() {
        let machine = FakeMachine::of(&[]);
        let topology = Topology::read(&machine.roots().sys, &[3, 4]);
        assert!(!topology.complete);
        assert_eq!(topology.allowed_count(), 2);
        assert_eq!((topology.sockets(), topology.cores(), topology.nodes()), (1, 2, 1));
    }

    #[test]
    fn a_cpu_without_a_topology_makes_the_machine_incomplete() {
        let machine = FakeMachine::of(&[("sys/devices/system/cpu/online", "0-1")]);
        cpu(&machine, 0, 0, 0, "0");
        let topology = Topology::read(&machine.roots().sys, &[0, 1]);
        assert!(!topology.complete);
        assert_eq!(topology.cores(), 2);
    }

    #[test]
    fn lists_of_the_kernel() {
        assert_eq!(cpu_list("0-2,8"), Some(vec![0, 1, 2, 8]));
        assert_eq!(cpu_list("5"), Some(vec![5]));
        assert_eq!(cpu_list(""), Some(vec![]));
        assert_eq!(cpu_list("0-x"), None);
    }

    #[test]
    fn this_machine_has_the_cpu_that_runs_the_test() {
        let topology = Topology::here().unwrap();
        let here = affinity::current_cpu();
        assert!(topology.allowed().any(|cpu| cpu.id == here));
    }
}
