//! The JSON schema of machine files, from which editors complete and check.

use serde_json::{Map, Value, json};

use super::keys::{Key, Need, Range, keys};

/// Returns the JSON schema of machine files, made from the table of their numbers.
pub fn schema() -> Value {
    let mut properties = Map::new();
    let summary = json!({ "type": "string", "description": "Which machine it is, in a line." });
    properties.insert("summary".to_owned(), summary);
    let sources = json!({
        "type": "object",
        "description": "What the letters in `source` stand for.",
        "additionalProperties": { "type": "string" },
    });
    properties.insert("sources".to_owned(), sources);
    let mut required = vec!["summary"];
    for key in keys() {
        let section = properties.entry(key.section).or_insert_with(
            || json!({ "type": "object", "properties": {}, "additionalProperties": false }),
        );
        section["properties"][key.name] = number(key);
        if key.need == Need::Always {
            let names = section.as_object_mut().expect("it was made as one");
            let names = names.entry("required").or_insert_with(|| json!([]));
            names.as_array_mut().expect("it was made as one").push(json!(key.name));
            required.push(key.section);
        }
    }
    required.dedup();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A machine of faultstorm's model",
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn number(key: &Key) -> Value {
    let is = match key.range {
        Range::Count(low, high) => json!({ "type": "integer", "minimum": low, "maximum": high }),
        Range::Number(low, high) => json!({ "type": "number", "minimum": low, "maximum": high }),
        Range::Word(words) => json!({ "enum": words }),
    };
    let need = match key.need {
        Need::Always => "required".to_owned(),
        Need::Sockets => "required with several sockets".to_owned(),
        Need::Groups => "required with several groups of sockets".to_owned(),
        Need::Else(value) => format!("{value} unless given"),
        Need::Optional => "may be left out".to_owned(),
    };
    json!({
        "type": "object",
        "description": format!("{}; {need}", key.about),
        "properties": {
            "is": is,
            "source": {
                "type": "string",
                "minLength": 1,
                "description": "Where it is from.",
            },
            "estimate": {
                "type": "boolean",
                "default": false,
                "description": "Whether nobody measured it on this machine.",
            },
        },
        "required": ["is", "source"],
        "additionalProperties": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machines::{Machine, shipped};
    use std::fs;

    #[test]
    fn the_published_schema_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/machine.schema.json");
        let schema = format!("{:#}\n", schema());
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            fs::write(path, &schema).unwrap();
        }
        let published = fs::read_to_string(path).unwrap_or_default();
        assert!(published == schema, "stale: UPDATE_SCHEMAS=1 cargo test --lib machines::schema");
    }

    /// What the schema refuses in a text.
    fn refused(text: &str) -> Vec<String> {
        let table: toml::Table = text.parse().unwrap();
        let value = serde_json::to_value(table).unwrap();
        let validator = jsonschema::validator_for(&schema()).unwrap();
        validator.iter_errors(&value).map(|error| error.to_string()).collect()
    }

    #[test]
    fn every_machine_fits_also_one_that_is_written() {
        for (name, text) in shipped() {
            assert_eq!(refused(text), [""; 0], "{name}");
            assert!(text.starts_with("#:schema ../schemas/machine.schema.json\n"), "{name}");
            assert_eq!(refused(&Machine::find(name).unwrap().to_toml()), [""; 0], "{name}");
        }
    }

    #[test]
    fn what_the_reader_refuses_the_schema_refuses() {
        let text = shipped()[0].1;
        let number = "store-ns = { is = 1, source = \"E\", estimate = true }";
        for (from, to) in [
            ("reuse-k ", "reuse-m "),
            ("summary = ", "summery = "),
            (number, "store-ns = 5"),
            (number, "store-ns = { is = 1 }"),
            (number, "store-ns = { is = 1, source = \"\" }"),
            (number, "store-ns = { is = -1, source = \"E\" }"),
            (number, "store-ns = { is = \"1\", source = \"E\" }"),
            ("is = \"socket\"", "is = \"soket\""),
        ] {
            let wrong = text.replacen(from, to, 1);
            assert_ne!(wrong, text, "{from}");
            assert!(Machine::parse("x", "x.toml", &wrong).is_err(), "{to}");
            assert!(!refused(&wrong).is_empty(), "{to}");
        }
    }
}
