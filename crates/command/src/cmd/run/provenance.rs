//! The origin of a run: this program, this machine, and the costs of measuring here.

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::time::SystemTime;

use document::run::{self, BodyCache, HostCpu, HostInfo, Interval, Provenance};
use host::Roots;
use host::clock::Clock;
use host::kernel_locks::KernelLocks;
use host::preflight::Facts;
use host::topology::Topology;
use host::trap::{self, NoTrap};
use inputs::workload::PAGE_BYTES;
use machine::host::{Bare, Host};
use stats;
use sync::rcu::Rcu;

/// Faults, on average, for each one whose latency is sampled.
pub(super) const SAMPLE_PERIOD: u64 = 64;
/// Touches, on average, for each one whose latency is sampled on the running kernel, where a
/// sample takes two system calls to know whether it faulted.
pub(super) const KERNEL_SAMPLE_PERIOD: u64 = 1024;

/// Share of the batches of [`trap_cost_ns`] that its ends hold.
const TRAPS_BETWEEN: f64 = 0.9;

/// Read sections in a batch of [`epoch_pin_ns`], and batches.
const PINS: u32 = 1000;
const BATCHES: usize = 101;

/// Returns the provenance that is known before the first storm.
pub(super) fn provenance(
    started: SystemTime,
    seed: u64,
    topology: &Topology,
    facts: &Facts,
    clock: &Clock,
) -> Provenance {
    Provenance {
        started_at: humantime::format_rfc3339_seconds(started).to_string(),
        argv: std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        git_revision: option_env!("FAULTSTORM_GIT_REVISION").map(str::to_owned),
        git_dirty: option_env!("FAULTSTORM_GIT_DIRTY").and_then(|dirty| dirty.parse().ok()),
        rustc: option_env!("FAULTSTORM_RUSTC").map(str::to_owned),
        profile: env!("FAULTSTORM_PROFILE").to_owned(),
        seed,
        clock: Some(run::LatencyClock {
            name: clock.name().to_owned(),
            cost_ns: clock.floor_ns(),
            sample_period: SAMPLE_PERIOD,
        }),
        body_cache: None,
        perf: "no storm has run yet".to_owned(),
        kernel_events: None,
        host: host_info(topology, facts),
        harness_cost_ns: BTreeMap::from([
            ("clock_pair".to_owned(), clock.cost_ns()),
            ("epoch_pin".to_owned(), epoch_pin_ns(clock)),
        ]),
        looked: false,
        warnings: Vec::new(),
        cells: BTreeMap::new(),
    }
}

/// Returns the slug of the CPU: `amd-epyc-9b14` for `AMD EPYC 9B14`.
pub(super) fn machine(facts: &Facts) -> String {
    let model = facts.cpu_model.as_deref().unwrap_or("unknown CPU").to_lowercase();
    let words = model.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}

/// Returns the relation of an arena of `frames` frames to the last-level cache; `None` without
/// frames, or if the cache is not known.
pub(super) fn body_cache(frames: usize, llc_bytes: Option<u64>) -> Option<BodyCache> {
    let bytes = Some(frames as u64 * PAGE_BYTES).filter(|&bytes| bytes > 0)?;
    let hot = bytes < llc_bytes?.saturating_mul(2);
    Some(if hot { BodyCache::Hot } else { BodyCache::Cold })
}

/// Returns the cost of entering and leaving a read section, in nanoseconds: the median over
/// batches. Every strategy with RCU pays it; the kernel pays nothing.
fn epoch_pin_ns(clock: &Clock) -> f64 {
    let reader = Rcu::new().reader();
    let batches = [(); BATCHES].map(|()| {
        let from = clock.start();
        for _ in 0..PINS {
            drop(black_box(reader.read::<Host<Bare>>()));
        }
        clock.delta_ns(from, clock.end()) / f64::from(PINS)
    });
    stats::median(&batches).expect("every batch took a finite time")
}

/// Returns the cost of an empty exception on these CPUs, in nanoseconds.
///
/// # Errors
///
/// If no instruction here is an empty exception.
pub(super) fn trap_cost_ns(clock: &Clock, cpus: &[usize]) -> Result<Interval, NoTrap> {
    // If there are more threads than CPUs, some CPUs are in the list several times.
    let each: BTreeSet<usize> = cpus.iter().copied().collect();
    let mut batches = trap::costs_ns(*clock, &Vec::from_iter(each))?;
    let median = stats::median(&batches).expect("there are batches, and times are numbers");
    let (low, high) = stats::middle(&mut batches, TRAPS_BETWEEN);
    Ok(Interval { median, low: Some(low), high: Some(high) })
}

fn host_info(topology: &Topology, facts: &Facts) -> HostInfo {
    let cpus = topology.cpus.iter().map(|cpu| HostCpu {
        cpu: cpu.id as u32,
        core: cpu.core_id as u32,
        socket: cpu.package_id as u32,
        node: cpu.node as u32,
    });
    // Values that sysfs lacks were filled in for the placement: they are no facts.
    let known = |count: usize| topology.complete.then_some(count as u32);
    let fewer = topology.allowed_count() < topology.cpus.len();
    HostInfo {
        cpu_model: facts.cpu_model.clone(),
        microcode: facts.microcode.clone(),
        architecture: Some(std::env::consts::ARCH.to_owned()),
        sockets: known(topology.sockets()),
        cores: known(topology.cores()),
        cpus: Some(topology.cpus.len() as u32),
        nodes: known(topology.nodes()),
        smt: topology.complete.then(|| topology.smt()),
        topology: topology.complete.then(|| cpus.collect()),
        allowed_cpus: fewer.then(|| topology.allowed().map(|cpu| cpu.id as u32).collect()),
        llc_bytes: topology.llc_bytes,
        memory_bytes: facts.memory.total_bytes,
        memory_available_bytes: facts.memory.available_bytes,
        os: facts.os.clone(),
        kernel: facts.kernel.clone(),
        kernel_locks: Some(kernel_locks()),
        trap_cost_ns: None,
        hypervisor: facts.hypervisor.clone(),
        governor: (!facts.governors.is_empty()).then(|| facts.governors.join(", ")),
        turbo: facts.turbo,
        clocksource: facts.clocksource.clone(),
        transparent_huge_pages: facts.transparent_huge_pages.clone(),
        cgroup_cpus: facts.limits.cpus,
        cgroup_memory_bytes: facts.limits.memory_bytes,
        load_average: facts.load_average,
        steal_share: None,
    }
}

fn kernel_locks() -> run::KernelLockInfo {
    let locks = KernelLocks::read(&Roots::default());
    run::KernelLockInfo {
        per_vma_lock: locks.per_vma_lock,
        config: locks.config.as_ref().map(|path| path.display().to_string()),
        counts_events: locks.counts_events,
        strategy: locks.strategy().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_named_by_its_cpu() {
        let of = |model: Option<&str>| {
            machine(&Facts { cpu_model: model.map(str::to_owned), ..Facts::default() })
        };
        let intel = of(Some("Intel(R) Xeon(R) CPU @ 2.60GHz"));
        assert_eq!(intel, "intel-r-xeon-r-cpu-2-60ghz");
        assert_eq!(of(None), "unknown-cpu");
    }

    #[test]
    fn an_arena_below_twice_the_cache_is_hot() {
        let llc = Some(32 << 20);
        assert_eq!(body_cache(100, llc), Some(BodyCache::Hot));
        assert_eq!(body_cache((64 << 20) / 4096, llc), Some(BodyCache::Cold));
        assert_eq!((body_cache(0, llc), body_cache(100, None)), (None, None));
    }

    #[test]
    fn where_sysfs_is_silent_nothing_is_made_up() {
        let topology = Topology::read(std::path::Path::new("/nonexistent"), &[0, 1]);
        let info = host_info(&topology, &Facts::default());
        assert_eq!((info.cores, info.smt, info.topology), (None, None, None));
        assert_eq!(info.cpus, Some(2));
    }

    #[test]
    fn read_sections_have_a_price() {
        assert!(epoch_pin_ns(&Clock::new()) > 0.0);
    }
}
