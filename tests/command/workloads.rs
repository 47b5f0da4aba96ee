//! Shipped workloads, their documentation, and their schema.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use faultstorm::workload::{self, SEED, Until};
use serde_json::Value;

const STRATEGIES: [&str; 4] = ["unlocked", "mmap-lock", "vma-refcount", "speculative"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_shipped_workload_parses() {
    for (name, _) in workload::shipped() {
        let source = workload::find(name).unwrap();
        let parsed = source.parse(&STRATEGIES).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(&parsed.name, name);
        assert!(parsed.analysis.is_some(), "{name} has no analysis");
        assert!(!parsed.expect.is_empty(), "{name} expects nothing");
    }
}

#[test]
fn every_file_in_workloads_is_shipped_and_names_its_schema() {
    let mut files = BTreeSet::new();
    for entry in fs::read_dir(root().join("workloads")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.starts_with("#:schema ../schemas/workload.schema.json\n"), "{path:?}");
            files.insert(path.file_stem().unwrap().to_str().unwrap().to_owned());
        }
    }
    let shipped: BTreeSet<String> =
        workload::shipped().iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(files, shipped);
}

#[test]
fn the_seed_workloads_are_shipped_and_short() {
    for name in SEED {
        let seed = workload::find(name).unwrap().parse(&STRATEGIES).unwrap();
        assert_eq!((seed.until, seed.warmup_ns), (Until::Duration(50_000_000), 20_000_000));
    }
}

#[test]
fn a_file_on_disk_is_the_same_workload_as_the_shipped_one() {
    let path = root().join("workloads/file-cold.toml");
    let read = workload::open(&path).unwrap().parse(&STRATEGIES).unwrap();
    let shipped = workload::find("file-cold").unwrap().parse(&STRATEGIES).unwrap();
    assert_eq!(read, shipped);
    assert_eq!(workload::digest(&read), workload::digest(&shipped));
}

#[test]
fn unknown_names_and_unreadable_files_are_errors_of_the_same_kind() {
    let unknown = workload::find("huge-annon").unwrap_err().render(false);
    assert!(unknown.contains("there is no workload \"huge-annon\""), "{unknown}");
    assert!(unknown.contains("did you mean \"huge-anon\"?"), "{unknown}");
    let missing = workload::find("no/such.toml").unwrap_err().render(false);
    assert!(missing.contains("\"no/such.toml\" cannot be read"), "{missing}");
}

#[test]
fn the_schema_is_fresh() {
    let path = root().join("schemas/workload.schema.json");
    let schema = format!("{:#}\n", workload::schema());
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        fs::write(&path, &schema).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap_or_default() == schema,
        "schemas/workload.schema.json is stale: UPDATE_SCHEMAS=1 cargo test --test command schema"
    );
}

/// Collects the keys of all tables in the schema.
fn keys(schema: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::Object(properties)) = object.get("properties") {
                found.extend(properties.keys().cloned());
            }
            object.values().for_each(|value| keys(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| keys(value, found)),
        _ => {}
    }
}

/// Collects the words that a key can have as its value.
fn words(schema: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(object) => {
            let choices = object.get("enum").and_then(Value::as_array).into_iter().flatten();
            found.extend(
                choices.chain(object.get("const")).filter_map(Value::as_str).map(str::to_owned),
            );
            object.values().for_each(|value| words(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| words(value, found)),
        _ => {}
    }
}

#[test]
fn the_readme_documents_every_key_and_word_of_the_schema() {
    let readme = fs::read_to_string(root().join("workloads/README.md")).unwrap();
    let schema = workload::schema();
    let (mut all, mut values) = (BTreeSet::new(), BTreeSet::new());
    keys(&schema, &mut all);
    words(&schema, &mut values);
    assert!(all.len() > 40 && values.len() > 15, "{all:?} {values:?}");
    let missing: Vec<&String> =
        all.iter().filter(|key| !readme.contains(&format!("`{key}`"))).collect();
    assert!(missing.is_empty(), "workloads/README.md does not document the keys {missing:?}");
    let missing: Vec<&String> =
        values.iter().filter(|word| !readme.contains(&format!("`\"{word}\"`"))).collect();
    assert!(missing.is_empty(), "workloads/README.md does not document the values {missing:?}");
    for (name, _) in workload::shipped() {
        assert!(readme.contains(&format!("`{name}`")), "the workload {name} is not in the README");
    }
}

#[test]
fn the_examples_of_the_readme_parse() {
    let readme = fs::read_to_string(root().join("workloads/README.md")).unwrap();
    let examples = readme.split("```toml\n").skip(1).map(|rest| rest.split_once("```").unwrap().0);
    let groups = examples.map(|example| {
        let parsed = workload::parse("example", "README.md", example, &STRATEGIES);
        parsed.unwrap_or_else(|error| panic!("{error}")).groups.len()
    });
    assert_eq!(groups.collect::<Vec<_>>(), [1, 2], "a loop, and the worked example");
}

#[test]
fn every_shipped_workload_fits_the_schema() {
    let validator = jsonschema::validator_for(&workload::schema()).unwrap();
    for (name, text) in workload::shipped() {
        let value: toml::Table = text.parse().unwrap();
        let value = serde_json::to_value(value).unwrap();
        let errors: Vec<String> = validator.iter_errors(&value).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{name}: {errors:?}");
    }
}

#[test]
fn the_digest_names_the_storm_and_not_its_prose() {
    let text = workload::find("huge-anon").unwrap().text;
    let digest = |text: &str| {
        workload::digest(&workload::parse("huge-anon", "x", text, &STRATEGIES).unwrap())
    };
    let same = text.replace("prefault one huge", "write one huge");
    assert_ne!(text, same);
    assert_eq!(digest(&text), digest(&same));
    assert_ne!(digest(&text), digest(&text.replace("\"1GiB\"", "\"512MiB\"")));
}
