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
    /// Its share of the run's threads.
    pub threads: Threads,
    /// Repetitions of a phase.
    #[serde(default, skip_serializing_if = "is_default")]
    pub loops: Loops,
    /// Phases, one after another; all threads of the storm meet between two phases.
    pub phases: Vec<Phase>,
}

/// Repetitions of a phase by the threads of a group; each does all operations in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loops {
    /// This many, at least 1.
    Times(u64),
    /// Until all threads of groups that touch, and that are not `UntilDone` themselves, have ended
    /// the phase. At least one such group touches in the same phase.
    UntilDone,
}

/// Threads of a group.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Threads {
    /// A share of the run's threads (`--threads`), by its weight among the groups with a weight.
    Weight(f64),
    /// This many, beside the run's threads.
    Fixed(usize),
}

/// Operations that a thread does one after another.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Phase {
    /// Operations in order; empty if only other groups have work in this phase.
    pub ops: Vec<Op>,
}

impl ThreadGroup {
    /// Returns all operations, phase after phase.
    pub fn ops(&self) -> impl Iterator<Item = &Op> {
        self.phases.iter().flat_map(|phase| &phase.ops)
    }

    /// Returns all touches, phase after phase.
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
