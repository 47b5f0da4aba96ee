//! Finds workloads, strategies and machines by their names on the command line.

use std::io;

use anyhow::anyhow;

use super::console::{color, tell_styled};
use super::error::CommandError;
use catalogue::{Entry, Known};
use inputs::kernels::KernelFile;
use inputs::machines::MachineFile;
use inputs::workload::{Diagnostics, FileText, Workload, find, likely, shipped};

/// Finds and parses workloads by name or path. A workload given twice counts once.
///
/// # Errors
///
/// If files have mistakes (all mistakes of all files at once), or two have the same name, by which
/// results are identified.
pub(super) fn workloads(
    names: &[String],
    strategies: Known,
) -> Result<Vec<Workload>, CommandError> {
    let known = picked(names, shipped().iter().map(|(name, _)| *name));
    let sources = known.iter().map(|name| find(name)).collect();
    let workloads = parsed(sources, strategies)?;
    for (index, workload) in workloads.iter().enumerate() {
        if let Some(first) = workloads[..index].iter().position(|w| w.name == workload.name) {
            return Err(CommandError::usage(anyhow!(
                "'{}' and '{}' are both named '{}', which identifies their results: rename one",
                known[first],
                known[index],
                workload.name
            )));
        }
    }
    Ok(workloads)
}

/// Parses workloads that may name these strategies.
///
/// # Errors
///
/// If files have mistakes: all mistakes of all files at once.
pub(super) fn parsed(
    sources: Vec<Result<FileText, Diagnostics>>,
    strategies: Known,
) -> Result<Vec<Workload>, CommandError> {
    let strategies = strategies.names();
    let mut workloads = Vec::new();
    let mut wrong = Vec::new();
    for source in sources {
        match source.and_then(|source| source.parse(&strategies)) {
            Ok(workload) => workloads.push(workload),
            Err(found) => wrong.push(found),
        }
    }
    tell_styled(&Diagnostics::render_all(&wrong, color(&io::stderr())));
    match wrong.iter().map(Diagnostics::len).sum() {
        0 => Ok(workloads),
        1usize => Err(CommandError::usage(anyhow!("nothing was run: there is 1 mistake"))),
        n => Err(CommandError::usage(anyhow!("nothing was run: there are {n} mistakes"))),
    }
}

/// Finds a machine of the model by name or path; `undone` begins the message if there is none.
///
/// # Errors
///
/// If the file has mistakes (all of them), or there is no such machine.
pub(super) fn machine(name: &str, undone: &str) -> Result<MachineFile, CommandError> {
    MachineFile::find(name).map_err(|wrong| {
        tell_styled(&wrong.render(color(&io::stderr())));
        CommandError::usage(anyhow!("{undone}: '{name}' is no machine of the model"))
    })
}

/// Finds a kernel by name or path.
///
/// # Errors
///
/// If the file has mistakes (all of them), or there is no such kernel.
pub(super) fn kernel(name: &str) -> Result<KernelFile, CommandError> {
    KernelFile::find(name).map_err(|wrong| {
        tell_styled(&wrong.render(color(&io::stderr())));
        CommandError::usage(anyhow!("nothing was run: '{name}' is no kernel"))
    })
}

/// Finds strategies by name; without names, returns all except variants. A strategy given twice
/// counts once.
///
/// # Errors
///
/// If names are unknown: all of them.
pub(super) fn strategies(
    names: &[String],
    known: Known,
) -> Result<Vec<&'static Entry>, CommandError> {
    let plain = || known.iter().filter(|entry| !entry.is_variant());
    if names.is_empty() {
        return Ok(plain().collect());
    }
    let mut found: Vec<&'static Entry> = Vec::new();
    let mut unknown = Vec::new();
    for name in picked(names, plain().map(|entry| entry.name)) {
        match known.find(name) {
            Some(entry) => found.push(entry),
            None => unknown.push(name),
        }
    }
    match unknown.is_empty() {
        true => Ok(found),
        false => Err(not_known("there is no strategy", &unknown, &known.names())),
    }
}

/// Returns the error for names that are not among `known`, each after `why` and with what it may
/// have been meant to be; all that are known, once, if for one of them that is not clear.
pub(super) fn not_known(why: &str, names: &[&str], known: &[&str]) -> CommandError {
    let known = || known.iter().copied();
    let line = |name: &&str| match likely(name, known()) {
        Some(near) => (format!("{why} \"{name}\": {near}"), true),
        None => (format!("{why} \"{name}\""), false),
    };
    let (mut lines, clear): (Vec<String>, Vec<bool>) = names.iter().map(line).unzip();
    if clear.contains(&false) {
        let known: Vec<String> = known().map(|name| format!("\"{name}\"")).collect();
        lines.push(format!("known are {}", known.join(", ")));
    }
    CommandError::usage(anyhow!(lines.join("\n")))
}

/// Returns names, each once: `all` and patterns such as `huge-*` stand for names that `known` has.
/// A pattern that fits none stays, to be reported as a name.
fn picked<'a>(names: &'a [String], known: impl Iterator<Item = &'a str> + Clone) -> Vec<&'a str> {
    let mut picked: Vec<&str> = Vec::new();
    for name in names.iter().map(|name| name.trim()) {
        let pattern = if name == "all" { "*" } else { name };
        let fits = known.clone().filter(|known| pattern.contains('*') && is_like(known, pattern));
        let mut fits: Vec<&str> = fits.collect();
        if fits.is_empty() {
            fits.push(name);
        }
        fits.retain(|name| !picked.contains(name));
        picked.extend(fits);
    }
    picked
}

/// True if a name fits a pattern, in which `*` stands for any characters.
fn is_like(name: &str, pattern: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return name == pattern };
    let Some(name) = name.strip_prefix(start) else { return false };
    name.char_indices().any(|(at, _)| is_like(&name[at..], rest)) || is_like("", rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn all_strategies_are_those_without_variants() {
        let all = strategies(&[], Known::SHIPPED).unwrap();
        assert!(!all.is_empty() && all.iter().all(|entry| !entry.is_variant()));
        let twice = names(&["speculative:refcount", "mmap-lock", "mmap-lock"]);
        let named = strategies(&twice, Known::SHIPPED);
        let named: Vec<&str> = named.unwrap().iter().map(|entry| entry.name).collect();
        assert_eq!(named, ["speculative:refcount", "mmap-lock"]);
    }

    #[test]
    fn patterns_stand_for_names() {
        let known = ["huge-anon", "huge-anon-read", "pft"];
        let of = |names: &[&str]| -> Vec<String> {
            let names = super::tests::names(names);
            picked(&names, known.into_iter()).into_iter().map(str::to_owned).collect()
        };
        assert_eq!(of(&["all"]), known);
        assert_eq!(of(&["pft", " huge-* "]), ["pft", "huge-anon", "huge-anon-read"]);
        assert_eq!(of(&["*-anon", "x*"]), ["huge-anon", "x*"]);
    }

    #[test]
    fn every_unknown_strategy_is_named_with_a_near_one() {
        let some = names(&["mmaplock", "mmap-lock", "xyz"]);
        let error = strategies(&some, Known::SHIPPED).err().unwrap();
        assert_eq!(error.exit, base::exit::Exit::Usage);
        let text = error.to_string();
        assert!(
            text.starts_with("there is no strategy \"mmaplock\": did you mean \"mmap-lock\"?\n")
        );
        assert!(text.contains("there is no strategy \"xyz\"\nknown are \"unlocked\", "), "{text}");
    }

    #[test]
    fn a_workload_given_twice_runs_once_and_two_of_a_name_are_refused() {
        let twice = names(&["huge-anon", "huge-anon"]);
        let twice = workloads(&twice, Known::SHIPPED).unwrap();
        assert_eq!(twice.len(), 1);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("huge-anon.toml");
        let (_, text) = inputs::workload::shipped()[0];
        std::fs::write(&path, text).unwrap();
        let both = [String::from("huge-anon"), path.display().to_string()];
        let error = workloads(&both, Known::SHIPPED).unwrap_err();
        assert!(error.to_string().contains("are both named 'huge-anon'"), "{error}");
    }
}
