//! Writing to people and pipes.

use std::io::{self, IsTerminal, Write};

use anyhow::Context;

use crate::report::Style;

/// Columns that text is laid out for.
pub(super) const COLUMNS: usize = 80;

/// Writes to standard output. A reader that has seen enough, as `head`, is no error.
///
/// # Errors
///
/// Where standard output cannot be written, as on a full disk.
pub fn print(text: &[u8]) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.context("cannot write to standard output"),
    }
}

/// Whether a stream gets colours: a terminal that knows some, and no `NO_COLOR`
/// (https://no-color.org).
pub(super) fn color(stream: &impl IsTerminal) -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    stream.is_terminal() && !refused && !is_dumb
}

/// How text on standard output looks.
pub(super) fn style() -> Style {
    Style { color: color(&io::stdout()), width: COLUMNS }
}

/// How text in a file looks.
pub(super) fn plain() -> Style {
    Style { color: false, width: COLUMNS }
}
