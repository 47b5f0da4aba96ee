//! What a run says while it storms: on a terminal, in a pipe, and when it is to be quiet.

use std::process::{Command, Output, Stdio};

/// Small enough that a run of it takes a moment.
const SMALL: &str = "summary = \"small\"\n[[vma]]\nname = \"heap\"\nsize = \"8MiB\"\n\
                     [[op]]\ntouch = { vma = \"heap\", access = \"write\" }\n";
/// Its file cannot be made.
const NOWHERE: &str = "summary = \"nowhere\"\n[[file]]\nname = \"data\"\nsize = \"1MiB\"\n\
                       directory = \"/nonexistent\"\n[[vma]]\nname = \"map\"\nsize = \"1MiB\"\n\
                       file = \"data\"\nprot = \"read\"\n\
                       [[op]]\ntouch = { vma = \"map\", access = \"read\" }\n";
const EXE: &str = env!("CARGO_BIN_EXE_faultstorm");

fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("small.toml"), SMALL).unwrap();
    std::fs::write(place.path().join("nowhere.toml"), NOWHERE).unwrap();
    place
}

/// What a terminal of so many columns and rows shows while the command runs, and at its end.
/// Its standard output goes elsewhere.
fn screens(columns: u16, rows: u16, line: &str) -> Vec<String> {
    let place = place();
    let command = format!("stty cols {columns} rows {rows}; exec {EXE} {line} > tables");
    let output = Command::new("script")
        .args(["-q", "-e", "-c", &command, "/dev/null"])
        .current_dir(place.path())
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .output()
        .expect("'script' of util-linux is there, as on every Debian");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}");
    let mut terminal = vt100::Parser::new(rows, columns, 1000);
    let mut screens = Vec::new();
    for bytes in output.stdout.chunks(32) {
        terminal.process(bytes);
        let lines = terminal.screen().rows(0, columns);
        let lines: Vec<String> = lines.map(|line| line.trim_end().to_owned()).collect();
        screens.push(lines.join("\n").trim_end().to_owned());
    }
    // Whatever has gone out of sight above it stays for ever.
    terminal.screen_mut().set_scrollback(1000);
    assert_eq!(terminal.screen().scrollback(), 0, "nothing has left the screen");
    screens
}

/// A run on the host, then in the model, where it is known how the line moves.
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

/// The bytes that a terminal of 80 columns is sent by a run whose numbers are the same every
/// time.
fn sent_to_a_terminal(term: &str, line: &str) -> Vec<u8> {
    let place = place();
    let command = format!("stty cols 80 rows 50; exec {EXE} {line}");
    let mut script = Command::new("script");
    script.args(["-q", "-e", "-c", &command, "/dev/null"]).current_dir(place.path());
    let output = script.env("TERM", term).env_remove("NO_COLOR").stdin(Stdio::null()).output();
    output.expect("'script' of util-linux is there").stdout
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
    // Where no cursor moves each cell is a line, and nothing is painted.
    let dumb = String::from_utf8(sent_to_a_terminal("dumb", line)).unwrap().replace('\r', "");
    assert!(!dumb.contains('\x1b'), "{dumb}");
    let (head, rest) = piped.split_at(piped.find("\n\n").unwrap());
    assert!(dumb.starts_with(head) && dumb.ends_with(rest), "{dumb}");
}

fn run(line: &str) -> Output {
    let place = place();
    let mut command = Command::new(EXE);
    command.args(line.split_whitespace()).current_dir(place.path()).output().unwrap()
}

#[test]
fn a_storm_that_fails_is_named_once_however_quiet_it_is_to_be() {
    let line = "run nowhere.toml --on kernel --threads 1 --time 5ms --warmup 0s --repeats 2 \
                --json run.json";
    for quiet in ["", " --quiet"] {
        let output = run(&format!("{line}{quiet}"));
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(6), "{said}");
        let failed: Vec<&str> = said.lines().filter(|line| line.contains("FAILED")).collect();
        let [own, twin] = failed.as_slice() else { panic!("two cells, each once: {said}") };
        let names = ["nowhere kernel, 1 thread", "nowhere kernel (again), 1 thread"];
        assert!(own.starts_with(names[0]) && twin.starts_with(names[1]), "{said}");
        assert!(own.contains("/nonexistent"), "{own}");
        assert!(quiet.is_empty() || said.lines().count() == 2, "nothing else: {said}");
    }
}
