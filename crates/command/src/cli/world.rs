//! The world that a storm runs in, as `--on` names it.

use std::fmt;
use std::str::FromStr;

/// A world that storms run in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum World {
    /// Real threads on this machine's cores.
    Host,
    /// The running kernel's own page faults.
    Kernel,
    /// The deterministic multicore: a machine by name or path.
    Model(String),
}

/// Reason why `--on` is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorldError {
    /// The text is not a world.
    #[error("'{0}' is not a world: 'host', 'kernel' and 'model:MACHINE' are")]
    Unknown(String),
    /// The model has no machine.
    #[error("'model' needs a machine: 'model:NAME' or 'model:./FILE.toml'; see 'list machines'")]
    NoMachine,
}

impl FromStr for World {
    type Err = WorldError;

    fn from_str(text: &str) -> Result<World, WorldError> {
        match text {
            "host" => Ok(World::Host),
            "kernel" => Ok(World::Kernel),
            "model" | "model:" => Err(WorldError::NoMachine),
            other => match other.strip_prefix("model:") {
                Some(machine) => Ok(World::Model(machine.into())),
                None => Err(WorldError::Unknown(other.into())),
            },
        }
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            World::Host => f.write_str("host"),
            World::Kernel => f.write_str("kernel"),
            World::Model(machine) => write!(f, "model:{machine}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worlds_are_told_by_their_names() {
        for (text, world) in [
            ("host", World::Host),
            ("kernel", World::Kernel),
            ("model:./mine.toml", World::Model("./mine.toml".into())),
        ] {
            assert_eq!((text.parse(), world.to_string()), (Ok(world.clone()), text.to_owned()));
        }
        assert_eq!("model".parse::<World>(), Err(WorldError::NoMachine));
        assert_eq!("hsot".parse::<World>(), Err(WorldError::Unknown("hsot".into())));
    }
}
