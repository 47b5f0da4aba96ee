//! The world that a storm runs in, as `--on` names it.

use std::fmt;
use std::str::FromStr;

/// A world that storms run in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum World {
    /// Real threads on this machine's cores.
    Host,
}

/// Why `--on` is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorldError {
    /// A world of the design that this version cannot run.
    #[error("the world '{0}' does not run in this version: only 'host' does")]
    NotYet(String),
    /// No world at all.
    #[error("'{0}' is not a world: 'host' is the one that runs in this version")]
    Unknown(String),
}

impl FromStr for World {
    type Err = WorldError;

    fn from_str(text: &str) -> Result<World, WorldError> {
        match text {
            "host" => Ok(World::Host),
            "kernel" => Err(WorldError::NotYet(text.into())),
            model if model == "model" || model.starts_with("model:") => {
                Err(WorldError::NotYet(model.into()))
            }
            other => Err(WorldError::Unknown(other.into())),
        }
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            World::Host => f.write_str("host"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_host_runs() {
        assert_eq!("host".parse(), Ok(World::Host));
        assert_eq!(World::Host.to_string(), "host");
        for world in ["kernel", "model:epyc-2s", "model"] {
            assert_eq!(world.parse::<World>(), Err(WorldError::NotYet(world.into())));
        }
        assert_eq!("hsot".parse::<World>(), Err(WorldError::Unknown("hsot".into())));
    }
}
