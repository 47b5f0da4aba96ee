//! Values that have a form of their own: sizes, times, latencies, thread counts.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use crate::workload::{THREADS_MAX, WEIGHT_MAX, units};

/// Bytes, written with a unit.
#[derive(Debug, Clone, Copy)]
pub(in crate::workload) struct Size(pub u64);

/// Nanoseconds, written with a unit.
#[derive(Debug, Clone, Copy)]
pub(in crate::workload) struct Time(pub u64);

/// How long a read that misses the page cache sleeps: a time, or a table with
/// one distribution.
#[derive(Debug, Clone, Copy)]
pub(in crate::workload) enum Latency {
    Fixed(Time),
    Uniform([Time; 2]),
    Exponential(Time),
}

/// How many threads a group has: `"all"`, a number, or `{ weight = 0.5 }`.
#[derive(Debug, Clone, Copy)]
pub(in crate::workload) enum Threads {
    All,
    Fixed(u64),
    Weight(f64),
}

/// How often a group does its operations: a number, or `"until-done"`.
#[derive(Debug, Clone, Copy)]
pub(in crate::workload) enum Loops {
    Times(u64),
    UntilDone,
}

/// Reads a value with a unit. The text of an error is the problem and, in a
/// second line, the right form: `read` takes the two apart.
struct Quantity<T> {
    expecting: &'static str,
    parse: fn(&str) -> Result<u64, units::UnitError>,
    make: fn(u64) -> T,
}

const SIZE: Quantity<Size> =
    Quantity { expecting: "a size such as \"1GiB\"", parse: units::parse_size, make: Size };
const TIME: Quantity<Time> =
    Quantity { expecting: "a time such as \"80us\"", parse: units::parse_time, make: Time };

impl<T> Visitor<'_> for Quantity<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        let parsed = (self.parse)(text);
        let value = parsed.map_err(|error| two_lines(&error.problem, &error.help))?;
        Ok((self.make)(value))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        let text = number.to_string();
        match (self.parse)(&text) {
            Err(error) if number != 0 => Err(two_lines(&error.problem, &error.help)),
            _ => Err(two_lines("a bare 0 has no unit", "write \"0\"")),
        }
    }
}

fn two_lines<E: Error>(problem: &str, help: &str) -> E {
    E::custom(format!("{problem}\n{help}"))
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SIZE)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TIME)
    }
}

/// The table form of [`Latency`]. A struct, since serde reads an enum from a
/// map without looking at a second key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LatencyTable {
    fixed: Option<Time>,
    uniform: Option<Vec<Time>>,
    exponential: Option<Time>,
}

const LATENCY_FORMS: &str = "write a time such as \"80us\", or one of { fixed = \"80us\" }, \
     { uniform = [\"50us\", \"120us\"] } and { exponential = \"80us\" }";

impl<'de> Deserialize<'de> for Latency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = Latency;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time such as \"80us\" or a table with one distribution")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Latency, E> {
                TIME.visit_str(text).map(Latency::Fixed)
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Latency, E> {
                TIME.visit_i64(number).map(Latency::Fixed)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Latency, A::Error> {
                let table = LatencyTable::deserialize(MapAccessDeserializer::new(map))?;
                match (table.fixed, table.uniform, table.exponential) {
                    (Some(time), None, None) => Ok(Latency::Fixed(time)),
                    (None, Some(times), None) => match *times.as_slice() {
                        [low, high] => Ok(Latency::Uniform([low, high])),
                        _ => {
                            let problem = format!("`uniform` is two times, not {}", times.len());
                            Err(two_lines(&problem, LATENCY_FORMS))
                        }
                    },
                    (None, None, Some(mean)) => Ok(Latency::Exponential(mean)),
                    (None, None, None) => {
                        Err(two_lines("a latency without a distribution", LATENCY_FORMS))
                    }
                    _ => Err(two_lines("a latency with several distributions", LATENCY_FORMS)),
                }
            }
        }
        deserializer.deserialize_any(Form)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ThreadsTable {
    weight: f64,
}

const THREADS_FORMS: &str = "write \"all\", a number such as 2, or { weight = 0.5 }";

impl<'de> Deserialize<'de> for Threads {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = Threads;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"all\", a number of threads, or { weight = 0.5 }")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Threads, E> {
                match text {
                    "all" => Ok(Threads::All),
                    _ => Err(two_lines(
                        &format!("\"{text}\" is not a number of threads"),
                        THREADS_FORMS,
                    )),
                }
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Threads, E> {
                u64::try_from(number).map(Threads::Fixed).map_err(|_| {
                    two_lines(&format!("{number} is not a number of threads"), THREADS_FORMS)
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Threads, A::Error> {
                let table = ThreadsTable::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Threads::Weight(table.weight))
            }
        }
        deserializer.deserialize_any(Form)
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
                    _ => {
                        Err(two_lines(&format!("\"{text}\" is not a number of loops"), LOOPS_FORMS))
                    }
                }
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Loops, E> {
                u64::try_from(number).map(Loops::Times).map_err(|_| {
                    two_lines(&format!("{number} is not a number of loops"), LOOPS_FORMS)
                })
            }
        }
        deserializer.deserialize_any(Form)
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Bytes with a unit (B, KiB, MiB, GiB or TiB), such as \"1GiB\".",
            "type": "string",
            "pattern": r"^(0|[0-9]+(\.[0-9]+)?(B|KiB|MiB|GiB|TiB))$"
        })
    }
}

impl JsonSchema for Time {
    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A time with a unit (ns, us, ms or s), such as \"80us\".",
            "type": "string",
            "pattern": r"^(0|[0-9]+(\.[0-9]+)?(ns|us|ms|s))$"
        })
    }
}

impl JsonSchema for Latency {
    fn schema_name() -> Cow<'static, str> {
        "Latency".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let time = generator.subschema_for::<Time>();
        let one = |name: &str, value: serde_json::Value| {
            serde_json::json!({
                "type": "object",
                "properties": { name: value },
                "required": [name],
                "additionalProperties": false
            })
        };
        let pair = serde_json::json!({
            "type": "array", "items": time, "minItems": 2, "maxItems": 2
        });
        json_schema!({
            "description": "A time, or a table with one distribution.",
            "oneOf": [
                time,
                one("fixed", time.clone().into()),
                one("uniform", pair),
                one("exponential", time.clone().into())
            ]
        })
    }
}

impl JsonSchema for Threads {
    fn schema_name() -> Cow<'static, str> {
        "Threads".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "\"all\" of the run's threads, exactly so many, or a share by weight.",
            "oneOf": [
                { "const": "all" },
                { "type": "integer", "minimum": 1, "maximum": THREADS_MAX },
                {
                    "type": "object",
                    "properties": {
                        "weight": {
                            "type": "number", "exclusiveMinimum": 0, "maximum": WEIGHT_MAX
                        }
                    },
                    "required": ["weight"],
                    "additionalProperties": false
                }
            ]
        })
    }
}

impl JsonSchema for Loops {
    fn schema_name() -> Cow<'static, str> {
        "Loops".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "So many times, or until the groups that touch are done.",
            "oneOf": [{ "const": "until-done" }, { "type": "integer", "minimum": 1 }]
        })
    }
}
