//! `faultstorm validate`: compares the model with published figures, with this machine, and with a
//! run of another machine.

mod document;
mod host;
mod table;
mod targets;

use serde_json::json;

use super::console::print;
use super::error::CommandError;
use crate::cli::ValidateArgs;
use base::exit::Exit;
use catalogue::Known;
use validation::Compared;

/// Runs the requested comparisons and prints them: target, model, error and verdict of published
/// figures; measurements and predictions of this machine or of another machine's run.
///
/// # Errors
///
/// If a file of targets has mistakes, the base is not a machine or not complete enough, a document
/// is not a run or its machine is unknown, a storm fails, or standard output cannot be written.
pub fn validate(args: &ValidateArgs, known: Known) -> Result<Exit, CommandError> {
    if let Some(path) = &args.with {
        let compared = document::compare(path, args.machine.as_deref())?;
        let text =
            if args.json { format!("{:#}\n", compared.as_json()) } else { compared.as_text() };
        print(text.as_bytes())?;
        return Ok(Exit::Done);
    }
    let published = (!args.host).then(|| published(args, known)).transpose()?;
    let is_host = !args.published && args.targets.is_empty();
    let host = is_host.then(|| host::compare(&args.base)).transpose()?;
    if args.json {
        let figures = published.as_deref().map(table::as_json);
        let host = host.as_ref().map(host::HostComparison::as_json);
        let all = json!({ "figures": figures, "host": host });
        print(format!("{all:#}\n").as_bytes())?;
    } else if let Some(host) = host {
        let gap = if published.is_some() { "\n" } else { "" };
        print((gap.to_owned() + &host.as_text()).as_bytes())?;
    }
    let missed: usize = published.iter().flatten().map(Compared::missed).sum();
    Ok(if missed == 0 { Exit::Done } else { Exit::Storm })
}

/// Runs the files of targets, and prints their tables unless JSON is asked for: comparisons with
/// this machine take a while.
fn published(args: &ValidateArgs, known: Known) -> Result<Vec<Compared>, CommandError> {
    let files = targets::read(&args.targets, known)?;
    let all = targets::compare(&files, args.band, known);
    if args.cards {
        targets::record_all(&files, &all)?;
    }
    if !args.json {
        let tables: Vec<String> =
            all.iter().map(|compared| table::as_text(compared, args.points)).collect();
        print((tables.join("\n") + "\n" + &table::total(&all)).as_bytes())?;
    }
    Ok(all)
}
