//! What a run is made of: groups of cells that compete with each other, and the order
//! of their storms.

use std::collections::BTreeSet;

use anyhow::anyhow;

use super::kernels::{Kernels, OneKernel};
use super::turns::{self, Turns};
use super::variations::variations;
use crate::cli::{self, RunArgs};
use crate::cmd::error::CommandError;
use catalogue::{Entry, RunOnHost};
use document::run::{Body, Cell, Key, World};
use host::placement::place;
use host::topology::Topology;
use inputs::machines::vary::Settings;
use inputs::workload::units::approximate_size;
use inputs::workload::{PAGE_BYTES, Until, Workload, digest};
use machine::host::{Counted, Host};
use mm::kernel::Kernel;
use storm::needs::{Needs, needs};
use storm::plan::total_threads;
use storm::{Recording, kernel};

/// Everything that is to be run on this machine, simulated or on its kernel.
#[derive(Default)]
pub(super) struct Matrix {
    /// In the order in which they are run.
    pub groups: Vec<Group>,
    /// Frames of the arena that all storms share.
    pub frames: usize,
    /// The most memory that a storm takes beside the arena.
    beside_bytes: u64,
    /// The largest storm, as messages name it, and its memory without what others need.
    largest: (String, u64),
}

/// What is recorded in storms of its own, after the repeats of a group.
#[derive(Default)]
pub(super) struct Passes {
    /// Of the host.
    pub host: Vec<Recording>,
    /// Of the running kernel.
    pub kernel: Vec<Recording>,
}

impl Passes {
    /// Those of a group.
    pub fn of(&self, group: &Group) -> &[Recording] {
        match group.world {
            _ if !group.recorded => &[],
            World::Kernel => &self.kernel,
            _ => &self.host,
        }
    }
}

/// One workload at one number of threads with one body: its strategies take turns. Or on the
/// running kernel, which takes turns with itself.
pub(super) struct Group {
    /// [`World::Host`] or [`World::Kernel`].
    pub world: World,
    /// As it is run: flags have beaten the file.
    pub workload: Workload,
    /// Threads that groups with a weight share.
    pub threads: usize,
    /// The CPU of each thread, those of groups with a fixed number included.
    pub cpus: Vec<usize>,
    /// Whether pages are cleared and copied.
    pub real_body: bool,
    /// In the order asked for; the A/A twin of the first that runs comes last.
    pub cells: Vec<Planned>,
    /// The cell that the others are compared with.
    pub base: Option<usize>,
    /// How many turns its cells take.
    pub turns: Turns,
    /// Whether the run's passes are made for it.
    pub recorded: bool,
    /// Its place among groups that want time: that whose verdicts matter most comes first.
    pub rank: usize,
}

/// A cell that is to be run.
pub(super) struct Planned {
    pub run: &'static RunOnHost,
    /// The kernel that it stands in; none on the running one.
    pub kernel: Option<&'static Kernel>,
    pub key: Key,
    /// Why it may not run this workload.
    pub refused: Option<String>,
}

impl Matrix {
    /// Lays out the run: workload by workload, few threads before many, the lock alone
    /// before the body. `machine` is the slug of the CPU, `usable_bytes` the memory that can
    /// be had.
    ///
    /// # Errors
    ///
    /// A placement that this machine does not have, a storm that does not fit in memory.
    pub fn new(
        args: &RunArgs,
        workloads: Vec<Workload>,
        (strategies, kernels): (&[&'static Entry], &Kernels),
        topology: &Topology,
        machine: &str,
        usable_bytes: u64,
    ) -> Result<Matrix, CommandError> {
        let threads: BTreeSet<usize> = match &args.threads {
            Some(list) => list.as_slice().iter().copied().collect(),
            None => [1, topology.allowed_count().max(1)].into(),
        };
        let worlds = worlds(args);
        let mut matrix = Matrix::default();
        let workloads = workloads.into_iter().map(|workload| as_run(workload, args));
        for (workload, vary) in workloads.flat_map(|workload| variations(workload, args)) {
            let digest = digest(&workload);
            for &threads in &threads {
                let needs = needs(&workload, threads, args.seed, workload.until, usable_bytes)
                    .map_err(CommandError::machine)?;
                let total = total_threads(&workload, threads);
                let cpus =
                    place(topology, &args.placement, total).map_err(CommandError::machine)?;
                for &(world, real_body) in &worlds {
                    let key = key(args, &workload, &digest, machine, total, real_body);
                    let key = Key { world, vary: vary.clone(), ..key };
                    matrix.make_room(&needs, &key, !args.no_lines);
                    let cells = match world {
                        World::Kernel => vec![cells_of_kernel(&workload, &key)],
                        _ => {
                            let of = |one| cells(&workload, strategies, &key, (kernels, one));
                            kernels.each().into_iter().map(of).collect()
                        }
                    };
                    matrix.groups.extend(cells.into_iter().map(|cells| Group {
                        world,
                        base: turns::base(&cells),
                        turns: Turns::of(args.repeats, &cells),
                        recorded: true,
                        rank: 0,
                        cells,
                        workload: workload.clone(),
                        threads,
                        cpus: cpus.clone(),
                        real_body,
                    }));
                }
            }
        }
        matrix.fits(usable_bytes)?;
        Ok(matrix)
    }

    /// Leaves of a run without arguments what a minute has room for. All CPUs matter most, the
    /// lock alone before the body; one thread is there for scaling, once, and moves no line.
    pub fn of_a_minute(mut self) -> Matrix {
        let all = self.groups.iter().map(|group| group.threads).max();
        let has_all = |group: &Group| Some(group.threads) == all;
        self.groups.retain(|group| has_all(group) || !group.real_body);
        for group in &mut self.groups {
            group.rank = match (has_all(group), group.real_body) {
                (true, false) => 0,
                (true, true) => 1,
                (false, _) => 2,
            };
            group.recorded = group.rank == 0;
            if !has_all(group) {
                group.turns = Turns::once();
            }
        }
        self
    }

    /// Makes room for a storm, and for a pass that counts transfers where there is one. The
    /// arena stays while spaces and the kernel's own pages come and go.
    fn make_room(&mut self, needs: &Needs, key: &Key, counts_lines: bool) {
        let space_bytes = match counts_lines {
            true => needs.space_bytes::<Host<Counted>>(),
            false => needs.space_bytes::<Host>(),
        };
        let (frames, beside_bytes) = match (key.world, key.body) {
            (World::Kernel, _) => (0, needs.content_bytes()),
            (_, Body::Real) => (needs.frames, space_bytes),
            (_, Body::None) => (0, space_bytes),
        };
        self.frames = self.frames.max(frames);
        self.beside_bytes = self.beside_bytes.max(beside_bytes);
        let bytes = beside_bytes.saturating_add(frames as u64 * PAGE_BYTES);
        if bytes > self.largest.1 {
            self.largest = (format!("'{}' at {} threads", key.workload, key.threads), bytes);
        }
    }

    /// Refuses a run that does not fit in memory, before its first storm.
    ///
    /// # Errors
    ///
    /// Where its storms need more than `usable_bytes`.
    fn fits(&self, usable_bytes: u64) -> Result<(), CommandError> {
        let needed = (self.frames as u64 * PAGE_BYTES).saturating_add(self.beside_bytes);
        if needed <= usable_bytes {
            return Ok(());
        }
        let without_bodies = match self.frames > 0 && self.beside_bytes <= usable_bytes {
            true => format!(", or '--body none', for {}", approximate_size(self.beside_bytes)),
            false => String::new(),
        };
        Err(CommandError::machine(anyhow!(
            "the largest storm, {}, needs {} of memory and {} can be had: give fewer --threads, \
             a smaller workload{without_bodies}",
            self.largest.0,
            approximate_size(needed),
            approximate_size(usable_bytes)
        )))
    }

    /// Every cell's key, and its workload.
    pub fn keys(&self) -> impl Iterator<Item = (&Key, &Workload)> {
        self.groups
            .iter()
            .flat_map(|group| group.cells.iter().map(move |cell| (&cell.key, &group.workload)))
    }

    /// The place of a group's first cell in the document.
    pub fn first_cell(&self, group: usize) -> usize {
        self.groups[..group].iter().map(|group| group.cells.len()).sum()
    }

    /// Every cell before its first storm.
    pub fn cells(&self) -> impl Iterator<Item = Cell> {
        let before = |planned: &Planned| match &planned.refused {
            Some(reason) => Cell::skipped(planned.key.clone(), reason),
            None => Cell::partial(planned.key.clone(), "no repeat is in", None),
        };
        self.groups.iter().flat_map(|group| &group.cells).map(before)
    }

    /// The CPUs of the largest storm.
    pub fn cpus(&self) -> &[usize] {
        let largest = self.groups.iter().max_by_key(|group| group.cpus.len());
        largest.map_or(&[], |group| &group.cpus)
    }

    /// How many storms a run has, at the most: turns of each cell, then its passes, but of the
    /// twins.
    pub fn storms(&self, passes: &Passes) -> u64 {
        let of_group = |group: &Group| {
            let running = || group.cells.iter().filter(|cell| cell.refused.is_none());
            let recorded = running().filter(|cell| !cell.key.is_aa_twin).count();
            group.turns.storms(running().count()) + recorded * passes.of(group).len()
        };
        self.groups.iter().map(|group| of_group(group) as u64).sum()
    }
}

impl Group {
    /// Returns the cells that are `present` in the order of one turn's storms.
    ///
    /// The A/A twin stands half a cycle away from the first copy, so that a drift of the
    /// machine shows between the two as much as between any others. Each turn begins one cell
    /// later, so that no cell always follows the same moment of a cycle. Where the base storms
    /// twice, that and the twin are a third of a cycle apart.
    pub fn order(&self, turn: u32, present: impl Fn(usize) -> bool) -> Vec<usize> {
        let runs = |&cell: &usize| self.cells[cell].refused.is_none() && present(cell);
        let (twin, mut order): (Vec<usize>, Vec<usize>) =
            (0..self.cells.len()).filter(runs).partition(|&cell| self.cells[cell].key.is_aa_twin);
        let length = order.len();
        let base = self.base.filter(|_| self.turns.looks);
        if let Some(place) = order.iter().position(|cell| Some(*cell) == base) {
            order.rotate_left(place);
            let third = length.div_ceil(3);
            let again = (2 * third).min(length);
            order.splice(again..again, base);
            order.splice(third..third, twin);
        } else {
            let half = length.div_ceil(2);
            order.splice(half..half, twin);
        }
        if !order.is_empty() {
            let first = turn as usize % order.len();
            order.rotate_left(first);
        }
        order
    }

    /// Whether two threads share a CPU.
    pub fn oversubscribed(&self) -> bool {
        self.cpus.iter().collect::<BTreeSet<_>>().len() < self.cpus.len()
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

/// The key of a group's cells, without their strategies.
pub(super) fn key(
    args: &RunArgs,
    workload: &Workload,
    digest: &str,
    machine: &str,
    threads: usize,
    real_body: bool,
) -> Key {
    Key {
        workload: workload.name.clone(),
        workload_digest: digest.to_owned(),
        strategy: String::new(),
        variant: None,
        world: World::Host,
        machine: machine.to_owned(),
        machine_digest: None,
        kernel: None,
        kernel_digest: None,
        is_own_kernel: false,
        threads: threads as u32,
        placement: args.placement.to_string(),
        entry_prefetch: args.entry_prefetch,
        body: if real_body { Body::Real } else { Body::None },
        seed: args.seed,
        vary: Settings::new(),
        is_aa_twin: false,
    }
}

/// Where groups run, and with which body: the kernel has the one that it has.
fn worlds(args: &RunArgs) -> Vec<(World, bool)> {
    let hosted = args.worlds().contains(&cli::World::Host);
    let host = args.real_bodies().into_iter().filter(|_| hosted).map(|real| (World::Host, real));
    let kernel = args.worlds().contains(&cli::World::Kernel).then_some((World::Kernel, true));
    host.chain(kernel).collect()
}

/// The kernel and its twin.
fn cells_of_kernel(workload: &Workload, key: &Key) -> Vec<Planned> {
    let refused = kernel::refuses(workload);
    let key = Key { strategy: "kernel".to_owned(), entry_prefetch: false, ..key.clone() };
    let planned = |key| Planned { run: &kernel::run, kernel: None, key, refused: refused.clone() };
    let twin = key.aa_twin();
    let keys = [Some(key), refused.is_none().then_some(twin)];
    keys.into_iter().flatten().map(planned).collect()
}

fn cells(
    workload: &Workload,
    strategies: &[&'static Entry],
    key: &Key,
    (kernels, one): (&Kernels, Option<&OneKernel>),
) -> Vec<Planned> {
    let planned = |entry: &'static Entry| {
        let (strategy, variant) = entry.split();
        let variant = variant.map(str::to_owned);
        let key = Key { strategy: strategy.to_owned(), variant, ..key.clone() };
        let (kernel, key) = kernels.of(entry, one, key);
        let refused = workload.kernel.needs_a_model().or_else(|| (entry.refuses)(workload));
        let refused = refused.or_else(|| entry.not_compiled_for(kernel));
        Planned { run: entry.run, kernel: Some(kernel), key, refused }
    };
    let mut cells: Vec<Planned> = strategies.iter().map(|&entry| planned(entry)).collect();
    if let Some(first) = cells.iter().find(|cell| cell.refused.is_none()) {
        let (run, kernel, key) = (first.run, first.kernel, first.key.aa_twin());
        cells.push(Planned { run, kernel, key, refused: None });
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;
    use catalogue::STRATEGIES;
    use clap::Parser;
    use inputs::workload::{KernelParts, resolve};
    use std::path::Path;

    fn args(line: &str) -> RunArgs {
        let words = format!("faultstorm run {line}");
        match cli::Cli::try_parse_from(words.split(' ').filter(|word| !word.is_empty())) {
            Ok(cli::Cli { command: cli::Command::Run(args) }) => *args,
            other => panic!("{other:?}"),
        }
    }

    fn matrix_in(line: &str, usable_bytes: u64) -> Result<Matrix, CommandError> {
        let names: Vec<&str> = STRATEGIES.iter().map(|entry| entry.name).collect();
        let workload = resolve("huge-anon").unwrap().parse(&names).unwrap();
        let topology = Topology::read(Path::new("/nonexistent"), &[0, 1, 2]);
        let strategies: Vec<&'static Entry> =
            STRATEGIES.iter().filter(|entry| !entry.is_variant()).collect();
        let args = args(line);
        let kernels = Kernels::new(&args, &strategies)?;
        let of = (strategies.as_slice(), &kernels);
        Matrix::new(&args, vec![workload], of, &topology, "cpu", usable_bytes)
    }

    fn matrix(line: &str) -> Matrix {
        matrix_in(line, u64::MAX).unwrap_or_else(|error| panic!("{error}"))
    }

    fn names(group: &Group, repeat: u32) -> Vec<String> {
        let name = |cell: usize| {
            let key = &group.cells[cell].key;
            format!("{}{}", key.strategy_name(), if key.is_aa_twin { "'" } else { "" })
        };
        group.order(repeat, |_| true).into_iter().map(name).collect()
    }

    #[test]
    fn the_twin_stands_half_a_cycle_from_its_first_copy_in_every_repeat() {
        let matrix = matrix("--body none --threads 1 --repeats 7");
        let group = &matrix.groups[0];
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
        let group = matrix("--threads 1 --body none").groups.remove(0);
        let kernel = KernelParts { zone_lock: false, ..KernelParts::default() };
        let workload = Workload { kernel, ..group.workload };
        let strategies: [&'static Entry; 2] = [&STRATEGIES[0], &STRATEGIES[1]];
        let kernels = Kernels::new(&args(""), &strategies).unwrap();
        let cells = cells(&workload, &strategies, &group.cells[0].key, (&kernels, None));
        let refused =
            |cell: &Planned| cell.refused.as_ref().is_some_and(|why| why.contains("zone"));
        assert!(cells.len() == 2 && cells.iter().all(refused));
    }

    #[test]
    fn groups_go_from_few_threads_to_many_and_from_the_lock_to_the_body() {
        let matrix = matrix("--threads 4,1");
        let of = |group: &Group| (group.threads, group.real_body);
        let found: Vec<_> = matrix.groups.iter().map(of).collect();
        assert_eq!(found, [(1, false), (1, true), (4, false), (4, true)]);
        let over: Vec<_> = matrix.groups.iter().map(Group::oversubscribed).collect();
        assert_eq!(over, [false, false, true, true], "3 CPUs");
        assert_eq!(matrix.cpus(), [0, 1, 2, 0]);
    }

    #[test]
    fn flags_beat_the_file_and_show_in_the_digest() {
        let plain = matrix("--threads 1 --body none");
        let flagged = matrix("--threads 1 --body none --time 3ms --warmup 0s");
        let workload = &flagged.groups[0].workload;
        assert_eq!((workload.until, workload.warmup_ns), (Until::Duration(3_000_000), 0));
        let digest = |matrix: &Matrix| matrix.groups[0].cells[0].key.workload_digest.clone();
        assert_ne!(digest(&plain), digest(&flagged));
        let counted = matrix("--threads 1 --body none --faults 9");
        assert_eq!(counted.groups[0].workload.until, Until::Faults(9));
    }

    #[test]
    fn a_run_beyond_memory_is_refused_with_both_numbers() {
        let refused = |line: &str, bytes: u64| {
            let error = matrix_in(line, bytes).err().expect("that is too little");
            assert_eq!(error.exit, base::exit::Exit::Machine);
            error.to_string()
        };
        assert!(matrix_in("--threads 1 --body real", 1 << 40).is_ok());
        let error = refused("--threads 4 --body real --faults 50000", 64 << 20);
        assert!(error.contains("'huge-anon' at 4 threads, needs"), "{error}");
        assert!(error.contains("64MiB can be had") && error.contains("'--body none'"), "{error}");
        assert!(matrix_in("--threads 4 --body none --faults 50000", 64 << 20).is_ok());
        let error = refused("--threads 64 --body real --time 1s", 8 << 20);
        assert!(!error.contains("'--body none'"), "it is no way out: {error}");
    }

    #[test]
    fn frames_are_for_bodies_only() {
        assert_eq!(matrix("--threads 1 --body none").frames, 0);
        assert!(matrix("--threads 1").frames >= 1 << 18);
    }

    #[test]
    fn every_storm_is_announced() {
        let matrix = matrix("--threads 1 --body none --repeats 5");
        let cells = matrix.groups[0].cells.len() as u64;
        let passes = Passes { host: vec![Recording::Lines], kernel: Vec::new() };
        assert_eq!(matrix.storms(&passes), cells * 5 + (cells - 1));
    }
}
