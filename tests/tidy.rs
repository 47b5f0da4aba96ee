//! What keeps the shape of the source: sizes, layers, lists that follow the tables.
//!
//! Each rule is a function from a file to its violations, and is tried on a snippet that
//! breaks it.

use faultstorm::strategy::{Entry, STRATEGIES};
use faultstorm::workload;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;
const COLUMNS_MAX: usize = 100;

/// A file by its path from the root, with `/`.
struct Source {
    path: String,
    text: String,
}

impl Source {
    fn of(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// Without comments and what follows the first test module.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().take_while(|line| *line != "#[cfg(test)]");
        let code = lines.map(|line| line.split("//").next().expect("a split has a part"));
        code.enumerate().map(|(index, line)| (index + 1, line))
    }

    fn at(&self, line: usize, rule: &str) -> String {
        format!("{}:{line}: {rule}", self.path)
    }
}

fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    for top in ["src", "tests", "benches", "examples"] {
        collect(&Path::new(ROOT).join(top), &mut found);
    }
    assert!(found.len() > 100, "the sources are here");
    let read = |path: &PathBuf| {
        let relative = path.strip_prefix(ROOT).expect("it is below the root");
        Source::of(&relative.to_string_lossy(), &fs::read_to_string(path).expect("it is text"))
    };
    found.iter().map(read).collect()
}

fn collect(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("the directory is there") {
        let path = entry.expect("an entry can be read").path();
        let own = |extension: &OsStr| extension == "rs" || extension == "js" || extension == "css";
        if path.is_dir() && path.file_name().is_some_and(|name| name != "vendor") {
            collect(&path, found);
        } else if path.extension().is_some_and(own) {
            found.push(path);
        }
    }
}

/// Fails with every violation of `rule`, and where it lets `broken` pass.
fn holds(rule: fn(&Source) -> Vec<String>, broken: &Source) {
    assert!(!rule(broken).is_empty(), "the rule catches nothing: {}", broken.text);
    let violations: Vec<String> = sources().iter().flat_map(rule).collect();
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

fn is_short(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    let rule = format!("a file of {lines} lines, over {FILE_LINES_MAX}");
    (lines > FILE_LINES_MAX).then(|| source.at(lines, &rule)).into_iter().collect()
}

fn has_narrow_lines(source: &Source) -> Vec<String> {
    let wide = source.text.lines().enumerate().filter(|(_, l)| l.chars().count() > COLUMNS_MAX);
    wide.map(|(index, _)| source.at(index + 1, "a line over 100 columns")).collect()
}

/// As rustfmt leaves them, a function ends with a brace below its first letter.
fn has_short_functions(source: &Source) -> Vec<String> {
    let mut violations = Vec::new();
    // Where it began, what its last line is, and whether its body has begun.
    let mut open: Option<(usize, String, bool)> = None;
    for (index, line) in source.text.lines().enumerate() {
        let code = line.trim_start();
        let indent = &line[..line.len() - code.len()];
        let is_fn = code.split('(').next().is_some_and(|head| {
            head.split_whitespace().any(|word| word == "fn") && !head.contains(['"', '/', '='])
        });
        if is_fn && open.is_none() {
            open = Some((index, format!("{indent}}}"), false));
        }
        let Some((from, end, body)) = &mut open else { continue };
        *body |= line.ends_with('{');
        let declared = !*body && line.ends_with([';', '}']);
        if line == end || declared {
            if index - *from + 1 > FUNCTION_LINES_MAX {
                violations.push(source.at(*from + 1, "a function over 70 lines"));
            }
            open = None;
        }
    }
    violations
}

fn is_finished(source: &Source) -> Vec<String> {
    let words = ["todo!", "unimplemented!", "dbg!", "TODO", "FIXME", "XXX", "HACK"];
    let unfinished = |line: &str| words.iter().any(|word| line.contains(word));
    let lines = source.text.lines().enumerate().filter(|(_, line)| unfinished(line));
    let here = source.path == "tests/tidy.rs";
    lines.filter(|_| !here).map(|(i, _)| source.at(i + 1, "not finished")).collect()
}

/// Layers: below `path`, code does not name `words`, except in the files that may.
fn forbidden(source: &Source, path: &str, words: &[&str], except: &[&str]) -> Vec<String> {
    if !source.path.starts_with(path) || except.contains(&source.path.as_str()) {
        return Vec::new();
    }
    let names = |line: &str| words.iter().find(|word| line.contains(**word)).copied();
    let lines = source.code().filter_map(|(at, line)| names(line).map(|word| (at, word)));
    lines.map(|(at, word)| source.at(at, &format!("{path} does not name {word}"))).collect()
}

/// The world is reached through `Machine` alone. `Arc` owns memory and is written when a
/// space is made; the content of frames is memory, not a line.
fn reaches_the_world_through_machine(source: &Source) -> Vec<String> {
    let mut code = source.text.replace("use std::sync::Arc;", "");
    // The content of pages, and the harness's own bookkeeping, are no kernel's lines.
    if ["src/mm/frames.rs", "src/mm/backlog.rs"].contains(&source.path.as_str()) {
        code = code.lines().filter(|l| !l.starts_with("use std::sync::atomic::")).collect();
    }
    let source = Source::of(&source.path, &code);
    let words =
        ["std::sync", "std::thread", "std::time", "HashMap", "HashSet", "static mut", ": Atomic"];
    ["src/sync/", "src/mm/", "src/strategy/"]
        .iter()
        .flat_map(|layer| forbidden(&source, layer, &words, &[]))
        .collect()
}

fn looks_down_only(source: &Source) -> Vec<String> {
    let above_machine = ["crate::mm", "crate::sync", "crate::strategy", "crate::storm"];
    let above_mm = ["crate::storm", "crate::workload", "crate::cmd", "crate::report", "crate::run"];
    let beside_report = ["crate::mm", "crate::storm", "crate::strategy", "crate::machine"];
    let mut found = forbidden(source, "src/machine/", &above_machine, &[]);
    found.extend(forbidden(source, "src/sync/", &["crate::mm", "crate::strategy"], &[]));
    found.extend(forbidden(source, "src/sync/", &above_mm, &[]));
    found.extend(forbidden(source, "src/mm/", &above_mm, &[]));
    found.extend(forbidden(source, "src/report/", &beside_report, &[]));
    found.extend(forbidden(source, "src/compare/", &beside_report, &[]));
    found.extend(forbidden(source, "src/compare/", &["crate::cmd", "crate::report"], &[]));
    found.extend(forbidden(source, "src/workload/", &beside_report, &[]));
    found
}

fn leaves_toml_to_its_readers(source: &Source) -> Vec<String> {
    let readers = ["src/workload/", "src/machines/"];
    let outside = !readers.iter().any(|reader| source.path.starts_with(reader));
    let outside = outside && source.path.starts_with("src/");
    let path = if outside { source.path.as_str() } else { "nothing" };
    forbidden(source, path, &["toml::", "use toml"], &[])
}

/// Modules of `strategy/` that hold no strategy.
const COMMON: [&str; 4] = ["attached", "entry", "known", "space"];

/// Strategies by the module that holds each.
fn strategy_modules() -> Vec<String> {
    let table = fs::read_to_string(Path::new(ROOT).join("src/strategy/mod.rs")).expect("is there");
    let modules = table.lines().filter_map(|l| l.strip_prefix("mod ")?.strip_suffix(';'));
    modules.filter(|module| !COMMON.contains(module)).map(str::to_owned).collect()
}

fn names_no_other_strategy(source: &Source) -> Vec<String> {
    let modules = strategy_modules();
    let own = source.path.trim_start_matches("src/strategy/").trim_end_matches(".rs");
    let others = modules.iter().filter(|module| *module != own);
    let paths: Vec<String> =
        others.flat_map(|m| [format!("{m}::"), format!("super::{m}")]).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    forbidden(source, "src/", &paths, &["src/strategy/mod.rs"])
}

#[test]
fn files_lines_and_functions_are_short() {
    holds(is_short, &Source::of("src/a.rs", &"\n".repeat(FILE_LINES_MAX + 1)));
    holds(has_narrow_lines, &Source::of("src/a.rs", &"x".repeat(COLUMNS_MAX + 1)));
    let long = format!("    fn a(\n    ) {{\n{}    }}\n", "        b();\n".repeat(70));
    holds(has_short_functions, &Source::of("src/a.rs", &long));
}

#[test]
fn nothing_is_left_unfinished() {
    holds(is_finished, &Source::of("src/a.rs", "fn a() { todo!() }"));
}

#[test]
fn layers_look_down() {
    let world = "fn a() { std::thread::yield_now() }";
    holds(reaches_the_world_through_machine, &Source::of("src/mm/a.rs", world));
    for (path, import) in [
        ("src/mm/a.rs", "use crate::storm::Spec;"),
        ("src/sync/a.rs", "use crate::mm::Mm;"),
        ("src/machine/a.rs", "use crate::sync::rcu;"),
        ("src/report/a.rs", "use crate::storm::Storm;"),
        ("src/compare/a.rs", "use crate::report::Style;"),
        ("src/workload/a.rs", "use crate::mm::Mm;"),
    ] {
        holds(looks_down_only, &Source::of(path, import));
    }
    holds(leaves_toml_to_its_readers, &Source::of("src/storm/a.rs", "use toml::Value;"));
}

#[test]
fn a_strategy_is_one_file_and_two_lines() {
    let sibling = Source::of("src/strategy/unlocked.rs", "use super::mmap_lock::MmapLock;");
    holds(names_no_other_strategy, &sibling);
    let whole = Source::of("src/strategy/unlocked.rs", "use super::mmap_lock;");
    holds(names_no_other_strategy, &whole);
    let files = fs::read_dir(Path::new(ROOT).join("src/strategy")).expect("is there").count();
    let others = COMMON.len() + 1;
    assert_eq!(files, strategy_modules().len() + others, "one file for each, and the table");
}

/// The rows of the table under this header of README.md.
fn readme_rows(header: &str) -> Vec<String> {
    let readme = fs::read_to_string(Path::new(ROOT).join("README.md")).expect("it is there");
    let rows = readme.lines().skip_while(|line| !line.starts_with(header)).skip(2);
    rows.take_while(|line| line.starts_with('|')).map(str::to_owned).collect()
}

/// What a row is about: its first cell.
fn subject(row: &str) -> &str {
    row.split('`').nth(1).expect("a row begins with a name")
}

fn about(entry: &Entry) -> String {
    format!("| `{}` | {} | {} |", entry.name, entry.summary, entry.who)
}

fn traits(entry: &Entry) -> String {
    let all = &entry.traits;
    let cells = [all.shared_writes, all.sleeps, all.allocates_tables, all.falls_back];
    format!("| `{}` | {} | {} |", entry.name, cells.join(" | "), all.writers_pay)
}

#[test]
fn the_readme_says_of_strategies_what_the_code_says() {
    type Row = fn(&Entry) -> String;
    let tables: [(&str, Row); 2] = [("| strategy |", about), ("| under |", traits)];
    for (header, row) in tables {
        let rows = readme_rows(header);
        assert!(rows.len() > 4, "the table is there: {header}");
        // A strategy of one's own need not be in it.
        let named = |entry: &&Entry| rows.iter().any(|row| subject(row) == entry.name);
        let should: Vec<String> = STRATEGIES.iter().filter(named).map(row).collect();
        let all: Vec<String> = STRATEGIES.iter().map(row).collect();
        assert_eq!(rows, should, "README.md, below {header}, should be\n{}", all.join("\n"));
    }
}

#[test]
fn the_readme_lists_what_there_is() {
    let shipped: Vec<&str> = workload::shipped().iter().map(|(name, _)| *name).collect();
    let rows = readme_rows("| workload |");
    assert_eq!(rows.iter().map(|row| subject(row)).collect::<Vec<_>>(), shipped);
}
