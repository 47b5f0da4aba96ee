//! What each subcommand does.

pub mod completions;
pub mod man;
