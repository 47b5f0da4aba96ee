//! The JSON schema of workload files, from which editors complete and check.

use serde_json::{Map, Value};

use super::written::WrittenWorkload;

/// Returns the JSON schema of workload files.
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(WrittenWorkload).to_value();
    as_toml_has_it(&mut schema);
    schema.sort_all_objects();
    schema
}

/// Removes what TOML does not have: null, which the schema allows for every optional key, and
/// widths of numbers.
fn as_toml_has_it(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            let numeric = object.get("format").and_then(Value::as_str);
            if matches!(numeric, Some("uint64" | "uint8" | "double")) {
                object.remove("format");
            }
            without_null(object);
            object.values_mut().for_each(as_toml_has_it);
        }
        Value::Array(items) => items.iter_mut().for_each(as_toml_has_it),
        _ => {}
    }
}

fn without_null(object: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
        choices.retain(|choice| choice.get("type").is_none_or(|name| name != "null"));
        if let [Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            object.remove("anyOf");
            object.extend(only);
        }
    }
}
