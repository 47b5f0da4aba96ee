//! `faultstorm validate`: the model against published figures, against this machine, and
//! against a run of another.

mod host;
mod published;
mod with;

use anyhow::anyhow;
use serde_json::json;

use self::published::Published;
use super::console::print;
use super::error::CommandError;
use crate::cli::ValidateArgs;
use crate::exit::Exit;
use crate::storm::StormError;

/// Runs what was asked for and prints it: of published figures target, model, error and
/// verdict; of this machine, or of a run of another, what was measured and what was predicted.
///
/// # Errors
///
/// A base that is no machine, or not enough of one; a document that is no run, or whose
/// machine is not known; a storm that fails; standard output that cannot be written.
pub fn validate(args: &ValidateArgs) -> Result<Exit, CommandError> {
    if let Some(path) = &args.with {
        let compared = with::compare(path, args.machine.as_deref())?;
        let text =
            if args.json { format!("{:#}\n", compared.as_json()) } else { compared.as_text() };
        print(text.as_bytes())?;
        return Ok(Exit::Done);
    }
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
