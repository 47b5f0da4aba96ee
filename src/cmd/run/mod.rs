//! `faultstorm run`: storms workloads and compares strategies.

mod collect;
mod document;
mod matrix;
mod models;
mod progress;
mod provenance;
mod storms;
mod sweep;
mod variations;
mod warnings;

use anyhow::{Context, anyhow};
use jiff::Timestamp;

use self::document::{Document, write};
use self::matrix::{Matrix, Passes};
use self::progress::Progress;
use self::storms::{Ending, Storms};
use self::sweep::Point;
pub(super) use self::sweep::places;
use super::console::{print, style};
use super::error::CommandError;
use super::names;
use crate::cli::{RunArgs, World};
use crate::exit::Exit;
use crate::host::clock::Clock;
use crate::host::events::Events;
use crate::host::finding::{Finding, findings};
use crate::host::interrupt::Interrupt;
use crate::host::preflight::Facts;
use crate::host::steal::StealMeter;
use crate::host::topology::Topology;
use crate::host::{Roots, code_pages};
use crate::machines::Machine;
use crate::mm::frames::Arena;
use crate::report;
use crate::run::{Provenance, Run};
use crate::storm::Recording;
use crate::strategy::Known;
use crate::workload::{SEED, Workload, resolved, shipped};

/// Runs the storms that were asked for, prints the tables and writes the document.
///
/// # Errors
///
/// Before the first storm: bad input, or more than the machine has. What happens later
/// is in the document and in the exit code.
pub fn run(args: &RunArgs, known: Known) -> Result<Exit, CommandError> {
    // First, since its thread inherits the affinity of this one.
    let interrupt = Interrupt::install().context("cannot take over Ctrl-C")?;
    let started = Timestamp::now();
    let topology = Topology::here().context("cannot read the CPUs that this process may use")?;
    let facts = Facts::here();
    let (hosted, machines) = (is_here(args), machines(args)?);
    has_its_world(args, hosted, &machines)?;
    let strategies = names::strategies(&args.strategy, known)?;
    let workloads = workloads(args, known)?;
    variations::check(&workloads, args)?;
    let names: Vec<String> = workloads.iter().map(|workload| workload.name.clone()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let of_model = sweep::workloads(args, workloads.clone());
    let usable_bytes = facts.memory.usable_bytes(&facts.limits).unwrap_or(u64::MAX);
    let points = sweep::points(args, &of_model, &strategies, &machines, usable_bytes)?;
    let matrix = match hosted {
        true => {
            let machine = provenance::machine(&facts);
            Matrix::new(args, workloads, &strategies, &topology, &machine, usable_bytes)?
        }
        false => Matrix::default(),
    };
    let clock = Clock::new();

    let mut run = Run::new(provenance::provenance(started, args.seed, &topology, &facts, &clock));
    if hosted {
        let own = code_pages::make_private();
        run.provenance.warnings.extend(own.err().as_ref().map(warnings::of_code_pages));
        run.provenance.body_cache = provenance::body_cache(matrix.frames, topology.llc_bytes);
        let found = findings(&facts, &topology, matrix.cpus());
        run.provenance.warnings.extend(found.iter().map(warnings::of_machine));
        run.provenance.warnings.extend(warnings::of_profile(&run.provenance.profile));
    }
    if args.trap_cost {
        measure_trap(&mut run, &clock, matrix.cpus());
    }
    describe(&mut run, &matrix, &points, &machines);

    let arena = Arena::new(matrix.frames)
        .map_err(|error| CommandError::machine(anyhow!(error).context("no memory for frames")))?;
    let passes = passes(args, &mut run.provenance);
    let planned = matrix.storms(args.host_repeats(), &passes);
    let planned = planned + points.iter().filter(|point| point.refused.is_none()).count() as u64;
    let mut storms = Storms {
        progress: Progress::new(planned, args.quiet),
        document: Document::new(args.json.as_ref(), started, &names),
        args,
        matrix: &matrix,
        passes: &passes,
        clock,
        arena: &arena,
        interrupt: &interrupt,
        cells: Vec::new(),
        order: 0,
        worst: Exit::Done,
        run,
    };
    let ending = all(&mut storms, hosted, &points, usable_bytes)?;
    storms.progress.clear();
    storms.run.fit_scaling();
    storms.run.find_break_even();
    let exit = publish(&storms, &ending);
    if let Ending::Stuck(_) = ending {
        // The threads that are stuck cannot be joined, nor can what they use be freed.
        std::process::exit(i32::from(Exit::Storm.code()));
    }
    exit
}

/// Refuses what is asked of a world in which nothing runs.
fn has_its_world(args: &RunArgs, hosted: bool, machines: &[Machine]) -> Result<(), CommandError> {
    if let Some(vary) = args.machine_vary().first().filter(|_| machines.is_empty()) {
        return Err(CommandError::usage(anyhow!(
            "'--vary {}' varies the model's machine, and no '--on model:MACHINE' is given",
            vary.name
        )));
    }
    if args.trap_cost && !hosted {
        return Err(CommandError::usage(anyhow!(
            "'--trap-cost' measures this machine, and nothing runs on it: give '--on kernel' too"
        )));
    }
    Ok(())
}

/// Notes what an empty exception costs, or why nobody knows.
fn measure_trap(run: &mut Run, clock: &Clock, cpus: &[usize]) {
    match provenance::trap_cost_ns(clock, cpus) {
        Ok(cost) => run.provenance.host.trap_cost_ns = Some(cost),
        Err(why) => run.provenance.warnings.push(warnings::of_trap(&why)),
    }
}

/// Puts workloads and machines into the document, by digest.
fn describe(run: &mut Run, matrix: &Matrix, points: &[Point], machines: &[Machine]) {
    for (key, workload) in matrix.keys().chain(points.iter().map(Point::workload)) {
        let digest = key.workload_digest.clone();
        run.workloads.entry(digest).or_insert_with(|| resolved(workload));
    }
    run.machines.extend(machines.iter().map(|machine| (machine.digest(), machine.resolved())));
}

/// Whether anything runs on this machine's own cores.
fn is_here(args: &RunArgs) -> bool {
    args.on.iter().any(|world| matches!(world, World::Host | World::Kernel))
}

/// Runs what is on this machine, then what is in the model.
fn all(
    storms: &mut Storms,
    hosted: bool,
    points: &[Point],
    usable_bytes: u64,
) -> Result<Ending, CommandError> {
    let mut ending = Ending::Done;
    if hosted {
        let steal = StealMeter::start(&Roots::default(), storms.matrix.cpus());
        ending = storms.all();
        storms.run.provenance.host.steal_share = steal.finish();
        let steal = storms.run.provenance.host.steal_share.and_then(Finding::of_steal);
        storms.run.provenance.warnings.extend(steal.as_ref().map(warnings::of_machine));
    }
    if !points.is_empty() && matches!(ending, Ending::Done) {
        ending = storms.model(points, usable_bytes)?;
    }
    storms.progress.clear();
    Ok(ending)
}

/// The machines of the model that are named, each once.
fn machines(args: &RunArgs) -> Result<Vec<Machine>, CommandError> {
    let mut machines: Vec<Machine> = Vec::new();
    for world in &args.on {
        let World::Model(name) = world else { continue };
        let machine = names::machine(name, "nothing was run")?;
        if machines.iter().all(|known| known.name != machine.name) {
            machines.push(machine);
        }
    }
    Ok(machines)
}

/// Those that are named; else the seed workloads, and in the model all that are shipped.
fn workloads(args: &RunArgs, known: Known) -> Result<Vec<Workload>, CommandError> {
    let hosted = is_here(args);
    let chosen: Vec<String> = match args.workloads.as_slice() {
        [] if hosted => SEED.map(str::to_owned).into(),
        [] => shipped().iter().map(|(name, _)| (*name).to_owned()).collect(),
        given => given.to_vec(),
    };
    names::workloads(&chosen, known)
}

/// What is recorded in storms of its own. Of the kernel its events, where they may be counted;
/// the document says which, or why not.
fn passes(args: &RunArgs, by: &mut Provenance) -> Passes {
    let mut passes = Passes::default();
    if !args.no_lines {
        passes.host.push(Recording::Lines);
    }
    if args.stages {
        passes.host.push(Recording::Stages);
    }
    if !args.no_lines && args.on.contains(&World::Kernel) {
        by.kernel_events = Some(match Events::open(&Roots::default()) {
            Ok(events) => {
                passes.kernel.push(Recording::Lines);
                events.described()
            }
            Err(why) => format!("none: {why}"),
        });
    }
    passes
}

/// Writes the document and prints the tables, whatever came of the run.
fn publish(storms: &Storms, ending: &Ending) -> Result<Exit, CommandError> {
    let Storms { args, run, document, .. } = storms;
    let written = document.finish(run);
    let mut exit = if written.as_asked { storms.worst } else { worse(storms.worst) };
    if !args.quiet && !document.takes_stdout() {
        let path = written.path.as_ref().map(|path| path.display().to_string());
        print(report::table(run, style(), path.as_deref()).as_bytes())?;
    }
    let runs = std::slice::from_ref(run);
    let csv = args.csv.as_ref().map(|path| (path, report::csv(runs)));
    let html = args.html.as_ref().map(|path| (path, report::html(runs)));
    for (path, text) in csv.into_iter().chain(html) {
        if let Err(error) = write(path, &text) {
            eprintln!("error: {:#}", anyhow!(error));
            exit = worse(exit);
        }
    }
    Ok(match ending {
        Ending::Done => exit,
        Ending::Interrupted => Exit::Interrupted,
        Ending::Stuck(what) => {
            eprintln!("error: {what}");
            Exit::Storm
        }
    })
}

/// Adds that something could not be written: a failed storm is worse.
fn worse(exit: Exit) -> Exit {
    if exit == Exit::Storm { exit } else { Exit::Machine }
}
