//! Files that a run writes, tested before its first storm.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use crate::cli::{RunArgs, Target, WorldArg};
use crate::cmd::error::CommandError;

/// Refuses outputs that would overwrite each other, an input or an earlier document, and those
/// that cannot be written.
///
/// # Errors
///
/// The first such output.
pub(super) fn test(args: &RunArgs) -> Result<(), CommandError> {
    let json = match &args.json {
        Some(Target::File(path)) => Some(path),
        _ => None,
    };
    let outputs = [("--json", json), ("--csv", args.csv.as_ref()), ("--html", args.html.as_ref())];
    let outputs = outputs.into_iter().filter_map(|(flag, path)| Some((flag, path?)));
    let outputs: Vec<(&str, &PathBuf)> = outputs.collect();
    for (index, (flag, path)) in outputs.iter().enumerate() {
        let is_same = |other: &Path| is_regular(path) && real(other) == real(path);
        if let Some((first, _)) = outputs[..index].iter().find(|(_, other)| is_same(other)) {
            return refused(flag, path, &format!("{first} writes that file too"));
        }
        if inputs(args).any(|input| is_same(Path::new(input))) {
            return refused(flag, path, "the run reads that file");
        }
        if *flag == "--json" && !args.force && path.is_file() {
            return refused(flag, path, "it exists: give --force to replace it");
        }
        is_writable(path)
            .with_context(|| format!("nothing was run: cannot write '{}'", path.display()))
            .map_err(CommandError::machine)?;
    }
    Ok(())
}

fn refused(flag: &str, path: &Path, why: &str) -> Result<(), CommandError> {
    Err(CommandError::usage(anyhow!("nothing was run: {flag} '{}': {why}", path.display())))
}

/// Files that the run may read.
fn inputs(args: &RunArgs) -> impl Iterator<Item = &str> {
    let machines = args.worlds().iter().filter_map(|world| match world {
        WorldArg::Model(path) => Some(path.as_str()),
        _ => None,
    });
    let kernels = args.kernel.as_deref();
    args.workloads.iter().map(String::as_str).chain(machines).chain(kernels)
}

/// True for a file, or for a path at which nothing is yet.
fn is_regular(path: &Path) -> bool {
    path.metadata().map_or(true, |meta| meta.is_file())
}

/// Returns the path without links, also of a file that is not there yet.
fn real(path: &Path) -> PathBuf {
    let beside = || {
        let directory = path.parent().filter(|parent| *parent != Path::new(""));
        let directory = directory.unwrap_or(Path::new(".")).canonicalize().ok()?;
        Some(directory.join(path.file_name()?))
    };
    path.canonicalize().ok().or_else(beside).unwrap_or_else(|| path.to_owned())
}

/// Fails if a file cannot be written there. Changes nothing.
fn is_writable(path: &Path) -> std::io::Result<()> {
    match path.metadata() {
        // Opened when there is something to write: a pipe may have no reader yet.
        Ok(meta) if !meta.is_file() && !meta.is_dir() => Ok(()),
        Ok(_) => File::options().append(true).open(path).map(drop),
        Err(_) => {
            let parent = path.parent().filter(|parent| *parent != Path::new(""));
            tempfile::tempfile_in(parent.unwrap_or(Path::new("."))).map(drop)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    fn tested(words: &[&str]) -> Result<(), String> {
        let words = ["faultstorm", "run"].iter().chain(words);
        let Command::Run(args) = Cli::parse_from(words).command else { panic!("it is a run") };
        test(&args).map_err(|error| error.to_string())
    }

    #[test]
    fn outputs_that_would_overwrite_something_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).display().to_string();
        let (new, old, link) = (path("new.json"), path("old.json"), path("link"));
        std::fs::write(&old, "").unwrap();
        std::os::unix::fs::symlink("new.json", &link).unwrap();
        let refused = |words: &[&str]| tested(words).expect_err("it is refused");
        assert!(refused(&["--json", &old]).ends_with("it exists: give --force to replace it"));
        assert!(refused(&["--csv", &old, &old]).ends_with("the run reads that file"));
        assert!(refused(&["--json", &new, "--csv", &new]).ends_with("--json writes that file too"));
        assert!(refused(&["--html", &path("no/such/page")]).contains("No such file"));
        assert_eq!(tested(&["--json", &old, "--force", "--csv", &new]), Ok(()));
        assert_eq!(tested(&["--json", &link, "--csv", "/dev/null", "--html", "/dev/null"]), Ok(()));
    }
}
