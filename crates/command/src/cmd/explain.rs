//! `faultstorm explain`: one fault in the model, access by access.

use std::fmt::Write;

use anyhow::anyhow;

use super::console::{COLUMNS, print};
use super::error::CommandError;
use super::names;
use super::run::{model_room, places};
use crate::cli::{ExplainArgs, WorldArg};
use base::exit::Exit;
use catalogue::Known;
use host::placement::Placement;
use host::preflight::Facts;
use inputs::machines::MachineFile;
use inputs::workload::Until;
use machine::Work;
use machine::model::{Distance, Found, Step, Traced};
use storm::plan::total_threads;
use storm::{Executor, ModelExecutor, StormRequest};

/// Faults of each core: enough to have one of the wanted kind after the first hundred.
const FAULTS: u64 = 1000;

/// Runs a storm in the model and prints one fault of its first core.
///
/// # Errors
///
/// If the input is bad, no fault of the wanted kind occurs, or the storm fails.
pub fn explain(args: &ExplainArgs, known: Known) -> Result<Exit, CommandError> {
    let WorldArg::Model(machine) = &args.on else {
        return Err(CommandError::usage(anyhow!(
            "'{}' cannot be traced: 'model:NAME' can",
            args.on
        )));
    };
    let machine =
        MachineFile::find(machine).map_err(|wrong| CommandError::usage(anyhow!(wrong)))?;
    let strategies = names::strategies(std::slice::from_ref(&args.strategy), known)?;
    let workloads = names::workloads(std::slice::from_ref(&args.workload), known)?;
    let (entry, workload) = (strategies[0], &workloads[0]);
    if let Some(reason) = (entry.refuses)(workload) {
        return Err(CommandError::usage(anyhow!("{} does not run this: {reason}", entry.name)));
    }
    let threads = args.threads as usize;
    let total = total_threads(workload, threads);
    let until = Until::Faults(FAULTS);
    model_room(workload, threads, args.seed, until, Facts::here().usable())?;
    let spec = StormRequest {
        workload,
        weighted_threads: threads,
        real_body: true,
        entry_prefetch: false,
        kernel: None,
        seed: args.seed,
        warmup_ns: 0,
        until,
        executor: Executor::Model(ModelExecutor {
            machine: &machine.parameters,
            places: &places(&machine, &Placement::default(), total)?,
            trace: Some(args.kind),
        }),
    };
    let storm = (entry.run)(&spec)?;
    let traced = storm.model.map_or_else(Vec::new, |model| model.traced);
    if traced.is_empty() {
        return Err(CommandError::usage(anyhow!(
            "'{}' has no such fault after the first hundred of a thread",
            workload.name
        )));
    }
    let title = format!(
        "One fault of {} under {}: core 0 of {total}, {}, seed {}",
        workload.name, entry.name, machine.name, args.seed
    );
    print(text(&title, &traced).as_bytes())?;
    Ok(Exit::Done)
}

fn text(title: &str, traced: &[Traced]) -> String {
    let start = traced.first().map_or(0, |step| step.from_ps);
    let ns = |ps: u64| ps as f64 / 1000.0;
    let mut out = format!("{title}\n\n");
    let _ =
        writeln!(out, "{:>8} {:>8}  {:<9}{:<19}{:<16}found", "at ns", "ns", "", "line", "field");
    for step in traced {
        let (line, field) = match step.at {
            // A prefetch is for the whole line.
            Some((name, _)) if step.step == Step::Prefetch => (name.name, ""),
            Some((name, word)) => (name.name, name.words[word]),
            None => ("", ""),
        };
        if let Step::Work(work) = step.step {
            let (at, long) = (ns(step.from_ps - start), ns(step.ps));
            let _ = writeln!(out, "{at:>8.1} {long:>8.1}  {:<9}{}", "work", work_done(work));
            continue;
        }
        let row = format!(
            "{:>8.1} {:>8.1}  {:<9}{line:<19}{field:<15} ",
            ns(step.from_ps - start),
            ns(step.ps),
            what(step.step),
        );
        let found = found(step);
        let row = match row.len() + found.len() <= COLUMNS {
            true => row + &found,
            false => format!("{row}\n{:63} {found}", ""),
        };
        let _ = writeln!(out, "{}", row.trim_end());
    }
    out += "\nfound: state and distance of a line that the core had to request; empty after a\n\
            hit in its own cache or store buffer. upgrade: it had a copy and needed the\n\
            only one.\n\n";
    out += &totals(traced);
    out
}

fn what(step: Step) -> &'static str {
    match step {
        Step::Load => "load",
        Step::Store => "store",
        Step::Rmw => "rmw",
        Step::Prefetch => "prefetch",
        Step::Spin => "spin",
        Step::Work(_) => "work",
    }
}

fn found(step: &Traced) -> String {
    let distance = |distance| match distance {
        Distance::Cluster => "cluster",
        Distance::Socket => "socket",
        Distance::Hop => "1 hop",
        Distance::TwoHops => "2 hops",
    };
    match (step.step, step.found) {
        (_, Some(Found::Modified(far))) => format!("modified, {}", distance(far)),
        (_, Some(Found::Shared(far))) => format!("shared, {}", distance(far)),
        (_, Some(Found::Upgrade(far))) => format!("upgrade, {}", distance(far)),
        (_, Some(Found::Memory(_))) => "in memory".to_owned(),
        (_, Some(Found::Home | Found::Far)) => "at its home".to_owned(),
        _ => String::new(),
    }
}

fn work_done(work: Work) -> &'static str {
    match work {
        Work::Trap => "exception, return, omitted parts",
        Work::ReadSection => "RCU read section",
        Work::ClearPage => "clearing the page",
        Work::CopyPage => "copying the page",
        Work::ThinkNs(_) => "the program's own",
    }
}

fn totals(traced: &[Traced]) -> String {
    // Summed as integers: the sum of no floats is -0.0.
    let ns = |steps: &dyn Fn(&&Traced) -> bool| {
        traced.iter().filter(steps).map(|step| step.ps).sum::<u64>() as f64 / 1000.0
    };
    let count = |steps: &dyn Fn(&&Traced) -> bool| traced.iter().filter(steps).count();
    let is_work = |step: &&Traced| matches!(step.step, Step::Work(_));
    let is_asked = |step: &&Traced| step.found.is_some() && !is_work(step);
    let is_hit = |step: &&Traced| step.found.is_none() && !is_work(step);
    format!(
        "{:>10.1} ns for the whole fault:\n\
         {:>10.1} ns private work\n\
         {:>10.1} ns {} accesses that had to request the line\n\
         {:>10.1} ns {} accesses in the own cache or store buffer, and waits for stores\n",
        ns(&|_| true),
        ns(&is_work),
        ns(&is_asked),
        count(&is_asked),
        ns(&is_hit),
        count(&is_hit)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use catalogue::find;

    #[test]
    fn a_fault_is_walked_through_in_80_columns() {
        let machine = MachineFile::find("xeon-skylake-8s").unwrap();
        let names = ["huge-anon".to_owned()];
        let workload = names::workloads(&names, Known::SHIPPED).unwrap().remove(0);
        let spec = StormRequest {
            workload: &workload,
            weighted_threads: 9,
            real_body: true,
            entry_prefetch: true,
            kernel: None,
            seed: 1,
            warmup_ns: 0,
            until: Until::Faults(200),
            executor: Executor::Model(ModelExecutor {
                machine: &machine.parameters,
                places: &places(&machine, &Placement::default(), 9).unwrap(),
                trace: Some(None),
            }),
        };
        let storm = (find("mmap-lock").unwrap().run)(&spec).unwrap();
        let traced = storm.model.unwrap().traced;
        let text = text("A fault", &traced);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        for said in ["prefetch mm.mmap_lock", "clearing the page", "ptdesc.ptl", "modified, "] {
            assert!(text.contains(said), "{said}: {text}");
        }
        // No access begins before the end of the one before it.
        let steps = traced.windows(2);
        assert!(steps.clone().all(|pair| pair[0].from_ps + pair[0].ps <= pair[1].from_ps));
        assert!(steps.len() > 20);
    }
}
