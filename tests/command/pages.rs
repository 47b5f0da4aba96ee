//! The page of a report, byte by byte. For tests in a browser see `tests/programs/report_page/`.

use faultstorm::report;
use faultstorm::run::{Body, Cell, Run, to_json};

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

#[test]
fn the_answer_needs_no_script_and_no_name_is_markup() {
    let mut run = common::run();
    run.provenance.seed = u64::MAX;
    for cell in &mut run.cells {
        if cell.key.workload == "huge-anon" {
            cell.key.workload = "<img src=x onerror=alert(1)>".to_owned();
        }
        if cell.key.strategy == "speculative" {
            cell.key.strategy = "\"><script>alert(2)</script>".to_owned();
        }
        cell.id = cell.key.id();
    }
    let page = report::html(&[run]);
    assert!(!page.contains("<img") && !page.contains("<script>alert"), "a name is markup");
    let (top, rest) = page.split_once("<noscript>").unwrap();
    for said in ["<h1 id", "class=\"map\"", "&lt;img src=x onerror=alert(1)&gt;", "hypervisor"] {
        assert!(top.contains(said), "no {said} in what needs no script");
    }
    assert!(rest.contains("\"seed\":\"18446744073709551615\""), "a large seed is not rounded");
}

/// Returns the headline of a page, and the sentences below it, of a run on the host with these
/// rates in million faults per second in two workloads.
fn headline(spread: f64, rates: &[(&str, f64, f64)]) -> (String, String) {
    let mut run = Run::new(common::provenance());
    for &(strategy, first, second) in rates {
        for (workload, rate) in [("first", first), ("second", second)] {
            let key = common::key(workload, strategy, 2, Body::None);
            let found = common::measured(&key, 1e6 * rate, spread, 8);
            run.cells.push(Cell::ok(key, found));
        }
    }
    let page = report::html(&[run]);
    let (title, rest) = page
        .split_once("<h1 id=\"world-0\">")
        .and_then(|(_, rest)| rest.split_once("</h1>\n<p>"))
        .unwrap();
    (title.to_owned(), rest.split_once("</p>").unwrap().0.to_owned())
}

#[test]
fn the_headline_says_what_comes_first_by_how_much_and_how_sure() {
    let unlocked = ("unlocked", 10.0, 10.0);
    let (title, proof) =
        headline(0.01, &[unlocked, ("speculative", 9.0, 8.0), ("mmap-lock", 5.0, 4.0)]);
    assert_eq!(
        title,
        "speculative is first in all 2 workloads: 0.80 to 0.90 of the rate without any lock \
         (2 threads of this host, lock alone)"
    );
    assert!(proof.starts_with("One strategy is surely ahead of all others in 2 of 2 workloads."));

    let close = [("speculative", 9.0, 8.0), ("srcu", 9.001, 5.0), ("mmap-lock", 5.0, 4.0)];
    let (title, proof) = headline(0.01, &[&[unlocked][..], &close[..]].concat());
    assert!(title.starts_with("speculative is first or level with the first in all 2"), "{title}");
    assert!(proof.contains("in 1 of 2 workloads."), "{proof}");
    assert!(proof.contains("Also level with the first: srcu in 1."), "{proof}");

    let split = [unlocked, ("speculative", 9.0, 2.0), ("srcu", 4.0, 9.0), ("mmap-lock", 1.0, 1.0)];
    let (title, proof) = headline(0.01, &split);
    assert!(title.contains(" is first in "), "{title}");
    assert!(proof.contains("Elsewhere first: "), "{proof}");

    let noisy = [unlocked, ("speculative", 9.0, 9.0), ("mmap-lock", 8.9, 9.0)];
    let (title, _) = headline(0.9, &noisy);
    assert!(title.starts_with("No strategy is surely ahead of another: 2 threads"), "{title}");

    // Without `unlocked` the others are compared with `mmap-lock`, which may be the best.
    let (title, proof) = headline(0.01, &[("mmap-lock", 9.0, 9.0), ("vm-refcnt", 4.5, 4.5)]);
    assert!(title.starts_with("mmap-lock is first in all 2 workloads ("), "{title}");
    assert!(proof.contains("Next vm-refcnt: 0.50 times mmap-lock."), "{proof}");

    let (title, _) = headline(0.01, &[("vm-refcnt", 4.5, 9.0)]);
    assert!(title.starts_with("vm-refcnt: 4.50 M/s in first and 9.00 M/s in second ("), "{title}");
}
