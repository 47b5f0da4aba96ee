//! Signals at drawn moments.

use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use super::Row;
use super::victim::{AFTER_A_SIGNAL, PATIENCE, Victim, expect, is_whole};
use crate::place::Place;
use crate::random::Draw;

pub const ATTACKS: &[Row] = &[
    ("signal", 4, one_signal),
    ("kill", 2, kill),
    ("signal-twice", 1, twice),
    ("signal-to-others", 1, others),
    ("stop", 1, stopped),
    ("fault-around", 1, fault_around),
];

/// Runs of some seconds, in each world.
const RUNS: [&str; 4] = [
    "run small.toml --on host --threads 1,2 --time 100ms --warmup 0s --repeats 50 --body none",
    "run small.toml --on kernel --threads 2 --time 3s --warmup 0s --repeats 9",
    "run huge-anon mprotect-storm --on model:xeon-icelake-2s --threads 1..=128x2",
    "run --on model:epyc-genoa-2s --threads 96 --faults 1000000 --strategy mmap-lock",
];

fn started(place: &Place, draw: &mut Draw) -> Victim {
    let line = format!("{} --json run.json --force", draw.pick(&RUNS));
    let victim = Victim::start(place, "", &line, "");
    std::thread::sleep(Duration::from_millis(draw.below(2500)));
    victim
}

/// The document is whole; if it was too early for one, there is none.
fn is_whole_if_there(place: &Place) -> Result<(), String> {
    let path = place.path("run.json");
    if path.exists() { is_whole(&path) } else { Ok(()) }
}

fn one_signal(place: &Place, draw: &mut Draw) -> Result<(), String> {
    let victim = started(place, draw);
    victim.signal(draw.pick(&[Signal::INT, Signal::TERM, Signal::HUP]));
    match victim.wait(place, AFTER_A_SIGNAL)?.code {
        // Before the handler is there, the system ends the process.
        Some(0 | 5) | None => is_whole_if_there(place),
        code => Err(format!("exit {code:?} after a signal")),
    }
}

fn kill(place: &Place, draw: &mut Draw) -> Result<(), String> {
    let victim = started(place, draw);
    victim.signal(Signal::KILL);
    victim.wait(place, AFTER_A_SIGNAL)?;
    is_whole_if_there(place)
}

fn twice(place: &Place, draw: &mut Draw) -> Result<(), String> {
    let victim = started(place, draw);
    victim.signal(Signal::INT);
    std::thread::sleep(Duration::from_millis(draw.below(200)));
    victim.signal(Signal::INT);
    expect(&victim.wait(place, AFTER_A_SIGNAL)?, &[0, 5], "two signals")?;
    is_whole_if_there(place)
}

/// Commands that have nothing to save end at once.
fn others(place: &Place, draw: &mut Draw) -> Result<(), String> {
    let line = draw.pick(&["check", "validate --published", "calibrate --output a.toml", "list"]);
    let victim = Victim::start(place, "", line, "");
    std::thread::sleep(Duration::from_millis(500 + draw.below(1500)));
    victim.signal(Signal::TERM);
    expect(&victim.wait(place, AFTER_A_SIGNAL)?, &[0, 4, 5], line)
}

/// A storm during which the process was stopped has a warning.
fn stopped(place: &Place, draw: &mut Draw) -> Result<(), String> {
    let line = "run small.toml --on host --threads 2 --time 1s --warmup 0s --repeats 2 \
                --body none --no-lines --strategy mmap-lock --json run.json -q";
    let victim = Victim::start(place, "", line, "");
    victim.wait_for_thread("storm-1")?;
    std::thread::sleep(Duration::from_millis(draw.below(300)));
    victim.signal(Signal::STOP);
    std::thread::sleep(Duration::from_millis(100 + draw.below(200)));
    victim.signal(Signal::CONT);
    expect(&victim.wait(place, PATIENCE)?, &[0], "stopped for a moment")?;
    match place.read("run.json").contains("\"code\": \"stopped\"") {
        true => is_whole(&place.path("run.json")),
        false => Err("no warning says that the process was stopped".to_owned()),
    }
}

/// Bytes of fault-around that a run finds and should leave.
const FOUND_BYTES: &str = "65536";

/// Two signals leave the system's fault-around as it was. Its file is another one here, in a mount
/// namespace of its own: the real one is of the whole machine.
fn fault_around(place: &Place, draw: &mut Draw) -> Result<(), String> {
    place.write(
        "around.toml",
        "summary = \"around\"\n[[file]]\nname = \"f\"\nsize = \"4MiB\"\n[[vma]]\nname = \"m\"\n\
         size = \"4MiB\"\nfile = \"f\"\nfault_around_order = 0\n[[op]]\n\
         touch = { vma = \"m\", access = \"read\" }\n",
    );
    let script = format!(
        "around=/sys/kernel/debug/fault_around_bytes
         mount -t tmpfs none /sys/kernel/debug && echo {FOUND_BYTES} >$around || exit 77
         '{program}' run ./around.toml --on kernel --threads 2 --time 20s --warmup 0s \
           --repeats 1 --json run.json -q &
         for look in $(seq 3000); do
           [ \"$(cat $around)\" = {FOUND_BYTES} ] || break
           sleep 0.01
         done
         echo during: $(cat $around)
         sleep 0.{moment:03}
         kill -INT $!; sleep 0.0{between:02}; kill -INT $!; wait $!
         echo after: $(cat $around)",
        program = env!("CARGO_BIN_EXE_faultstorm"),
        moment = draw.below(400),
        between = draw.below(100),
    );
    let mut shell = Command::new("unshare");
    let shell = shell.args(["--mount", "bash", "-c", &script]).current_dir(place.directory());
    let output = match shell.output() {
        Ok(output) if output.status.success() => output,
        _ => {
            println!("not run here: a mount namespace cannot be made");
            return Ok(());
        }
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    match said.contains("during: 4096\n") && said.contains(&format!("after: {FOUND_BYTES}\n")) {
        true => Ok(()),
        false => Err(format!("fault_around_bytes is not put back: {said}")),
    }
}
