//! The `faultstorm` command: its arguments, and what each subcommand does.

pub mod cli;
pub mod cmd;
