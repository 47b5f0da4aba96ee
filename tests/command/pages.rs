//! The page of a report, byte by byte. For tests in a browser see `tests/programs/report_page/`.

use faultstorm::report;
use faultstorm::run::to_json;

use crate::common;
use crate::place::{Place, code, err};

#[test]
fn documents_that_are_none_and_places_that_are_none_are_told() {
    let place = Place::new();
    place.write("run.json", to_json(&common::run()).unwrap());
    place.write("other.json", "{}");
    for (args, expected, says) in [
        ("report missing.json", 2, "cannot read 'missing.json'"),
        ("report run.json other.json", 2, "'other.json' has no schema"),
        ("report run.json -o no/such/page.html", 6, "cannot write 'no/such/page.html'"),
        ("report", 2, "<RUN.json>"),
    ] {
        let output = place.line(args);
        assert_eq!(code(&output), Some(expected), "{args}: {}", err(&output));
        assert!(err(&output).contains(says), "{args}: {}", err(&output));
    }
    assert!(!place.path("report.html").exists(), "no page of half the runs");
}

#[test]
fn a_page_from_the_file_equals_one_from_the_run() {
    let place = Place::new();
    place.out_of(
        "run small.toml --on model:ampere-altra --threads 1,2 --strategy unlocked,mmap-lock \
         --faults 100 --body none --quiet --json run.json --html run.html",
    );
    place.out_of("report run.json -o again.html");
    assert!(place.read("run.html") == place.read("again.html"));
    place.out_of("report run.json run.json");
    let both = place.read("report.html");
    assert!(both.contains("run 1: model:ampere") && both.contains("run 2: model:ampere"));
}

#[test]
fn workloads_that_differ_under_one_name_are_told() {
    let (run, mut other) = (common::run(), common::run());
    let told = "'churn' is not the same workload in all runs";
    assert!(!report::html(&[run.clone(), other.clone()]).contains(told));
    for cell in other.cells.iter_mut().filter(|cell| cell.key.workload == "churn") {
        cell.key.workload_digest += "-changed";
    }
    let page = report::html(&[run, other]);
    assert!(page.contains(told) && !page.contains("'huge-anon' is not the same"));
}

#[test]
fn a_seed_that_a_script_would_round_is_text() {
    let place = Place::new();
    let line = "run small.toml --on model:ampere-altra --threads 1 --strategy mmap-lock \
                --faults 50 --body none --quiet --seed 9007199254740993 --json run.json";
    place.out_of(line);
    place.out_of("report run.json");
    let page = place.read("report.html");
    assert!(page.contains("\"seed\":\"9007199254740993\""));
    assert!(page.contains("the model has no noise"));
}
