//! Runs every command of the documentation.
//!
//! Each page has its own directory, in which its commands run one after the other, as a reader
//! would type them, with the program as it is built for tests. First each command is parsed as
//! written. Then it runs with small lengths: `run` with a few faults on one or two threads, once,
//! without the pass for lines; files that a page has written (as "toml NAME") with mappings of one
//! megabyte. `check` of a valid file becomes such a run, because its storms under every strategy
//! take minutes without optimisation. The expected exit code is 0, or that of a comment after the
//! command: `# exits 3`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command as Process;

use clap::Parser;
use faultstorm::cli::Cli;
use faultstorm::numbers::NumberList;
use faultstorm::run::{Body, to_json};
use tempfile::TempDir;

use crate::common;
use crate::page::{Page, ROOT, pages};

/// Commands of other programs, which are accepted as they are.
const ELSEWHERE: [&str; 10] = [
    "cargo test",
    "cargo test --test races",
    "cargo install --path .",
    "cargo new mine --name mine",
    "cargo add faultstorm --path ../faultstorm",
    "git switch main",
    "git switch my-branch",
    "scripts/pack",
    "tar -xzf faultstorm-measure.tar.gz",
    "faultstorm-measure/measure",
];
/// Commands that are parsed but not run: they would take a minute or more without optimisation.
const PARSED_ONLY: [&str; 6] = [
    "calibrate",
    "check",
    "validate",
    "validate --published",
    "validate --targets pft-icelake --points",
    "validate --with their.json",
];
/// Pages that use documents without making all of them.
const TAKES_DOCUMENTS: [&str; 3] =
    ["README.md", "docs/how-to/another-machine.md", "docs/how-to/numbers.md"];
/// Arguments that replace the length of a run.
const SHORT: [&str; 6] = ["--faults", "40", "--repeats", "1", "--warmup", "0s"];
/// Largest number of threads of a storm.
const THREADS_MAX: usize = 2;

/// A command of a page.
pub struct Command {
    /// Page and line.
    pub at: String,
    words: Vec<String>,
    exits: i32,
}

impl Command {
    /// Returns the commands of a page: those in shell blocks, and those in table cells.
    fn all(page: &Page) -> Vec<Command> {
        let shell = page.fences().into_iter().filter(|fence| fence.info == "sh");
        let mut found: Vec<Command> =
            shell.flat_map(|fence| Command::read(page, fence.line, &fence.text)).collect();
        let rows = page.text.lines().enumerate().filter(|(_, line)| line.starts_with('|'));
        for (index, row) in rows {
            let cells = row.split('|').filter_map(|cell| {
                let code = cell.trim().strip_prefix('`')?.strip_suffix('`')?;
                (code.starts_with("faultstorm ") && !code.contains('`')).then_some(code)
            });
            found.extend(cells.flat_map(|code| Command::read(page, index + 1, &[code])));
        }
        found
    }

    /// Returns the commands in lines of a shell block; `first` is the number of the first line on
    /// the page.
    pub fn read(page: &Page, first: usize, lines: &[&str]) -> Vec<Command> {
        let mut found: Vec<Command> = Vec::new();
        let mut continued = false;
        for (index, line) in lines.iter().enumerate() {
            let at = format!("{}:{}", page.path, first + index);
            let (code, comment) = line.split_once('#').unwrap_or((line, ""));
            let plain = !code.contains(['\'', '"', '|', '>', '<', '$', ';', '&', '*']);
            assert!(plain, "{at}: words that need no shell: {code}");
            let (code, goes_on) = match code.trim_end().strip_suffix('\\') {
                Some(code) => (code, true),
                None => (code, false),
            };
            let words = code.split_whitespace().map(str::to_owned);
            match found.last_mut().filter(|_| continued) {
                Some(command) => command.words.extend(words),
                None => found.push(Command { at, words: words.collect(), exits: 0 }),
            }
            continued = goes_on;
            if let Some(code) = comment.trim().strip_prefix("exits ") {
                let last = found.last_mut().expect("a comment stands behind a command");
                last.exits = code.parse().expect("exits with a number");
            }
        }
        found.retain(|command| !command.words.is_empty());
        found
    }

    /// Returns the program and its arguments; `None` for a command in [`ELSEWHERE`].
    pub fn program(&self) -> Option<(PathBuf, Vec<String>)> {
        let faultstorm = PathBuf::from(env!("CARGO_BIN_EXE_faultstorm"));
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        let (program, args) = match words.as_slice() {
            ["faultstorm", args @ ..] => (faultstorm, args),
            ["cargo", "run", "--release", "--", args @ ..] => (faultstorm, args),
            ["cargo", "run", "--release", "--example", name, "--", args @ ..] => {
                (example(name), args)
            }
            [tool @ ("cp" | "sed"), args @ ..] => (PathBuf::from(tool), args),
            _ => {
                let command = words.join(" ");
                assert!(ELSEWHERE.contains(&command.as_str()), "{}: {command}", self.at);
                return None;
            }
        };
        Some((program, args.iter().map(|word| (*word).to_owned()).collect()))
    }

    fn run(&self, directory: &Path) {
        let Some((program, mut args)) = self.program() else { return };
        if program.is_absolute() {
            let line = [&["faultstorm".to_owned()], args.as_slice()].concat();
            let parsed = Cli::try_parse_from(line);
            parsed.unwrap_or_else(|error| panic!("{}: {error}", self.at));
            if PARSED_ONLY.contains(&args.join(" ").as_str()) {
                return;
            }
            if TAKES_DOCUMENTS.iter().any(|page| self.at.starts_with(page)) {
                give_documents(directory, &args);
            }
            args = shortened(args, self.exits);
        }
        self.output(&program, &args, directory);
    }

    /// Runs a program to its end, and returns its standard output; if it should fail, its standard
    /// error.
    pub fn output(&self, program: &Path, args: &[String], directory: &Path) -> String {
        let output = Process::new(program).args(args).current_dir(directory).output();
        let output = output.expect("it can be started");
        let stderr = String::from_utf8_lossy(&output.stderr);
        // Storms as short as these may not overlap on a machine that is busy.
        let is_too_short = stderr.contains("no cell has a result") && self.exits == 0;
        let exits = if is_too_short { 6 } else { self.exits };
        assert_eq!(output.status.code(), Some(exits), "{}: {args:?}\n{stderr}", self.at);
        match self.exits {
            0 => String::from_utf8(output.stdout).expect("it is text"),
            _ => stderr.into_owned(),
        }
    }
}

/// Returns the path of an example, which `cargo test` builds before it runs any test.
pub fn example(name: &str) -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_faultstorm"));
    let path = program.with_file_name("examples").join(name);
    let how = "`cargo test` builds it, and so does `cargo build --example`";
    assert!(path.exists(), "{path:?} is not there: {how}");
    path
}

/// Returns the same command with arguments that make a run short.
fn shortened(mut args: Vec<String>, exits: i32) -> Vec<String> {
    match args[0].as_str() {
        "run" => {}
        "check" if exits == 0 => args[0] = "run".to_owned(),
        _ => return args,
    }
    let mut short: Vec<String> = Vec::new();
    let mut threads = THREADS_MAX.to_string();
    let mut words = args.into_iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--time" | "--warmup" | "--faults" | "--repeats" => drop(words.next()),
            "--threads" => threads = few(&words.next().expect("it was parsed")),
            _ => short.push(word),
        }
    }
    let has = |flag: &str| short.iter().any(|word| word == flag);
    let defaults = [("--strategy", "mmap-lock,speculative"), ("--body", "none")];
    let missing: Vec<_> = defaults.into_iter().filter(|(flag, _)| !has(flag)).collect();
    short.extend(missing.into_iter().flat_map(|(flag, value)| [flag, value]).map(str::to_owned));
    if !short.iter().any(|word| word == "--no-lines") {
        short.push("--no-lines".to_owned());
    }
    short.extend(["--threads".to_owned(), threads]);
    short.extend(SHORT.map(str::to_owned));
    short
}

/// Returns the numbers of a list, each limited to [`THREADS_MAX`].
fn few(list: &str) -> String {
    let list: NumberList = list.parse().expect("it was parsed");
    let mut few: Vec<usize> = list.as_slice().iter().map(|n| (*n).min(THREADS_MAX)).collect();
    few.dedup();
    few.iter().map(usize::to_string).collect::<Vec<_>>().join(",")
}

/// Makes the documents that a command reads, unless they exist: two revisions with a few cells,
/// because each ratio is resampled some thousand times.
fn give_documents(directory: &Path, args: &[String]) {
    let takes = ["compare", "report"].contains(&args[0].as_str());
    for name in args.iter().filter(|arg| takes && arg.ends_with(".json")) {
        let path = directory.join(name);
        if !path.exists() {
            let is_base = ["before", "main", "old"].iter().any(|base| name.starts_with(base));
            let mut run = common::run();
            run.cells.retain(|cell| cell.key.threads == 2 && cell.key.body == Body::None);
            run.provenance.git_revision = Some(if is_base { "base" } else { "new" }.to_owned());
            fs::write(path, to_json(&run).unwrap()).unwrap();
        }
    }
}

/// Returns a workload in which every size of some megabytes is one megabyte.
fn small(lines: &[&str]) -> String {
    let one = |line: &&str| match line.starts_with("size = ") && line.ends_with("MiB\"") {
        true => "size = \"1MiB\"\n".to_owned(),
        false => format!("{line}\n"),
    };
    lines.iter().map(one).collect()
}

/// Makes a directory for the commands of a page, with the files that the page has written.
pub fn directory(page: &Page, written: fn(&[&str]) -> String) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for name in ["machines", "workloads", "kernels"] {
        symlink(Path::new(ROOT).join(name), directory.path().join(name)).unwrap();
    }
    for fence in page.fences() {
        if let Some((_, name)) = fence.info.split_once(' ') {
            fs::write(directory.path().join(name), written(&fence.text)).unwrap();
        }
    }
    directory
}

/// Runs the commands of a page; returns their number.
fn run_page(page: &Page) -> usize {
    let directory = directory(page, small);
    let commands = Command::all(page);
    commands.iter().for_each(|command| command.run(directory.path()));
    commands.len()
}

#[test]
fn every_command_of_the_readme_runs() {
    assert!(run_page(&Page::read("README.md")) > 10);
}

#[test]
fn every_command_of_the_other_pages_runs() {
    let others = pages().into_iter().filter(|page| page.path != "README.md");
    let found: usize = others.map(|page| run_page(&page)).sum();
    assert!(found > 20, "{found}");
}

#[test]
fn commands_are_read_as_a_shell_reads_them() {
    let text = "| a | `faultstorm d` |\n```sh\nfaultstorm run a \\\n  --threads 1..=8x2  # more\n\
                faultstorm b  # exits 3\n# nothing\ncp c d\n```\n```text\nno command\n```\n";
    let page = Page { path: "p.md".to_owned(), text: text.to_owned() };
    let found = Command::all(&page);
    let told: Vec<_> = found.iter().map(|c| (c.at.as_str(), c.words.len(), c.exits)).collect();
    assert_eq!(told, [("p.md:3", 5, 0), ("p.md:5", 2, 3), ("p.md:7", 3, 0), ("p.md:1", 2, 0)]);
    let short = shortened(found[0].words[1..].to_vec(), 0).join(" ");
    let rest = "--strategy mmap-lock,speculative --body none --no-lines --threads 1,2";
    assert_eq!(short, format!("run a {rest} {}", SHORT.join(" ")));
}
