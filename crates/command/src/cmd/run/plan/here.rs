//! The groups that storm this machine, simulated or on its kernel.

use std::collections::BTreeSet;

use super::super::kernels::OneKernel;
use super::super::variations::variations;
use super::RunPlan;
use super::cell::{Competitors, PlannedCell, key};
use super::group::{CellGroup, Site};
use super::turns::{self, Turns};
use crate::cli::{self, RunArgs};
use crate::cmd::error::CommandError;
use catalogue::Entry;
use document::run::{Key, World};
use host::placement::place;
use host::preflight::Usable;
use host::topology::Topology;
use inputs::workload::{Until, Workload, digest};
use mm::kernel::Kernel;
use storm::kernel;
use storm::needs::needs;
use storm::plan::total_threads;

impl RunPlan {
    /// Plans the storms of this machine: workload by workload, few threads before many, the
    /// lock alone before the body. `machine` is the slug of the CPU, `usable` what can be had.
    ///
    /// # Errors
    ///
    /// A placement that this machine does not have, a storm that needs more than can be had.
    pub fn of_this_machine(
        args: &RunArgs,
        workloads: Vec<Workload>,
        competitors: Competitors,
        topology: &Topology,
        machine: &str,
        usable: Usable,
    ) -> Result<RunPlan, CommandError> {
        let threads: BTreeSet<usize> = match &args.threads {
            Some(list) => list.as_slice().iter().copied().collect(),
            None => [1, topology.allowed_count().max(1)].into(),
        };
        let worlds = worlds(args);
        let mut plan = RunPlan::default();
        let workloads = workloads.into_iter().map(|workload| as_run(workload, args));
        for (workload, vary) in workloads.flat_map(|workload| variations(workload, args)) {
            let digest = digest(&workload);
            for &weighted_threads in &threads {
                let (seed, until) = (args.seed, workload.until);
                let needs = needs(&workload, weighted_threads, seed, until, usable.bytes)
                    .map_err(CommandError::machine)?;
                let total = total_threads(&workload, weighted_threads);
                let cpus =
                    place(topology, &args.placement, total).map_err(CommandError::machine)?;
                for &(world, real_body) in &worlds {
                    let key = key(args, &workload, &digest, machine, total, real_body);
                    let key = Key { world, vary: vary.clone(), ..key };
                    plan.room.make(&needs, &key, !args.no_lines);
                    let cells = match world {
                        World::Kernel => vec![cells_of_kernel(&workload, &key)],
                        _ => {
                            let of = |one| cells(&workload, competitors, one, &key);
                            competitors.kernels.each().into_iter().map(of).collect()
                        }
                    };
                    plan.here.extend(cells.into_iter().map(|cells| CellGroup {
                        world,
                        base: turns::base(&cells),
                        turns: Turns::of(args.repeats, &cells),
                        recorded: true,
                        rank: 0,
                        cells,
                        workload: workload.clone(),
                        weighted_threads,
                        site: Site::Cpus(cpus.clone()),
                        real_body,
                    }));
                }
            }
        }
        plan.room.fits(usable)?;
        Ok(plan)
    }

    /// Leaves of a run without arguments what a minute has room for. All CPUs matter most, the
    /// lock alone before the body; one thread is there for scaling, once, and moves no line.
    pub fn of_a_minute(mut self) -> RunPlan {
        let all = self.here.iter().map(|group| group.weighted_threads).max();
        let has_all = |group: &CellGroup| Some(group.weighted_threads) == all;
        self.here.retain(|group| has_all(group) || !group.real_body);
        for group in &mut self.here {
            group.rank = match (has_all(group), group.real_body) {
                (true, false) => 0,
                (true, true) => 1,
                (false, _) => 2,
            };
            group.recorded = group.rank == 0;
            if !has_all(group) {
                group.turns = Turns::repeats(1);
            }
        }
        self
    }
}

/// The workload with what flags say in place of the file's.
fn as_run(mut workload: Workload, args: &RunArgs) -> Workload {
    if let Some(ns) = args.time_ns {
        workload.until = Until::Duration(ns);
    }
    if let Some(faults) = args.faults {
        workload.until = Until::Faults(faults);
    }
    if let Some(ns) = args.warmup_ns {
        workload.warmup_ns = ns;
    }
    workload
}

/// The worlds of the groups, each with its bodies: the kernel always has its own.
fn worlds(args: &RunArgs) -> Vec<(World, bool)> {
    let hosted = args.worlds().contains(&cli::WorldArg::Host);
    let host = args.real_bodies().into_iter().filter(|_| hosted).map(|real| (World::Host, real));
    let kernel = args.worlds().contains(&cli::WorldArg::Kernel).then_some((World::Kernel, true));
    host.chain(kernel).collect()
}

/// The kernel and its twin.
fn cells_of_kernel(workload: &Workload, key: &Key) -> Vec<PlannedCell> {
    let refused = kernel::refuses(workload);
    let key = Key { strategy: "kernel".to_owned(), entry_prefetch: false, ..key.clone() };
    let planned =
        |key| PlannedCell { run: &kernel::run, kernel: None, key, refused: refused.clone() };
    let twin = key.aa_twin();
    let keys = [Some(key), refused.is_none().then_some(twin)];
    keys.into_iter().flatten().map(planned).collect()
}

/// All strategies, and the twin of the first that runs.
fn cells(
    workload: &Workload,
    competitors: Competitors,
    one: Option<&OneKernel>,
    key: &Key,
) -> Vec<PlannedCell> {
    let refused = |entry: &Entry, kernel: &Kernel| {
        let refused = workload.kernel.needs_a_model().or_else(|| (entry.refuses)(workload));
        refused.or_else(|| entry.not_compiled_for(kernel))
    };
    let mut cells = competitors.cells(one, key, refused);
    if let Some(first) = cells.iter().find(|cell| cell.refused.is_none()) {
        let (run, kernel, key) = (first.run, first.kernel, first.key.aa_twin());
        cells.push(PlannedCell { run, kernel, key, refused: None });
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::super::super::kernels::Kernels;
    use super::super::Passes;
    use super::*;
    use catalogue::STRATEGIES;
    use inputs::workload::{KernelParts, find};
    use std::path::Path;
    use storm::Recording;

    fn plan_in(line: &str, bytes: u64) -> Result<RunPlan, CommandError> {
        let names: Vec<&str> = STRATEGIES.iter().map(|entry| entry.name).collect();
        let workload = find("huge-anon").unwrap().parse(&names).unwrap();
        let topology = Topology::read(Path::new("/nonexistent"), &[0, 1, 2]);
        let strategies: Vec<&'static Entry> =
            STRATEGIES.iter().filter(|entry| !entry.is_variant()).collect();
        let args = RunArgs::parsed(line);
        let kernels = Kernels::new(&args, &strategies)?;
        let competitors = Competitors { strategies: &strategies, kernels: &kernels };
        let workloads = vec![workload];
        RunPlan::of_this_machine(
            &args,
            workloads,
            competitors,
            &topology,
            "cpu",
            Usable { bytes, ..Usable::ALL },
        )
    }

    fn plan(line: &str) -> RunPlan {
        plan_in(line, u64::MAX).unwrap_or_else(|error| panic!("{error}"))
    }

    fn names(group: &CellGroup, repeat: u32) -> Vec<String> {
        let name = |cell: usize| {
            let key = &group.cells[cell].key;
            format!("{}{}", key.strategy_name(), if key.is_aa_twin { "'" } else { "" })
        };
        group.order(repeat, |_| true).into_iter().map(name).collect()
    }

    #[test]
    fn the_twin_stands_half_a_cycle_from_its_first_copy_in_every_repeat() {
        let plan = plan("--body none --threads 1 --repeats 7");
        let group = &plan.here[0];
        for repeat in 0..7 {
            let names = names(group, repeat);
            let first = names.iter().position(|name| *name == "unlocked").unwrap();
            let twin = names.iter().position(|name| name == "unlocked'").unwrap();
            let away = first.abs_diff(twin);
            assert!(away.min(names.len() - away) >= names.len() / 2, "{names:?}");
        }
        assert_ne!(names(group, 0)[0], names(group, 1)[0]);
    }

    #[test]
    fn a_kernel_that_only_a_model_can_have_is_skipped() {
        let group = plan("--threads 1 --body none").here.remove(0);
        let kernel = KernelParts { zone_lock: false, ..KernelParts::default() };
        let workload = Workload { kernel, ..group.workload };
        let strategies: [&'static Entry; 2] = [&STRATEGIES[0], &STRATEGIES[1]];
        let kernels = Kernels::new(&RunArgs::parsed(""), &strategies).unwrap();
        let competitors = Competitors { strategies: &strategies, kernels: &kernels };
        let cells = cells(&workload, competitors, None, &group.cells[0].key);
        let refused =
            |cell: &PlannedCell| cell.refused.as_ref().is_some_and(|why| why.contains("zone"));
        assert!(cells.len() == 2 && cells.iter().all(refused));
    }

    #[test]
    fn groups_go_from_few_threads_to_many_and_from_the_lock_to_the_body() {
        let plan = plan("--threads 4,1");
        let of = |group: &CellGroup| (group.weighted_threads, group.real_body);
        let found: Vec<_> = plan.here.iter().map(of).collect();
        assert_eq!(found, [(1, false), (1, true), (4, false), (4, true)]);
        let over: Vec<_> = plan.here.iter().map(CellGroup::oversubscribed).collect();
        assert_eq!(over, [false, false, true, true], "3 CPUs");
        assert_eq!(plan.cpus(), [0, 1, 2, 0]);
    }

    #[test]
    fn flags_beat_the_file_and_show_in_the_digest() {
        let plain = plan("--threads 1 --body none");
        let flagged = plan("--threads 1 --body none --time 3ms --warmup 0s");
        let workload = &flagged.here[0].workload;
        assert_eq!((workload.until, workload.warmup_ns), (Until::Duration(3_000_000), 0));
        let digest = |plan: &RunPlan| plan.here[0].cells[0].key.workload_digest.clone();
        assert_ne!(digest(&plain), digest(&flagged));
        let counted = plan("--threads 1 --body none --faults 9");
        assert_eq!(counted.here[0].workload.until, Until::Faults(9));
    }

    #[test]
    fn a_run_beyond_memory_is_refused_with_both_numbers() {
        let refused = |line: &str, bytes: u64| {
            let error = plan_in(line, bytes).err().expect("that is too little");
            assert_eq!(error.exit, base::exit::Exit::Machine);
            error.to_string()
        };
        assert!(plan_in("--threads 1 --body real", 1 << 40).is_ok());
        let error = refused("--threads 4 --body real --faults 50000", 64 << 20);
        assert!(error.contains("'huge-anon' at 4 threads, needs"), "{error}");
        assert!(error.contains("64MiB can be had") && error.contains("'--body none'"), "{error}");
        assert!(plan_in("--threads 4 --body none --faults 50000", 64 << 20).is_ok());
        let error = refused("--threads 64 --body real --time 1s", 8 << 20);
        assert!(!error.contains("'--body none'"), "it is no way out: {error}");
    }

    #[test]
    fn frames_are_for_bodies_only() {
        assert_eq!(plan("--threads 1 --body none").room.frames, 0);
        assert!(plan("--threads 1").room.frames >= 1 << 18);
    }

    #[test]
    fn every_storm_is_announced() {
        let plan = plan("--threads 1 --body none --repeats 5");
        let cells = plan.here[0].cells.len() as u64;
        let passes = Passes { host: vec![Recording::Lines], kernel: Vec::new() };
        assert_eq!(plan.storms(&passes), cells * 5 + (cells - 1));
    }
}
