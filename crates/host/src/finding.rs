//! Properties of the machine that would spoil a measurement, in words.

use std::collections::BTreeSet;
use std::fmt;

use super::preflight::Facts;
use super::topology::Topology;

/// A property that makes this machine's numbers worse than they could be. Its text says what looks
/// wrong, why it matters and what to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Finding {
    /// Frequencies follow the load.
    GovernorNotPerformance {
        /// Governors that do not hold the frequency.
        governors: Vec<String>,
    },
    /// Frequencies depend on the number of busy cores.
    TurboOn,
    /// Threads of the run share a core.
    SmtOn {
        /// Cores of the run's CPUs.
        cores: usize,
        /// CPUs that the run uses.
        cpus: usize,
    },
    /// Other work uses the machine.
    LoadHigh {
        /// Average over the last minute.
        load_average: f64,
    },
    /// The hypervisor gave CPU time to others.
    StealSeen {
        /// Share of the CPUs' time, 0 to 1.
        share: f64,
    },
    /// The kernel stops all threads when the quota is used up.
    CgroupCpuQuota {
        /// The quota, in CPUs.
        quota_cpus: f64,
        /// CPUs that the run uses.
        cpus: usize,
    },
    /// The process may use less memory than the machine has.
    MemoryLimit {
        /// The limit.
        limit_bytes: u64,
        /// The machine's memory.
        total_bytes: u64,
    },
    /// The kernel maps 2 MiB pages wherever it can.
    ThpAlways,
    /// The hypervisor decides about cores, caches and time.
    VirtualMachine {
        /// Its name, if known.
        hypervisor: Option<String>,
    },
    /// sysfs does not say which CPUs share a core or a socket.
    TopologyUnknown,
}

/// Load average below which a machine of any size counts as idle.
const LOAD_MAX: f64 = 0.5;
/// Additional load average allowed per CPU.
const LOAD_PER_CPU_MAX: f64 = 0.05;
/// Share of stolen time that does not disturb a benchmark.
const STEAL_MAX: f64 = 0.001;

/// Judges the machine before a run on `cpus`, the CPUs of its largest storm.
pub fn findings(facts: &Facts, topology: &Topology, cpus: &[usize]) -> Vec<Finding> {
    let cpus: BTreeSet<usize> = cpus.iter().copied().collect();
    [
        governor(facts),
        (facts.turbo == Some(true)).then_some(Finding::TurboOn),
        shared_cores(topology, &cpus),
        load(facts, topology),
        cpu_quota(facts, cpus.len()),
        memory_limit(facts),
        (facts.transparent_huge_pages.as_deref() == Some("always")).then_some(Finding::ThpAlways),
        (facts.virtual_machine == Some(true))
            .then(|| Finding::VirtualMachine { hypervisor: facts.hypervisor.clone() }),
        (!topology.complete).then_some(Finding::TopologyUnknown),
    ]
    .into_iter()
    .flatten()
    .collect()
}

impl Finding {
    /// Judges the share of time that was stolen during a run.
    pub fn of_steal(share: f64) -> Option<Finding> {
        (share > STEAL_MAX).then_some(Finding::StealSeen { share })
    }

    /// Returns the finding's name in the run document.
    pub fn code(&self) -> &'static str {
        match self {
            Finding::GovernorNotPerformance { .. } => "governor_not_performance",
            Finding::TurboOn => "turbo_on",
            Finding::SmtOn { .. } => "smt_on",
            Finding::LoadHigh { .. } => "load_high",
            Finding::StealSeen { .. } => "steal_seen",
            Finding::CgroupCpuQuota { .. } => "cgroup_cpu_quota",
            Finding::MemoryLimit { .. } => "memory_limit",
            Finding::ThpAlways => "thp_always",
            Finding::VirtualMachine { .. } => "virtual_machine",
            Finding::TopologyUnknown => "topology_unknown",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::GovernorNotPerformance { governors } => write!(
                f,
                "the frequency governor is '{}': clocks follow the load, so short storms run \
                 slower than long ones; 'cpupower frequency-set -g performance' fixes them",
                governors.join("', '")
            ),
            Finding::TurboOn => f.write_str(
                "turbo is on: few busy cores clock higher than many, so scaling looks worse than \
                 it is; write 1 to intel_pstate/no_turbo or 0 to cpufreq/boost in \
                 /sys/devices/system/cpu",
            ),
            Finding::SmtOn { cores, cpus } => write!(
                f,
                "siblings share cores in the largest storm (CPUs: {cpus}, cores: {cores}): they \
                 slow each other down even without locks; '--threads {cores} --placement \
                 scatter' avoids that"
            ),
            Finding::LoadHigh { load_average } => write!(
                f,
                "the load average is {load_average:.2}: other work, or a run that ended less than \
                 a minute ago, takes time from storming threads; wait until it is gone"
            ),
            Finding::StealSeen { share } => write!(
                f,
                "the hypervisor took {:.1} % of the CPUs' time during the run: a thread that \
                 it stopped while holding a lock stopped the others too; repeat the run, or use a \
                 dedicated machine",
                share * 100.0
            ),
            Finding::CgroupCpuQuota { quota_cpus, cpus } => write!(
                f,
                "the quota of this control group is {quota_cpus:.1} CPUs and the largest storm \
                 uses {cpus}: the kernel stops all threads when the quota is used up; raise \
                 cpu.max, or use fewer threads"
            ),
            Finding::MemoryLimit { limit_bytes, total_bytes } => write!(
                f,
                "this control group may use {} of the machine's {}: reclaim near the limit slows \
                 storms, and beyond it the kernel kills the run; raise memory.max for large storms",
                gib(*limit_bytes),
                gib(*total_bytes)
            ),
            Finding::ThpAlways => f.write_str(
                "transparent huge pages are 'always': the share of huge pages in the frames' \
                 memory varies from run to run, and with it the cost of clearing a page; 'madvise' \
                 in /sys/kernel/mm/transparent_hugepage/enabled keeps it the same",
            ),
            Finding::VirtualMachine { hypervisor } => write!(
                f,
                "this is a virtual machine{}: CPUs may share cores and caches with other guests, \
                 and sysfs may not say so; compare cells of one run, quote absolute numbers from \
                 bare metal",
                hypervisor.as_ref().map_or(String::new(), |name| format!(" ({name})"))
            ),
            Finding::TopologyUnknown => f.write_str(
                "sysfs does not say which CPUs share a core or a socket: each was taken for a \
                 separate core of socket 0, so placements may be wrong; mount /sys, or give a list \
                 of CPUs",
            ),
        }
    }
}

fn governor(facts: &Facts) -> Option<Finding> {
    let governors: Vec<String> =
        facts.governors.iter().filter(|governor| *governor != "performance").cloned().collect();
    (!governors.is_empty()).then_some(Finding::GovernorNotPerformance { governors })
}

fn shared_cores(topology: &Topology, cpus: &BTreeSet<usize>) -> Option<Finding> {
    let used = topology.cpus.iter().filter(|cpu| cpus.contains(&cpu.id));
    let cores = used.map(|cpu| cpu.siblings[0]).collect::<BTreeSet<_>>().len();
    (cores < cpus.len()).then_some(Finding::SmtOn { cores, cpus: cpus.len() })
}

fn load(facts: &Facts, topology: &Topology) -> Option<Finding> {
    let max = LOAD_MAX.max(LOAD_PER_CPU_MAX * topology.cpus.len() as f64);
    facts
        .load_average
        .filter(|&load| load > max)
        .map(|load_average| Finding::LoadHigh { load_average })
}

fn cpu_quota(facts: &Facts, cpus: usize) -> Option<Finding> {
    let quota = facts.limits.cpus.filter(|&quota| quota < cpus as f64);
    quota.map(|quota_cpus| Finding::CgroupCpuQuota { quota_cpus, cpus })
}

fn memory_limit(facts: &Facts) -> Option<Finding> {
    let (limit_bytes, total_bytes) = (facts.limits.memory_bytes?, facts.memory.total_bytes?);
    (limit_bytes < total_bytes).then_some(Finding::MemoryLimit { limit_bytes, total_bytes })
}

fn gib(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / (1u64 << 30) as f64)
}

#[cfg(test)]
mod tests {
    use super::super::cgroup::Limits;
    use super::super::memory::Memory;
    use super::super::topology::tests::two_sockets_smt;
    use super::*;

    fn codes(facts: &Facts, cpus: &[usize]) -> Vec<&'static str> {
        let topology = Topology::read(&two_sockets_smt().roots().sys, &[0, 1, 2, 3, 4, 5, 6, 7]);
        findings(facts, &topology, cpus).iter().map(Finding::code).collect()
    }

    /// The worst machine there is.
    fn bad() -> Facts {
        Facts {
            governors: vec!["performance".into(), "powersave".into()],
            turbo: Some(true),
            load_average: Some(3.0),
            limits: Limits { cpus: Some(1.5), memory_bytes: Some(1 << 30), ..Limits::default() },
            memory: Memory { total_bytes: Some(8 << 30), ..Memory::default() },
            transparent_huge_pages: Some("always".into()),
            virtual_machine: Some(true),
            hypervisor: Some("KVMKVMKVM".into()),
            ..Facts::default()
        }
    }

    #[test]
    fn a_quiet_machine_has_no_findings() {
        let quiet = Facts {
            governors: vec!["performance".into()],
            turbo: Some(false),
            load_average: Some(0.3),
            limits: Limits { cpus: Some(8.0), memory_bytes: Some(8 << 30), ..Limits::default() },
            memory: Memory { total_bytes: Some(8 << 30), ..Memory::default() },
            transparent_huge_pages: Some("madvise".into()),
            virtual_machine: Some(false),
            ..Facts::default()
        };
        assert_eq!(codes(&quiet, &[0, 1, 2, 3]), [""; 0]);
        assert_eq!(codes(&Facts::default(), &[0]), [""; 0], "nothing is known");
    }

    #[test]
    fn each_fault_of_a_machine_is_found() {
        let found = [
            "governor_not_performance",
            "turbo_on",
            "smt_on",
            "load_high",
            "cgroup_cpu_quota",
            "memory_limit",
            "thp_always",
            "virtual_machine",
        ];
        assert_eq!(codes(&bad(), &[0, 4]), found);
    }

    #[test]
    fn smt_and_quota_are_judged_by_the_cpus_in_use() {
        let found = codes(&bad(), &[0]);
        assert!(!found.contains(&"smt_on") && !found.contains(&"cgroup_cpu_quota"));
        assert!(!codes(&bad(), &[0, 1, 2, 3]).contains(&"smt_on"), "four cores");
        assert!(!codes(&bad(), &[0, 0]).contains(&"smt_on"), "one CPU twice is no sibling");
    }

    #[test]
    fn without_a_topology_the_run_says_so() {
        let topology = Topology { cpus: Vec::new(), llc_bytes: None, complete: false };
        let found = findings(&Facts::default(), &topology, &[]);
        assert_eq!(found, [Finding::TopologyUnknown]);
    }

    #[test]
    fn steal_is_found_where_it_would_show() {
        assert_eq!(Finding::of_steal(0.0), None);
        assert_eq!(Finding::of_steal(0.02), Some(Finding::StealSeen { share: 0.02 }));
    }

    #[test]
    fn texts_say_what_why_and_what_to_do() {
        let topology = Topology::read(&two_sockets_smt().roots().sys, &[0, 4]);
        let mut found = findings(&bad(), &topology, &[0, 4]);
        found.extend([Finding::StealSeen { share: 0.0213 }, Finding::TopologyUnknown]);
        let texts: Vec<String> = found.iter().map(|f| format!("{}: {f}", f.code())).collect();
        insta::assert_snapshot!(texts.join("\n"));
    }
}
