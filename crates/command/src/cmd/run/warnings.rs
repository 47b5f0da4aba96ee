//! Reasons to doubt the numbers of a run, in words.
//!
//! A warning about cells has one text for all of them, so that the report can say it
//! once: the numbers stand in the cells.

use document::run::{Cell, FileState, Measured, OVERSUBSCRIBED, RatedEvent, Repeat, Warning};
use host::finding::Finding;
use host::trap::NoTrap;
use inputs::workload::{self, Workload};
use std::collections::BTreeMap;
use std::io;
use storm::kernel;

/// Share of a storm in which all threads storm, below which its edges show.
const OVERLAP_SHARE_MIN: f64 = 0.9;
/// Half width of an interval at one thread, as a share of the median, that a quiet
/// machine stays below.
const SPREAD_MAX: f64 = 0.03;
/// Share by which sleeps for I/O may take longer than asked on average.
const IO_EXCESS_MAX: f64 = 0.1;

/// Returns the warning for something found about the machine.
pub(super) fn of_machine(finding: &Finding) -> Warning {
    Warning { code: finding.code().to_owned(), cell: None, text: finding.to_string() }
}

/// Returns the warning for a program that was built without optimisation.
pub(super) fn of_profile(profile: &str) -> Option<Warning> {
    (profile != "release").then(|| Warning {
        code: "debug_build".to_owned(),
        cell: None,
        text: "this program was built without optimisation: its numbers say nothing about \
               locks; build with 'cargo build --release'"
            .to_owned(),
    })
}

/// Returns the warning that an empty exception has no price here.
pub(super) fn of_trap(why: &NoTrap) -> Warning {
    Warning {
        code: "no_trap_cost".to_owned(),
        cell: None,
        text: format!("an empty exception cannot be measured here: {why}"),
    }
}

/// Returns the warning for code that this launch could not have for itself.
pub(super) fn of_code_pages(error: &io::Error) -> Warning {
    Warning {
        code: "code_in_page_cache".to_owned(),
        cell: None,
        text: format!(
            "code runs where the page cache has it ({error}): that place stays from launch to \
             launch and may make this copy of the program faster or slower than another; compare \
             copies that were made anew"
        ),
    }
}

/// Returns the warning about a cell during whose storms the process was stopped.
pub(super) fn of_stop(cell: &Cell) -> Warning {
    Warning {
        code: "stopped".to_owned(),
        cell: Some(cell.id.clone()),
        text: "the program was stopped (SIGSTOP, Ctrl-Z) while it was measured: time passed \
               without faults, so a rate is too low and a latency too long; run it again"
            .to_owned(),
    }
}

/// Returns the warnings about a cell.
pub(super) fn of_cell(cell: &Cell) -> Vec<Warning> {
    let mut found: Vec<(&str, &str)> = Vec::new();
    if cell.is_oversubscribed {
        found.push((
            OVERSUBSCRIBED,
            "threads outnumber the CPUs that they run on, so a thread that holds a lock may be \
             waiting for a CPU: the numbers show the scheduler as much as the lock; give fewer \
             --threads",
        ));
    }
    if let Some(measured) = &cell.measured {
        found.extend(of_numbers(cell, measured));
    }
    let found = found.into_iter().map(|(code, text)| (code, text.to_owned()));
    let own = cell.measured.iter().flat_map(super::asked::of_numbers);
    let warning = |(code, text): (&str, String)| Warning {
        code: code.to_owned(),
        cell: Some(cell.id.clone()),
        text,
    };
    found.chain(own).map(warning).collect()
}

/// Returns the warnings about a cell of the running kernel: counts that do not fit, and what
/// of the workload it could not do as the file says.
pub(super) fn of_kernel(cell: &Cell, workload: &Workload) -> Vec<Warning> {
    let counted = cell.measured.as_ref().and_then(|measured| measured.kernel.as_ref());
    let mismatch = counted.filter(|kernel| !kernel.agree()).map(|_| {
        (
            "fault_count_mismatch",
            "the kernel counted more faults than there were touches, or fewer than fault-around \
             and large folios explain ('kernel' of the cell has both): the workload did not \
             fault as it says"
                .to_owned(),
        )
    });
    let events = counted.and_then(|kernel| kernel.events.as_ref());
    let contradiction = events.filter(|events| !events.agree()).map(|_| {
        (
            "fault_count_mismatch",
            "of one storm the kernel's events count other faults than getrusage does \
             ('kernel.events' of the cell has both): something else than touches faulted, or one \
             of the two is wrong"
                .to_owned(),
        )
    });
    let mismatch = mismatch.into_iter().chain(contradiction);
    let files = counted.into_iter().flat_map(|kernel| not_cached(&kernel.files, workload));
    let remarks = kernel::remarks(workload).into_iter().chain(files);
    let remarks = remarks.map(|text| ("not_honoured", text));
    let warning = |(code, text): (&str, String)| Warning {
        code: code.to_owned(),
        cell: Some(cell.id.clone()),
        text,
    };
    mismatch.chain(remarks).map(warning).collect()
}

/// Largest difference of a file's cached share from the share that was asked for.
const CACHED_APART_MAX: f64 = 0.05;

/// Says which files were not cached as the workload asks.
fn not_cached(files: &BTreeMap<String, FileState>, workload: &Workload) -> Vec<String> {
    let of = |file: &workload::WorkloadFile| {
        let found = files.get(&file.name)?;
        let apart = (found.cached_share - file.cached).abs() > CACHED_APART_MAX;
        apart.then(|| {
            format!(
                "{:.0} % of the file '{}' were in the page cache, not {:.0} %: {} drops whole \
                 folios, if any",
                found.cached_share * 100.0,
                file.name,
                file.cached * 100.0,
                found.file_system
            )
        })
    };
    workload.files.iter().filter_map(of).collect()
}

/// Threads up to which page faults in the model have been compared with published ones.
const VALIDATED_THREADS: u32 = 128;

/// Returns the warnings about a cell of the model. `not_slowed`: threads share cores of a
/// machine that does not say how much they slow each other.
pub(super) fn of_model(cell: &Cell, not_slowed: bool) -> Vec<Warning> {
    let mut found = Vec::new();
    if cell.key.threads > VALIDATED_THREADS {
        found.push((
            "extrapolation",
            "extrapolation: page faults in the model have been compared with published ones up \
             to 128 threads, on xeon-icelake-2s",
        ));
    }
    if not_slowed {
        found.push((
            "siblings_not_slowed",
            "hyperthreads share cores here, and the machine does not say how much they slow each \
             other: real ones are slower; give it 'smt-slowdown' in [work]",
        ));
    }
    let warning = |(code, text): (&str, &str)| Warning {
        code: code.to_owned(),
        cell: Some(cell.id.clone()),
        text: text.to_owned(),
    };
    found.into_iter().map(warning).collect()
}

fn of_numbers(cell: &Cell, measured: &Measured) -> Vec<(&'static str, &'static str)> {
    let mut found = Vec::new();
    let overlaps = |least: f64| {
        let mut repeats = measured.repeats.iter();
        !measured.is_whole && repeats.any(|repeat| repeat.overlap_share < least)
    };
    if !cell.is_covered(&RatedEvent::Faults) {
        found.push((
            "low_overlap",
            "in some repeat all threads stormed together for less than half of the time between \
             the first start and the last stop: its rate is that of all this time, and it is \
             compared with nothing; give a longer --time, or more --faults",
        ));
    } else if overlaps(OVERLAP_SHARE_MIN) {
        found.push((
            "low_overlap",
            "in some repeat all threads stormed together for less than 90 % of the time between \
             the first start and the last stop: some started late or ended early; give a longer \
             --time",
        ));
    }
    if measured.repeats.iter().any(strayed) {
        found.push((
            "threads_strayed",
            "a thread was seen on a CPU that it was not pinned to: something else sets the \
             affinity of this process, so the placement is not the one asked for",
        ));
    }
    let spread = cell.rate(&RatedEvent::of([cell])).and_then(|rate| rate.spread());
    if cell.key.threads == 1 && spread.is_some_and(|spread| spread > SPREAD_MAX) {
        found.push((
            "wide_spread",
            "repeats at one thread, which meets nobody, are more than 3 % apart: the machine is \
             not quiet; wait until other work is done, or give more --repeats and a longer --time",
        ));
    }
    let late = measured.io.as_ref().is_some_and(|io| {
        let samples = io.achieved_ns.samples();
        samples.is_ok_and(|samples| samples.mean() > io.asked_ns * (1.0 + IO_EXCESS_MAX))
    });
    if late {
        found.push((
            "io_longer_than_asked",
            "sleeps that stand for I/O took over 10 % longer on average than the workload asks \
             for, as short sleeps do; 'io' of the cell has what was achieved",
        ));
    }
    found
}

fn strayed(repeat: &Repeat) -> bool {
    repeat.per_thread.iter().any(|thread| thread.strayed.is_some_and(|samples| samples > 0))
}
