//! Output to terminals, pipes and files.

use std::io::{self, IsTerminal, Write};

use anyhow::{Context, anyhow};

use super::error::CommandError;
use base::shown::shown;
use report::Style;

/// Width of text, in columns.
pub(super) const COLUMNS: usize = 80;

/// Writes to standard output. A reader that stops early, such as `head`, is not an error.
///
/// # Errors
///
/// If standard output cannot be written, as on a full disk.
pub fn print(text: &[u8]) -> Result<(), CommandError> {
    match write_stdout(text) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(stdout_error),
    }
}

/// Writes what is lost if nobody reads it.
///
/// # Errors
///
/// If standard output cannot be written, or its reader is gone.
pub(super) fn print_all(text: &[u8]) -> anyhow::Result<()> {
    write_stdout(text).context(STDOUT)
}

const STDOUT: &str = "cannot write to standard output";

fn write_stdout(text: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text).and_then(|()| out.flush())
}

fn stdout_error(error: io::Error) -> CommandError {
    CommandError::machine(anyhow!(error).context(STDOUT))
}

/// Writes a line to standard error; what files and arguments brought into it is shown as text.
/// Nothing can be done if standard error is full or gone: the command goes on.
pub(super) fn tell(line: &str) {
    tell_styled(&format!("{}\n", shown(line)));
}

/// Writes text with its own styles to standard error.
pub(super) fn tell_styled(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// True if a stream gets colours: it is a terminal that supports them, and `NO_COLOR` is not set
/// (<https://no-color.org>).
pub(super) fn color(stream: &impl IsTerminal) -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    stream.is_terminal() && !refused && !is_dumb()
}

/// True if the terminal has no escape sequences.
pub(super) fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|value| value == "dumb")
}

/// Returns the style of text on standard output.
pub(super) fn style() -> Style {
    Style { color: color(&io::stdout()), width: COLUMNS }
}

/// Returns the style of text in a file.
pub(super) fn plain() -> Style {
    Style { color: false, width: COLUMNS }
}
