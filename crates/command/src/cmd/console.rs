//! Output to terminals, pipes and files.

use std::io::{self, IsTerminal, Write};

use anyhow::Context;

use report::Style;

/// Width of text, in columns.
pub(super) const COLUMNS: usize = 80;

/// Writes to standard output. A reader that stops early, such as `head`, is not an error.
///
/// # Errors
///
/// If standard output cannot be written, as on a full disk.
pub fn print(text: &[u8]) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.context("cannot write to standard output"),
    }
}

/// True if a stream gets colours: it is a terminal that supports them, and `NO_COLOR` is not set
/// (<https://no-color.org>).
pub(super) fn color(stream: &impl IsTerminal) -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    stream.is_terminal() && !refused && !is_dumb
}

/// Returns the style of text on standard output.
pub(super) fn style() -> Style {
    Style { color: color(&io::stdout()), width: COLUMNS }
}

/// Returns the style of text in a file.
pub(super) fn plain() -> Style {
    Style { color: false, width: COLUMNS }
}
