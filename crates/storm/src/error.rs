//! Reasons why a storm has no result.

use workload::Workload;

/// A storm that no space can hold, or whose plan alone is more than memory holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{workload}' at {threads} thread{} {why}", if *threads == 1 { "" } else { "s" })]
pub struct TooLarge {
    workload: String,
    threads: usize,
    why: String,
}

impl TooLarge {
    /// `why` follows "the workload at N threads" in the message.
    pub(super) fn new(workload: &Workload, weighted_threads: usize, why: String) -> Self {
        Self { workload: workload.name.clone(), threads: weighted_threads, why }
    }
}

/// Reason why a storm has no result.
#[derive(Debug, thiserror::Error)]
pub enum StormError {
    /// A thread panicked.
    #[error("thread '{thread}' panicked: {message}")]
    Panicked {
        /// Its name.
        thread: String,
        /// Its message.
        message: String,
    },
    /// A thread does not reach the end of a round. It still runs, and cannot be ended.
    #[error("{}thread '{thread}' is stuck: no end of its round after {waited_s} s", first(.after))]
    Stuck {
        /// Its name.
        thread: String,
        /// Time waited, in seconds.
        waited_s: u64,
        /// An earlier error, such as a panic of a thread that held a lock of others.
        after: Option<Box<StormError>>,
    },
    /// No core of the model can go on.
    #[error("no core can go on: {0}")]
    Deadlock(String),
    /// A core of the model loses for ever.
    #[error(
        "starved: {0}; a loop can lose for ever in the model if `request-share` is small \
         (METHODOLOGY.md)"
    )]
    Starved(String),
    /// A storm of the model gets nowhere.
    #[error("given up: {0}")]
    GivenUp(String),
    /// The user asked for the end of the run.
    #[error("the run was interrupted")]
    Interrupted,
    /// The space does not add up.
    #[error("the books do not balance: {0}")]
    Books(String),
    /// The machine did not give what the storm needs.
    #[error("{0}")]
    Machine(String),
}

fn first(after: &Option<Box<StormError>>) -> String {
    after.as_ref().map_or_else(String::new, |error| format!("{error}; then "))
}

impl From<TooLarge> for StormError {
    fn from(error: TooLarge) -> Self {
        Self::Machine(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_stuck_is_told_with_what_came_before() {
        let stuck = |after: Option<StormError>| {
            let (thread, after) = ("storm-1".to_owned(), after.map(Box::new));
            StormError::Stuck { thread, waited_s: 60, after }.to_string()
        };
        let alone = "thread 'storm-1' is stuck: no end of its round after 60 s";
        assert_eq!(stuck(None), alone);
        let panicked = StormError::Panicked { thread: "storm-0".into(), message: "oh".into() };
        let both = stuck(Some(panicked));
        assert_eq!(both, format!("thread 'storm-0' panicked: oh; then {alone}"));
    }
}
