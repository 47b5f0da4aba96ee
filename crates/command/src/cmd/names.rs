//! Finds workloads, strategies and machines by their names on the command line.

use std::io;

use anyhow::anyhow;

use super::console::color;
use super::error::CommandError;
use catalogue::{Entry, Known};
use inputs::kernels::KernelFile;
use inputs::machines::MachineFile;
use inputs::workload::{Diagnostics, FileText, Workload, find, nearest};

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
    let mut known: Vec<&str> = Vec::new();
    for name in names {
        if !known.contains(&name.as_str()) {
            known.push(name);
        }
    }
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
    let mut mistakes = 0;
    for source in sources {
        match source.and_then(|source| source.parse(&strategies)) {
            Ok(workload) => workloads.push(workload),
            Err(found) => {
                eprint!("{}", found.render(color(&io::stderr())));
                mistakes += found.len();
            }
        }
    }
    match mistakes {
        0 => Ok(workloads),
        1 => Err(CommandError::usage(anyhow!("nothing was run: there is 1 mistake"))),
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
        eprint!("{}", wrong.render(color(&io::stderr())));
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
        eprint!("{}", wrong.render(color(&io::stderr())));
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
    if names.is_empty() {
        return Ok(known.iter().filter(|entry| !entry.is_variant()).collect());
    }
    let mut found: Vec<&'static Entry> = Vec::new();
    let mut unknown = Vec::new();
    for name in names {
        match known.find(name) {
            Some(entry) if found.iter().any(|other| other.name == entry.name) => {}
            Some(entry) => found.push(entry),
            None => unknown.push(not_known(name, known)),
        }
    }
    if unknown.is_empty() {
        return Ok(found);
    }
    unknown.push(format!("known are '{}'", known.names().join("', '")));
    Err(CommandError::usage(anyhow!(unknown.join("\n"))))
}

fn not_known(name: &str, known: Known) -> String {
    match nearest(name, known.names()) {
        Some(near) => format!("there is no strategy '{name}': did you mean '{near}'?"),
        None => format!("there is no strategy '{name}'"),
    }
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
    fn every_unknown_strategy_is_named_with_a_near_one() {
        let some = names(&["mmaplock", "mmap-lock", "xyz"]);
        let error = strategies(&some, Known::SHIPPED).err().unwrap();
        assert_eq!(error.exit, base::exit::Exit::Usage);
        let text = error.to_string();
        assert!(text.starts_with("there is no strategy 'mmaplock': did you mean 'mmap-lock'?\n"));
        assert!(text.contains("there is no strategy 'xyz'\nknown are 'unlocked', "), "{text}");
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
