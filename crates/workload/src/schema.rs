//! The schema of words that workload files and documents share.

use crate::group::Loops;
use crate::touch::{LoadOrStore, Slices};
use crate::vma::Scope;
use crate::{RateWindow, Reset};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

/// Implements the schema of a type whose variants are words.
macro_rules! words {
    ($type:ident, $about:literal, $($variant:ident),+) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "description": $about,
                    "type": "string",
                    "enum": [$($type::$variant),+]
                })
            }
        }
    };
}

words!(Reset, "What is undone between rounds.", Zap, Remap);
words!(RateWindow, "The time over which the rate of faults is measured.", Together, Whole);
words!(Scope, "For whom a mapping, or a file, is made.", Shared, PerThread);
words!(LoadOrStore, "Load or store.", Read, Write);
words!(Slices, "Which part of a mapping a thread touches.", Disjoint, Shared);

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
