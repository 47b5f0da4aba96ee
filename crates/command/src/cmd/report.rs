//! `faultstorm report`: writes documents as a page, as text, or in a format for other programs.

use std::path::PathBuf;

use anyhow::{Context, anyhow};

use super::console::{plain, print, style};
use super::error::CommandError;
use crate::cli::{ReportArgs, ReportFormat, Target};
use base::exit::Exit;
use document::run::Run;

/// Reads documents and writes them in the requested format.
///
/// # Errors
///
/// If a document cannot be read or lacks the data that the format needs, or the output cannot be
/// written.
pub fn report(args: &ReportArgs) -> Result<Exit, CommandError> {
    if let Some(why) = args.misnamed() {
        return Err(CommandError::usage(anyhow!(why)));
    }
    let read = |path| Run::read(path).map_err(|error| CommandError::usage(anyhow!(error)));
    let runs = args.runs.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    let text = match args.format() {
        ReportFormat::Html => report::html(&runs),
        ReportFormat::Text => text(args, &runs),
        ReportFormat::Markdown => report::markdown(&runs),
        ReportFormat::Csv => report::csv(&runs),
        ReportFormat::HdrLog => report::hdr_log(&runs).map_err(|error| {
            let path = args.runs[error.run].display();
            CommandError::usage(anyhow!("'{path}' cannot be a log of HdrHistogram: {error}"))
        })?,
    };
    match args.output() {
        Target::Stdout => print(text.as_bytes())?,
        Target::File(path) => std::fs::write(&path, text)
            .with_context(|| format!("cannot write '{}'", path.display()))
            .map_err(CommandError::machine)?,
    }
    Ok(Exit::Done)
}

/// Returns the screen and the tables of each run. Only a terminal gets colours.
fn text(args: &ReportArgs, runs: &[Run]) -> String {
    let style = if args.output() == Target::Stdout { style() } else { plain() };
    let one = |(path, run): (&PathBuf, &Run)| {
        let path = path.display().to_string();
        report::screen(run, style, Some(&path)) + "\n" + &report::text(run, style, Some(&path))
    };
    args.runs.iter().zip(runs).map(one).collect::<Vec<_>>().join("\n")
}
