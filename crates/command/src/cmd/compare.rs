//! `faultstorm compare`: two runs, cell by cell.

use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::console::{print, style, tell};
use super::error::CommandError;
use crate::cli::{CompareArgs, Format};
use base::exit::Exit;
use document::compare::{self, Document, Options};
use document::run::Run;
use inputs::machines::vary::key_of;
use report::{self, Style};
use stats::MIN_REPEATS;

/// Width of a line in a mail, in columns.
const MAIL_COLUMNS: usize = 72;

/// Compares runs and prints the result.
///
/// # Errors
///
/// If a file is not a run, the sides of the comparison are not clear, or standard output cannot be
/// written.
pub fn compare(args: &CompareArgs) -> Result<Exit, CommandError> {
    let base = documents(std::iter::once(&args.base).chain(&args.launches))?;
    let new = documents(args.new.iter())?;
    let CompareArgs { by, force, fail_above, .. } = *args;
    let options = Options { by, force, fail_above };
    let compared = compare::compare(&base, &new, &options).map_err(CommandError::usage)?;
    let text = match args.format {
        Format::Table => report::comparison(&compared, style()),
        Format::Plain => report::comparison(&compared, Style { color: false, width: MAIL_COLUMNS }),
        Format::Markdown => report::comparison_markdown(&compared),
        Format::Json => compare::to_json(&compared),
    };
    print(text.as_bytes())?;
    let is_found = compared.found().next().is_some() || compared.missing().next().is_some();
    if is_found && let Some(found) = report::found(&compared) {
        tell(&format!("faultstorm: {found}"));
    }
    if fail_above.is_some() && !is_found && !compared.is_sure() {
        return Err(CommandError::usage(anyhow!(
            "--fail-above cannot judge: no ratio has a verdict; storm each side with \
             --repeats {MIN_REPEATS} or more"
        )));
    }
    Ok(if is_found { Exit::Found } else { Exit::Done })
}

fn documents<'a>(paths: impl Iterator<Item = &'a PathBuf>) -> Result<Vec<Document>, CommandError> {
    let read = |path: &Path| {
        let mut run = Run::read(path).map_err(CommandError::usage)?;
        // `upg` and `upgrade-ns` are one number: cells pair by the keys of machine files.
        for cell in &mut run.cells {
            let varied = std::mem::take(&mut cell.key.vary).into_iter();
            let by_key =
                |(name, value): (String, f64)| (key_of(&name).map_or(name, str::to_owned), value);
            cell.key.vary = varied.map(by_key).collect();
        }
        Ok(Document { path: path.display().to_string(), run })
    };
    paths.map(|path| read(path)).collect()
}
