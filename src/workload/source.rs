//! From a name, a path or a text to a workload.

use std::fs;
use std::path::Path;

use super::diag::{Diagnostic, Diagnostics, meant};
use super::{Workload, lower, read, shipped};

/// What the machine that is to run a workload has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Memory that a storm may take, in bytes.
    pub memory_bytes: u64,
}

/// The text of a workload and where it is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The file's stem.
    pub name: String,
    /// The path as it is shown in diagnostics.
    pub path_shown: String,
    /// TOML.
    pub text: String,
}

impl Source {
    /// Parses the text: see [`parse`].
    ///
    /// # Errors
    ///
    /// Every mistake of the text.
    pub fn parse(&self, known: &[&str], limits: &Limits) -> Result<Workload, Diagnostics> {
        parse(&self.name, &self.path_shown, &self.text, known, limits)
    }
}

/// Returns the workload `name` that `text` describes. `path_shown` stands in
/// diagnostics; `known_strategies` are the names that `[[expect]]` may mention
/// (`NAME` or `NAME:VARIANT`); `limits` is what the machine has.
///
/// # Errors
///
/// Every mistake of the text.
pub fn parse(
    name: &str,
    path_shown: &str,
    text: &str,
    known_strategies: &[&str],
    limits: &Limits,
) -> Result<Workload, Diagnostics> {
    let mut mistakes = Vec::new();
    let workload = read::document(text, &mut mistakes).and_then(|document| {
        lower::workload(name, &document, known_strategies, limits, &mut mistakes)
    });
    match workload {
        Some(workload) if mistakes.is_empty() => Ok(workload),
        _ => Err(Diagnostics::new(path_shown, text, mistakes)),
    }
}

/// Reads and parses the workload file at `path`: see [`parse`].
///
/// # Errors
///
/// The file cannot be read, or every mistake of its text.
pub fn load(
    path: &Path,
    known_strategies: &[&str],
    limits: &Limits,
) -> Result<Workload, Diagnostics> {
    read_file(path)?.parse(known_strategies, limits)
}

/// Finds a workload: the name of a shipped one, or a path, which has a `/` or
/// ends in `.toml`.
///
/// # Errors
///
/// No shipped workload has the name, or the file cannot be read.
pub fn resolve(name_or_path: &str) -> Result<Source, Diagnostics> {
    if name_or_path.contains('/') || name_or_path.ends_with(".toml") {
        return read_file(Path::new(name_or_path));
    }
    match shipped().iter().find(|(name, _)| *name == name_or_path) {
        Some((name, text)) => Ok(Source {
            name: (*name).to_owned(),
            path_shown: format!("workloads/{name}.toml"),
            text: (*text).to_owned(),
        }),
        None => Err(Diagnostics::outside(
            Diagnostic::new(format!("there is no workload \"{name_or_path}\""))
                .help_if(meant(name_or_path, shipped().iter().map(|(name, _)| *name)))
                .help(format!("a path has a `/` or ends in `.toml`: \"./{name_or_path}.toml\"")),
        )),
    }
}

fn read_file(path: &Path) -> Result<Source, Diagnostics> {
    let shown = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|error| {
        let title = format!("the workload file \"{shown}\" cannot be read: {error}");
        Diagnostics::outside(Diagnostic::new(title))
    })?;
    let name = path.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
    Ok(Source { name, path_shown: shown, text })
}
