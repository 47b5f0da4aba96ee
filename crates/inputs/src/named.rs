//! Finds files by name or path. Files that come with the crate are part of the binary, which so
//! runs from any directory.

use crate::diag::{Diagnostic, Diagnostics, meant};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Largest file that is read. People write them by hand.
const BYTES_MAX: u64 = 4 << 20;

/// Lists the names and texts of files of a folder at the root of the repository. The caller's file
/// must be two folders below its crate.
macro_rules! shipped {
    ($folder:literal: $($name:literal),* $(,)?) => {
        &[$((
            $name,
            include_str!(concat!("../../../../", $folder, "/", $name, ".toml")),
        )),*]
    };
}
pub(crate) use shipped;

/// The files of one kind that come with the crate.
pub struct Shipped {
    /// The subject of such a file, in one word.
    pub what: &'static str,
    /// The folder that they are in.
    pub folder: &'static str,
    /// Name and text of each.
    pub files: &'static [(&'static str, &'static str)],
}

/// The text of a file, and its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileText {
    /// The file's stem.
    pub name: String,
    /// The path that diagnostics show.
    pub path_shown: String,
    /// Its text, TOML.
    pub text: String,
}

impl Shipped {
    /// Finds a file: the name of a shipped one, or a path, which has a `/` or ends in `.toml`.
    ///
    /// # Errors
    ///
    /// No shipped file has the name, or the file cannot be read.
    pub fn find(&self, name_or_path: &str) -> Result<FileText, Diagnostics> {
        if name_or_path.contains('/') || name_or_path.ends_with(".toml") {
            return self.read(Path::new(name_or_path));
        }
        match self.files.iter().find(|(name, _)| *name == name_or_path) {
            Some((name, text)) => Ok(FileText {
                name: (*name).to_owned(),
                path_shown: format!("{}/{name}.toml", self.folder),
                text: (*text).to_owned(),
            }),
            None => Err(Diagnostics::outside(
                Diagnostic::new(format!("there is no {} \"{name_or_path}\"", self.what))
                    .help_if(meant(name_or_path, self.files.iter().map(|(name, _)| *name)))
                    .help(format!(
                        "a path has a `/` or ends in `.toml`: \"./{name_or_path}.toml\""
                    )),
            )),
        }
    }

    /// Reads the file at `path`.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn read(&self, path: &Path) -> Result<FileText, Diagnostics> {
        let path_shown = path.display().to_string();
        let text = text(path).map_err(|why| {
            let title = format!("the {} file \"{path_shown}\" {why}", self.what);
            Diagnostics::outside(Diagnostic::new(title))
        })?;
        let name = path.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
        Ok(FileText { name, path_shown, text })
    }
}

/// Reads a file of text, without the mark of its encoding; the error follows the file's name.
fn text(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let read = |file: File| file.take(BYTES_MAX + 1).read_to_end(&mut bytes);
    File::open(path).and_then(read).map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(format!("has more than {} MiB", BYTES_MAX >> 20));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let (before, wrong) = error.as_bytes().split_at(valid);
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        format!("is not UTF-8: line {line} has the byte {:#04x}", wrong[0])
    })?;
    let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
    match text.trim().is_empty() {
        true => Err("is empty".to_owned()),
        false => Ok(text),
    }
}
