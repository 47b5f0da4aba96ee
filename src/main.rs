//! The `faultstorm` command.

use std::process::ExitCode;

use clap::Parser;
use faultstorm::cli::{Cli, Command};
use faultstorm::cmd::{self, CommandError};
use faultstorm::exit::Exit;

fn main() -> ExitCode {
    let exit = dispatch(Cli::parse()).unwrap_or_else(|CommandError { exit, error }| {
        eprintln!("faultstorm: {error:#}");
        exit
    });
    exit.into()
}

fn dispatch(cli: Cli) -> Result<Exit, CommandError> {
    let mut text = Vec::new();
    match cli.command {
        Command::Run(args) => return cmd::run::run(&args),
        Command::Check(args) => return cmd::check::check(&args),
        Command::Compare(args) => return cmd::compare::compare(&args),
        Command::List(args) => text = cmd::list::list(&args).into_bytes(),
        Command::Calibrate(args) => return cmd::calibrate::calibrate(&args),
        Command::Explain(args) => return cmd::explain::explain(&args),
        Command::Report(args) => return cmd::report::report(&args),
        Command::Validate(args) => return cmd::validate::validate(&args),
        Command::Completions(args) => {
            cmd::completions::completions(args.shell, &mut text).map_err(anyhow::Error::from)?;
        }
        Command::Man => cmd::man::man(&mut text).map_err(anyhow::Error::from)?,
    }
    cmd::print(&text)?;
    Ok(Exit::Done)
}
