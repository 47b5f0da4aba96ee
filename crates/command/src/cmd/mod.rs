//! The commands, one module each.

pub mod calibrate;
pub mod check;
pub mod compare;
pub mod completions;
mod console;
mod error;
pub mod explain;
pub mod list;
pub mod man;
mod names;
pub mod report;
pub mod run;
pub mod validate;

use std::process::ExitCode;
use std::thread;

use clap::Parser;

use console::tell;

pub use console::print;
pub use error::CommandError;

use crate::cli::{Cli, Command};
use base::exit::Exit;
use base::shown::shown;
use catalogue::{Entry, Known};
use host::memory::save_addresses;
use host::{interrupt, stopped};

/// Stack of a command, as a main thread mostly has it: a shell may give that one less
/// (`ulimit -s`), and reading the arguments alone takes some hundred KiB without optimisation.
const STACK_BYTES: usize = 8 << 20;

/// Runs the command, from the arguments of the process to its exit code, with the caller's own
/// strategies in addition to the shipped ones.
///
/// # Panics
/// If two strategies have the same name.
pub fn main(own: &'static [Entry]) -> ExitCode {
    save_addresses();
    // Before any thread is pinned, since its thread inherits the affinity of this one.
    if let Err(error) = interrupt::install() {
        tell(&format!("faultstorm: cannot take over Ctrl-C: {error}"));
    }
    stopped::install();
    let known = Known::with(own);
    let command = move || {
        dispatch(parsed(), known).unwrap_or_else(|CommandError { exit, error }| {
            tell(&format!("faultstorm: {error:#}"));
            exit
        })
    };
    let thread = thread::Builder::new().name("command".into()).stack_size(STACK_BYTES);
    let exit = match thread.spawn(command) {
        Ok(running) => running.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
        // It has to do with the stack that there is.
        Err(_) => command(),
    };
    exit.into()
}

/// Returns the arguments of the process; ends it if they are wrong, or help is asked for.
fn parsed() -> Cli {
    Cli::try_parse().unwrap_or_else(|error| {
        let text = error.render().to_string();
        match error.use_stderr() && *shown(&text) != text {
            // Arguments that would act on the terminal.
            true => tell(text.trim_end()),
            false => drop(error.print()),
        }
        std::process::exit(error.exit_code())
    })
}

fn dispatch(cli: Cli, known: Known) -> Result<Exit, CommandError> {
    let mut text = Vec::new();
    match cli.command {
        Command::Run(args) => return run::run(&args, known),
        Command::Check(args) => return check::check(&args, known),
        Command::Compare(args) => return compare::compare(&args),
        Command::List(args) => text = list::list(&args, known)?.into_bytes(),
        Command::Calibrate(args) => return calibrate::calibrate(&args),
        Command::Explain(args) => return explain::explain(&args, known),
        Command::Report(args) => return report::report(&args),
        Command::Validate(args) => return validate::validate(&args, known),
        Command::Completions(args) => {
            completions::completions(args.shell, known, &mut text).map_err(anyhow::Error::from)?;
        }
        Command::Man => man::man(&mut text).map_err(anyhow::Error::from)?,
    }
    print(&text)?;
    Ok(Exit::Done)
}
