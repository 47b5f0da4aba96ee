//! `faultstorm run`: storms workloads and compares strategies.

mod collect;
mod document;
mod matrix;
mod progress;
mod provenance;
mod storms;
mod warnings;

use anyhow::{Context, anyhow};
use jiff::Timestamp;

use self::document::{Document, write_csv};
use self::matrix::Matrix;
use self::progress::Progress;
use self::storms::{Ending, Storms};
use super::console::{print, style};
use super::error::CommandError;
use super::names;
use crate::cli::RunArgs;
use crate::exit::Exit;
use crate::host::Roots;
use crate::host::clock::Clock;
use crate::host::finding::{Finding, findings};
use crate::host::interrupt::Interrupt;
use crate::host::preflight::Facts;
use crate::host::steal::StealMeter;
use crate::host::topology::Topology;
use crate::mm::frames::Arena;
use crate::report;
use crate::run::Run;
use crate::storm::Recording;
use crate::workload::{SEED, resolved};

/// Runs the storms that were asked for, prints the tables and writes the document.
///
/// # Errors
///
/// Before the first storm: bad input, or more than the machine has. What happens later
/// is in the document and in the exit code.
pub fn run(args: &RunArgs) -> Result<Exit, CommandError> {
    // First, since its thread inherits the affinity of this one.
    let interrupt = Interrupt::install().context("cannot take over Ctrl-C")?;
    let started = Timestamp::now();
    let topology = Topology::here().context("cannot read the CPUs that this process may use")?;
    let facts = Facts::here();
    let matrix = matrix(args, &topology, &facts)?;
    matrix.fits(facts.memory.usable_bytes(&facts.limits))?;
    let clock = Clock::new();

    let mut run = Run::new(provenance::provenance(started, args.seed, &topology, &facts, &clock));
    run.provenance.body_cache = provenance::body_cache(matrix.frames, topology.llc_bytes);
    let found = findings(&facts, &topology, matrix.cpus());
    run.provenance.warnings.extend(found.iter().map(warnings::of_machine));
    run.provenance.warnings.extend(warnings::of_profile(&run.provenance.profile));
    for group in &matrix.groups {
        for cell in &group.cells {
            let digest = cell.key.workload_digest.clone();
            run.workloads.entry(digest).or_insert_with(|| resolved(&group.workload));
        }
    }

    let arena = Arena::new(matrix.frames)
        .map_err(|error| CommandError::machine(anyhow!(error).context("no memory for frames")))?;
    let passes = passes(args);
    let mut storms = Storms {
        progress: Progress::new(matrix.storms(args.repeats, passes.len()), args.quiet),
        document: Document::new(args.json.as_ref(), started, &workload_names(&matrix)),
        args,
        matrix: &matrix,
        passes,
        clock,
        arena: &arena,
        interrupt: &interrupt,
        cells: Vec::new(),
        order: 0,
        worst: Exit::Done,
        run,
    };
    let steal = StealMeter::start(&Roots::default(), matrix.cpus());
    let ending = storms.all();
    storms.run.provenance.host.steal_share = steal.finish();
    let steal = storms.run.provenance.host.steal_share.and_then(Finding::of_steal);
    storms.run.provenance.warnings.extend(steal.as_ref().map(warnings::of_machine));
    let exit = publish(&storms, &ending);
    if let Ending::Stuck(_) = ending {
        // The threads that are stuck cannot be joined, nor can what they use be freed.
        std::process::exit(i32::from(Exit::Storm.code()));
    }
    exit
}

/// Resolves names and flags to cells.
fn matrix(args: &RunArgs, topology: &Topology, facts: &Facts) -> Result<Matrix, CommandError> {
    let strategies = names::strategies(&args.strategy)?;
    let seed: Vec<String>;
    let workloads = match args.workloads.as_slice() {
        [] => {
            seed = SEED.map(str::to_owned).into();
            &seed
        }
        given => given,
    };
    let workloads = names::workloads(workloads, facts.memory.usable_bytes(&facts.limits))?;
    Matrix::new(args, workloads, &strategies, topology, &provenance::machine(facts))
}

/// What is recorded in storms of its own, after the repeats of a group.
fn passes(args: &RunArgs) -> Vec<Recording> {
    let lines = (!args.no_lines).then_some(Recording::Lines);
    lines.into_iter().chain(args.stages.then_some(Recording::Stages)).collect()
}

fn workload_names(matrix: &Matrix) -> Vec<&str> {
    let mut names: Vec<&str> = matrix.groups.iter().map(|group| &*group.workload.name).collect();
    names.dedup();
    names
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
    if let Some(path) = &args.csv
        && let Err(error) = write_csv(path, run)
    {
        eprintln!("error: {:#}", anyhow!(error));
        exit = worse(exit);
    }
    Ok(match ending {
        Ending::Done => exit,
        Ending::Interrupted => Exit::Interrupted,
        Ending::Panicked(what) | Ending::Stuck(what) => {
            eprintln!("error: {what}");
            Exit::Storm
        }
    })
}

/// Adds that something could not be written: a failed storm is worse.
fn worse(exit: Exit) -> Exit {
    if exit == Exit::Storm { exit } else { Exit::Machine }
}
