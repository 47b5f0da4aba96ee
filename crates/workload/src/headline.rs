//! The event by which the cells of a workload are judged, and the time of its rate.

use crate::action::Action;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An event that has a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Headline {
    /// Faults.
    Faults,
    /// An operation of writers, by its name in [`Action::NAMES`].
    Op(&'static str),
}

/// The time over which the rate of faults is measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RateWindow {
    /// While all threads storm.
    #[default]
    Together,
    /// From the first start of a thread to the last end, as tools measure that wait for all.
    Whole,
}

impl Headline {
    /// Name of faults.
    pub const FAULTS: &'static str = "faults";

    /// Returns the event with this name.
    pub fn named(name: &str) -> Option<Headline> {
        if name == Self::FAULTS {
            return Some(Headline::Faults);
        }
        Action::NAMES.into_iter().find(|known| *known == name).map(Headline::Op)
    }

    /// Returns its name in workload files and documents.
    pub fn name(self) -> &'static str {
        match self {
            Headline::Faults => Self::FAULTS,
            Headline::Op(name) => name,
        }
    }
}

impl Serialize for Headline {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Headline {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Headline::named(&name)
            .ok_or_else(|| D::Error::custom(format!("there is no event \"{name}\"")))
    }
}
