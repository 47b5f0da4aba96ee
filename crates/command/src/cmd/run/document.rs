//! The document on its way to disk: after every storm, and wherever there is room.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use anyhow::anyhow;
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;

use crate::cli::Target;
use crate::cmd::console::{print_all, tell};
use document::run::{Run, reserve, to_json, write_atomically};

/// Longest time for which a finished storm is not on disk.
const SAVE_EVERY: Duration = Duration::from_secs(1);
/// Storms last this many times as long as the writes between them, at least: a long document takes
/// as long to write as a storm.
const STORMS_PER_WRITE: u32 = 4;

/// The destination of a run's document.
pub(super) struct DocumentFile {
    place: Place,
    started: SystemTime,
    /// When it was last saved, and how long that took.
    saved: Option<(Instant, Duration)>,
    warned: bool,
}

/// Destination of the document.
enum Place {
    /// A file that is replaced after every storm.
    File(PathBuf),
    /// Standard output, a pipe, a device: it gets one document, at the end. Until then results are
    /// in a file of the temporary directory.
    Once { target: Target, kept: PathBuf },
}

/// The place of the document after the run.
pub(super) struct WrittenDocument {
    /// Its file; `None` if it went to standard output, or nowhere.
    pub path: Option<PathBuf>,
    /// True if it is in the place that was asked for.
    pub as_asked: bool,
}

impl DocumentFile {
    /// Chooses the file, unless `asked` says it. A file whose name is chosen exists from now on,
    /// so that no other run chooses it too.
    pub fn new(asked: Option<&Target>, started: SystemTime, workloads: &[&str]) -> DocumentFile {
        let place = match asked {
            None => Place::File(relative(reserve(started, workloads, Path::new(".")))),
            Some(Target::File(path)) if !is_special(path) => Place::File(path.clone()),
            Some(target) => {
                let kept = reserve(started, &[], &std::env::temp_dir());
                Place::Once { target: target.clone(), kept }
            }
        };
        DocumentFile { place, started, saved: None, warned: false }
    }

    /// Whether standard output belongs to the document.
    pub fn takes_stdout(&self) -> bool {
        matches!(&self.place, Place::Once { target: Target::Stdout, .. })
    }

    /// Writes what there is so far, unless writes would take too much of the time.
    pub fn save_now_and_then(&mut self, run: &Run) {
        let is_due = |(at, took): (Instant, Duration)| {
            at.elapsed() >= (took * STORMS_PER_WRITE).min(SAVE_EVERY)
        };
        if self.saved.is_none_or(is_due) {
            self.save(run);
        }
    }

    /// Writes the results so far. If that fails the run goes on, and the first failure is
    /// reported.
    pub fn save(&mut self, run: &Run) {
        let from = Instant::now();
        let (Place::File(path) | Place::Once { kept: path, .. }) = &self.place;
        if let Err(error) = write_atomically(path, run)
            && !self.warned
        {
            self.warned = true;
            let error = anyhow::Error::from(error);
            tell(&format!(
                "warning: {error:#}; the run goes on, and this is tried again at its end"
            ));
        }
        self.saved = Some((Instant::now(), from.elapsed()));
    }

    /// Tells where the document is, if its place is a pipe that nobody reads yet. If somebody
    /// does, the end that is returned has to stay open until the document is written: a reader
    /// whose only writer closes the pipe goes away.
    fn tell_if_unread(&self) -> Option<OwnedFd> {
        let Place::Once { target: Target::File(path), kept } = &self.place else { return None };
        let opened = open(path, OFlags::WRONLY | OFlags::NONBLOCK, Mode::empty());
        if opened.as_ref().is_err_and(|error| *error == Errno::NXIO) {
            let (path, kept) = (path.display(), kept.display());
            tell(&format!("'{path}' has no reader; until it has, the document is in '{kept}'"));
        }
        opened.ok()
    }

    /// Writes the document for the last time: to the temporary directory if the place that was
    /// asked for cannot be written. Reports on standard error what went wrong.
    pub fn finish(&self, run: &Run) -> WrittenDocument {
        let (target, kept) = match &self.place {
            Place::File(path) => (Target::File(path.clone()), None),
            Place::Once { target, kept } => (target.clone(), Some(kept)),
        };
        let _open = self.tell_if_unread();
        let written = match &target {
            Target::Stdout => to_json(run)
                .map_err(anyhow::Error::from)
                .and_then(|json| print_all(&json))
                .map(|()| None),
            Target::File(path) => {
                write_atomically(path, run).map(|()| Some(path.clone())).map_err(Into::into)
            }
        };
        match written {
            Ok(path) => {
                if let Some(kept) = kept {
                    // If it stays, it is a copy of the document.
                    let _ = std::fs::remove_file(kept);
                }
                WrittenDocument { path, as_asked: true }
            }
            Err(error) => self.rescue(run, &error, kept),
        }
    }

    fn rescue(&self, run: &Run, error: &anyhow::Error, kept: Option<&PathBuf>) -> WrittenDocument {
        let new = || reserve(self.started, &[], &std::env::temp_dir());
        let path = kept.cloned().unwrap_or_else(new);
        let path = match write_atomically(&path, run) {
            Ok(()) => {
                tell(&format!("error: {error:#}; the document is in '{}'", path.display()));
                Some(path)
            }
            Err(second) => {
                tell(&format!("error: {error:#}; and in its place: {:#}", anyhow!(second)));
                None
            }
        };
        WrittenDocument { path, as_asked: false }
    }
}

/// True for what is there and no regular file: a pipe, a device.
fn is_special(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| !meta.is_file() && !meta.is_dir())
}

/// Takes away the `./` in front of a path of the working directory.
fn relative(path: PathBuf) -> PathBuf {
    path.strip_prefix(".").map(Path::to_owned).unwrap_or(path)
}
