//! The command under attack: started with limits, watched, and judged by how it ends.

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use faultstorm::run::Run;
use rustix::process::{Pid, Signal, kill_process};

use crate::place::Place;

/// Time in which a command that is not asked to do much has to end, on a machine that is busy.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Time in which a signal ends a command, and a busy machine notices.
pub const AFTER_A_SIGNAL: Duration = Duration::from_secs(3);

/// A model's run of a moment.
pub const MODEL: &str = "run small.toml --on model:xeon-icelake-2s --threads 1,2 --body none \
                         --faults 200 --strategy mmap-lock,speculative --json run.json --force";
/// A run of this machine of a moment. One thread has numbers on the busiest machine.
pub const HOST: &str = "run small.toml --on host --threads 1,2 --time 2ms --warmup 0s --repeats 2 \
                        --body none --strategy mmap-lock,speculative --json run.json --force";

/// A command that runs in a directory. Its output goes to the files `out` and `err` there.
pub struct Victim {
    child: Child,
    line: String,
}

/// How a command ended.
pub struct End {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Victim {
    /// Starts the command in a shell, with limits set by `before`, and streams as `streams` says.
    pub fn start(place: &Place, before: &str, line: &str, streams: &str) -> Victim {
        let program = env!("CARGO_BIN_EXE_faultstorm");
        let script = format!("{before} exec '{program}' {line} {streams}");
        let file = |name: &str| File::create(place.path(name)).expect("the directory is ours");
        let mut command = Command::new("bash");
        command.args(["-c", &script]).current_dir(place.directory()).env_remove("NO_COLOR");
        command.stdin(Stdio::null()).stdout(file("out")).stderr(file("err"));
        Victim { child: command.spawn().expect("there is a shell"), line: script }
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        // It may have ended.
        let _ = kill_process(pid, signal);
    }

    /// Waits until the command has a thread of this name.
    ///
    /// # Errors
    /// If it does not come in time.
    pub fn wait_for_thread(&self, name: &str) -> Result<(), String> {
        let threads = format!("/proc/{}/task", self.child.id());
        let is_there = || {
            let entries = std::fs::read_dir(&threads).into_iter().flatten().flatten();
            let mut names = entries.map(|entry| std::fs::read_to_string(entry.path().join("comm")));
            names.any(|found| found.is_ok_and(|found| found.trim() == name))
        };
        let end = Instant::now() + PATIENCE;
        while !is_there() {
            if Instant::now() > end {
                return Err(format!("no thread '{name}': {}", self.line));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// If it does not come in time.
    pub fn wait(mut self, place: &Place, patience: Duration) -> Result<End, String> {
        let patience = patience * super::number("FAULTSTORM_ATTACK_SLOWER", 1) as u32;
        let end = Instant::now() + patience;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                break status;
            }
            if Instant::now() > end {
                self.child.kill().expect("it is our child");
                let _ = self.child.wait();
                return Err(format!("no end after {patience:?}: {}", self.line));
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let text = |name: &str| {
            let bytes = std::fs::read(place.path(name)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let (out, err) = (text("out"), text("err"));
        let said = |what: &str| format!("{what}: {}\n{}", self.line, tail(&err));
        if err.contains("panicked at") {
            return Err(said("a panic"));
        }
        if let Some(signal) = status.signal() {
            return match signal {
                // Sent by the attack.
                signal if signal == Signal::KILL.as_raw() => Ok(End { code: None, out, err }),
                signal => Err(said(&format!("ended by signal {signal}"))),
            };
        }
        match status.code() {
            Some(0 | 2..=6) => Ok(End { code: status.code(), out, err }),
            code => Err(said(&format!("exit {code:?}"))),
        }
    }
}

/// The last lines of a text.
pub fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(6)..].join("\n")
}

/// Runs a command to its end.
///
/// # Errors
/// If it ends in a way that it must not.
pub fn ended(place: &Place, before: &str, line: &str, streams: &str) -> Result<End, String> {
    Victim::start(place, before, line, streams).wait(place, PATIENCE)
}

/// Checks that a command ends with one of these codes.
pub fn expect(end: &End, codes: &[i32], what: &str) -> Result<(), String> {
    match end.code.is_some_and(|code| codes.contains(&code)) {
        true => Ok(()),
        false => Err(format!("{what}: exit {:?}, not {codes:?}\n{}", end.code, tail(&end.err))),
    }
}

/// Checks that a document is whole, and that nothing else of its writer is left.
pub fn is_whole(path: &Path) -> Result<(), String> {
    Run::read(path).map_err(|error| format!("{:#}", anyhow::Error::from(error)))?;
    has_no_litter(path.parent().expect("it is in a directory"))
}

/// Checks that no temporary file is left.
pub fn has_no_litter(directory: &Path) -> Result<(), String> {
    let entries = std::fs::read_dir(directory).map_err(|error| error.to_string())?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    match names.into_iter().find(|name| name.starts_with(".faultstorm-")) {
        Some(litter) => Err(format!("'{litter}' is left")),
        None => Ok(()),
    }
}
