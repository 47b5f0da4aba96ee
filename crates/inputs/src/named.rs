//! Finds files by name or path. Files that come with the crate are part of the binary, which so
//! runs from any directory.

use crate::diag::{Diagnostic, Diagnostics, meant};
use std::fs;
use std::path::Path;

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
        let text = fs::read_to_string(path).map_err(|error| {
            let what = self.what;
            let title = format!("the {what} file \"{path_shown}\" cannot be read: {error}");
            Diagnostics::outside(Diagnostic::new(title))
        })?;
        let name = path.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
        Ok(FileText { name, path_shown, text })
    }
}
