//! The schema of values with a form of their own.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::values::{Size, Time, WrittenLatency, WrittenThreads};
use ::workload::{THREADS_MAX, WEIGHT_MAX};

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

impl JsonSchema for WrittenLatency {
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

impl JsonSchema for WrittenThreads {
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
