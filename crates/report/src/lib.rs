//! Run -> bytes. Reads a [`Run`] and nothing else, so that a report made at the
//! end of a run and one made from its file are equal.

mod band;
mod blame;
mod break_even;
mod compare;
mod contention;
mod csv;
mod finding;
mod hdr_log;
mod html;
mod live;
mod markdown;
mod operations;
mod pairs;
mod prose;
mod screen;
mod table;
mod text;
mod worlds;

pub use compare::{comparison, comparison_markdown, found};
pub use csv::csv;
pub use hdr_log::{HdrLogError, hdr_log};
pub use html::html;
pub use live::live;
pub use markdown::markdown;
pub use pairs::BASES;
pub use screen::{LINES, asked, screen};
pub use table::{row, table};

use document::run::{Run, WriteError};

/// How text may look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether ANSI colours are written: a terminal, and no `NO_COLOR`.
    pub color: bool,
    /// Columns that prose is wrapped to. Tables are laid out for 80.
    pub width: usize,
}

/// Returns the bytes of the document, as [`document::run::write_atomically`] writes them.
pub fn json(run: &Run) -> Result<Vec<u8>, WriteError> {
    document::run::to_json(run)
}
