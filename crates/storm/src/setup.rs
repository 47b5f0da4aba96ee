//! Making the space of a storm: files with their cached share, and all mappings.

use super::contents::Contents;
use super::plan::Plan;
use super::platform::Platform;
use super::request::StormRequest;
use super::simulated_space::{MakeSpace, SimulatedSpace};
use machine::Machine;
use mm::Config;
use mm::Core;
use mm::frames::Arena;
use mm::page_cache::File;
use rand_core::{Rng, SeedableRng};
use rand_distr::{Distribution, Exp};
use rand_pcg::Pcg64Mcg;
use std::sync::Arc;
use workload::{Action, Backing, IoLatency, Workload};

/// Latencies that are drawn for each file; a page has the same one in every round.
const IO_DRAWS: usize = 4096;

/// The machine that a space is on.
pub(super) struct SpaceMachine<'a> {
    /// The NUMA node of each core.
    pub nodes: Vec<usize>,
    /// CPUs of the machine.
    pub cpus: usize,
    /// Pages that a core counts for itself before it adds them to its zone or node.
    pub stat_threshold: u64,
    /// Memory of frames.
    pub arena: &'a Arc<Arena>,
}

/// Makes the space that `plan` lays out. The caller is a core.
pub(super) fn space<W: Platform + Machine>(
    make: MakeSpace<W>,
    request: &StormRequest,
    plan: &Plan,
    contents: &Contents,
    machine: &SpaceMachine,
) -> Box<dyn SimulatedSpace<W>> {
    let workload = request.workload;
    let cores = plan.threads.len();
    let kernel = workload.kernel;
    let files = (plan.files.iter().zip(&plan.file_pages).enumerate())
        .map(|(number, (file, pages))| {
            let io_ns = draw_io(file.io, request.seed ^ number as u64);
            File::new(number, file.pages, pages, cores, io_ns)
        })
        .collect();
    let config = Config {
        cores,
        cpus: machine.cpus,
        nodes: if kernel.numa { dense(&machine.nodes) } else { vec![0; cores].into() },
        lru: kernel.lru,
        memcg_depth: kernel.memcg_depth,
        rss: kernel.rss,
        pgtables_bytes: kernel.pgtables_bytes,
        stat_threshold: kernel.vm_stat.then_some(machine.stat_threshold),
        no_zone_lock: !kernel.zone_lock,
        no_pmd_lock: !kernel.pmd_lock,
        split_pmd_locks: kernel.split_pmd_locks,
        frames: plan.frames as usize,
        large_folios: plan.large_folios.iter().map(|(order, n)| (*order, *n as u32)).collect(),
        tables: plan.tables as u32,
        vmas: plan.vmas as u32,
        mapped_vmas: plan.mappings.len() as u32,
        entry_prefetch: request.entry_prefetch,
        kernel: request.kernel,
        real_body: request.real_body,
        // A core that has translated an address may still write when the pte is protected;
        // in the host's world a shootdown waits for it, but only after the pte is changed.
        source_may_change: workload.has_changes() || writes_shared(workload),
        pages_move: workload.changes().any(|change| matches!(change.action, Action::Mremap(_))),
        rights_change: workload
            .changes()
            .any(|change| matches!(change.action, Action::Mprotect { .. })),
        prefaults: workload.changes().any(|change| change.action.populates().is_some()),
        numa_scans: workload.changes().any(|c| matches!(c.action, Action::NumaScan(_))),
    };
    let space = make(config, machine.arena.clone(), files);
    let mm = space.mm();
    let mut core = Core::new(mm, 0);
    contents.fill(mm, &mut core);
    for mapping in &plan.mappings {
        assert!(space.mmap(&mut core, mapping), "mappings of a plan do not overlap");
    }
    core.retire(mm);
    space
}

/// Returns the same nodes, numbered from 0 without holes.
fn dense(nodes: &[usize]) -> Box<[usize]> {
    let mut used = nodes.to_vec();
    used.sort_unstable();
    used.dedup();
    let number = |node: &usize| used.binary_search(node).expect("it is one of them");
    nodes.iter().map(number).collect()
}

/// Returns true if some mapping is shared and may be written.
fn writes_shared(workload: &Workload) -> bool {
    let shared = |backing| matches!(backing, Backing::File { shared: true, .. });
    workload.vmas.iter().any(|vma| vma.writable && shared(vma.backing))
}

fn draw_io(latency: IoLatency, seed: u64) -> Vec<u64> {
    let mut random = Pcg64Mcg::seed_from_u64(seed ^ 0x696f);
    let mut unit = || (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
    match latency {
        IoLatency::Fixed(ns) => vec![ns],
        IoLatency::Uniform(low, high) => {
            (0..IO_DRAWS).map(|_| low + (unit() * (high - low + 1) as f64) as u64).collect()
        }
        IoLatency::Exponential(mean) => {
            let mut random = Pcg64Mcg::seed_from_u64(seed ^ 0x696f);
            let exp = Exp::new(1.0 / mean.max(1) as f64).expect("a mean is positive");
            (0..IO_DRAWS).map(|_| exp.sample(&mut random) as u64).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_latencies_have_their_mean() {
        let mean = |latency| {
            let drawn = draw_io(latency, 5);
            drawn.iter().sum::<u64>() as f64 / drawn.len() as f64
        };
        assert_eq!(mean(IoLatency::Fixed(80)), 80.0);
        assert!((mean(IoLatency::Uniform(100, 300)) - 200.0).abs() < 10.0);
        assert!((mean(IoLatency::Exponential(1000)) - 1000.0).abs() < 60.0);
    }
}
