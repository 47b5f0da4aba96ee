//! Comparisons of runs made by hand, with a known effect, and of runs of the model.

use std::process::Output;

use faultstorm::compare::{
    Axis, CompareError, Comparison, Document, Options, compare, schema, to_json,
};
use faultstorm::report::{self, Style};
use faultstorm::run::{Body, Cell, Run, Status, to_json as run_to_json};
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

use crate::common;
use crate::place::Place;
use crate::writers;

const SCHEMA_PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/compare.schema.json");

fn document(path: &str, run: Run) -> Document {
    Document { path: path.to_owned(), run }
}

fn of_revision(run: Run, revision: &str) -> Run {
    let mut run = run;
    run.provenance.git_revision = Some(revision.to_owned());
    run
}

/// Returns the run of `common` with noise: each repeat is slower by its own share of up to 1 %, and
/// cells for which `is_slow` is true by 10 % more.
fn noisy(seed: u64, is_slow: impl Fn(&Cell) -> bool) -> Run {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let mut run = common::run();
    run.cells.retain(|cell| cell.key.workload == "huge-anon");
    for cell in &mut run.cells {
        let slow = if is_slow(cell) { 0.9 } else { 1.0 };
        let measured = cell.measured.as_mut().expect("these have numbers");
        let first = measured.repeats[0].clone();
        measured.repeats = vec![first; 9];
        for repeat in &mut measured.repeats {
            let noise = 1.0 - f64::from(rng.next_u32() % 1000) / 1e5;
            repeat.faults = (repeat.faults as f64 * slow * noise) as u64;
        }
    }
    run
}

fn compared(base: Vec<Run>, new: Vec<Run>, options: &Options) -> Result<Comparison, CompareError> {
    let documents = |name: &str, runs: Vec<Run>| -> Vec<Document> {
        let numbered = runs.into_iter().enumerate();
        numbered.map(|(n, run)| document(&format!("{name}{n}.json"), run)).collect()
    };
    compare(&documents("base", base), &documents("new", new), options)
}

/// Returns the cells with this verdict.
fn cells_that_are(verdict: &str, compared: &Comparison) -> Vec<String> {
    let are = compared.cells.iter().filter(|pair| pair.judged.verdict.as_deref() == Some(verdict));
    are.map(|pair| pair.cell.clone()).collect()
}

#[test]
fn a_run_does_not_differ_from_itself() {
    let options = Options { fail_above: Some(0.0), ..Options::default() };
    let same = compared(vec![common::run()], vec![common::run()], &options).unwrap();
    assert_eq!((same.by, same.differences.len()), (Axis::Run, 0));
    assert!(same.cells.iter().all(|pair| !pair.judged.differs() && !pair.judged.found));
    assert!(same.cells.len() > 20 && same.unpaired.is_empty());
    let again = compared(vec![common::run()], vec![common::run()], &options).unwrap();
    assert_eq!(again, same, "and says so every time");
}

#[test]
fn ten_percent_are_seen_where_they_are() {
    for seed in 0..2 {
        let slow = |cell: &Cell| cell.key.strategy_name() == "speculative";
        let base = noisy(2 * seed, |_| false);
        let new = of_revision(noisy(2 * seed + 1, slow), "aaaa");
        let options = Options { fail_above: Some(0.05), ..Options::default() };
        let found = compared(vec![base], vec![new], &options).unwrap();
        assert_eq!(found.by, Axis::Revision);
        let slower = cells_that_are("slower", &found);
        assert_eq!(slower.len(), 4, "{slower:?}");
        assert!(slower.iter().all(|cell| cell.contains("/speculative/")), "{slower:?}");
        assert_eq!(cells_that_are("faster", &found), [""; 0], "seed {seed}");
        // Sorted by effect, and found.
        assert!(found.cells[..4].iter().all(|pair| pair.judged.found && pair.judged.differs()));
        assert_eq!(found.found().count(), 4);
        let lax = Options { fail_above: Some(0.2), ..options };
        let (base, new) = (noisy(2 * seed, |_| false), noisy(2 * seed + 1, slow));
        assert_eq!(compared(vec![base], vec![new], &lax).unwrap().found().count(), 0);
    }
}

#[test]
fn launches_are_drawn_before_their_repeats() {
    // Launches differ by up to 4 %, and their repeats do not differ at all.
    let launch = |luck: f64| {
        let mut run = noisy(1, |_| false);
        for repeat in run.cells.iter_mut().flat_map(|c| &mut c.measured.as_mut().unwrap().repeats) {
            repeat.faults = (repeat.faults as f64 * luck) as u64;
        }
        run
    };
    let (old, new) = ([1.0, 1.04, 1.02], [1.01, 1.05, 1.03]);
    let one = compared(vec![launch(old[0])], vec![launch(new[0])], &Options::default()).unwrap();
    assert!(!cells_that_are("faster", &one).is_empty(), "a launch alone is taken at its word");
    let (base, new) = (old.map(launch).to_vec(), new.map(launch).to_vec());
    let many = compared(base, new, &Options::default()).unwrap();
    assert_eq!(cells_that_are("no difference seen", &many).len(), many.cells.len());
    assert_eq!((many.base.launches.len(), many.new[0].launches.len()), (3, 3));
    assert_eq!((many.cells[0].base.launches, many.cells[0].base.repeats), (3, 27));
}

#[test]
fn launches_of_a_side_are_of_one_program() {
    let other = of_revision(common::run(), "bbbb");
    let (base, new) = (vec![common::run(), other], vec![of_revision(common::run(), "cccc")]);
    let by_strategy = Options { by: Some(Axis::Strategy), ..Options::default() };
    let error = compared(base.clone(), vec![], &by_strategy).unwrap_err();
    assert!(matches!(error, CompareError::OtherProgram { .. }), "{error}");
    let forced = Options { force: true, ..by_strategy };
    assert!(compared(base.clone(), vec![], &forced).is_ok());
    let error = compared(base, new, &Options::default()).unwrap_err().to_string();
    assert!(error.contains("the base has more than one revision"), "{error}");
}

#[test]
fn strategies_of_one_run_are_compared_with_its_first() {
    let options = Options { by: Some(Axis::Strategy), ..Options::default() };
    let by_strategy = compared(vec![noisy(1, |_| false)], vec![], &options).unwrap();
    assert_eq!(by_strategy.base.name, "unlocked");
    let names: Vec<&str> = by_strategy.new.iter().map(|side| side.name.as_str()).collect();
    assert_eq!(names, ["mmap-lock", "vma-refcount", "speculative", "speculative:refcount"]);
    assert_eq!(by_strategy.cells.len(), 4 * 4);
    // At 2 threads the locks are much slower: that comes first.
    assert_eq!(by_strategy.cells[0].cell, "huge-anon/host/2/none");
    let slower = Some("slower");
    assert!(by_strategy.cells[..4].iter().all(|pair| pair.judged.verdict.as_deref() == slower));
}

#[test]
fn the_axis_is_what_the_sides_do_not_share() {
    let one_of = |strategy: &str, threads: &[u32]| {
        let mut run = noisy(1, |_| false);
        let is_asked = |cell: &Cell| {
            cell.key.strategy_name() == strategy && threads.contains(&cell.key.threads)
        };
        run.cells.retain(is_asked);
        run
    };
    let by = |base: Run, new: Vec<Run>| {
        let found = compared(vec![base], new, &Options::default());
        found.map(|found| found.by).map_err(|error| error.to_string())
    };
    let both = [1, 2];
    let (mmap, spec) = (one_of("mmap-lock", &both), one_of("speculative", &both));
    assert_eq!(by(mmap.clone(), vec![spec.clone()]), Ok(Axis::Strategy));
    assert_eq!(by(one_of("mmap-lock", &[1]), vec![one_of("mmap-lock", &[2])]), Ok(Axis::Threads));
    assert_eq!(by(mmap.clone(), vec![]), Ok(Axis::Threads));
    let mut elsewhere = mmap.clone();
    elsewhere.cells.iter_mut().for_each(|cell| cell.key.machine = "another-cpu".to_owned());
    assert_eq!(by(mmap.clone(), vec![elsewhere.clone()]), Ok(Axis::Machine));
    let both = by(mmap.clone(), vec![of_revision(elsewhere, "aaaa")]).unwrap_err();
    assert_eq!(
        both,
        "the sides differ in machine, revision: say by which of them to compare, as --by machine"
    );
    let error = by(common::run(), vec![]).unwrap_err();
    assert!(error.contains("strategy, threads"), "{error}");
    let error = by(one_of("mmap-lock", &[1]), vec![]).unwrap_err();
    assert!(error.contains("in 'base0.json' nothing differs"), "{error}");
}

#[test]
fn what_else_differs_is_listed() {
    let mut new = of_revision(noisy(2, |_| false), "aaaa");
    new.cells.iter_mut().for_each(|cell| cell.key.seed = 7);
    new.provenance.host.kernel = Some("6.19.0".to_owned());
    let found = compared(vec![noisy(1, |_| false)], vec![new], &Options::default()).unwrap();
    let what: Vec<&str> = found.differences.iter().map(|differs| differs.what.as_str()).collect();
    assert_eq!(what, ["seed", "host"]);
    assert_eq!((&found.differences[0].base[0][..], &found.differences[0].new[0][..]), ("42", "7"));
}

/// Returns a run with a cell of writers alone at this rate of `munmap`, one that also faults, and
/// one whose touches never fault.
fn of_writers(munmaps_per_s: f64) -> Run {
    let mut run = Run::new(common::provenance());
    let ops = [("mmap", 1e6), ("munmap", munmaps_per_s)];
    for (workload, ops) in [("alone", &ops[..]), ("quiet", &[])] {
        let key = common::key(workload, "mmap-lock", 2, Body::None);
        let found = writers::of_writers(&key, ops, 0.01, 5);
        run.cells.push(Cell::ok(key, found));
    }
    let key = common::key("beside", "mmap-lock", 2, Body::None);
    let mut found = common::measured(&key, 3e6, 0.01, 5);
    found.ops.insert("munmap".to_owned(), writers::op(munmaps_per_s, 0.01, 5));
    run.cells.push(Cell::ok(key, found));
    run
}

#[test]
fn operations_are_compared_alone_and_beside_faults() {
    let options = Options { fail_above: Some(0.05), ..Options::default() };
    let found = compared(vec![of_writers(2e6)], vec![of_writers(1.5e6)], &options).unwrap();
    let pair =
        |workload: &str| found.cells.iter().find(|pair| pair.cell.starts_with(workload)).unwrap();
    // By the operation that was done most often.
    let alone = pair("alone");
    assert_eq!(
        (alone.counted.as_str(), alone.judged.verdict.as_deref()),
        ("munmap", Some("slower"))
    );
    assert_eq!((alone.base.faults_per_s, alone.new.repeats), (None, 5));
    assert!(alone.judged.found && (alone.judged.ratio.unwrap().median - 0.75).abs() < 1e-9);
    assert_eq!(alone.ops["mmap"].judged.verdict.as_deref(), Some("no difference seen"));
    let beside = pair("beside");
    assert_eq!(beside.counted, "faults");
    assert_eq!(beside.judged.verdict.as_deref(), Some("no difference seen"));
    let munmap = &beside.ops["munmap"];
    assert!(
        munmap.judged.found && munmap.judged.verdict.as_deref() == Some("slower"),
        "{munmap:?}"
    );
    assert!(!beside.judged.found, "its faults are as fast");
    let quiet = pair("quiet");
    assert_eq!(quiet.reason.as_deref(), Some("base has no faults"));
    assert!(
        quiet.judged.ratio.is_none() && !quiet.judged.exact && !quiet.judged.found,
        "{quiet:?}"
    );
    assert_eq!((found.comparisons, found.found().count()), (4, 2));
    let text = report::comparison(&found, Style { color: false, width: 80 });
    assert!(text.contains("2 cells are slower than the base by more than 5.0%"), "{text}");
    for line in [
        "! alone munmap              2.00 M/s 1.50 M/s   0.75x  +-0.8% slower\n",
        "    mmap                    1.00 M/s 1.00 M/s   1.00x  +-0.8% no difference seen\n",
        "  beside                    3.00 M/s 3.00 M/s   1.00x  +-0.8% no difference seen\n",
        "!   munmap                  2.00 M/s 1.50 M/s   0.75x  +-0.8% slower\n",
        "  quiet\n    not compared: base has no faults\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(!text.contains(" 0 /s") && !text.contains("equal"), "{text}");
    let markdown = report::comparison_markdown(&found);
    assert!(markdown.contains("| beside/mmap-lock/host/2/none munmap **!** | 2.00 M/s |"));
}

/// Older documents with several repeats have only the total number of operations per second.
#[test]
fn a_workload_is_judged_by_its_headline_and_nothing_may_vanish() {
    let options = Options { fail_above: Some(0.05), ..Options::default() };
    let judged_by = |event: &str, munmap: f64| {
        let mut run = of_writers(munmap);
        for cell in &mut run.cells {
            cell.measured.as_mut().unwrap().headline = Some(event.to_owned());
        }
        run
    };
    let found = |base: Run, new: Run| {
        let found = compared(vec![base], vec![new], &options).unwrap();
        found.cells.into_iter().find(|pair| pair.cell.starts_with("beside")).unwrap()
    };
    let pair = found(judged_by("munmap", 2e6), judged_by("munmap", 1.5e6));
    assert_eq!((pair.counted.as_str(), pair.judged.verdict.as_deref()), ("munmap", Some("slower")));
    let faults = &pair.ops["faults"];
    assert_eq!(faults.judged.verdict.as_deref(), Some("no difference seen"));

    let without = |mut run: Run| {
        let cells = run.cells.iter_mut().filter_map(|cell| cell.measured.as_mut());
        cells.for_each(|found| drop(found.ops.remove("munmap")));
        run
    };
    let pair = found(of_writers(2e6), without(of_writers(2e6)));
    let gone = &pair.ops["munmap"];
    assert!(gone.judged.found && gone.new_per_s == 0.0 && gone.judged.ratio.is_none(), "{gone:?}");
    assert!(!pair.judged.found, "its faults are as fast");
}

#[test]
fn a_small_part_of_a_storm_is_compared_with_nothing() {
    let short = |is_whole: bool| {
        let mut run = noisy(1, |_| false);
        for found in run.cells.iter_mut().filter_map(|cell| cell.measured.as_mut()) {
            found.is_whole = is_whole;
            found.repeats[0].overlap_share = 0.3;
        }
        run
    };
    let found = |is_whole| {
        let (base, new) = (noisy(2, |_| false), of_revision(short(is_whole), "aaaa"));
        compared(vec![base], vec![new], &Options::default()).unwrap()
    };
    let part = "all threads of new stormed together for less than half of a storm";
    assert!(found(false).cells.iter().all(|pair| pair.reason.as_deref() == Some(part)));
    assert!(found(true).cells.iter().all(|pair| pair.judged.ratio.is_some()));
}

#[test]
fn operations_of_old_documents_have_a_rate_and_no_interval() {
    let old = |per_s: f64| {
        let mut run = of_writers(per_s);
        let found = run.cells.iter_mut().flat_map(|cell| &mut cell.measured);
        found.flat_map(|found| found.ops.values_mut()).for_each(|op| op.repeats_per_s.clear());
        run
    };
    let found = compared(vec![old(2e6)], vec![old(1.5e6)], &Options::default()).unwrap();
    let alone = found.cells.iter().find(|pair| pair.cell.starts_with("alone")).unwrap();
    let ratio = alone.judged.ratio.unwrap();
    assert_eq!((ratio.median, ratio.low, alone.judged.verdict.as_deref()), (0.75, None, None));
    assert_eq!((alone.base.per_s, alone.base.repeats), (Some(2e6), 1));
}

/// A missing operation may have been cut off by the end of the storm.
#[test]
fn one_operation_less_is_no_regression_of_the_model() {
    let model = |per_s: f64, count: u64| {
        let mut run = of_writers(per_s);
        run.cells.retain(|cell| cell.key.workload == "beside");
        for cell in &mut run.cells {
            cell.key.world = faultstorm::run::World::Model;
            let found = cell.measured.as_mut().unwrap();
            found.repeats.truncate(1);
            let munmap = found.ops.get_mut("munmap").unwrap();
            (munmap.count, munmap.per_s) = (count, per_s);
            munmap.repeats_per_s.clear();
        }
        run
    };
    let options = Options { fail_above: Some(0.05), ..Options::default() };
    let is_found = |base: Run, new: Run| {
        let found = compared(vec![base], vec![new], &options).unwrap();
        assert!(found.cells[0].ops["munmap"].judged.exact);
        found.found().count() == 1
    };
    assert!(!is_found(model(1000.0, 10), model(900.0, 9)), "it may have ended before the tenth");
    assert!(is_found(model(1000.0, 10), model(800.0, 8)));
    assert!(is_found(model(1000.0, 10), model(900.0, 10)), "as many took longer");
}

#[test]
fn other_workloads_are_refused() {
    let mut longer = of_revision(noisy(2, |_| false), "aaaa");
    let mut workload = longer.workloads["huge-anon-digest"].clone();
    workload["until"] = serde_json::json!({ "rounds": 7 });
    longer.workloads.insert("longer".to_owned(), workload);
    longer.cells.iter_mut().for_each(|cell| cell.key.workload_digest = "longer".to_owned());
    let base = noisy(1, |_| false);
    let error = compared(vec![base.clone()], vec![longer.clone()], &Options::default());
    let error = error.unwrap_err().to_string();
    assert_eq!(
        error,
        "nothing can be compared: the workloads differ in until: storm the same, or --force"
    );
    let force = Options { force: true, ..Options::default() };
    assert_eq!(compared(vec![base.clone()], vec![longer], &force).unwrap().comparisons, 20);
    let mut nothing = of_revision(base.clone(), "aaaa");
    nothing.cells.iter_mut().for_each(|cell| cell.key.workload = "another".to_owned());
    let error = compared(vec![base], vec![nothing], &Options::default()).unwrap_err().to_string();
    assert!(error.contains("'huge-anon/unlocked/host/1/none'"), "{error}");
}

#[test]
fn failed_storms_are_shown_and_never_averaged_in() {
    let failing = |strategy: &'static str| {
        let mut run = of_revision(noisy(3, |_| false), "aaaa");
        let is_one = |cell: &&mut Cell| cell.id == format!("huge-anon/{strategy}/host/2/none");
        let cell = run.cells.iter_mut().find(is_one).unwrap();
        *cell = Cell::failed(cell.key.clone(), "the books do not balance: rss is 1");
        run
    };
    let options = Options { fail_above: Some(0.05), ..Options::default() };
    let new = vec![of_revision(noisy(2, |_| false), "aaaa"), failing("mmap-lock")];
    let found = compared(vec![noisy(1, |_| false)], new, &options).unwrap();
    let failed: Vec<_> = found.failed().collect();
    assert_eq!(failed.len(), 1);
    assert_eq!((failed[0].new.status, failed[0].new.faults_per_s), (Status::Failed, None));
    assert!(failed[0].judged.ratio.is_none() && failed[0].judged.found, "it has begun to fail");
    assert_eq!(found.comparisons, 19);
    let text = report::comparison(&found, Style { color: false, width: 80 });
    assert!(text.contains("FAILED: new failed: the books do not balance: rss is 1"), "{text}");
}

#[test]
fn cells_without_a_counterpart_are_listed() {
    let mut new = of_revision(noisy(2, |_| false), "aaaa");
    new.cells.retain(|cell| cell.key.strategy != "vma-refcount");
    let mut more = new.cells[0].clone();
    (more.key.threads, more.id) = (8, "another".to_owned());
    new.cells.push(more);
    let found = compared(vec![noisy(1, |_| false)], vec![new], &Options::default()).unwrap();
    let alone: Vec<(&str, &str)> =
        found.unpaired.iter().map(|one| (one.side.as_str(), one.id.as_str())).collect();
    assert_eq!((alone.len(), found.comparisons), (5, 16));
    assert_eq!(alone[0], ("0123456789ab (dirty)", "huge-anon/vma-refcount/host/1/none"));
    assert_eq!(alone[4], ("aaaa (dirty)", "another"));
    // By threads: 1 is the base; 2 has all its counterparts, 8 only one.
    let mut run = noisy(1, |_| false);
    let mut more = run.cells[0].clone();
    more.key.threads = 8;
    run.cells.push(more);
    let by_threads = Options { by: Some(Axis::Threads), ..Options::default() };
    let found = compared(vec![run], vec![], &by_threads).unwrap();
    assert_eq!((found.base.name.as_str(), found.cells.len()), ("1", 10 + 1));
}

#[test]
fn doubts_of_the_runs_are_carried_along() {
    let same = compared(vec![common::run()], vec![common::run()], &Options::default()).unwrap();
    let over = same.cells.iter().find(|pair| pair.cell == "churn/mmap-lock/host/4/none").unwrap();
    assert_eq!(over.base.warnings[0].code, "oversubscribed");
    assert!(over.judged.ratio.is_none() && over.reason.as_ref().unwrap().contains("outnumber"));
    let codes: Vec<&str> = same.warnings.iter().map(|warning| warning.code.as_str()).collect();
    assert_eq!(codes, ["hypervisor", "hypervisor"]);
}

#[test]
fn text_is_for_terminals_mails_and_pages() {
    let slow = |cell: &Cell| cell.key.strategy_name() == "speculative";
    let (mut base, mut new) = (noisy(4, |_| false), noisy(5, slow));
    for run in [&mut base, &mut new] {
        run.cells.extend(common::run().cells.into_iter().filter(|c| c.key.workload == "churn"));
    }
    let new = of_revision(new, "fedcba9876543210");
    let options = Options { fail_above: Some(0.05), ..Options::default() };
    let found = compared(vec![base], vec![new], &options).unwrap();
    for width in [72, 80] {
        let text = report::comparison(&found, Style { color: false, width });
        for line in text.lines().filter(|line| line.contains(' ')) {
            assert!(line.len() <= width, "{} columns: {line}", line.len());
            assert_eq!(line, line.trim_end(), "trailing space");
        }
        assert!(text.is_ascii() && text.contains(&found.digest) && text.contains("$ faultstorm"));
    }
    let mail = report::comparison(&found, Style { color: false, width: 72 });
    insta::assert_snapshot!(mail + "\n" + &report::comparison_markdown(&found));
}

#[test]
fn the_published_schema_is_fresh_and_holds() {
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::write(SCHEMA_PATH, schema()).unwrap();
    }
    let published = std::fs::read_to_string(SCHEMA_PATH).unwrap_or_default();
    assert!(published == schema(), "run the tests with UPDATE_SCHEMAS=1 and commit the result");
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema()).unwrap()).unwrap();
    let found = compared(vec![common::run()], vec![common::run()], &Options::default()).unwrap();
    let json: serde_json::Value = serde_json::from_str(&to_json(&found)).unwrap();
    let published: serde_json::Value = serde_json::from_str(&published).unwrap();
    assert_eq!(json["$schema"], published["$id"], "a document names its schema");
    let errors: Vec<String> = validator.iter_errors(&json).map(|e| e.to_string()).collect();
    assert_eq!(errors, [""; 0]);
}

fn ended(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_model_compared_with_itself_is_exactly_equal() {
    let place = Place::new();
    let run = "run huge-anon --on model:xeon-icelake-2s --threads 1,2 --faults 40 --body none \
               --strategy mmap-lock,speculative --quiet --json";
    for name in ["a.json", "b.json"] {
        let (code, _, error) = ended(&place.line(&format!("{run} {name}")));
        assert_eq!((code, &*error), (Some(0), ""));
    }
    let line = "compare a.json b.json --fail-above 0% --format json";
    let (code, json, _) = ended(&place.line(line));
    assert_eq!(code, Some(0));
    let found: serde_json::Value = serde_json::from_str(&json).unwrap();
    let cells = found["cells"].as_array().unwrap();
    assert_eq!((cells.len(), &found["by"]), (4, &"run".into()));
    assert!(cells.iter().all(|cell| cell["ratio"]["median"] == 1.0 && cell["exact"] == true));
    let line = "compare a.json --by strategy --fail-above 5%";
    let (code, text, _) = ended(&place.line(line));
    assert_eq!(code, Some(0), "speculation is no slower: {text}");
    assert!(text.contains("exact for their seed"), "{text}");
}

#[test]
fn both_names_of_a_varied_number_are_one() {
    let place = Place::new();
    let run = "run huge-anon --on model:xeon-icelake-2s --threads 2 --faults 40 --body none \
               --strategy mmap-lock --quiet";
    for (name, vary) in [("old.json", "upg=0.7"), ("new.json", "upgrade-ns=0.7")] {
        let (code, _, error) = ended(&place.line(&format!("{run} --vary {vary} --json {name}")));
        assert_eq!((code, &*error), (Some(0), ""));
    }
    let (code, json, _) = ended(&place.line("compare old.json new.json --format json"));
    assert_eq!(code, Some(0));
    let found: serde_json::Value = serde_json::from_str(&json).unwrap();
    let cell = &found["cells"][0];
    assert_eq!(cell["cell"], "huge-anon/mmap-lock/model:xeon-icelake-2s/2/none/upgrade-ns=0.7");
    assert_eq!((&cell["exact"], &cell["ratio"]["median"]), (&true.into(), &1.0.into()));
    assert_eq!(found["unpaired"], serde_json::json!([]));
    // Given together, each would multiply the number.
    let both = format!("{run} --vary upg=0.7 --vary upgrade-ns=2 --json both.json");
    let (code, _, error) = ended(&place.line(&both));
    assert_eq!(code, Some(2));
    assert!(error.contains("'--vary upg' and '--vary upgrade-ns' vary the same number"), "{error}");
}

const WRITERS_ONLY: &str = r#"
summary = "memory of each thread mapped and unmapped, and never touched"
[[vma]]
name = "own"
size = "4KiB"
scope = "per-thread"
mapped = false
[[op]]
mmap = { vma = "own" }
[[op]]
munmap = { vma = "own" }
"#;

#[test]
fn writers_alone_are_judged_by_what_they_do() {
    let place = Place::new();
    place.write("w.toml", WRITERS_ONLY);
    let run = "run w.toml --on model:xeon-icelake-2s --threads 1,8 --body none \
               --strategy mmap-lock,vm-refcnt --details --json w.json";
    let (code, text, _) = ended(&place.line(run));
    assert_eq!(code, Some(0));
    assert!(text.contains("loses to, per op") && text.contains("mmap/s "), "{text}");
    assert!(text.contains("  mm.mmap_lock"), "the lock is to blame: {text}");
    assert!(!text.contains(" 0 /s"), "{text}");
    let run = Run::read(&place.path("w.json")).unwrap();
    for cell in &run.cells {
        let found = cell.measured.as_ref().unwrap();
        let (per_op, mmap) = (found.per_op.as_ref().unwrap(), &found.ops["mmap"]);
        assert_eq!((&found.lines, &found.time_split_ns), (&None, &None), "nothing is per fault");
        let split = per_op.time_split_ns.as_ref().unwrap();
        // All time of all threads, per operation: each thread does one of each.
        let all = split.private_work + split.coherence + split.lock_wait;
        let alike = 1e9 * f64::from(cell.key.threads) / (2.0 * mmap.per_s);
        assert!(all > 0.4 * alike && all < 1.01 * alike, "{all} of {alike}");
        let moved = per_op.lines.as_ref().unwrap().transfers_per_op > 0.0;
        assert_eq!(moved, cell.key.threads > 1);
        assert!(mmap.repeats_per_s.is_empty(), "of one repeat it is the same number");
    }
    let line = "compare w.json --by threads --fail-above 5% --format json";
    let (code, json, _) = ended(&place.line(line));
    let found: serde_json::Value = serde_json::from_str(&json).unwrap();
    let counted: Vec<_> =
        found["cells"].as_array().unwrap().iter().map(|c| &c["counted"]).collect();
    assert_eq!(counted, ["mmap", "mmap"]);
    assert_eq!(code, Some(3), "eight threads get less done than one: {json}");
}

#[test]
fn exit_codes_say_what_was_found_and_what_was_wrong() {
    let place = Place::new();
    let write = |name: &str, run: &Run| {
        place.write(name, run_to_json(run).unwrap());
    };
    write("old.json", &noisy(1, |_| false));
    let slow = |cell: &Cell| cell.key.strategy_name() == "speculative";
    write("new.json", &of_revision(noisy(2, slow), "aaaa"));
    let compare = |line: &str| ended(&place.line(&format!("compare {line}")));
    let (code, text, error) = compare("old.json new.json --fail-above 5%");
    assert_eq!(code, Some(3));
    assert!(text.contains("! speculative/2/none"), "{text}");
    assert_eq!(
        error,
        "faultstorm: 4 cells are slower than the base by more than 5.0%, or began to fail, or did \
         not run\n"
    );
    assert_eq!(compare("old.json new.json --fail-above 20%").0, Some(0));
    assert_eq!(compare("old.json new.json").0, Some(0));
    let mut few = noisy(3, |_| false);
    few.cells.iter_mut().for_each(|c| c.measured.as_mut().unwrap().repeats.truncate(2));
    write("few.json", &few);
    for (line, says) in [
        ("old.json few.json --fail-above 5%", "no ratio has a verdict"),
        ("old.json gone.json", "cannot read 'gone.json': No such file"),
        ("old.json", "say by which of them to compare, as --by strategy"),
        ("old.json new.json --by colour", "strategy, world, machine, kernel, revision, threads"),
        ("old.json new.json --fail-above 5", "write '5%'"),
        ("old.json new.json --by strategy", "the base has more than one strategy"),
        ("", "BASE"),
    ] {
        let (code, _, error) = compare(line);
        assert_eq!(code, Some(2), "{line}: {error}");
        assert!(error.contains(says), "{line}: {error}");
    }
}
