//! Values with a form of their own in files: sizes, times, latencies, thread counts.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use ::workload::units;

/// Bytes, written with a unit.
#[derive(Debug, Clone, Copy)]
pub(in crate::workload) struct Size(pub u64);

/// Nanoseconds, written with a unit.
#[derive(Debug, Clone, Copy)]
pub(in crate::workload) struct Time(pub u64);

/// Time that a read which misses the page cache sleeps: a time, or a table with one distribution.
#[derive(Debug, Clone, Copy)]
pub(in crate::workload) enum WrittenLatency {
    Fixed(Time),
    Uniform([Time; 2]),
    Exponential(Time),
}

/// Threads of a group: `"all"`, a number, or `{ weight = 0.5 }`.
#[derive(Debug, Clone, Copy)]
pub(in crate::workload) enum WrittenThreads {
    All,
    Fixed(u64),
    Weight(f64),
}

/// Reads a value with a unit. The first line of an error is the problem, the second the right form;
/// `read` splits them.
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

/// The table form of [`WrittenLatency`]. It is a struct because serde reads an enum from a map
/// without a look at a second key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LatencyTable {
    fixed: Option<Time>,
    uniform: Option<Vec<Time>>,
    exponential: Option<Time>,
}

const LATENCY_FORMS: &str = "write a time such as \"80us\", or one of { fixed = \"80us\" }, \
     { uniform = [\"50us\", \"120us\"] } and { exponential = \"80us\" }";

impl<'de> Deserialize<'de> for WrittenLatency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = WrittenLatency;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time such as \"80us\" or a table with one distribution")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<WrittenLatency, E> {
                TIME.visit_str(text).map(WrittenLatency::Fixed)
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<WrittenLatency, E> {
                TIME.visit_i64(number).map(WrittenLatency::Fixed)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<WrittenLatency, A::Error> {
                let table = LatencyTable::deserialize(MapAccessDeserializer::new(map))?;
                match (table.fixed, table.uniform, table.exponential) {
                    (Some(time), None, None) => Ok(WrittenLatency::Fixed(time)),
                    (None, Some(times), None) => match *times.as_slice() {
                        [low, high] => Ok(WrittenLatency::Uniform([low, high])),
                        _ => {
                            let problem = format!("`uniform` is two times, not {}", times.len());
                            Err(two_lines(&problem, LATENCY_FORMS))
                        }
                    },
                    (None, None, Some(mean)) => Ok(WrittenLatency::Exponential(mean)),
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

impl<'de> Deserialize<'de> for WrittenThreads {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = WrittenThreads;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"all\", a number of threads, or { weight = 0.5 }")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<WrittenThreads, E> {
                match text {
                    "all" => Ok(WrittenThreads::All),
                    _ => Err(two_lines(
                        &format!("\"{text}\" is not a number of threads"),
                        THREADS_FORMS,
                    )),
                }
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<WrittenThreads, E> {
                u64::try_from(number).map(WrittenThreads::Fixed).map_err(|_| {
                    two_lines(&format!("{number} is not a number of threads"), THREADS_FORMS)
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<WrittenThreads, A::Error> {
                let table = ThreadsTable::deserialize(MapAccessDeserializer::new(map))?;
                Ok(WrittenThreads::Weight(table.weight))
            }
        }
        deserializer.deserialize_any(Form)
    }
}
