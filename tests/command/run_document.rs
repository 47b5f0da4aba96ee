//! The run document compared with its published schema, and the documents that its reader accepts.

use std::io::Write;
use std::path::Path;

use faultstorm::run::{Run, Status, schema, to_json};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::common;

const SCHEMA_PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/run.schema.json");

fn document() -> Value {
    serde_json::from_slice(&to_json(&common::run()).unwrap()).unwrap()
}

fn validator() -> jsonschema::Validator {
    jsonschema::validator_for(&serde_json::from_str(&schema()).unwrap()).unwrap()
}

#[test]
fn the_published_schema_is_fresh() {
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::write(SCHEMA_PATH, schema()).unwrap();
    }
    let published = std::fs::read_to_string(SCHEMA_PATH).unwrap();
    assert!(published == schema(), "run the tests with UPDATE_SCHEMAS=1 and commit the result");
    let published: Value = serde_json::from_str(&published).unwrap();
    assert_eq!(document()["$schema"], published["$id"], "a document names its schema");
}

#[test]
fn a_run_validates() {
    let errors: Vec<String> =
        validator().iter_errors(&document()).map(|error| error.to_string()).collect();
    assert_eq!(errors, [""; 0]);
}

#[test]
fn documents_may_grow() {
    let mut grown = document();
    grown["cells"][0]["measured"]["colour"] = json!("blue");
    assert!(validator().is_valid(&grown));
    let read = Run::from_json(grown.to_string().as_bytes(), "grown").unwrap();
    assert_eq!(read, common::run());
}

#[test]
fn broken_documents_do_not_validate() {
    let breaks: [fn(&mut Value); 5] = [
        |run| run["complete"] = json!("yes"),
        |run| run["cells"][0]["status"] = json!("fine"),
        |run| run["cells"][0]["key"]["threads"] = json!(-1),
        |run| run["cells"][0]["measured"]["faults_per_s"]["median"] = Value::Null,
        |run| {
            run["provenance"].as_object_mut().unwrap().remove("started_at");
        },
    ];
    for (n, spoil) in breaks.into_iter().enumerate() {
        let mut broken = document();
        spoil(&mut broken);
        assert!(!validator().is_valid(&broken), "break {n}");
        assert!(Run::from_json(broken.to_string().as_bytes(), "broken").is_err(), "break {n}");
    }
}

#[test]
fn keys_stand_in_the_order_of_the_contract() {
    let text = String::from_utf8(to_json(&common::run()).unwrap()).unwrap();
    let top = ["$schema", "schema", "complete", "digest", "provenance", "workloads", "machines"];
    let places: Vec<Option<usize>> =
        top.iter().map(|key| text.find(&format!("\n  \"{key}\":"))).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}");
    assert!(text.contains("\"stages_ns\": null"));
    assert!(text.ends_with("}\n"));
}

#[test]
fn a_document_is_read_compressed_too() {
    let json = to_json(&common::run()).unwrap();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(&json).unwrap();
    let gzip = gzip.finish().unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, &gzip).unwrap();
    assert_eq!(Run::read(file.path()).unwrap(), common::run());
    std::fs::write(&file, &gzip[..gzip.len() / 2]).unwrap();
    let text = format!("{:#}", anyhow::Error::from(Run::read(file.path()).unwrap_err()));
    assert!(text.starts_with("cannot read '"), "{text}");
}

/// Documents made by `scripts/reference`: they have today's schema, are complete, and are
/// described.
#[test]
fn reference_runs_can_be_compared_with() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/reference");
    let described = std::fs::read_to_string(directory.join("README.md")).unwrap();
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&directory).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(stem) = name.strip_suffix(".json.gz") else { continue };
        let run = Run::read(&directory.join(&name)).unwrap();
        let value = serde_json::to_value(&run).unwrap();
        let errors: Vec<String> =
            validator().iter_errors(&value).map(|error| error.to_string()).collect();
        assert_eq!(errors, [""; 0], "{name}");
        assert!(run.complete && !run.provenance.git_dirty.unwrap(), "{name}");
        assert!(run.cells.iter().all(|cell| cell.status != Status::Failed), "{name}");
        assert!(described.contains(&format!("[`{stem}`]({stem}.md)")), "{name}");
        names.push(stem.to_owned());
    }
    names.sort_unstable();
    assert_eq!(names, ["host", "machines", "worlds", "writers"]);
}

#[test]
fn what_is_wrong_with_a_file_is_said() {
    let error = |text: &str| {
        let error = Run::from_json(text.as_bytes(), "a.json").unwrap_err();
        format!("{:#}", anyhow::Error::from(error))
    };
    let newer = document().to_string().replace("faultstorm.run/1", "faultstorm.run/2");
    let torn = &document().to_string()[..1000];
    let mut renamed = document();
    renamed["cells"][0]["key"]["body"] = json!("some");
    insta::assert_snapshot!(
        [
            error("hello"),
            error("[1, 2]"),
            error("{}"),
            error(r#"{ "schema": 3 }"#),
            error(&newer),
            error(torn),
            error(&renamed.to_string()),
        ]
        .join("\n")
    );
    let missing = Run::read(std::path::Path::new("no-such.json")).unwrap_err();
    let text = format!("{:#}", anyhow::Error::from(missing));
    assert!(text.starts_with("cannot read 'no-such.json': No such file"), "{text}");
}
