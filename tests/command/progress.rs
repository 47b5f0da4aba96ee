//! Output during a run: on a terminal, in a pipe, and with `--quiet`.

use std::fs::File;
use std::io::Read;
use std::process::{Output, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::place::{Place, code};

/// Workload whose file cannot be made.
const NOWHERE: &str = "summary = \"nowhere\"\n[[file]]\nname = \"data\"\nsize = \"1MiB\"\n\
                       directory = \"/nonexistent\"\n[[vma]]\nname = \"map\"\nsize = \"1MiB\"\n\
                       file = \"data\"\nprot = \"read\"\n\
                       [[op]]\ntouch = { vma = \"map\", access = \"read\" }\n";

/// Returns the bytes that the command writes to a terminal of this size through its standard error.
/// Its standard output goes elsewhere.
fn written_to_a_terminal(columns: u16, rows: u16, line: &str) -> Vec<u8> {
    written(columns, rows, "xterm", line, |_| Stdio::null())
}

/// Returns all bytes that the command sends to a terminal of 80 columns.
fn sent_to_a_terminal(term: &str, line: &str) -> Vec<u8> {
    written(80, 50, term, line, |terminal| terminal.try_clone().unwrap().into())
}

/// Returns the bytes sent to a terminal of this kind. With `output`, standard output goes to it
/// too.
fn written(
    columns: u16,
    rows: u16,
    term: &str,
    line: &str,
    output: impl Fn(&File) -> Stdio,
) -> Vec<u8> {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&ours, size).unwrap();
    let path = ptsname(&ours, Vec::new()).unwrap();
    let theirs = File::options().read(true).write(true).open(path.to_str().unwrap()).unwrap();
    let place = Place::new();
    let mut command = place.command(&line.split_whitespace().collect::<Vec<_>>());
    command.env("TERM", term).stdin(Stdio::null()).stdout(output(&theirs)).stderr(theirs);
    let mut child = command.spawn().unwrap();
    // It holds the only other end of the terminal.
    drop(command);
    let mut written = Vec::new();
    // After the other end is closed, a read of the terminal ends with an error.
    let _ = File::from(ours).read_to_end(&mut written);
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(0), "{}", String::from_utf8_lossy(&written));
    written
}

/// Returns the screens of the terminal while the command runs, and at its end.
fn screens(columns: u16, rows: u16, line: &str) -> Vec<String> {
    let mut terminal = vt100::Parser::new(rows, columns, 1000);
    let mut screens = Vec::new();
    for bytes in written_to_a_terminal(columns, rows, line).chunks(32) {
        terminal.process(bytes);
        let lines = terminal.screen().rows(0, columns);
        let lines: Vec<String> = lines.map(|line| line.trim_end().to_owned()).collect();
        screens.push(lines.join("\n").trim_end().to_owned());
    }
    // Lines that have scrolled off the screen stay there for ever.
    terminal.screen_mut().set_scrollback(1000);
    assert_eq!(terminal.screen().scrollback(), 0, "nothing has left the screen");
    screens
}

/// A run on the host, then in the model, for which the hottest line is known.
const BOTH: &str = "run small.toml --on host --on model:laptop-intel --threads 1,2 --faults 200 \
                    --warmup 0s --repeats 1 --strategy mmap-lock --body none --json run.json";

#[test]
fn a_terminal_shows_the_strategies_in_place_and_is_left_clean() {
    let screens = screens(80, 24, BOTH);
    let seen = |words: &[&str]| {
        let has = |screen: &&String| words.iter().all(|word| screen.contains(word));
        screens.iter().find(has).unwrap_or_else(|| panic!("{words:?} in {screens:#?}"))
    };
    let heading = "small on host, 1 thread, lock alone";
    seen(&["] 0/8 storms", heading, "> mmap-lock         -"]);
    seen(&["] 2/8 storms", heading, "/s  ####"]);
    let model = seen(&["small on model:laptop-intel", "hottest line: mm.mmap_lock"]);
    assert!(model.lines().count() <= 4, "the host's view is gone: {model}");
    assert_eq!(screens.last().unwrap().trim(), "");
}

#[test]
fn a_narrow_terminal_shows_what_fits() {
    let screens = screens(30, 6, BOTH);
    let all = screens.join("\n");
    assert!(all.contains("small on host, 1 thread, loc.."), "{all}");
    assert!(all.contains("> mmap-lock         -"), "{all}");
    assert_eq!(screens.last().unwrap().trim(), "");
}

#[test]
fn a_terminal_stays_empty_where_it_is_to_be_quiet() {
    let screens = screens(80, 24, &format!("{BOTH} --quiet"));
    assert!(screens.iter().all(|screen| screen.trim().is_empty()), "{screens:?}");
}

#[test]
fn a_pipe_and_a_terminal_end_with_the_same_screen() {
    let line = "run small.toml --on model:laptop-intel --threads 1,2 --faults 200 --body none \
                --strategy unlocked,mmap-lock --json run.json";
    let piped = run(line);
    assert!(piped.stderr.is_empty(), "{}", String::from_utf8_lossy(&piped.stderr));
    let piped = String::from_utf8(piped.stdout).unwrap();
    assert!(piped.starts_with("faultstorm run: 2 strategies x workload small\n"), "{piped}");
    assert!(piped.ends_with("faultstorm report run.json --format text\n"), "{piped}");
    assert!(!piped.contains('\x1b'));
    let mut terminal = vt100::Parser::new(50, 80, 0);
    terminal.process(&sent_to_a_terminal("xterm", line));
    let shown = terminal.screen().rows(0, 80).map(|line| line.trim_end().to_owned());
    let shown: Vec<String> = shown.collect();
    assert_eq!(shown.join("\n").trim_end(), piped.trim_end());
    // On a terminal that cannot move its cursor each cell is a line, and nothing is redrawn.
    let dumb = String::from_utf8(sent_to_a_terminal("dumb", line)).unwrap().replace('\r', "");
    assert!(!dumb.contains('\x1b'), "{dumb}");
    let (head, rest) = piped.split_at(piped.find("\n\n").unwrap());
    assert!(dumb.starts_with(head) && dumb.ends_with(rest), "{dumb}");
}

fn run(line: &str) -> Output {
    let place = Place::new();
    place.write("nowhere.toml", NOWHERE);
    place.line(line)
}

#[test]
fn a_storm_that_fails_is_named_once_however_quiet_it_is_to_be() {
    let line = "run nowhere.toml --on kernel --threads 1 --time 5ms --warmup 0s --repeats 2 \
                --json run.json";
    for quiet in ["", " --quiet"] {
        let output = run(&format!("{line}{quiet}"));
        let stderr = String::from_utf8(output.stderr.clone()).unwrap();
        assert_eq!(code(&output), Some(6), "{stderr}");
        let failed: Vec<&str> = stderr.lines().filter(|line| line.contains("FAILED")).collect();
        let [own, twin] = failed.as_slice() else { panic!("two cells, each once: {stderr}") };
        let names = ["nowhere kernel, 1 thread", "nowhere kernel (again), 1 thread"];
        assert!(own.starts_with(names[0]) && twin.starts_with(names[1]), "{stderr}");
        assert!(own.contains("/nonexistent"), "{own}");
        assert!(quiet.is_empty() || stderr.lines().count() == 2, "nothing else: {stderr}");
    }
}
