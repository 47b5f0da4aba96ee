//! `faultstorm report`: documents to one page.

use anyhow::{Context, anyhow};

use super::console::print;
use super::error::CommandError;
use crate::cli::{ReportArgs, Target};
use crate::exit::Exit;
use crate::report::html;
use crate::run::Run;

/// Reads documents and writes the page that shows them side by side.
///
/// # Errors
///
/// A document that cannot be read, or a page that cannot be written.
pub fn report(args: &ReportArgs) -> Result<Exit, CommandError> {
    let read = |path| Run::read(path).map_err(|error| CommandError::usage(anyhow!(error)));
    let runs = args.runs.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    let page = html(&runs);
    match &args.output {
        Target::Stdout => print(page.as_bytes())?,
        Target::File(path) => std::fs::write(path, page)
            .with_context(|| format!("cannot write '{}'", path.display()))
            .map_err(CommandError::machine)?,
    }
    Ok(Exit::Done)
}
