//! Exit codes of the command.

use std::process::ExitCode;

/// Exit codes of the `faultstorm` command. Scripts rely on the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All that was asked is done.
    Done = 0,
    /// An internal error.
    Internal = 1,
    /// Bad input or usage: a workload file with mistakes, a flag that does not exist.
    Usage = 2,
    /// A comparison found a difference that it was asked to fail on.
    Found = 3,
    /// A storm failed (its books do not balance, a thread panicked or is stuck), or an expectation
    /// was not met.
    Storm = 4,
    /// Interrupted: the document is partial but valid.
    Interrupted = 5,
    /// The machine cannot do the work that was asked.
    Machine = 6,
}

impl Exit {
    /// Returns the number that the process exits with.
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}
