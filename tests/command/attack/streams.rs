//! Streams that are full, closed, gone, or read by nobody.

use rustix::process::Signal;

use super::Row;
use super::victim::{
    AFTER_A_SIGNAL, HOST, MODEL, PATIENCE, Victim, ended, expect, has_no_litter, is_whole,
};
use crate::place::Place;
use crate::random::Draw;

pub const ATTACKS: &[Row] = &[
    ("full-stderr", 1, full_stderr),
    ("full-stdout", 1, full_stdout),
    ("closed-streams", 1, closed_streams),
    ("document-to-a-pipe", 1, document_to_a_pipe),
    ("reader-that-is-gone", 1, reader_that_is_gone),
    ("pipe-with-a-name", 1, pipe_with_a_name),
    ("stderr-that-blocks", 1, stderr_that_blocks),
];

/// A run, on a drawn world.
fn some_run(draw: &mut Draw) -> &'static str {
    draw.pick(&[HOST, MODEL])
}

/// A storm that fails is reported to nobody, and others go on.
fn full_stderr(place: &Place, draw: &mut Draw) -> Result<(), String> {
    let end = ended(place, "", some_run(draw), "2>/dev/full")?;
    expect(&end, &[0], "standard error is full")?;
    is_whole(&place.path("run.json"))
}

/// Tables and page are written although the screen is not.
fn full_stdout(place: &Place, draw: &mut Draw) -> Result<(), String> {
    let line = format!("{} --csv a.csv --html a.html", some_run(draw));
    let end = ended(place, "", &line, ">/dev/full")?;
    expect(&end, &[6], "standard output is full")?;
    for name in ["a.csv", "a.html"] {
        let length = place.path(name).metadata().map_or(0, |meta| meta.len());
        if length == 0 {
            return Err(format!("{name} is not written"));
        }
    }
    is_whole(&place.path("run.json"))?;
    let other = draw.pick(&["list", "man", "completions bash", "explain mmap-lock"]);
    expect(&ended(place, "", other, ">/dev/full")?, &[6], other)
}

fn closed_streams(place: &Place, draw: &mut Draw) -> Result<(), String> {
    let streams = draw.pick(&["2>&-", "<&-", "<&- 2>&-", ">&-", "<&- >&- 2>&-"]);
    ended(place, "", some_run(draw), streams)?;
    is_whole(&place.path("run.json"))
}

/// What is no file gets one document, at the end.
fn document_to_a_pipe(place: &Place, draw: &mut Draw) -> Result<(), String> {
    let line = some_run(draw).replace("run.json", draw.pick(&["-", "/dev/stdout"]));
    let end = ended(place, "", &line, "-q | cat")?;
    let documents = end.out.matches("\"faultstorm.run/1\"").count();
    match documents {
        1 => Ok(()),
        n => Err(format!("{n} documents in the pipe: {line}")),
    }
}

/// A document that nobody reads is kept, and the run does not claim to be done.
fn reader_that_is_gone(place: &Place, _: &mut Draw) -> Result<(), String> {
    let line = MODEL.replace("run.json", "-");
    let before = "export TMPDIR=$PWD/kept; mkdir kept; set -o pipefail;";
    let program = env!("CARGO_BIN_EXE_faultstorm");
    let end = ended(place, &format!("{before} '{program}' {line} -q | true; exit; "), "", "")?;
    expect(&end, &[6], "the reader is gone")?;
    let kept = std::fs::read_dir(place.path("kept")).map_err(|error| error.to_string())?;
    match kept.flatten().next() {
        Some(entry) => is_whole(&entry.path()),
        None => Err("no document is kept".to_owned()),
    }
}

/// A reader that comes early or late gets the whole document.
fn pipe_with_a_name(place: &Place, draw: &mut Draw) -> Result<(), String> {
    let line = some_run(draw).replace("run.json", "pipe");
    let comes_after = draw.pick(&["0", "0.2", "1", "3"]);
    let before =
        &format!("export TMPDIR=$PWD; mkfifo pipe; (sleep {comes_after}; cat pipe >got) & ");
    expect(&ended(place, before, &line, "-q")?, &[0], "into a pipe with a name")?;
    let end = std::time::Instant::now() + PATIENCE;
    while is_whole(&place.path("got")).is_err() {
        if std::time::Instant::now() > end {
            return is_whole(&place.path("got"));
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    Ok(())
}

/// A pager that nobody scrolls does not keep a signal from ending the run.
fn stderr_that_blocks(place: &Place, draw: &mut Draw) -> Result<(), String> {
    let line = "run small.toml --on kernel --on model:xeon-icelake-2s --threads 1..=64 \
                --faults 2000 --json run.json --force";
    // The pipe is full before the command starts, and its reader sleeps.
    let streams = "2> >(exec sleep 20) >&2";
    let full = "head -c 65536 /dev/zero >&2;";
    let start = format!("{{ {full} exec '{}' {line}; }} {streams};", program());
    let victim = Victim::start(place, &start, "", "");
    std::thread::sleep(std::time::Duration::from_millis(300 + draw.below(1500)));
    victim.signal(Signal::INT);
    let end = victim.wait(place, AFTER_A_SIGNAL)?;
    expect(&end, &[0, 5], "standard error blocks")?;
    has_no_litter(place.directory())
}

fn program() -> &'static str {
    env!("CARGO_BIN_EXE_faultstorm")
}
