//! Why a command ended early, and the code that it exits with.

use crate::exit::Exit;

/// An error with the exit code that scripts see.
#[derive(Debug, thiserror::Error)]
#[error("{error:#}")]
pub struct CommandError {
    /// How the process exits.
    pub exit: Exit,
    /// What is wrong.
    pub error: anyhow::Error,
}

impl CommandError {
    /// Bad input or usage.
    pub fn usage(error: impl Into<anyhow::Error>) -> CommandError {
        CommandError { exit: Exit::Usage, error: error.into() }
    }

    /// The machine cannot do what was asked.
    pub fn machine(error: impl Into<anyhow::Error>) -> CommandError {
        CommandError { exit: Exit::Machine, error: error.into() }
    }
}

impl From<anyhow::Error> for CommandError {
    fn from(error: anyhow::Error) -> CommandError {
        CommandError { exit: Exit::Internal, error }
    }
}
