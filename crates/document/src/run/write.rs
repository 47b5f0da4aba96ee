//! The writer of documents: a file holds the whole document or its previous content, never half.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, openat};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::TempPath;

use super::cell::Cell;
use super::document::Run;

/// Symbolic links that are followed, as in Linux (MAXSYMLINKS).
const LINKS_MAX: usize = 40;

/// The reason why a document could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A number that JSON cannot hold.
    #[error("{place} holds a number that is NaN or infinite, which the document cannot hold")]
    NotFinite {
        /// The part of the document, as `cell 'huge-anon/unlocked/host/1/none'`.
        place: String,
    },
    /// The file or its directory cannot be written. The previous content is still there.
    #[error("cannot write '{path}'")]
    Io {
        /// The file.
        path: String,
        /// The error of the system.
        source: std::io::Error,
    },
}

/// Returns the document as indented JSON that ends with a newline.
///
/// JSON has no NaN and serde_json writes `null` for it, which would pass for
/// "not measured". So the text must read back as the same numbers.
pub fn to_json(run: &Run) -> Result<Vec<u8>, WriteError> {
    let mut bytes = serde_json::to_vec_pretty(run).expect("every map of a run has string keys");
    if !serde_json::from_slice::<Run>(&bytes).is_ok_and(|back| has_numbers_of(&back, run)) {
        let is_whole = |cell: &Cell| reads_back(&cell.key) && reads_back(&cell.measured);
        let cell = run.cells.iter().find(|cell| !is_whole(cell));
        let place = cell.map_or("provenance".to_owned(), |cell| format!("cell '{}'", cell.id));
        return Err(WriteError::NotFinite { place });
    }
    bytes.push(b'\n');
    Ok(bytes)
}

fn has_numbers_of(back: &Run, run: &Run) -> bool {
    let mut cells = back.cells.iter().zip(&run.cells);
    back.cells.len() == run.cells.len()
        && cells.all(|(a, b)| (&a.key, &a.measured) == (&b.key, &b.measured))
        && (&back.provenance, &back.scaling, &back.break_even)
            == (&run.provenance, &run.scaling, &run.break_even)
}

fn reads_back<T: Serialize + DeserializeOwned + PartialEq>(part: &T) -> bool {
    let text = serde_json::to_vec(part).expect("every map of a run has string keys");
    serde_json::from_slice::<T>(&text).is_ok_and(|back| back == *part)
}

/// Writes the document to a file beside `path` and renames it, so that neither a full disk nor
/// a kill leaves half a document, and no reader sees one.
///
/// A symbolic link is followed, also if nothing is there yet. A file that is replaced keeps its
/// mode. A file that is not regular (a pipe, `/dev/null`) is written directly.
pub fn write_atomically(path: &Path, run: &Run) -> Result<(), WriteError> {
    let bytes = to_json(run)?;
    replace(path, &bytes)
        .map_err(|source| WriteError::Io { path: path.display().to_string(), source })
}

/// Replaces the content of a file by `bytes`, as [`write_atomically`] does.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let meta = path.metadata().ok();
    if meta.as_ref().is_some_and(|meta| !meta.is_file()) {
        return std::fs::write(path, bytes);
    }
    let target = linked(path);
    let directory = match target.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let named = |file: &File| -> io::Result<TempPath> {
        // Kept from the system until it is complete: a kill leaves nothing.
        let from = format!("/proc/self/fd/{}", file.as_raw_fd());
        let name = |to: &Path| linkat(CWD, &from, CWD, to, AtFlags::SYMLINK_FOLLOW);
        let name = |to: &Path| name(to).map_err(io::Error::from);
        Ok(hidden().make_in(directory, name)?.into_temp_path())
    };
    let fill = |mut file: &File| -> io::Result<()> {
        if let Some(meta) = &meta {
            file.set_permissions(meta.permissions())?;
        }
        file.write_all(bytes)
    };
    let complete = match unnamed(directory) {
        Ok(file) => fill(&file).and_then(|()| named(&file))?,
        // A file system without such files.
        Err(_) => {
            // Opened by hand: tempfile's own open ignores the umask.
            let make = |path: &Path| File::options().write(true).create_new(true).open(path);
            let file = hidden().make_in(directory, make)?;
            fill(file.as_file())?;
            file.into_temp_path()
        }
    };
    complete.persist(&target).map_err(|error| error.error)
}

/// Makes a file without a name in a directory.
fn unnamed(directory: &Path) -> io::Result<File> {
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    Ok(openat(CWD, directory, flags, Mode::from_raw_mode(0o666))?.into())
}

fn hidden() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".faultstorm-").suffix(".tmp");
    builder
}

/// Returns the path that a symbolic link leads to, even if nothing is there.
fn linked(path: &Path) -> PathBuf {
    let mut target = path.to_owned();
    for _ in 0..LINKS_MAX {
        if let Ok(found) = target.canonicalize() {
            return found;
        }
        let Ok(next) = target.read_link() else { break };
        target = target.parent().unwrap_or(Path::new("")).join(next);
    }
    target
}

/// Makes an empty file with the default name of a document and returns its path:
/// `results/<utc>-<workloads>.json` if `cwd` has a directory `results`, else
/// `faultstorm-<utc>.json`. If that cannot be written, no file is made.
///
/// If a file has that name, the name gets `-2`, `-3`, ...: two runs in one second are two runs.
pub fn reserve(now: SystemTime, workloads: &[&str], cwd: &Path) -> PathBuf {
    let utc = humantime::format_rfc3339_seconds(now).to_string().replace(['-', ':'], "");
    let results = cwd.join("results");
    let (directory, stem) = if results.is_dir() {
        let mut names = workloads.join("+");
        // A file name holds 255 bytes.
        if names.len() > 100 {
            names = format!("{}-workloads", workloads.len());
        }
        (results, format!("{utc}-{names}"))
    } else {
        (cwd.to_owned(), format!("faultstorm-{utc}"))
    };
    let mut path = directory.join(format!("{stem}.json"));
    let mut copy = 2u32;
    let is_taken = |path: &Path| {
        File::create_new(path).is_err_and(|error| error.kind() == io::ErrorKind::AlreadyExists)
    };
    while is_taken(&path) {
        path = directory.join(format!("{stem}-{copy}.json"));
        copy += 1;
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Provenance;

    fn run() -> Run {
        Run::new(Provenance {
            started_at: "2026-03-14T15:09:26Z".to_owned(),
            harness_cost_ns: [("touch".to_owned(), 0.1)].into(),
            ..Provenance::default()
        })
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(directory).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn what_is_written_is_read_and_nothing_else_is_left() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.json");
        let mut run = run();
        write_atomically(&path, &run).unwrap();
        run.complete = true;
        write_atomically(&path, &run).unwrap();
        assert_eq!(Run::read(&path).unwrap(), run);
        assert_eq!(names(directory.path()), ["a.json"]);
    }

    #[test]
    fn a_directory_that_is_missing_is_named_with_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("no/such/a.json");
        let error = anyhow::Error::from(write_atomically(&path, &run()).unwrap_err());
        let text = format!("{error:#}");
        assert!(text.starts_with(&format!("cannot write '{}': No such file", path.display())));
        assert!(!text.contains(".faultstorm-"), "{text}");
    }

    #[test]
    fn a_failed_write_leaves_the_old_document_and_no_litter() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.json");
        write_atomically(&path, &run()).unwrap();
        let mut broken = run();
        broken.provenance.harness_cost_ns.insert("touch".to_owned(), f64::NAN);
        let error = write_atomically(&path, &broken).unwrap_err().to_string();
        assert!(error.starts_with("provenance holds a number that is NaN"), "{error}");
        assert_eq!(Run::read(&path).unwrap(), run());
        assert_eq!(names(directory.path()), ["a.json"]);
    }

    #[test]
    fn a_full_device_is_an_error() {
        let error = write_atomically(Path::new("/dev/full"), &run()).unwrap_err();
        let text = format!("{:#}", anyhow::Error::from(error));
        assert!(text.starts_with("cannot write '/dev/full': No space left"), "{text}");
        assert!(Path::new("/dev/full").exists());
    }

    #[test]
    fn a_link_is_followed() {
        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (directory.path().join("a.json"), directory.path().join("latest.json"));
        write_atomically(&file, &run()).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let complete = Run { complete: true, ..run() };
        write_atomically(&link, &complete).unwrap();
        assert!(link.is_symlink());
        assert_eq!(Run::read(&file).unwrap(), complete);
    }

    #[test]
    fn a_nan_names_its_cell_also_where_null_is_allowed() {
        let mut run = run();
        let key: crate::run::Key = serde_json::from_value(serde_json::json!({
            "workload": "w", "workload_digest": "d", "strategy": "s", "world": "host",
            "machine": "m", "threads": 2, "placement": "scatter", "entry_prefetch": false,
            "body": "none", "seed": 1,
        }))
        .unwrap();
        run.cells.push(Cell::skipped(key.clone(), "may not write"));
        assert!(to_json(&run).is_ok());
        let vary = [("think_ns".to_owned(), f64::INFINITY)].into();
        run.cells.push(Cell::skipped(crate::run::Key { vary, ..key }, "may not write"));
        let error = to_json(&run).unwrap_err().to_string();
        assert!(error.starts_with("cell 'w/s/host/2/none/think_ns=inf' holds"), "{error}");

        run.cells.clear();
        run.provenance.host.load_average = Some(f64::NAN);
        assert!(to_json(&run).is_err());
    }

    #[test]
    fn a_link_to_nothing_is_followed() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("latest.json");
        std::os::unix::fs::symlink("a.json", &link).unwrap();
        write_atomically(&link, &run()).unwrap();
        assert!(link.is_symlink());
        assert_eq!(Run::read(&directory.path().join("a.json")).unwrap(), run());
    }

    #[test]
    fn a_file_that_is_replaced_keeps_its_mode() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.json");
        write_atomically(&path, &run()).unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&path, private).unwrap();
        write_atomically(&path, &run()).unwrap();
        let mode = std::os::unix::fs::MetadataExt::mode(&path.metadata().unwrap());
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn documents_go_to_results_where_there_is_one() {
        let directory = tempfile::tempdir().unwrap();
        let cwd = directory.path();
        let now = humantime::parse_rfc3339("2026-03-14T15:09:26Z").unwrap();
        let plain = reserve(now, &["huge-anon"], cwd);
        assert_eq!(plain, cwd.join("faultstorm-20260314T150926Z.json"));
        let second = reserve(now, &["huge-anon"], cwd);
        assert_eq!(second, cwd.join("faultstorm-20260314T150926Z-2.json"));

        std::fs::create_dir(cwd.join("results")).unwrap();
        let both = reserve(now, &["huge-anon", "private-write"], cwd);
        assert_eq!(both, cwd.join("results/20260314T150926Z-huge-anon+private-write.json"));
        let second = reserve(now, &["huge-anon", "private-write"], cwd);
        assert_eq!(second, cwd.join("results/20260314T150926Z-huge-anon+private-write-2.json"));
        let many = reserve(now, &["a-workload"; 20], cwd);
        assert_eq!(many, cwd.join("results/20260314T150926Z-20-workloads.json"));
        let nowhere = Path::new("/nonexistent");
        assert_eq!(reserve(now, &[], nowhere), nowhere.join("faultstorm-20260314T150926Z.json"));
    }
}
