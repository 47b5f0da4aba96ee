//! The JSON schema of files of numbers, from which editors complete and check.

use super::file::SourcedFile;
use super::key::{FileKey, Presence};
use super::kind::{FileKind, keys};
use serde_json::{Map, Value, json};

impl<T: FileKind> SourcedFile<T> {
    /// Returns the JSON schema of such files, made from the table of their numbers.
    pub fn schema() -> Value {
        let mut properties = Map::new();
        let summary = format!("Which {} it is, in a line.", T::SHIPPED.what);
        let summary = json!({ "type": "string", "description": summary });
        properties.insert("summary".to_owned(), summary);
        let sources = json!({
            "type": "object",
            "description": "What the letters in `source` stand for.",
            "additionalProperties": { "type": "string" },
        });
        properties.insert("sources".to_owned(), sources);
        let mut required = vec!["summary"];
        for (section, key) in keys::<T>() {
            let table = properties.entry(section).or_insert_with(
                || json!({ "type": "object", "properties": {}, "additionalProperties": false }),
            );
            table["properties"][key.name] = number(key);
            if matches!(key.need, Presence::Always) {
                let names = table.as_object_mut().expect("it was made as one");
                let names = names.entry("required").or_insert_with(|| json!([]));
                names.as_array_mut().expect("it was made as one").push(json!(key.name));
                required.push(section);
            }
        }
        required.dedup();
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": T::TITLE,
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        })
    }
}

fn number<T: FileKind>(key: &FileKey<T>) -> Value {
    json!({
        "type": "object",
        "description": format!("{}; {}", key.about, key.need),
        "properties": {
            "is": key.allowed.schema(),
            "source": {
                "type": "string",
                "minLength": 1,
                "description": "Where it is from.",
            },
            "estimate": {
                "type": "boolean",
                "default": false,
                "description": format!("Whether nobody measured it on this {}.", T::SHIPPED.what),
            },
        },
        "required": ["is", "source"],
        "additionalProperties": false,
    })
}
