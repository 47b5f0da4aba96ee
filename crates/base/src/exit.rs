//! How the command ends.

use std::process::ExitCode;

/// Exit codes of the `faultstorm` command: scripts rely on the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// What was asked is done.
    Done = 0,
    /// An internal error.
    Internal = 1,
    /// Bad input or usage: a workload file with mistakes, a flag that does not exist.
    Usage = 2,
    /// A comparison found what it was told to fail on.
    Found = 3,
    /// A storm failed (its books do not balance, a thread panicked or is stuck), or
    /// an expectation did not hold.
    Storm = 4,
    /// Interrupted: the document is partial but valid.
    Interrupted = 5,
    /// The machine cannot do what was asked.
    Machine = 6,
}

impl Exit {
    /// The number that the process exits with.
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}
