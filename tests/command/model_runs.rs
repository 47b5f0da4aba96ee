//! The command with storms in the model: documents, refusals, variations.

use serde_json::Value;

use crate::place::{Place, code, err};

fn document(jobs: &str) -> Value {
    let line = "run huge-anon file-cold --on model:epyc-rome-2s --threads 1,6 --faults 100 \
                --json - --quiet --jobs";
    let out = Place::new().out_of(&format!("{line} {jobs}"));
    serde_json::from_str(&out).expect("the document is JSON")
}

#[test]
fn the_document_is_the_same_however_it_is_run() {
    let (one, two) = (document("1"), document("2"));
    for key in ["digest", "machines", "workloads", "cells"] {
        assert_eq!(one[key], two[key], "{key}");
    }
    assert!(one["digest"].is_string() && one["provenance"]["clock"].is_null());
    let cell = &one["cells"][0];
    assert_eq!(cell["key"]["machine"], "epyc-rome-2s");
    let digest = cell["key"]["machine_digest"].as_str().expect("it has a digest");
    assert!(one["machines"][digest]["estimated_share"].as_f64() > Some(0.1));
    let cost = &one["provenance"]["cells"][cell["id"].as_str().expect("it has an id")];
    assert!(cost["tracked_accesses"].as_u64() > Some(1000));
    let schema: Value = serde_json::from_str(&faultstorm::run::schema()).expect("it is JSON");
    jsonschema::validate(&schema, &one).expect("the document fits its schema");
}

#[test]
fn what_a_machine_cannot_do_is_said() {
    for (line, expected, message) in [
        ("model:xeon-icelake-2z", 2, "did you mean \"xeon-icelake-2s\"?"),
        ("model:laptop-intel --threads 13", 6, "12 hardware threads"),
        ("model:./nowhere.toml", 2, "./nowhere.toml"),
    ] {
        let output = Place::new().line(&format!("run huge-anon --on {line}"));
        assert_eq!(code(&output), Some(expected), "{line}: {}", err(&output));
        assert!(err(&output).contains(message), "{line}: {}", err(&output));
    }
}

#[test]
fn threads_that_a_workload_adds_past_the_machine_skip_its_cells() {
    let run = |threads: &str| {
        let line = "run writers-disjoint --on model:laptop-intel --body none --faults 20 \
                    --strategy mmap-lock --json - --quiet";
        let run = Place::new().out_of(&format!("{line} {threads}"));
        let run: Value = serde_json::from_str(&run).expect("the document is JSON");
        let cells = run["cells"].as_array().expect("they are listed").clone();
        cells.iter().map(|cell| (cell["key"]["threads"].clone(), cell.clone())).collect::<Vec<_>>()
    };
    let cells = run("--threads 4,12");
    assert_eq!((&cells[0].0, &cells[0].1["status"]), (&5.into(), &"ok".into()));
    assert_eq!((&cells[1].0, &cells[1].1["status"]), (&13.into(), &"skipped".into()));
    let reason = cells[1].1["reason"].as_str().expect("it is said");
    assert_eq!(reason, "12 threads and the workload's own 1 do not fit 12 hardware threads");
    let all = run("");
    assert_eq!(all.last().expect("there are cells").0, 12, "the writer has a core of its own");
    assert!(all.iter().all(|(_, cell)| cell["status"] == "ok"));
}

/// Runs in the model, and returns the document and the tables.
fn tables(line: &str) -> (Value, String) {
    let place = Place::new();
    let out = place.out_of(&format!("run {line} --details --json run.json"));
    (serde_json::from_str(&place.read("run.json")).expect("the document is JSON"), out)
}

#[test]
fn what_is_varied_of_a_machine_shows_in_keys_and_in_the_band() {
    let (document, tables) = tables(
        "huge-anon-read --on model:xeon-icelake-2s --threads 8 --strategy mmap-lock \
         --body none --faults 200 --vary wrM=1,2",
    );
    let cells = document["cells"].as_array().expect("there are cells");
    let varied: Vec<&Value> = cells.iter().map(|cell| &cell["key"]["vary"]["wrM"]).collect();
    assert_eq!(varied, [1.0, 2.0]);
    assert!(cells[0]["id"] != cells[1]["id"], "{}", cells[0]["id"]);
    assert!(tables.contains("Band over 2 variations: huge-anon-read"), "{tables}");
}

#[test]
fn the_break_even_rate_follows_from_the_cells() {
    let (document, tables) = tables(
        "huge-anon-read --on model:xeon-icelake-2s --threads 16 --body none --faults 300 \
         --strategy unlocked,mmap-lock,speculative --vary think=0ns,1us,3us,10us,30us,100us",
    );
    let cells = document["cells"].as_array().expect("there are cells");
    let curve = |strategy: &str| -> Vec<f64> {
        let of = cells.iter().filter(|cell| cell["key"]["strategy"] == strategy);
        let rate = |cell: &Value| cell["measured"]["faults_per_s"]["median"].as_f64();
        of.map(|cell| rate(cell).expect("it has a rate")).collect()
    };
    let (free, locked) = (curve("unlocked"), curve("mmap-lock"));
    let lost: Vec<f64> = locked.iter().zip(&free).map(|(own, free)| 1.0 - own / free).collect();
    // Think times ascend, so rates descend.
    let over = lost.iter().rposition(|lost| *lost >= 0.05).expect("the lock matters");
    assert!(over + 1 < lost.len(), "at 100 us it does not: {lost:?}");
    let (low, high) = (free[over + 1] / 16.0, free[over] / 16.0);
    let part = (0.05 - lost[over + 1]) / (lost[over] - lost[over + 1]);
    let expected = low * (high / low).powf(part);
    let found = document["break_even"].as_array().expect("there are rates");
    let of = |name: &str| found.iter().find(|one| one["strategy"] == name).expect("it is there");
    let rate = of("mmap-lock")["faults_per_thread_s"].as_f64().expect("it is within");
    assert!((rate / expected - 1.0).abs() < 1e-12, "{rate} is not {expected}");
    assert_eq!(of("mmap-lock")["swept"][1].as_f64(), Some(free[0] / 16.0));
    let own = of("speculative")["faults_per_thread_s"].as_f64();
    assert!(own.is_none_or(|own| own > rate), "it writes no shared line");
    assert_eq!(found.len(), 2, "unlocked is what others are compared with");
    assert!(tables.contains("Break-even rate of faults: huge-anon-read"), "{tables}");
}
