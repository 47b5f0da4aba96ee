//! What each subcommand does.

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

pub use console::print;
pub use error::CommandError;
