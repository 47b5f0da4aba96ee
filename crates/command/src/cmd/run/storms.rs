//! The storms of a run, one after another, with the document on disk after each.

use std::sync::Arc;
use std::time::Instant;

use super::collect::Collected;
use super::document::DocumentFile;
use super::plan::{CellGroup, Passes, PlannedCell, RunPlan};
use super::progress::Progress;
use super::provenance::{KERNEL_SAMPLE_PERIOD, SAMPLE_PERIOD};
use super::standing::Standing;
use super::warnings;
use crate::cli::RunArgs;
use base::exit::Exit;
use document::run::{Cell, CellCost, Run, Status, World};
use host::clock::Clock;
use host::{interrupt, stopped};
use inputs::workload::Until;
use mm::frames::Arena;
use storm::{Executor, Recording, Storm, StormError, StormRequest, ThreadExecutor};

/// Turns that each group has before those go on whose verdicts matter most: a difference of a
/// tenth is mostly seen after this many.
const FAIR_TURNS: u32 = 6;

/// A run under way.
pub(super) struct Storms<'a> {
    pub args: &'a RunArgs,
    pub plan: &'a RunPlan,
    /// Recordings that need storms of their own.
    pub passes: &'a Passes,
    pub clock: Clock,
    pub arena: &'a Arc<Arena>,
    pub document: DocumentFile,
    pub progress: Progress,
    /// Time at which this machine must be done; `None`: no limit.
    pub deadline: Option<Instant>,
    /// Measurements of each cell of this machine.
    pub cells: Vec<Collected>,
    /// Progress of each group.
    pub standing: Vec<Standing>,
    /// Throughput storms so far.
    pub order: u32,
    /// The worst that came of a storm: [`Exit::Storm`], [`Exit::Machine`] or
    /// [`Exit::Done`].
    pub worst: Exit,
    pub run: Run,
}

/// The end of a run.
#[derive(Debug)]
pub(super) enum Ending {
    /// Every storm was run, though some may have failed.
    Done,
    /// The user asked for it.
    Interrupted,
    /// A thread is stuck: it still runs.
    Stuck(String),
}

impl Storms<'_> {
    /// Runs all storms, and leaves a document that is complete or says why not.
    pub fn all(&mut self) -> Ending {
        let groups = &self.plan.here;
        let cells = groups.iter().flat_map(|group| &group.cells);
        self.cells = cells.map(|_| Collected::default()).collect();
        self.standing = groups.iter().map(Standing::of).collect();
        let mut ending = Ending::Done;
        while let Some(at) = self.next() {
            if let Err(end) = self.turn(at) {
                ending = end;
                break;
            }
            if !self.goes_on(at) {
                self.close(at);
            }
        }
        // Groups that are still open: time is up, or the run has ended early.
        for at in 0..groups.len() {
            match ending {
                Ending::Done if !self.standing[at].closed => self.close(at),
                _ if !self.standing[at].closed && self.standing[at].turns > 0 => self.warn(at),
                _ => {}
            }
        }
        self.run.complete = matches!(ending, Ending::Done);
        if !self.run.complete {
            self.say_what_is_missing(&ending);
        }
        self.document.save(&self.run);
        ending
    }

    /// Returns the group that takes the next turn. The groups of a run end one after the
    /// other. In a time that is given each takes a turn, whatever it takes; then those come
    /// first that have had fewer than [`FAIR_TURNS`], and of them those whose verdicts matter most.
    fn next(&self) -> Option<usize> {
        let mut going = (0..self.standing.len()).filter(|&at| self.goes_on(at));
        let Some(deadline) = self.deadline else { return going.next() };
        let next = going.min_by_key(|&at| {
            let (turns, rank) = (self.standing[at].turns, self.plan.here[at].rank);
            (turns > 0, turns >= FAIR_TURNS, rank, turns)
        })?;
        (self.standing[next].turns == 0 || Instant::now() < deadline).then_some(next)
    }

    fn goes_on(&self, at: usize) -> bool {
        let standing = &self.standing[at];
        !standing.closed && standing.goes_on(&self.plan.here[at], self.deadline.is_none())
    }

    /// Lets the cells of a group storm once each, then makes its passes if that was the first.
    fn turn(&mut self, at: usize) -> Result<(), Ending> {
        let (plan, first) = (self.plan, self.plan.first_cell(at));
        let group = &plan.here[at];
        for cell in self.standing[at].order(group) {
            self.storm(at, first, cell, Recording::Throughput)?;
        }
        let cells = first..first + group.cells.len();
        let found = &self.run.cells[cells.clone()];
        // Something to look at before the first group is over.
        if self.standing.iter().all(|standing| standing.turns == 0) {
            self.progress.rows(found);
        }
        self.standing[at].end_turn(&plan.here, at, found);
        if self.standing[at].turns > 1 {
            return Ok(());
        }
        for &recording in self.passes.of(group) {
            // The twins are there for the noise of throughput alone.
            for cell in group.order(0, |cell| !group.cells[cell].key.is_aa_twin) {
                self.storm(at, first, cell, recording)?;
            }
        }
        Ok(())
    }

    /// Ends a group that takes no more turns.
    fn close(&mut self, at: usize) {
        self.standing[at].closed = true;
        let (plan, first) = (self.plan, self.plan.first_cell(at));
        let group = &plan.here[at];
        for (cell, planned) in group.cells.iter().enumerate() {
            if self.run.cells[first + cell].status == Status::Partial {
                self.run.cells[first + cell] = self.cell(at, planned, first + cell);
            }
        }
        self.warn(at);
        self.progress.rows(&self.run.cells[first..first + group.cells.len()]);
        self.document.save(&self.run);
    }

    /// Runs one storm of a cell that has not failed, and takes over what it measured. `at`: the
    /// group, whose first cell is `first` of the document.
    fn storm(
        &mut self,
        at: usize,
        first: usize,
        cell: usize,
        recording: Recording,
    ) -> Result<(), Ending> {
        if interrupt::is_requested() {
            return Err(Ending::Interrupted);
        }
        let group = &self.plan.here[at];
        let (planned, cell) = (&group.cells[cell], first + cell);
        if self.run.cells[cell].status == Status::Failed {
            self.progress.done();
            return Ok(());
        }
        self.progress.show(&self.run.cells, cell);
        let (from, stops) = (Instant::now(), stopped::count());
        let result = (planned.run)(&self.request(group, planned, recording));
        self.cells[cell].wall += from.elapsed();
        self.cells[cell].was_stopped |= stopped::count() != stops;
        let outcome = match result {
            Ok(storm) => {
                self.take(at, cell, storm, recording);
                self.run.cells[cell] = self.cell(at, planned, cell);
                Ok(())
            }
            Err(StormError::Interrupted) => return Err(Ending::Interrupted),
            Err(error) => {
                self.run.cells[cell] = Cell::failed(planned.key.clone(), error.to_string());
                // An error that ends the run is reported with its end.
                self.judge(&planned.key.id(), &error)
            }
        };
        let wall_s = self.cells[cell].wall.as_secs_f64();
        let cost = CellCost { wall_s, tracked_accesses: None };
        self.run.provenance.cells.insert(planned.key.id(), cost);
        // Before anything is shown: a terminal may block.
        self.document.save_now_and_then(&self.run);
        self.progress.done();
        if outcome.is_ok() && self.run.cells[cell].status == Status::Failed {
            self.progress.failed(&self.run.cells[cell]);
        }
        outcome
    }

    /// Notes an error for the exit code of the run.
    ///
    /// # Errors
    /// If the run cannot go on.
    fn judge(&mut self, cell: &str, error: &StormError) -> Result<(), Ending> {
        if let StormError::Stuck { .. } = error {
            return Err(Ending::Stuck(format!("{cell}: {error}")));
        }
        self.worst = worst_of(self.worst, error);
        Ok(())
    }

    fn request<'s>(
        &'s self,
        group: &'s CellGroup,
        cell: &PlannedCell,
        recording: Recording,
    ) -> StormRequest<'s> {
        let throughput = recording == Recording::Throughput;
        let executor = Executor::Threads(ThreadExecutor {
            cpus: group.cpus(),
            recording,
            sample_period: if throughput { sample_period(group.world) } else { 0 },
            clock: self.clock,
            arena: self.arena,
        });
        let request = group.request(cell, executor);
        match request.until {
            // A mean over a hundred thousand faults needs less time than a rate.
            Until::Duration(ns) if !throughput => {
                StormRequest { until: Until::Duration(ns.div_ceil(2)), ..request }
            }
            _ => request,
        }
    }

    fn take(&mut self, at: usize, cell: usize, storm: Storm, recording: Recording) {
        let cell = &mut self.cells[cell];
        match recording {
            Recording::Throughput => {
                self.run.provenance.perf = match &storm.perf {
                    Ok(counts) if counts.hitm_loads.is_none() => {
                        "cycles, instructions and cache misses in user mode; this CPU has no \
                         event that counts HITM alone"
                            .to_owned()
                    }
                    Ok(_) => "cycles, instructions, cache misses and HITM in user mode".to_owned(),
                    Err(why) => why.clone(),
                };
                cell.repeat(storm, self.order, Some(self.standing[at].turns));
                self.order += 1;
            }
            Recording::Lines | Recording::Audit => {
                if let Some(Err(why)) = storm.kernel.as_ref().and_then(|told| told.events.as_ref())
                {
                    self.run.provenance.kernel_events = Some(why.clone());
                }
                cell.lines(&storm);
            }
            Recording::Stages => cell.stages(&storm),
        }
    }

    /// Returns a cell with its results so far: partial until all its repeats are in.
    fn cell(&self, at: usize, planned: &PlannedCell, cell: usize) -> Cell {
        let collected = &self.cells[cell];
        let measured = collected.measured(self.args.seed, sample_period(planned.key.world));
        let (key, turns) = (planned.key.clone(), self.plan.here[at].turns);
        let repeats = collected.repeats();
        let is_all = self.standing[at].closed || !turns.looks && repeats == turns.most as usize;
        match measured {
            Some(measured) if is_all => Cell::ok(key, measured),
            None if is_all => {
                let why =
                    "at no time did all threads storm: give a longer --time, or more --faults";
                Cell::partial(key, why, None)
            }
            measured => {
                let of = if turns.looks { String::new() } else { format!(" of {}", turns.most) };
                Cell::partial(key, format!("{repeats}{of} repeats are in"), measured)
            }
        }
    }

    fn warn(&mut self, at: usize) {
        let (group, first) = (&self.plan.here[at], self.plan.first_cell(at));
        let cells = &mut self.run.cells[first..first + group.cells.len()];
        for cell in cells.iter_mut().filter(|cell| cell.status != Status::Skipped) {
            cell.is_oversubscribed = group.oversubscribed();
        }
        let cells = &*cells;
        let running = cells.iter().filter(|cell| cell.status != Status::Skipped);
        let found = running.clone().flat_map(warnings::of_cell);
        self.run.provenance.warnings.extend(found);
        let collected = &self.cells[first..first + group.cells.len()];
        let stopped = collected.iter().zip(cells).filter(|(collected, _)| collected.was_stopped);
        self.run.provenance.warnings.extend(stopped.map(|(_, cell)| warnings::of_stop(cell)));
        if group.world == World::Kernel {
            let found = running.flat_map(|cell| warnings::of_kernel(cell, &group.workload));
            self.run.provenance.warnings.extend(found);
        }
    }

    /// Says in each cell that is not finished why.
    fn say_what_is_missing(&mut self, ending: &Ending) {
        let why = match ending {
            Ending::Interrupted => "the run was interrupted",
            _ => "a thread of another cell ended the run",
        };
        for cell in self.run.cells.iter_mut().filter(|cell| cell.status == Status::Partial) {
            let so_far = cell.reason.take().unwrap_or_default();
            cell.reason = Some(format!("{why}: {so_far}"));
        }
    }
}

/// Returns the exit code after an error, if `worst` was the worst before.
pub(super) fn worst_of(worst: Exit, error: &StormError) -> Exit {
    match error {
        StormError::Machine(_) if worst != Exit::Storm => Exit::Machine,
        StormError::Machine(_) => worst,
        _ => Exit::Storm,
    }
}

/// Touches, on average, for each one whose latency is sampled.
fn sample_period(world: World) -> u64 {
    if world == World::Kernel { KERNEL_SAMPLE_PERIOD } else { SAMPLE_PERIOD }
}

#[cfg(test)]
mod tests {
    use super::super::kernels::Kernels;
    use super::super::plan::Competitors;
    use super::super::progress::Expected;
    use super::*;
    use crate::cli::Target;
    use catalogue::{Entry, Traits};
    use host::topology::Topology;
    use inputs::workload::parse;
    use machine::FAULT;
    use machine::host::{STAGES_MAX, StageTimes, TimedActivity};
    use storm::{StormCounts, ThreadStorm};

    const FINE: Entry = Entry {
        name: "fine",
        summary: "does what is asked",
        who: "a test",
        traits: Traits {
            shared_writes: "0",
            sleeps: "no",
            allocates_tables: "no",
            falls_back: "nothing",
            writers_pay: "nothing",
        },
        kernel: &mm::kernel::LINUX_7_2,
        compiled: &mm::kernel::LINUX_7_2,
        refuses: |_| None,
        run: &|request| Ok(storm(request)),
    };
    static REFUSES: Entry =
        Entry { name: "refuses", refuses: |_| Some("not this one".into()), ..FINE };
    static GOOD: Entry = FINE;
    static UNBALANCED: Entry =
        Entry { name: "unbalanced", run: &|_| Err(StormError::Books("rss is 1".into())), ..FINE };
    static POOR: Entry = Entry {
        name: "poor",
        run: &|_| Err(StormError::Machine("no threads left".into())),
        ..FINE
    };
    static PANICS: Entry = Entry { name: "panics", run: &|_| Err(panicked()), ..FINE };
    static STUCK: Entry = Entry { name: "stuck", run: &|_| Err(stuck()), ..FINE };

    fn panicked() -> StormError {
        StormError::Panicked { thread: "storm-1".into(), message: "oh".into() }
    }

    fn stuck() -> StormError {
        StormError::Stuck { thread: "storm-0".into(), waited_s: 9, after: None }
    }

    fn stage_times() -> StageTimes {
        let stages = (0..STAGES_MAX).map(|_| hdrhistogram::Histogram::new(2).unwrap()).collect();
        let faults = TimedActivity { activity: FAULT, count: 100, ..TimedActivity::default() };
        StageTimes { stages, activities: vec![faults], ..StageTimes::default() }
    }

    fn storm(request: &StormRequest) -> Storm {
        let threads = request.executor.threads();
        let thread = |&cpu| ThreadStorm {
            group: "faulters".into(),
            cpu,
            strayed: 0,
            yields: 0,
            faults: 100,
        };
        Storm {
            window_ns: 1e6,
            overlap_share: 0.5,
            threads_ns: 1e6,
            rounds: 1,
            threads: threads.cpus.iter().map(thread).collect(),
            counts: StormCounts { touches: 100, faults: 100, ..StormCounts::default() },
            stages: (threads.recording == Recording::Stages).then(stage_times),
            bytes_per_vma: Some(192),
            perf: Err("no counters here".into()),
            ..Storm::default()
        }
    }

    /// Runs these strategies for two repeats and a pass for stages.
    fn run(strategies: &[&'static Entry]) -> (Ending, Exit, Run) {
        run_as("--repeats 2 --body none", strategies, None)
    }

    /// Runs these strategies and a pass for stages, until the deadline if there is one.
    fn run_as(
        flags: &str,
        strategies: &[&'static Entry],
        deadline: Option<Instant>,
    ) -> (Ending, Exit, Run) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run.json");
        let flags = format!("{flags} --threads 1 --no-lines --stages -q");
        let json = Some(Target::File(path.clone()));
        let args = RunArgs { json, ..RunArgs::parsed(&flags) };
        let text = "summary = \"x\"\n[[vma]]\nname = \"a\"\nsize = \"1MiB\"\n\
                    [[op]]\ntouch = { vma = \"a\", access = \"write\" }\n";
        let workload = parse("x", "x.toml", text, &[]).unwrap();
        let topology = Topology::read(std::path::Path::new("/nonexistent"), &[0]);
        let kernels = Kernels::new(&args, strategies).unwrap();
        let competitors = Competitors { strategies, kernels: &kernels };
        let workloads = vec![workload];
        let plan = RunPlan::of_this_machine(
            &args,
            workloads,
            competitors,
            &topology,
            "cpu",
            host::preflight::Usable::ALL,
        )
        .unwrap_or_else(|error| panic!("{error}"));
        let facts = host::preflight::Facts::default();
        let (clock, started) = (Clock::new(), std::time::SystemTime::UNIX_EPOCH);
        let from = super::super::provenance::provenance(started, 1, &topology, &facts, &clock);
        let mut storms = Storms {
            args: &args,
            plan: &plan,
            passes: &Passes { host: vec![Recording::Stages], kernel: Vec::new() },
            clock,
            arena: &Arena::new(1).unwrap(),
            document: DocumentFile::new(args.json.as_ref(), started, &["x"]),
            progress: Progress::new(Expected::Storms(0), true),
            deadline,
            cells: Vec::new(),
            standing: Vec::new(),
            order: 0,
            worst: Exit::Done,
            run: Run::new(from),
        };
        super::super::describe(&mut storms.run, &plan, &[]);
        let ending = storms.all();
        let (worst, run) = (storms.worst, storms.run);
        assert_eq!(Run::read(&path).unwrap().cells.len(), run.cells.len(), "{ending:?}");
        (ending, worst, run)
    }

    static UNLOCKED: Entry = Entry { name: "unlocked", ..FINE };
    static SLOW: Entry = Entry {
        name: "slow",
        run: &|request| {
            let mut slow = storm(request);
            slow.threads.iter_mut().for_each(|thread| thread.faults /= 2);
            Ok(slow)
        },
        ..FINE
    };

    /// Storms of each cell, and the last turn in which it stormed.
    fn repeats(run: &Run) -> Vec<(usize, u32)> {
        let repeats = |cell: &Cell| {
            let repeats = &cell.measured.as_ref().unwrap().repeats;
            (repeats.len(), repeats.iter().filter_map(|repeat| repeat.turn).max().unwrap())
        };
        run.cells.iter().map(repeats).collect()
    }

    #[test]
    fn what_is_sure_leaves_and_its_storms_go_to_what_is_open() {
        let (ending, _, run) = run_as("--body none", &[&UNLOCKED, &GOOD, &SLOW], None);
        assert!(matches!(ending, Ending::Done) && run.complete);
        assert_eq!(statuses(&run), [Status::Ok; 4]);
        // Of 24 storms, 5 a turn: `slow` leaves after its fourth; one turn of 4 storms is left.
        // The base of the comparisons storms twice, its twin stays to the end.
        assert_eq!(repeats(&run), [(10, 4), (5, 4), (4, 3), (5, 4)]);
        let (_, _, none) = run_as("--body none", &[&GOOD, &SLOW], None);
        assert_eq!(repeats(&none), [(5, 4); 3], "nothing is compared");
        let (_, _, asked) = run_as("--repeats 7 --body none", &[&UNLOCKED, &SLOW], None);
        assert_eq!(repeats(&asked), [(7, 6); 3]);
    }

    #[test]
    fn in_a_time_that_is_given_all_groups_take_turns() {
        let both = [&UNLOCKED, &SLOW];
        let (ending, _, run) = run_as("", &both, Some(Instant::now()));
        assert!(matches!(ending, Ending::Done) && run.complete);
        assert_eq!(statuses(&run), [Status::Ok; 6]);
        assert_eq!(repeats(&run), [(2, 0), (1, 0), (1, 0), (2, 0), (1, 0), (1, 0)], "one each");
        let far = Instant::now() + std::time::Duration::from_secs(3600);
        let (_, _, run) = run_as("", &both, Some(far));
        assert_eq!(repeats(&run), [(8, 3), (4, 3), (4, 3), (8, 3), (4, 3), (4, 3)], "all is sure");
        let orders = |cell: usize| -> Vec<u32> {
            let found = run.cells[cell].measured.as_ref().unwrap();
            found.repeats.iter().map(|repeat| repeat.order).collect()
        };
        let (first, second) = (orders(1), orders(4));
        assert!(first[0] < second[0] && second[0] < first[1] && first[2] < second[2], "{first:?}");
    }

    fn statuses(run: &Run) -> Vec<Status> {
        run.cells.iter().map(|cell| cell.status).collect()
    }

    #[test]
    fn refused_cells_are_skipped_and_the_first_that_runs_has_the_twin() {
        let (ending, worst, run) = run(&[&REFUSES, &GOOD]);
        assert!(matches!(ending, Ending::Done) && worst == Exit::Done && run.complete);
        assert_eq!(statuses(&run), [Status::Skipped, Status::Ok, Status::Ok]);
        assert_eq!(run.cells[0].reason.as_deref(), Some("not this one"));
        assert!(run.cells[2].key.is_aa_twin && run.cells[2].key.strategy == "fine");
        let stages = |cell: usize| run.cells[cell].measured.as_ref().unwrap().stages_ns.is_some();
        assert_eq!((stages(1), stages(2)), (true, false));
        assert_eq!(run.provenance.perf, "no counters here");
        let warned = run.provenance.warnings.iter().filter(|w| w.code == "low_overlap");
        assert_eq!(warned.count(), 2);
    }

    #[test]
    fn books_that_do_not_balance_fail_their_cell_and_the_run_goes_on() {
        let (ending, worst, run) = run(&[&GOOD, &UNBALANCED, &POOR]);
        assert!(matches!(ending, Ending::Done) && run.complete);
        assert_eq!(worst, Exit::Storm, "worse than what the machine refused");
        assert_eq!(statuses(&run), [Status::Ok, Status::Failed, Status::Failed, Status::Ok]);
        assert!(run.cells[1].measured.is_none());
        assert_eq!(run.cells[1].reason.as_deref(), Some("the books do not balance: rss is 1"));
    }

    #[test]
    fn what_the_machine_refuses_fails_its_cell() {
        let (_, worst, run) = run(&[&GOOD, &POOR]);
        assert_eq!((worst, run.complete), (Exit::Machine, true));
    }

    #[test]
    fn a_panic_fails_its_cell_and_the_run_goes_on() {
        let (ending, worst, run) = run(&[&GOOD, &PANICS]);
        assert!(matches!(ending, Ending::Done) && worst == Exit::Storm && run.complete);
        assert_eq!(statuses(&run), [Status::Ok, Status::Failed, Status::Ok]);
        assert_eq!(run.cells[1].reason.as_deref(), Some("thread 'storm-1' panicked: oh"));
        assert!(run.cells[0].measured.is_some() && run.cells[1].measured.is_none());
    }

    #[test]
    fn a_thread_that_is_stuck_ends_the_run_with_its_name() {
        let (ending, _, run) = run(&[&GOOD, &STUCK]);
        let Ending::Stuck(what) = ending else { panic!("{ending:?}") };
        assert!(what.contains("x/stuck/host/1/none: thread 'storm-0' is stuck"), "{what}");
        assert_eq!(statuses(&run), [Status::Partial, Status::Failed, Status::Partial]);
        assert!(!run.complete && run.cells[0].measured.is_some());
        let reason = run.cells[0].reason.as_deref().unwrap();
        assert_eq!(reason, "a thread of another cell ended the run: 1 of 2 repeats are in");
    }

    #[test]
    fn a_storm_that_fails_is_worse_than_what_the_machine_refuses() {
        let machine = StormError::Machine("no threads left".into());
        assert_eq!(worst_of(Exit::Done, &machine), Exit::Machine);
        assert_eq!(worst_of(Exit::Storm, &machine), Exit::Storm);
        assert_eq!(worst_of(Exit::Machine, &panicked()), Exit::Storm);
    }
}
