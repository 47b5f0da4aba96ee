//! Prints a JSON schema as Markdown tables.

use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Returns a table for each kind of object, each after its first mention, and lists of values for
/// the rest.
pub fn markdown(schema: &Value, root: &str) -> String {
    let mut text = definition(root, schema);
    follow(schema, schema, &mut BTreeSet::new(), &mut text);
    text
}

fn follow(from: &Value, schema: &Value, told: &mut BTreeSet<String>, text: &mut String) {
    for name in mentioned(from) {
        if told.insert(name.clone()) {
            let found = &schema["$defs"][&name];
            assert!(found.is_object(), "{name} is defined");
            *text += &definition(&name, found);
            follow(found, schema, told, text);
        }
    }
}

/// Returns the names of the definitions that a schema refers to.
fn mentioned(schema: &Value) -> Vec<String> {
    match schema {
        Value::Object(map) => (map.iter().filter(|(key, _)| *key != "$defs"))
            .flat_map(|(key, value)| match value.as_str().filter(|_| key == "$ref") {
                Some(path) => vec![target(path).to_owned()],
                None => mentioned(value),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(mentioned).collect(),
        _ => Vec::new(),
    }
}

fn target(path: &str) -> &str {
    path.strip_prefix("#/$defs/").expect("schemas refer to their own definitions")
}

fn definition(name: &str, schema: &Value) -> String {
    let mut text = format!("\n## {name}\n\n{}\n", described(schema));
    if let Some(properties) = schema["properties"].as_object() {
        // A schema of hand-written files marks required keys; in documents of the program all are
        // present.
        let is_closed = schema["additionalProperties"] == false;
        let required = schema["required"].as_array().filter(|_| is_closed);
        let needs = |key: &str| required.is_some_and(|keys| keys.iter().any(|k| k == key));
        text += "\n| key | type | what |\n|---|---|---|\n";
        for (key, value) in properties {
            let need = if needs(key) { ", required" } else { "" };
            text += &format!("| `{key}` | {}{need} | {} |\n", kind(value), described(value));
        }
    } else if let Some(choices) = schema["oneOf"].as_array() {
        text += "\n";
        for choice in choices {
            let about = described(choice);
            let about = if about.is_empty() { about } else { format!(": {about}") };
            text += &format!("- {}{about}\n", kind(choice));
        }
    } else if schema["enum"].is_array() {
        text += &format!("\nOne of {}.\n", kind(schema));
    }
    text
}

/// Returns its description, on one line and fit for a table.
fn described(schema: &Value) -> String {
    let text = schema["description"].as_str().unwrap_or_default();
    text.replace('\n', " ").replace('|', "\\|")
}

/// Describes the possible values.
fn kind(schema: &Value) -> String {
    let joined = |all: &[Value], of: fn(&Value) -> String, with: &str| {
        all.iter().map(of).collect::<Vec<_>>().join(with)
    };
    if let Some(path) = schema["$ref"].as_str() {
        let name = target(path);
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if !schema["const"].is_null() {
        return format!("`{}`", schema["const"]);
    }
    if let Some(values) = schema["enum"].as_array() {
        return joined(values, |value| format!("`{value}`"), ", ");
    }
    if let Some(choices) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
        return joined(choices, kind, " or ");
    }
    match &schema["type"] {
        Value::String(name) => named(name, schema),
        Value::Array(names) => {
            let all =
                names.iter().map(|name| named(name.as_str().expect("types are words"), schema));
            all.collect::<Vec<_>>().join(" or ")
        }
        _ => "any".to_owned(),
    }
}

/// Describes a value of this type.
fn named(name: &str, schema: &Value) -> String {
    match name {
        "array" => format!("list of {}", kind(&schema["items"])),
        "object" => object(schema),
        "integer" | "number" => format!("{name}{}", range(schema)),
        _ => name.to_owned(),
    }
}

fn object(schema: &Value) -> String {
    let of = |properties: &Map<String, Value>| {
        let all = properties.iter().map(|(key, value)| format!("`{key}`: {}", kind(value)));
        format!("{{ {} }}", all.collect::<Vec<_>>().join(", "))
    };
    match (schema["properties"].as_object(), &schema["additionalProperties"]) {
        (Some(properties), _) => of(properties),
        (None, Value::Object(_)) => {
            format!("{} by name", kind(&schema["additionalProperties"]))
        }
        (None, _) => "object".to_owned(),
    }
}

/// Describes the bounds that are worth a mention: that a count is not negative is not.
fn range(schema: &Value) -> String {
    match (&schema["minimum"], &schema["maximum"]) {
        (Value::Null, Value::Null) => String::new(),
        (low, Value::Null) if low.as_f64() == Some(0.0) => String::new(),
        (low, Value::Null) => format!(" from {low}"),
        (Value::Null, high) => format!(" up to {high}"),
        (low, high) => format!(", {low} to {high}"),
    }
}

#[test]
fn a_schema_becomes_tables() {
    let schema = serde_json::json!({
        "description": "All.",
        "additionalProperties": false,
        "required": ["size"],
        "properties": {
            "size": { "$ref": "#/$defs/Size", "description": "How\nlong." },
            "part": { "type": ["number", "null"], "minimum": 0, "maximum": 1 },
            "many": { "type": "object", "additionalProperties": { "type": "integer" } },
        },
        "$defs": { "Size": { "description": "A|B.", "oneOf": [
            { "const": "all", "description": "Everything." },
            { "type": "integer", "minimum": 1 },
        ] } },
    });
    let text = markdown(&schema, "Top level");
    for line in [
        "| `size` | [Size](#size), required | How long. |",
        "| `part` | number, 0 to 1 or null |  |",
        "| `many` | integer by name |  |",
        "A\\|B.",
        "- `\"all\"`: Everything.",
        "- integer from 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
}
