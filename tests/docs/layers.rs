//! Layers: the dependencies that a crate may have, and the words that some crates may not use.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::page::{Page, ROOT};
use crate::tidy::{Source, holds};

/// Dependencies of each crate in the workspace, without those of its tests.
type Edges = BTreeMap<String, BTreeSet<String>>;

/// Edges that the map must never have. A crate cannot name another one without depending on it.
const NEVER: [(&str, &str); 10] = [
    // Shared memory, other cores and time are reached only through `machine`.
    ("sync", "host mm strategy storm workload rayon rustix"),
    ("mm", "host strategy storm workload"),
    ("strategy", "host storm rayon rustix"),
    // It knows words, lines and cores, but no terms of an address space.
    ("machine", "sync mm strategy storm workload"),
    ("host", "machine workload"),
    // Valid by type, whatever the source.
    ("workload", "toml machine host"),
    ("storm", "toml inputs document"),
    ("inputs", "sync strategy storm"),
    // A report from a file must equal a report from memory.
    ("document", "machine host workload storm"),
    ("report", "machine host workload storm"),
];

/// The only crate that reads TOML.
const READS_TOML: &str = "inputs";

fn edges() -> Edges {
    let crates = fs::read_dir(Path::new(ROOT).join("crates")).expect("the crates are there");
    let names = crates.map(|entry| entry.expect("an entry can be read").file_name());
    let names = names.map(|name| name.into_string().expect("names are plain"));
    let edges = names.map(|name| (name.clone(), dependencies(&format!("crates/{name}/"))));
    edges.chain([("faultstorm".to_owned(), dependencies(""))]).collect()
}

fn manifest(directory: &str) -> toml::Table {
    let path = Path::new(ROOT).join(directory).join("Cargo.toml");
    let text = fs::read_to_string(path).expect("a crate has a manifest");
    text.parse().expect("a manifest is TOML")
}

fn dependencies(directory: &str) -> BTreeSet<String> {
    let manifest = manifest(directory);
    let table = manifest.get("dependencies").and_then(toml::Value::as_table);
    table.into_iter().flat_map(|table| table.keys().cloned()).collect()
}

fn forbidden_edges(edges: &Edges) -> Vec<String> {
    let mut found = Vec::new();
    for (name, never) in NEVER {
        let wrong = never.split(' ').filter(|other| edges[name].contains(*other));
        found.extend(wrong.map(|other| format!("{name} depends on {other}")));
    }
    let readers = edges.iter().filter(|(_, all)| all.contains("toml")).map(|(name, _)| name);
    found.extend(readers.filter(|name| *name != READS_TOML).map(|name| format!("{name}: toml")));
    found
}

/// Returns the rows of the map in ARCHITECTURE.md: crates with their dependencies.
fn map(page: &str) -> Edges {
    let code = |cell: &str| -> Vec<String> {
        cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let rows = page.lines().skip_while(|line| !line.starts_with("| layer | where |")).skip(2);
    let rows = rows.take_while(|line| line.starts_with('|'));
    let cells = rows.map(|row| row.trim_matches('|').split('|').collect::<Vec<_>>());
    let of_row = |cells: Vec<&str>| {
        let depends: BTreeSet<String> = code(cells[3]).into_iter().collect();
        let crates = code(cells[1]).into_iter().filter_map(|path| {
            Some(path.strip_prefix("crates/")?.trim_end_matches('/').to_owned())
        });
        crates.map(|name| (name, depends.clone())).collect::<Vec<_>>()
    };
    cells.flat_map(of_row).collect()
}

#[test]
fn crates_depend_on_what_they_may() {
    let edges = edges();
    assert_eq!(forbidden_edges(&edges), [""; 0]);
    let mut broken = edges.clone();
    broken.entry("mm".to_owned()).or_default().insert("storm".to_owned());
    broken.entry("report".to_owned()).or_default().insert("toml".to_owned());
    assert_eq!(forbidden_edges(&broken), ["mm depends on storm", "report: toml"]);
}

#[test]
fn the_map_is_that_of_the_manifests() {
    let mut edges = edges();
    edges.remove("faultstorm");
    let names: BTreeSet<String> = edges.keys().cloned().collect();
    let inside: Edges = edges
        .iter()
        .map(|(name, all)| (name.clone(), all.intersection(&names).cloned().collect()))
        .collect();
    let map = map(&Page::read("ARCHITECTURE.md").text);
    for (name, depends) in &inside {
        assert_eq!(map.get(name), Some(depends), "'{name}' in the map of ARCHITECTURE.md");
    }
    assert_eq!(map.len(), inside.len(), "the map has crates that are not there");
}

/// Cargo runs the tests of packages in the order of the packages' names.
#[test]
fn tests_that_say_what_was_not_run_come_last() {
    let package = |directory: &str| manifest(directory)["package"]["name"].to_string();
    let last = package("tests/programs");
    for name in edges().keys().filter(|name| *name != "faultstorm") {
        assert!(package(&format!("crates/{name}")) < last, "{name} comes behind {last}");
    }
}

/// Returns the places below `path` where code uses `words`, except in the files `except`.
fn forbidden(source: &Source, path: &str, words: &[&str], except: &[&str]) -> Vec<String> {
    if !source.path.starts_with(path) || except.contains(&source.path.as_str()) {
        return Vec::new();
    }
    let names = |line: &str| words.iter().find(|word| line.contains(**word)).copied();
    let lines = source.code().filter_map(|(at, line)| names(line).map(|word| (at, word)));
    lines.map(|(at, word)| source.at(at, &format!("{path} does not name {word}"))).collect()
}

/// The world is reached only through `Machine`. `Arc` owns memory and is written when a space is
/// made; frame contents are memory, not lines.
fn reaches_the_world_through_machine(source: &Source) -> Vec<String> {
    let mut code = source.text.replace("use std::sync::Arc;", "");
    // Page contents and the harness's own books are not lines of the kernel.
    let own = ["crates/mm/src/frames.rs", "crates/mm/src/backlog.rs"];
    if own.contains(&source.path.as_str()) {
        code = code.lines().filter(|l| !l.starts_with("use std::sync::atomic::")).collect();
    }
    let source = Source::of(&source.path, &code);
    let words =
        ["std::sync", "std::thread", "std::time", "HashMap", "HashSet", "static mut", ": Atomic"];
    let mut found: Vec<String> = ["crates/sync/", "crates/mm/", "crates/strategy/"]
        .iter()
        .flat_map(|layer| forbidden(&source, layer, &words, &[]))
        .collect();
    // Work between storms may use all cores.
    let between = ["crates/mm/src/frames.rs", "crates/mm/src/books.rs"];
    found.extend(forbidden(&source, "crates/mm/", &["rayon"], &between));
    found
}

/// Checks the layers within a crate.
fn looks_down_only(source: &Source) -> Vec<String> {
    let mut found = forbidden(source, "crates/document/src/run/", &["crate::compare"], &[]);
    let machines = ["machine::", "mm::", "crate::machines", "crate::kernels"];
    found.extend(forbidden(source, "crates/inputs/src/workload/", &machines, &[]));
    found.extend(forbidden(source, "crates/command/src/cli/", &["crate::cmd"], &[]));
    found
}

/// Modules of `strategy` that are not strategies.
const COMMON: [&str; 6] = ["attached", "reference", "scheme", "space", "speculation", "words"];

/// Returns the modules of strategies, one for each.
fn strategy_modules() -> Vec<String> {
    let root = fs::read_to_string(Path::new(ROOT).join("crates/strategy/src/lib.rs"));
    let root = root.expect("it is there");
    let modules = root
        .lines()
        .filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';'));
    modules.filter(|module| !COMMON.contains(module)).map(str::to_owned).collect()
}

fn names_no_other_strategy(source: &Source) -> Vec<String> {
    let modules = strategy_modules();
    let own = source.path.trim_start_matches("crates/strategy/src/").trim_end_matches(".rs");
    let others = modules.iter().filter(|module| *module != own);
    let paths: Vec<String> =
        others.flat_map(|m| [format!("{m}::"), format!("super::{m}")]).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    // A primitive may have the name of the scheme that is made of it.
    let primitives = modules.iter().map(|module| format!("sync::{module}"));
    let text = primitives.fold(source.text.clone(), |text, path| text.replace(&path, "sync"));
    let source = &Source::of(&source.path, &text);
    forbidden(source, "crates/", &paths, &["crates/strategy/src/lib.rs"])
}

#[test]
fn crates_and_modules_name_what_they_may() {
    for broken in ["fn a() { std::thread::yield_now() }", "use rayon::prelude::*;"] {
        holds(reaches_the_world_through_machine, &Source::of("crates/mm/src/a.rs", broken));
    }
    for (path, import) in [
        ("crates/document/src/run/a.rs", "use crate::compare::Axis;"),
        ("crates/inputs/src/workload/a.rs", "use machine::model::Parameters;"),
        ("crates/command/src/cli/a.rs", "use crate::cmd::run;"),
    ] {
        holds(looks_down_only, &Source::of(path, import));
    }
}

#[test]
fn a_strategy_is_one_file_and_two_lines() {
    let path = "crates/strategy/src/unlocked.rs";
    for broken in ["use super::mmap_lock::MmapLock;", "use super::mmap_lock;"] {
        holds(names_no_other_strategy, &Source::of(path, broken));
    }
    let files = fs::read_dir(Path::new(ROOT).join("crates/strategy/src")).expect("is there");
    let others = COMMON.len() + 1;
    assert_eq!(files.count(), strategy_modules().len() + others, "one file for each, and the list");
}
