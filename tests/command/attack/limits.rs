//! Limits of the system, and requests beyond them.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::Row;
use super::victim::{HOST, MODEL, ended, expect, has_no_litter, is_whole};
use crate::place::Place;
use crate::random::Draw;

pub const ATTACKS: &[Row] = &[
    ("ulimits", 3, ulimits),
    ("threads-of-a-user", 1, threads_of_a_user),
    ("files-of-threads", 1, files_of_threads),
    ("file-size-limit", 1, file_size),
    ("beyond-reason", 3, beyond_reason),
    ("outputs-that-meet", 1, outputs_that_meet),
    ("two-runs-at-once", 1, two_runs_at_once),
    ("endless-inputs", 1, endless_inputs),
    ("no-progress", 1, no_progress),
];

fn ulimits(place: &Place, draw: &mut Draw) -> Result<(), String> {
    let limit = match draw.below(4) {
        0 => format!("ulimit -v {};", 50_000 + draw.below(400_000)),
        1 => format!("ulimit -n {};", 4 + draw.below(12)),
        2 => format!("ulimit -s {};", 64 + draw.below(1000)),
        _ => format!("ulimit -u {};", 1 + draw.below(20)),
    };
    let line = draw.pick(&[HOST, MODEL]).replace("--threads 1,2", "--threads 32");
    let end = ended(place, &limit, &line, "")?;
    match place.path("run.json").exists() {
        // A need that was known before does not let a storm fail later.
        true if place.read("run.json").contains("\"status\": \"failed\"") => {
            Err(format!("it was not refused, and a storm failed: {limit} {line}\n{}", end.err))
        }
        true => is_whole(&place.path("run.json")),
        false => expect(&end, &[2, 6], &limit),
    }
}

/// A user who may not start the threads is refused before the first storm.
fn threads_of_a_user(place: &Place, draw: &mut Draw) -> Result<(), String> {
    let open = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(place.directory(), open).map_err(|error| error.to_string())?;
    let most = 4 + draw.below(20);
    let become_nobody = "setpriv --reuid 65534 --clear-groups --";
    let allowed = Command::new("bash").args(["-c", &format!("{become_nobody} true")]).output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        println!("not run here: a process cannot be another user's");
        return Ok(());
    }
    let line = HOST.replace("--threads 1,2", "--threads 32");
    let program = env!("CARGO_BIN_EXE_faultstorm");
    let before = format!("ulimit -u {most}; {become_nobody} '{program}' {line}; exit $?;");
    let end = ended(place, &before, "", "")?;
    expect(&end, &[6], "too few threads")?;
    match end.err.contains("has 32 threads, and ") && !place.path("run.json").exists() {
        true => Ok(()),
        false => Err(end.err),
    }
}

/// Files that may not be open at once are refused before the first storm.
fn files_of_threads(place: &Place, draw: &mut Draw) -> Result<(), String> {
    place.write(
        "files.toml",
        "summary = \"files\"\n[[file]]\nname = \"f\"\nsize = \"64KiB\"\nscope = \"per-thread\"\n\
         [[vma]]\nname = \"m\"\nsize = \"64KiB\"\nfile = \"f\"\nscope = \"per-thread\"\n[[op]]\n\
         touch = { vma = \"m\", access = \"read\" }\n",
    );
    let line = "run ./files.toml --on kernel --threads 32 --time 2ms --warmup 0s --repeats 1 \
                --json run.json";
    let end = ended(place, &format!("ulimit -n {};", 12 + draw.below(26)), line, "")?;
    expect(&end, &[6], "too few files")?;
    match end.err.contains("makes 32 files, and ") && !place.path("run.json").exists() {
        true => Ok(()),
        false => Err(end.err),
    }
}

fn file_size(place: &Place, draw: &mut Draw) -> Result<(), String> {
    let end = ended(place, "ulimit -f 1;", draw.pick(&[HOST, MODEL]), "")?;
    expect(&end, &[6], "files may not grow")?;
    has_no_litter(place.directory())
}

/// Numbers that no machine can fulfil are refused at once.
fn beyond_reason(place: &Place, draw: &mut Draw) -> Result<(), String> {
    let huge = draw.pick(&["18446744073709551615", "4294967297", "99999999999999999999", "1e6"]);
    let flag = draw.pick(&[
        "--threads",
        "--faults",
        "--repeats",
        "--jobs",
        "--seed",
        "--time",
        "--warmup",
        "--placement",
        "--vary think",
        "--vary every",
        "--vary local-batch",
        "--vary trap-ns",
    ]);
    let sign = if flag.starts_with("--vary") { "=" } else { " " };
    let unit = if draw.one_in(2) { "s" } else { "" };
    let world = draw.pick(&["host", "model:laptop-intel", "kernel"]);
    let line = format!("run small.toml --on {world} --strategy mmap-lock {flag}{sign}{huge}{unit}");
    let short = if flag == "--seed" { "--time 1ms --warmup 0s --threads 1" } else { "" };
    let end = ended(place, "ulimit -v 8000000;", &format!("{line} {short}"), "")?;
    match flag {
        "--seed" => expect(&end, &[0, 2], &line),
        _ => expect(&end, &[2, 6], &line),
    }
}

fn outputs_that_meet(place: &Place, draw: &mut Draw) -> Result<(), String> {
    let before = place.read("small.toml");
    let more =
        draw.pick(&["--csv run.json", "--html ./run.json", "--csv small.toml", "--csv a --html a"]);
    expect(&ended(place, "", &format!("{MODEL} {more}"), "")?, &[2], more)?;
    match place.read("small.toml") == before {
        true => Ok(()),
        false => Err(format!("{more} overwrote the workload")),
    }
}

/// Two runs in one second in one directory are two documents.
fn two_runs_at_once(place: &Place, _: &mut Draw) -> Result<(), String> {
    let line = MODEL.replace("--json run.json --force", "-q");
    let program = env!("CARGO_BIN_EXE_faultstorm");
    let both = format!("'{program}' {line} & '{program}' {line} & wait; exit 0;");
    ended(place, &both, "", "")?;
    let documents: Vec<String> =
        place.files().into_iter().filter(|name| name.starts_with("faultstorm-")).collect();
    documents.iter().try_for_each(|name| is_whole(&place.path(name)))?;
    match documents.len() {
        2 => Ok(()),
        n => Err(format!("two runs left {n} documents")),
    }
}

/// What has no end is not read to it.
fn endless_inputs(place: &Place, draw: &mut Draw) -> Result<(), String> {
    let line = draw.pick(&[
        "check /dev/zero",
        "run small.toml --on model:/dev/zero",
        "run small.toml --on model:laptop-intel --kernel /dev/zero",
        "report /dev/zero -o a.html",
        "compare /dev/zero /dev/zero",
        "validate --with bomb.gz",
        "report bomb.gz -o a.html",
    ]);
    let bomb = "head -c 1500000000 /dev/zero | gzip -1 >bomb.gz;";
    let before = if line.contains("bomb") { bomb } else { "" };
    let end = ended(place, &format!("{before} ulimit -v 4000000;"), line, "")?;
    expect(&end, &[2], line)?;
    match end.err.contains("out of memory") {
        true => Err(format!("all memory was taken: {line}")),
        false => Ok(()),
    }
}

/// A storm of the model whose time runs away is given up by name.
fn no_progress(place: &Place, _: &mut Draw) -> Result<(), String> {
    place.write(
        "slow.toml",
        "summary = \"slow\"\n[[vma]]\nname = \"v\"\nsize = \"1MiB\"\n[[group]]\nname = \"g\"\n\
         loops = 100000\n[[op]]\ntouch = { vma = \"v\", access = \"read\", touches = 1, \
         think = \"1s\" }\n",
    );
    let line = "run ./slow.toml --on model:laptop-intel --threads 1,2 --strategy mmap-lock \
                --body none --json run.json";
    let end = ended(place, "", line, "")?;
    expect(&end, &[4], "virtual time runs away")?;
    match end.err.contains("given up: it has passed 2.5 hours of virtual time") {
        true => is_whole(&place.path("run.json")),
        false => Err(end.err),
    }
}
