//! The document on its way to disk: after every storm, and wherever there is room.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use anyhow::anyhow;

use crate::cli::Target;
use crate::cmd::console::print;
use document::run::{Run, WriteError, default_path, to_json, write_atomically};

/// A storm that is over is on disk after so long, at the latest.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// The destination of a run's document.
pub(super) struct DocumentFile {
    target: Target,
    started: SystemTime,
    saved: Option<Instant>,
    warned: bool,
}

/// The place of the document after the run.
pub(super) struct WrittenDocument {
    /// Its file; `None` if it went to standard output, or nowhere.
    pub path: Option<PathBuf>,
    /// True if it is in the place that was asked for.
    pub as_asked: bool,
}

impl DocumentFile {
    /// Chooses the file, unless `asked` says it.
    pub fn new(asked: Option<&Target>, started: SystemTime, workloads: &[&str]) -> DocumentFile {
        let target = asked.cloned().unwrap_or_else(|| {
            Target::File(relative(default_path(started, workloads, Path::new("."))))
        });
        DocumentFile { target, started, saved: None, warned: false }
    }

    /// Whether standard output belongs to the document.
    pub fn takes_stdout(&self) -> bool {
        self.target == Target::Stdout
    }

    /// Writes what there is so far, unless that was done a moment ago: to write a long document
    /// takes as long as a storm.
    pub fn save_now_and_then(&mut self, run: &Run) {
        if self.saved.is_none_or(|saved| saved.elapsed() > SAVE_EVERY) {
            self.save(run);
        }
    }

    /// Writes the results so far. If that fails the run goes on, and the first failure is
    /// reported.
    pub fn save(&mut self, run: &Run) {
        let Target::File(path) = &self.target else { return };
        if let Err(error) = write_atomically(path, run)
            && !self.warned
        {
            self.warned = true;
            let error = anyhow::Error::from(error);
            eprintln!("warning: {error:#}; the run goes on, and this is tried again at its end");
        }
        self.saved = Some(Instant::now());
    }

    /// Writes the document for the last time: to the temporary directory if the place that was
    /// asked for cannot be written. Reports on standard error what went wrong.
    pub fn finish(&self, run: &Run) -> WrittenDocument {
        let path = match &self.target {
            Target::Stdout => {
                let printed =
                    to_json(run).map_err(anyhow::Error::from).and_then(|json| print(&json));
                return match printed {
                    Ok(()) => WrittenDocument { path: None, as_asked: true },
                    Err(error) => self.rescue(run, &error),
                };
            }
            Target::File(path) => path,
        };
        match write_atomically(path, run) {
            Ok(()) => WrittenDocument { path: Some(path.clone()), as_asked: true },
            Err(error) => self.rescue(run, &error.into()),
        }
    }

    fn rescue(&self, run: &Run, error: &anyhow::Error) -> WrittenDocument {
        let path = default_path(self.started, &[], &std::env::temp_dir());
        let path = match write_atomically(&path, run) {
            Ok(()) => {
                eprintln!("error: {error:#}; the document is in '{}'", path.display());
                Some(path)
            }
            Err(second) => {
                eprintln!("error: {error:#}; and in its place: {:#}", anyhow!(second));
                None
            }
        };
        WrittenDocument { path, as_asked: false }
    }
}

/// Takes away the `./` in front of a path of the working directory.
fn relative(path: PathBuf) -> PathBuf {
    path.strip_prefix(".").map(Path::to_owned).unwrap_or(path)
}

/// Writes what is made of the document: a table, a page.
///
/// # Errors
///
/// If `path` cannot be written.
pub(super) fn write(path: &Path, text: &str) -> Result<(), WriteError> {
    std::fs::write(path, text)
        .map_err(|source| WriteError::Io { path: path.display().to_string(), source })
}
