//! Groups of threads, and how often they do their operations.

use crate::form::is_default;
use crate::op::Op;
use crate::touch::Touch;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// A named group of threads that runs the same phases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThreadGroup {
    /// Name that `[[op]]` refers to.
    pub name: String,
    /// How many of the run's threads belong to it.
    pub threads: Threads,
    /// How often its threads do the operations of a phase.
    #[serde(default, skip_serializing_if = "is_default")]
    pub loops: Loops,
    /// Run one after another; all threads of the storm meet between phases.
    pub phases: Vec<Phase>,
}

/// How often the threads of a group do the operations of a phase, all of them in order
/// each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loops {
    /// So many times, at least once.
    Times(u64),
    /// Until every thread of the groups that touch and are not themselves `UntilDone` has
    /// ended the phase. There is such a group, and it touches in the same phase.
    UntilDone,
}

/// How many threads a group has.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Threads {
    /// This weight among the groups with a weight, of the run's threads (`--threads`).
    Weight(f64),
    /// Exactly this many, whatever the run says.
    Fixed(usize),
}

/// Operations that a thread does one after another.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Phase {
    /// In order; empty where only other groups have work in this phase.
    pub ops: Vec<Op>,
}

impl ThreadGroup {
    /// All operations, phase after phase.
    pub fn ops(&self) -> impl Iterator<Item = &Op> {
        self.phases.iter().flat_map(|phase| &phase.ops)
    }

    /// All touches, phase after phase.
    pub fn touches(&self) -> impl Iterator<Item = &Touch> {
        self.ops().filter_map(|op| match op {
            Op::Touch(touch) => Some(touch),
            Op::Change(_) => None,
        })
    }
}

impl Default for Loops {
    fn default() -> Self {
        Self::Times(1)
    }
}

impl Serialize for Loops {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Times(times) => serializer.serialize_u64(*times),
            Self::UntilDone => serializer.serialize_str("until-done"),
        }
    }
}

const LOOPS_FORMS: &str = "write a number such as 8, or \"until-done\"";

impl<'de> Deserialize<'de> for Loops {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl Visitor<'_> for Form {
            type Value = Loops;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of loops or \"until-done\"")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Loops, E> {
                match text {
                    "until-done" => Ok(Loops::UntilDone),
                    _ => Err(E::custom(format!(
                        "\"{text}\" is not a number of loops\n{LOOPS_FORMS}"
                    ))),
                }
            }

            fn visit_u64<E: Error>(self, times: u64) -> Result<Loops, E> {
                Ok(Loops::Times(times))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Loops, E> {
                u64::try_from(number).map(Loops::Times).map_err(|_| {
                    E::custom(format!("{number} is not a number of loops\n{LOOPS_FORMS}"))
                })
            }
        }
        deserializer.deserialize_any(Form)
    }
}
