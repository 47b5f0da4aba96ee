//! Assignment of threads to CPUs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use super::topology::{Cpu, Topology};
use base::numbers::{NumberList, NumberListError};

/// Order in which threads get CPUs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Placement {
    /// One socket after the other: all cores of one, then their siblings, then the next socket.
    Compact,
    /// Cores before siblings, sockets in turn; one last-level cache of a socket after the other.
    Scatter,
    /// Like [`Placement::Scatter`], but last-level caches of a socket in turn too, as Linux spreads
    /// busy threads: each level of scheduling domains, from the top, picks its idlest group
    /// (Linux 6.12 `kernel/sched/fair.c`, `sched_balance_find_dst_group`). Not as in Linux: since
    /// 5.18 the first few threads stay on the node of their parent (`imb_numa_nr`).
    #[default]
    Linux,
    /// One core after the other, the siblings of a core together.
    Smt,
    /// These CPUs, by the kernel's numbers.
    List(NumberList),
}

/// Reason why threads cannot be placed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlacementError {
    /// A list names a CPU that is offline or does not exist.
    #[error("cpu '{cpu}' of the placement is offline or does not exist: allowed are {allowed}")]
    Offline {
        /// The CPU.
        cpu: usize,
        /// CPUs that a list may name.
        allowed: NumberList,
    },
    /// A list names a CPU that the process may not use.
    #[error(
        "cpu '{cpu}' of the placement is outside the affinity mask of this process \
         (taskset, cpuset or container): allowed are {allowed}"
    )]
    NotAllowed {
        /// The CPU.
        cpu: usize,
        /// CPUs that a list may name.
        allowed: NumberList,
    },
    /// No CPU that the process may use is online.
    #[error("none of the CPUs that this process may use is online")]
    NoCpu,
}

/// Mistake in a placement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlacementParseError {
    /// A word that is not a placement.
    #[error(
        "'{0}' is not a placement: 'linux', 'scatter', 'compact', 'smt' or a list of CPUs as \
         '0,2,4..=7'"
    )]
    Word(String),
    /// A list of CPUs with a mistake.
    #[error(transparent)]
    List(#[from] NumberListError),
}

impl FromStr for Placement {
    type Err = PlacementParseError;

    fn from_str(text: &str) -> Result<Placement, PlacementParseError> {
        match text {
            "compact" => Ok(Placement::Compact),
            "scatter" => Ok(Placement::Scatter),
            "linux" => Ok(Placement::Linux),
            "smt" => Ok(Placement::Smt),
            list if list.starts_with(|c: char| c.is_ascii_digit()) => {
                Ok(Placement::List(list.parse()?))
            }
            word => Err(PlacementParseError::Word(word.into())),
        }
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Placement::Compact => f.write_str("compact"),
            Placement::Scatter => f.write_str("scatter"),
            Placement::Linux => f.write_str("linux"),
            Placement::Smt => f.write_str("smt"),
            Placement::List(cpus) => cpus.fmt(f),
        }
    }
}

/// Returns the CPU of each of `threads` threads. If there are more threads than CPUs, the order
/// starts again, and two threads share a CPU; the caller must check for that (`threads >
/// topology.allowed_count()`, or more than the list has).
///
/// # Errors
///
/// If a list names a CPU that is offline or not allowed, or if there is no CPU at all.
pub fn place(
    topology: &Topology,
    placement: &Placement,
    threads: usize,
) -> Result<Vec<usize>, PlacementError> {
    if topology.allowed_count() == 0 {
        return Err(PlacementError::NoCpu);
    }
    let order = match placement {
        Placement::List(cpus) => listed(topology, cpus)?,
        _ => ordered(topology, placement),
    };
    Ok(order.into_iter().cycle().take(threads).collect())
}

/// Checks the CPUs in a list.
fn listed(topology: &Topology, cpus: &NumberList) -> Result<Vec<usize>, PlacementError> {
    let allowed = || topology.allowed().map(|cpu| cpu.id).collect();
    for &cpu in cpus.as_slice() {
        match topology.cpus.iter().find(|online| online.id == cpu) {
            Some(online) if online.allowed => {}
            Some(_) => return Err(PlacementError::NotAllowed { cpu, allowed: allowed() }),
            None => return Err(PlacementError::Offline { cpu, allowed: allowed() }),
        }
    }
    Ok(cpus.as_slice().to_vec())
}

/// Returns the allowed CPUs in the order of a placement.
fn ordered(topology: &Topology, placement: &Placement) -> Vec<usize> {
    // The rank of a CPU counts only allowed siblings: if one thread of each core is allowed, it
    // represents the core, even if it is the second one.
    let rank = |cpu: &Cpu| {
        let before = |other: &Cpu| other.id < cpu.id && cpu.siblings.contains(&other.id);
        topology.allowed().filter(|other| before(other)).count()
    };
    let core = |cpu: &Cpu| cpu.siblings[0];
    let mut cpus: Vec<(&Cpu, usize)> = topology.allowed().map(|cpu| (cpu, rank(cpu))).collect();
    cpus.sort_by_key(|&(cpu, rank)| (cpu.package_id, rank, cpu.node, core(cpu)));
    match placement {
        Placement::Smt => {
            cpus.sort_by_key(|&(cpu, rank)| (cpu.package_id, cpu.node, core(cpu), rank));
        }
        Placement::Scatter => {
            // Reorders one socket after the other into sockets in turn: the nth core of each.
            let mut taken: BTreeMap<(usize, usize), usize> = BTreeMap::new();
            cpus.sort_by_cached_key(|&(cpu, rank)| {
                let turn = taken.entry((cpu.package_id, rank)).or_default();
                *turn += 1;
                (rank, *turn, cpu.package_id)
            });
        }
        Placement::Linux => {
            // The nth core of each cache, caches of a node in turn after nodes and sockets.
            let mut taken: BTreeMap<(usize, usize), usize> = BTreeMap::new();
            cpus.sort_by_cached_key(|&(cpu, rank)| {
                let turn = taken.entry((cpu.llc, rank)).or_default();
                *turn += 1;
                let cache = index_within(topology, cpu, |cpu| cpu.llc, |cpu| cpu.node);
                let node = index_within(topology, cpu, |cpu| cpu.node, |cpu| cpu.package_id);
                (rank, *turn, cache, node, cpu.package_id)
            });
        }
        Placement::Compact | Placement::List(_) => {}
    }
    cpus.into_iter().map(|(cpu, _rank)| cpu.id).collect()
}

/// Returns the number of allowed parts of a CPU's whole that are before its own part: caches of a
/// node, or nodes of a socket.
fn index_within(
    topology: &Topology,
    cpu: &Cpu,
    part: fn(&Cpu) -> usize,
    whole: fn(&Cpu) -> usize,
) -> usize {
    let before = |other: &&Cpu| whole(other) == whole(cpu) && part(other) < part(cpu);
    topology.allowed().filter(before).map(part).collect::<BTreeSet<usize>>().len()
}

#[cfg(test)]
mod tests {
    use super::super::topology::tests::{chiplets, two_sockets_smt};
    use super::*;

    fn topology(allowed: &[usize]) -> Topology {
        Topology::read(&two_sockets_smt().roots().sys, allowed)
    }

    fn order(allowed: &[usize], placement: &str) -> Vec<usize> {
        place(&topology(allowed), &placement.parse().unwrap(), allowed.len()).unwrap()
    }

    #[test]
    fn compact_fills_a_socket_cores_first() {
        assert_eq!(order(&[0, 1, 2, 3, 4, 5, 6, 7], "compact"), [0, 1, 4, 5, 2, 3, 6, 7]);
    }

    #[test]
    fn scatter_takes_cores_before_siblings_and_sockets_in_turn() {
        assert_eq!(order(&[0, 1, 2, 3, 4, 5, 6, 7], "scatter"), [0, 2, 1, 3, 4, 6, 5, 7]);
    }

    #[test]
    fn smt_takes_the_siblings_of_a_core_together() {
        assert_eq!(order(&[0, 1, 2, 3, 4, 5, 6, 7], "smt"), [0, 4, 1, 5, 2, 6, 3, 7]);
    }

    #[test]
    fn linux_takes_sockets_nodes_and_caches_in_turn_before_it_fills_a_cache() {
        let all: Vec<usize> = (0..16).collect();
        let topology = Topology::read(&chiplets().roots().sys, &all);
        let order = |placement| place(&topology, &placement, 16).unwrap();
        let one_of_each_cache = [0, 8, 4, 12, 2, 10, 6, 14];
        let linux = order(Placement::Linux);
        assert_eq!(linux[..8], one_of_each_cache);
        assert_eq!(linux[8..], one_of_each_cache.map(|cpu| cpu + 1));
        assert_eq!(order(Placement::Scatter)[..4], [0, 8, 1, 9], "fills a cache first");
        // With one cache for each socket the two are the same.
        let all = [0, 1, 2, 3, 4, 5, 6, 7];
        assert_eq!(self::order(&all, "linux"), self::order(&all, "scatter"));
    }

    #[test]
    fn a_sibling_whose_core_is_forbidden_counts_as_a_core() {
        assert_eq!(order(&[1, 4, 5, 6], "scatter"), [4, 6, 1, 5]);
        assert_eq!(order(&[1, 4, 5, 6], "compact"), [4, 1, 5, 6]);
    }

    #[test]
    fn threads_beyond_the_cpus_begin_again() {
        let cpus = place(&topology(&[0, 1, 2]), &Placement::Scatter, 5);
        assert_eq!(cpus, Ok(vec![0, 2, 1, 0, 2]));
        let cpus = place(&topology(&[0, 1, 2]), &"2,0".parse().unwrap(), 3);
        assert_eq!(cpus, Ok(vec![2, 0, 2]));
    }

    #[test]
    fn a_list_may_name_allowed_cpus_only() {
        let say = |list: &str| {
            let placement = list.parse().unwrap();
            place(&topology(&[0, 1, 2, 3]), &placement, 1).unwrap_err().to_string()
        };
        assert_eq!(
            say("0,9"),
            "cpu '9' of the placement is offline or does not exist: allowed are 0..=3"
        );
        assert!(say("5").starts_with("cpu '5' of the placement is outside the affinity mask"));
        assert!(say("5").ends_with("allowed are 0..=3"));
        assert_eq!(place(&topology(&[]), &Placement::Compact, 1), Err(PlacementError::NoCpu));
    }

    #[test]
    fn names_and_lists_can_be_read_again() {
        for text in ["compact", "scatter", "linux", "smt", "0,2,4..=7"] {
            assert_eq!(text.parse::<Placement>().unwrap().to_string(), text);
        }
        let say = |text: &str| text.parse::<Placement>().unwrap_err().to_string();
        assert!(
            say("scater").starts_with("'scater' is not a placement: 'linux', 'scatter', 'compact'")
        );
        assert!(say("0-3").contains("write '0..=3'"));
    }
}
