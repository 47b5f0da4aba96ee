//! `faultstorm validate`: compares the model with published figures, with this machine, and with a
//! run of another machine.

mod host;
mod published;
mod with;

use serde_json::json;

use self::published::Published;
use super::console::print;
use super::error::CommandError;
use crate::cli::ValidateArgs;
use base::exit::Exit;

/// Runs the requested comparisons and prints them: target, model, error and verdict of published
/// figures; measurements and predictions of this machine or of another machine's run.
///
/// # Errors
///
/// If the base is not a machine or not complete enough, a document is not a run or its machine is
/// unknown, a storm fails, or standard output cannot be written.
pub fn validate(args: &ValidateArgs) -> Result<Exit, CommandError> {
    if let Some(path) = &args.with {
        let compared = with::compare(path, args.machine.as_deref())?;
        let text =
            if args.json { format!("{:#}\n", compared.as_json()) } else { compared.as_text() };
        print(text.as_bytes())?;
        return Ok(Exit::Done);
    }
    let published = (!args.host).then(Published::run).transpose()?;
    if let Some(published) = published.as_ref().filter(|_| !args.json) {
        // The other comparisons take a while.
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
