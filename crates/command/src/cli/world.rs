//! The world that a storm runs in, as `--on` names it.

use std::fmt;
use std::str::FromStr;

/// A world that storms run in, as the command line gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorldArg {
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

impl FromStr for WorldArg {
    type Err = WorldError;

    fn from_str(text: &str) -> Result<WorldArg, WorldError> {
        match text {
            "host" => Ok(WorldArg::Host),
            "kernel" => Ok(WorldArg::Kernel),
            "model" | "model:" => Err(WorldError::NoMachine),
            other => match other.strip_prefix("model:") {
                Some(machine) => Ok(WorldArg::Model(machine.into())),
                None => Err(WorldError::Unknown(other.into())),
            },
        }
    }
}

impl fmt::Display for WorldArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WorldArg::Host => f.write_str("host"),
            WorldArg::Kernel => f.write_str("kernel"),
            WorldArg::Model(machine) => write!(f, "model:{machine}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worlds_have_names() {
        for (text, world) in [
            ("host", WorldArg::Host),
            ("kernel", WorldArg::Kernel),
            ("model:./mine.toml", WorldArg::Model("./mine.toml".into())),
        ] {
            assert_eq!((text.parse(), world.to_string()), (Ok(world.clone()), text.to_owned()));
        }
        assert_eq!("model".parse::<WorldArg>(), Err(WorldError::NoMachine));
        assert_eq!("hsot".parse::<WorldArg>(), Err(WorldError::Unknown("hsot".into())));
    }
}
