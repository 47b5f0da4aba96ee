//! `faultstorm validate`: the model against published figures, and against this machine.

mod host;
mod published;

use anyhow::anyhow;
use serde_json::json;

use self::published::Published;
use super::console::print;
use super::error::CommandError;
use crate::cli::ValidateArgs;
use crate::exit::Exit;
use crate::storm::StormError;

/// Runs what was asked for and prints it: of published figures target, model, error and
/// verdict; of this machine what was measured and what was predicted.
///
/// # Errors
///
/// A base that is no machine, or not enough of one; a storm that fails; standard output
/// that cannot be written.
pub fn validate(args: &ValidateArgs) -> Result<Exit, CommandError> {
    let published = (!args.host).then(Published::run).transpose().map_err(failed)?;
    if let Some(published) = published.as_ref().filter(|_| !args.json) {
        // The rest takes a while.
        print(published.as_text().as_bytes())?;
    }
    let host = (!args.published).then(|| host::compare(&args.base)).transpose()?;
    if args.json {
        let (figures, variations) = published.as_ref().map(Published::as_json).unzip();
        let host = host.as_ref().map(host::Compared::as_json);
        let all = json!({ "figures": figures, "t6_variations": variations, "host": host });
        print(format!("{all:#}\n").as_bytes())?;
    } else if let Some(host) = host {
        let gap = if published.is_some() { "\n" } else { "" };
        print((gap.to_owned() + &host.as_text()).as_bytes())?;
    }
    let holds = published.is_none_or(|published| published.holds());
    Ok(if holds { Exit::Done } else { Exit::Storm })
}

fn failed(error: StormError) -> CommandError {
    CommandError { exit: Exit::Storm, error: anyhow!(error) }
}
