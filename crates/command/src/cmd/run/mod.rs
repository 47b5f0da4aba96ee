//! `faultstorm run`: storms workloads and compares strategies.

mod asked;
mod collect;
mod document;
mod kernels;
mod models;
mod outputs;
mod plan;
mod progress;
mod provenance;
mod sensitivities;
mod standing;
mod storms;
mod variations;
mod warnings;

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use std::time::SystemTime;

use self::document::DocumentFile;
use self::kernels::Kernels;
use self::plan::{Competitors, ModelPlanner, Passes, RunPlan};
pub(super) use self::plan::{model_room, places};
use self::progress::{Expected, Progress};
use self::storms::{Ending, Storms};
use super::console::{print, style, tell};
use super::error::CommandError;
use super::names;
use crate::cli::{RunArgs, WorldArg};
use ::document::run::{Provenance, Run};
use base::exit::Exit;
use catalogue::Known;
use host::clock::Clock;
use host::events::PerfEvents;
use host::finding::{Finding, findings};
use host::interrupt;
use host::preflight::{Facts, Usable};
use host::steal::StealMeter;
use host::topology::Topology;
use host::{Roots, code_pages, ulimits};
use inputs::machines::MachineFile;
use inputs::workload::{SEED, Workload, resolved};
use mm::frames::Arena;
use storm::Recording;
use validation::Card;

/// Time of a run without arguments, from its start to its last line.
const MINUTE: Duration = Duration::from_secs(60);
/// Rest of that time when the last turn begins: for that turn, warnings and the document.
const MINUTE_END: Duration = Duration::from_millis(2500);

/// Runs the storms that were asked for, prints the tables and writes the document.
///
/// # Errors
///
/// Before the first storm: bad input, or more than the machine has. What happens later
/// is in the document and in the exit code.
pub fn run(args: &RunArgs, known: Known) -> Result<Exit, CommandError> {
    outputs::test(args)?;
    tell_if_ignored(args);
    let (started, from) = (SystemTime::now(), Instant::now());
    ulimits::allow_all_files();
    let topology = Topology::here().context("cannot read the CPUs that this process may use")?;
    let facts = Facts::here();
    let Planned { plan, names, machines, kernels } = planned(args, known, &topology, &facts)?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (hosted, is_plain) = (is_here(args), args.is_plain());
    let clock = Clock::new();

    let by = provenance::provenance(started, args.seed, &topology, &facts, &clock);
    let mut run = Run::new(by);
    if hosted {
        judge_machine(&mut run, &plan, &topology, &facts);
    }
    if args.trap_cost {
        measure_trap(&mut run, &clock, plan.cpus());
    }
    describe(&mut run, &plan, &machines);
    run.kernels.extend(kernels.described());
    let arena = Arena::new(plan.room.frames)
        .map_err(|error| CommandError::machine(anyhow!(error).context("no memory for frames")))?;
    let passes = passes(args, &mut run.provenance);
    interrupt::defer();
    let mut document = DocumentFile::new(args.json.as_ref(), started, &names);
    document.save(&run);
    let head = Head::print(&run, args.quiet || document.takes_stdout());
    let expected = match is_plain {
        true => Expected::Minute(from + MINUTE),
        false => Expected::Storms(plan.storms(&passes)),
    };
    let mut storms = Storms {
        progress: Progress::new(expected, args.quiet),
        document,
        args,
        plan: &plan,
        passes: &passes,
        clock,
        arena: &arena,
        deadline: is_plain.then(|| from + MINUTE - MINUTE_END),
        cells: Vec::new(),
        standing: Vec::new(),
        order: 0,
        worst: Exit::Done,
        run,
    };
    let ending = all(&mut storms, hosted, facts.usable())?;
    close(&mut storms, &ending, head)
}

/// A run before its first storm.
struct Planned {
    plan: RunPlan,
    /// Names of the workloads.
    names: Vec<String>,
    machines: Vec<MachineFile>,
    kernels: Kernels,
}

/// Plans the run that was asked for.
///
/// # Errors
/// If it is bad input, or more than the machine has.
fn planned(
    args: &RunArgs,
    known: Known,
    topology: &Topology,
    facts: &Facts,
) -> Result<Planned, CommandError> {
    let is_plain = args.is_plain();
    let (host_args, model_args) = match is_plain {
        true => (&args.plain_host(), &RunArgs::plain_model()),
        false => (args, args),
    };
    let (hosted, machines) = (is_here(args), machines(model_args)?);
    has_its_world(args, hosted, &machines)?;
    let strategies = names::strategies(&args.strategy, known)?;
    let workloads = workloads(args, known)?;
    variations::check(&workloads, args)?;
    let names = workloads.iter().map(|workload| workload.name.clone()).collect();
    let usable = facts.usable();
    let kernels = Kernels::new(args, &strategies)?;
    let of_model = match is_plain {
        true => kernels.clone().and_in_one()?,
        false => kernels.clone(),
    };
    let competitors = Competitors { strategies: &strategies, kernels: &kernels };
    let here = match hosted {
        true => {
            let slug = provenance::machine(facts);
            let of = RunPlan::of_this_machine;
            of(host_args, workloads.clone(), competitors, topology, &slug, usable)?
        }
        false => RunPlan::default(),
    };
    let here = if is_plain { here.of_a_minute() } else { here };
    let planner = ModelPlanner {
        args: model_args,
        competitors: Competitors { kernels: &of_model, ..competitors },
        machines: &machines,
        usable: usable.beside(here.room.arena_bytes()),
    };
    let model = planner.groups(workloads)?;
    Ok(Planned { plan: RunPlan { model, ..here }, names, machines, kernels: of_model })
}

/// Derives what follows from all cells, and publishes the run.
fn close(storms: &mut Storms, ending: &Ending, head: Head) -> Result<Exit, CommandError> {
    storms.progress.clear();
    storms.run.fit_scaling();
    storms.run.find_break_even();
    let exit = publish(storms, ending, head);
    if let Ending::Stuck(_) = ending {
        // The threads that are stuck cannot be joined, nor can what they use be freed.
        std::process::exit(i32::from(Exit::Storm.code()));
    }
    exit
}

/// Refuses what is asked of a world in which nothing runs.
fn has_its_world(
    args: &RunArgs,
    hosted: bool,
    machines: &[MachineFile],
) -> Result<(), CommandError> {
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

/// Says which flags mean nothing to the worlds of the run.
fn tell_if_ignored(args: &RunArgs) {
    let is_simulated = args.worlds().iter().any(|world| !matches!(world, WorldArg::Kernel));
    if !is_simulated && !args.strategy.is_empty() {
        let names = args.strategy.join(",");
        tell(&format!(
            "note: --strategy {names} is ignored: the running kernel has its own scheme"
        ));
    }
}

/// Notes the cost of an empty exception, or why it is not known.
fn measure_trap(run: &mut Run, clock: &Clock, cpus: &[usize]) {
    match provenance::trap_cost_ns(clock, cpus) {
        Ok(cost) => run.provenance.host.trap_cost_ns = Some(cost),
        Err(why) => run.provenance.warnings.push(warnings::of_trap(&why)),
    }
}

/// Puts cells into the document, and workloads and machines by digest.
fn describe(run: &mut Run, plan: &RunPlan, machines: &[MachineFile]) {
    for (key, workload) in plan.keys() {
        let digest = key.workload_digest.clone();
        run.workloads.entry(digest).or_insert_with(|| resolved(workload));
    }
    let described = |machine: &MachineFile| {
        let mut described = machine.resolved();
        described["compared"] = Card::of(machine).as_json();
        (machine.digest(), described)
    };
    run.machines.extend(machines.iter().map(described));
    run.cells = plan.cells().collect();
}

/// Whether anything runs on this machine's own cores.
fn is_here(args: &RunArgs) -> bool {
    args.worlds().iter().any(|world| matches!(world, WorldArg::Host | WorldArg::Kernel))
}

/// Notes what is suspicious about this machine before the first storm.
fn judge_machine(run: &mut Run, plan: &RunPlan, topology: &Topology, facts: &Facts) {
    let own = code_pages::make_private();
    let by = &mut run.provenance;
    by.warnings.extend(own.err().as_ref().map(warnings::of_code_pages));
    by.body_cache = provenance::body_cache(plan.room.frames, topology.llc_bytes);
    let found = findings(facts, topology, plan.cpus());
    by.warnings.extend(found.iter().map(warnings::of_machine));
    by.warnings.extend(warnings::of_profile(&by.profile));
    by.looked = plan.here.iter().any(|group| group.turns.looks);
}

/// Runs what is on this machine, then what is in the model. In a minute the model comes first:
/// this machine has what is left of it.
fn all(storms: &mut Storms, hosted: bool, usable: Usable) -> Result<Ending, CommandError> {
    let is_model_first = storms.deadline.is_some();
    let mut ending = Ending::Done;
    for is_model in [is_model_first, !is_model_first] {
        if !matches!(ending, Ending::Done) {
            break;
        }
        match is_model {
            true if !storms.plan.model.is_empty() => {
                ending = storms.model(usable.beside(storms.plan.room.arena_bytes()))?;
            }
            false if hosted => ending = on_this_machine(storms),
            _ => {}
        }
    }
    storms.progress.clear();
    Ok(ending)
}

/// Runs what is on this machine, and notes what its hypervisor took meanwhile.
fn on_this_machine(storms: &mut Storms) -> Ending {
    let steal = StealMeter::start(&Roots::default(), storms.plan.cpus());
    let ending = storms.all();
    let by = &mut storms.run.provenance;
    by.host.steal_share = steal.finish();
    let steal = by.host.steal_share.and_then(Finding::of_steal);
    by.warnings.extend(steal.as_ref().map(warnings::of_machine));
    ending
}

/// The machines of the model that are named, each once.
fn machines(args: &RunArgs) -> Result<Vec<MachineFile>, CommandError> {
    let mut machines: Vec<MachineFile> = Vec::new();
    for world in args.worlds() {
        let WorldArg::Model(name) = world else { continue };
        let machine = names::machine(name, "nothing was run")?;
        match machines.iter().find(|known| known.name == machine.name) {
            None => machines.push(machine),
            Some(known) if known.digest() == machine.digest() => {}
            Some(_) => {
                return Err(CommandError::usage(anyhow!(
                    "two machines are named '{}', which identifies their results: rename a file",
                    machine.name
                )));
            }
        }
    }
    Ok(machines)
}

/// Those that are named; else the seed workloads.
fn workloads(args: &RunArgs, known: Known) -> Result<Vec<Workload>, CommandError> {
    match args.workloads.as_slice() {
        [] => names::workloads(&SEED.map(str::to_owned), known),
        given => names::workloads(given, known),
    }
}

/// Recordings that need storms of their own. For the kernel its events, if they may be counted;
/// the document says which, or why not.
fn passes(args: &RunArgs, by: &mut Provenance) -> Passes {
    let mut passes = Passes::default();
    if !args.no_lines {
        passes.host.push(Recording::Lines);
    }
    if args.stages {
        passes.host.push(Recording::Stages);
    }
    if !args.no_lines && args.worlds().contains(&WorldArg::Kernel) {
        by.kernel_events = Some(match PerfEvents::open(&Roots::default()) {
            Ok(events) => {
                passes.kernel.push(Recording::Lines);
                events.described()
            }
            Err(why) => format!("none: {why}"),
        });
    }
    passes
}

/// The part of the screen that was printed before the first storm; `None` if nothing is to
/// be printed.
struct Head(Option<String>);

impl Head {
    fn print(run: &Run, quiet: bool) -> Head {
        let head = (!quiet).then(|| report::asked(run));
        if let Some(head) = &head {
            // If nothing can be written, that is reported with the rest of the screen.
            let _ = print(head.as_bytes());
        }
        Head(head)
    }

    /// Prints the rest of the screen, and the tables if they are asked for.
    fn complete(&self, run: &Run, path: Option<&str>, details: bool) -> Result<(), CommandError> {
        let Some(head) = &self.0 else { return Ok(()) };
        let screen = report::screen(run, style(), path);
        print(screen.strip_prefix(head.as_str()).unwrap_or(&screen).as_bytes())?;
        match details {
            true => print(format!("\n{}", report::text(run, style(), path)).as_bytes()),
            false => Ok(()),
        }
    }
}

/// Writes the document, tables and page, and prints the screen, whatever came of the run.
fn publish(storms: &Storms, ending: &Ending, head: Head) -> Result<Exit, CommandError> {
    let Storms { args, run, document, .. } = storms;
    let written = document.finish(run);
    let mut exit = if written.as_asked { storms.worst } else { worse(storms.worst) };
    let runs = std::slice::from_ref(run);
    let csv = args.csv.as_ref().map(|path| (path, report::csv(runs)));
    let html = args.html.as_ref().map(|path| (path, report::html(runs)));
    for (path, text) in csv.into_iter().chain(html) {
        if let Err(error) = std::fs::write(path, &text) {
            tell(&format!("error: cannot write '{}': {error}", path.display()));
            exit = worse(exit);
        }
    }
    if let Some(page) = &args.html {
        tell_of_page(page, args);
    }
    let path = written.path.as_ref().map(|path| path.display().to_string());
    if let Err(error) = head.complete(run, path.as_deref(), args.details) {
        tell(&format!("error: {error:#}"));
        exit = worse(exit);
    }
    Ok(match ending {
        Ending::Done if exit == Exit::Done && !has_numbers(run) => {
            tell("error: no cell has a result");
            Exit::Machine
        }
        Ending::Done => exit,
        Ending::Interrupted => Exit::Interrupted,
        Ending::Stuck(what) => {
            tell(&format!("error: {what}"));
            Exit::Storm
        }
    })
}

/// Says where the page is, and opens it if that is asked for.
fn tell_of_page(page: &Path, args: &RunArgs) {
    if !args.quiet {
        tell(&format!("page: {}", page.display()));
    }
    if args.open {
        let mut opener = std::process::Command::new("xdg-open");
        let opener = opener.arg(page).stdin(Stdio::null()).stdout(Stdio::null());
        if let Err(error) = opener.stderr(Stdio::null()).spawn() {
            tell(&format!("warning: cannot open '{}' by xdg-open: {error}", page.display()));
        }
    }
}

/// True if anything was measured.
fn has_numbers(run: &Run) -> bool {
    run.cells.iter().any(|cell| cell.measured.is_some())
}

/// Adds that something could not be written: a failed storm is worse.
fn worse(exit: Exit) -> Exit {
    if exit == Exit::Storm { exit } else { Exit::Machine }
}
