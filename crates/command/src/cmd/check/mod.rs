//! `faultstorm check`: validates workload files, runs a tiny storm of each, and checks its
//! expectations.

mod expectation;
mod length;

use std::collections::BTreeSet;
use std::fmt::{self, Write};
use std::sync::Arc;

use anyhow::{Context, anyhow};

use self::expectation::{broken, concerns, needs_lines};
use self::length::{takes_too_long, until};
use super::console::{is_dumb, print, tell};
use super::error::CommandError;
use super::names;
use crate::cli::CheckArgs;
use base::exit::Exit;
use catalogue::{Entry, Known};
use host::clock::Clock;
use host::placement::{Placement, place};
use host::preflight::Facts;
use host::topology::Topology;
use indicatif::{ProgressBar, ProgressStyle};
use inputs::workload::{Metric, Workload, find, open, shipped};
use machine::host::Tally;
use mm::fault::Fallback;
use mm::frames::Arena;
use storm::needs::{fits, needs};
use storm::plan::total_threads;
use storm::{Executor, Recording, Storm, StormError, StormRequest, ThreadExecutor};

/// Seed of the storms. Any number is fine: expectations hold for all seeds.
const SEED: u64 = 1;

/// Checks workload files, and prints a line for each, followed by the expectations that are not
/// met.
///
/// # Errors
///
/// If files have mistakes (all mistakes of all files at once), or need more than the machine has.
pub fn check(args: &CheckArgs, known: Known) -> Result<Exit, CommandError> {
    let topology = Topology::here().context("cannot read the CPUs that this process may use")?;
    let sources = match args.files.as_slice() {
        [] => shipped().iter().map(|(name, _)| find(name)).collect(),
        files => files.iter().map(|path| open(path)).collect(),
    };
    let workloads = names::parsed(sources, known)?;
    has_known_reasons(&workloads)?;
    if args.syntax {
        let right: String = workloads.iter().map(|it| format!("{}: ok\n", it.name)).collect();
        print(right.as_bytes())?;
        return Ok(Exit::Done);
    }
    let storms =
        |workload: &Workload| thread_counts(workload).len() * entries(known, workload).count();
    let slow = workloads.iter().filter_map(|workload| takes_too_long(workload, storms(workload)));
    let slow: Vec<String> = slow.collect();
    if !slow.is_empty() {
        return Err(CommandError::usage(anyhow!(slow.join("\n"))));
    }
    let frames = frames(&workloads, Facts::here().usable().bytes)?;
    let arena = Arena::new(frames)
        .map_err(|error| CommandError::machine(anyhow!(error).context("no memory for frames")))?;
    let progress = progress(workloads.iter().map(&storms).sum());
    let tiny = Tiny { topology, clock: Clock::new(), arena, known, progress };
    let mut all_hold = true;
    for workload in &workloads {
        let (text, holds) = tiny.check(workload)?;
        tiny.progress.suspend(|| print(text.as_bytes()))?;
        all_hold &= holds;
    }
    tiny.progress.finish_and_clear();
    Ok(if all_hold { Exit::Done } else { Exit::Storm })
}

/// Refuses expectations about reasons to fall back that do not exist.
fn has_known_reasons(workloads: &[Workload]) -> Result<(), CommandError> {
    let known = Fallback::ALL.map(Fallback::name);
    for workload in workloads {
        let reasons = workload.expect.iter().filter_map(|expect| match &expect.metric {
            Metric::FallbacksPerFault(reason) => reason.as_deref(),
            _ => None,
        });
        if let Some(unknown) = reasons.into_iter().find(|reason| !known.contains(reason)) {
            return Err(CommandError::usage(anyhow!(
                "'{}' expects something of the reason '{unknown}', which no fault has: the reasons \
                 are {}",
                workload.name,
                known.join(", ")
            )));
        }
    }
    Ok(())
}

/// Returns the progress of this number of storms: on a terminal whose cursor moves, a bar.
fn progress(storms: usize) -> ProgressBar {
    if is_dumb() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("[{wide_bar}] {pos}/{len} storms, {eta} left {msg}");
    let style = style.expect("it is well-formed").progress_chars("#> ");
    ProgressBar::new(storms as u64).with_style(style)
}

/// Returns the number of frames of the largest storm.
fn frames(workloads: &[Workload], usable_bytes: u64) -> Result<usize, CommandError> {
    let of_storm = |workload: &Workload, threads: usize| {
        let needs = needs(workload, threads, SEED, until(workload), usable_bytes)?;
        let bytes = needs.content_bytes() + needs.audited_bytes() + needs.measuring_bytes();
        let advice = "make it smaller, or give it fewer `touches`";
        fits(workload, threads, bytes, usable_bytes, "memory", advice).map(|()| needs.frames)
    };
    let (mut frames, mut too_large) = (0, Vec::new());
    for workload in workloads {
        let mut storms = thread_counts(workload).into_iter();
        let needed = storms.try_fold(0, |most, threads| {
            of_storm(workload, threads).map(|frames| frames.max(most))
        });
        match needed {
            Ok(needed) => frames = frames.max(needed),
            Err(error) => too_large.push(error.to_string()),
        }
    }
    match too_large.is_empty() {
        true => Ok(frames),
        false => Err(CommandError::machine(anyhow!(too_large.join("\n")))),
    }
}

/// Resources of tiny storms.
struct Tiny {
    topology: Topology,
    clock: Clock,
    arena: Arc<Arena>,
    known: Known,
    progress: ProgressBar,
}

impl Tiny {
    /// Storms a workload under every strategy; returns the text to print, and true if all
    /// expectations are met.
    fn check(&self, workload: &Workload) -> Result<(String, bool), CommandError> {
        let (mut storms, mut judged) = (0, 0);
        let mut audit = Audit::default();
        let mut wrong = String::new();
        let mut lines_seen = BTreeSet::new();
        self.progress.set_message(workload.name.clone());
        for threads in thread_counts(workload) {
            for entry in entries(self.known, workload) {
                let expected: Vec<_> = (workload.expect.iter())
                    .filter(|expect| concerns(expect, entry.name, threads))
                    .collect();
                let lines = expected.iter().any(|expect| needs_lines(expect));
                let plural = if threads == 1 { "" } else { "s" };
                let place = format!("  {}, {threads} thread{plural}:", entry.name);
                storms += 1;
                let result = self.storm(workload, entry, threads, lines)?;
                self.progress.inc(1);
                match result {
                    Ok(storm) => {
                        let lines = storm.lines.iter().flat_map(|tally| &tally.0);
                        lines_seen.extend(lines.map(|(name, _)| name.name));
                        audit.add(&storm);
                        judged += expected.len();
                        for broken in expected.iter().filter_map(|expect| broken(expect, &storm)) {
                            let _ = writeln!(wrong, "{place} {broken}");
                        }
                    }
                    Err(stuck @ StormError::Stuck { .. }) => {
                        tell(&format!("error: {}:{place} {stuck}", workload.name));
                        // A stuck thread cannot be joined.
                        std::process::exit(i32::from(Exit::Storm.code()));
                    }
                    Err(error) => {
                        let _ = writeln!(wrong, "{place} {error}");
                    }
                }
            }
        }
        for unknown in unknown_lines(workload, &lines_seen) {
            let _ = writeln!(wrong, "  no line is named '{unknown}' in its storms");
        }
        let verdict = if wrong.is_empty() { "ok" } else { "FAILED" };
        let name = &workload.name;
        let text =
            format!("{name}: {verdict} ({storms} storms, {judged} expectations, {audit})\n{wrong}");
        Ok((text, wrong.is_empty()))
    }

    fn storm(
        &self,
        workload: &Workload,
        entry: &Entry,
        threads: usize,
        lines: bool,
    ) -> Result<Result<Storm, StormError>, CommandError> {
        let total = total_threads(workload, threads);
        let cpus = place(&self.topology, &Placement::default(), total);
        let cpus = cpus.map_err(CommandError::machine)?;
        Ok((entry.run)(&StormRequest {
            workload,
            weighted_threads: threads,
            // With page contents, so that the books cover those too.
            real_body: true,
            entry_prefetch: false,
            kernel: None,
            seed: SEED,
            warmup_ns: 0,
            until: until(workload),
            executor: Executor::Threads(ThreadExecutor {
                cpus: &cpus,
                // With several threads the counting of transfers is checked too.
                recording: match threads {
                    1 if lines => Recording::Lines,
                    1 => Recording::Throughput,
                    _ => Recording::Audit,
                },
                sample_period: 0,
                clock: self.clock,
                arena: &self.arena,
            }),
        }))
    }
}

/// Returns the lines that a workload expects something of, and that none of its storms has.
fn unknown_lines<'a>(workload: &'a Workload, seen: &BTreeSet<&str>) -> Vec<&'a str> {
    let lines = workload.expect.iter().filter_map(|expect| match &expect.metric {
        Metric::TransfersPerFault(line) => line.as_deref(),
        _ => None,
    });
    lines.filter(|line| !seen.contains(line)).collect()
}

/// Transfers of all audited storms of a workload: by the stamps, and by the directories.
#[derive(Default)]
struct Audit {
    counted: u64,
    directory: u64,
}

impl Audit {
    fn add(&mut self, storm: &Storm) {
        let transfers = |tally: &Tally| tally.0.iter().map(|(_, line)| line.transfers).sum::<u64>();
        if let (Some(counted), Some(directory)) = (&storm.lines, &storm.directory) {
            self.counted += transfers(counted);
            self.directory += transfers(directory);
        }
    }
}

/// Prints, for instance, `transfers off by 0.2 %`: transfers that the stamps missed or counted
/// twice.
impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.directory {
            0 => f.write_str("no transfers"),
            directory => {
                let off = 100.0 * (self.counted as f64 / directory as f64 - 1.0).abs();
                write!(f, "transfers off by {off:.1} %")
            }
        }
    }
}

/// Returns the strategies that run a workload.
fn entries(known: Known, workload: &Workload) -> impl Iterator<Item = &'static Entry> {
    known.iter().filter(|entry| (entry.refuses)(workload).is_none())
}

/// Returns one thread, two, and every number that an expectation names.
fn thread_counts(workload: &Workload) -> BTreeSet<usize> {
    workload.expect.iter().filter_map(|expect| expect.threads).chain([1, 2]).collect()
}
