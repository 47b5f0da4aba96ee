//! `faultstorm validate`: the model against published figures.

mod published;

use anyhow::anyhow;
use serde_json::json;

use self::published::Published;
use super::console::print;
use super::error::CommandError;
use crate::cli::ValidateArgs;
use crate::exit::Exit;
use crate::storm::StormError;

/// Runs all targets and prints target, model, error and verdict.
///
/// # Errors
///
/// Where a storm fails or standard output cannot be written.
pub fn validate(args: &ValidateArgs) -> Result<Exit, CommandError> {
    let published = Published::run().map_err(failed)?;
    if args.json {
        let (figures, variations) = published.as_json();
        let all = json!({ "figures": figures, "t6_variations": variations });
        print(format!("{all:#}\n").as_bytes())?;
    } else {
        print(published.as_text().as_bytes())?;
    }
    Ok(if published.holds() { Exit::Done } else { Exit::Storm })
}

fn failed(error: StormError) -> CommandError {
    CommandError { exit: Exit::Storm, error: anyhow!(error) }
}
