//! Errors that end a command, with exit codes.

use base::exit::Exit;
use storm::StormError;

/// An error with the exit code that scripts see.
#[derive(Debug, thiserror::Error)]
#[error("{error:#}")]
pub struct CommandError {
    /// Exit code of the process.
    pub exit: Exit,
    /// The error.
    pub error: anyhow::Error,
}

impl CommandError {
    /// Makes an error of bad input or usage.
    pub fn usage(error: impl Into<anyhow::Error>) -> CommandError {
        CommandError { exit: Exit::Usage, error: error.into() }
    }

    /// Makes an error for a request that the machine cannot fulfil.
    pub fn machine(error: impl Into<anyhow::Error>) -> CommandError {
        CommandError { exit: Exit::Machine, error: error.into() }
    }
}

/// A storm that failed.
impl From<StormError> for CommandError {
    fn from(error: StormError) -> CommandError {
        CommandError { exit: Exit::Storm, error: error.into() }
    }
}

impl From<anyhow::Error> for CommandError {
    fn from(error: anyhow::Error) -> CommandError {
        CommandError { exit: Exit::Internal, error }
    }
}
