//! The command, from its arguments to its exit code, on this machine's own cores.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use faultstorm::run::{Body, Run, Status, World, schema};
use faultstorm::strategy::STRATEGIES;
use serde_json::Value;

use crate::place::{Place, SMALL, code, err, out};

const SHORT: [&str; 6] = ["--time", "5ms", "--repeats", "2", "--warmup", "0s"];
/// Workload with more threads than a storm can have: its own threads come in addition to those of a
/// run.
const CROWD: &str = "summary = \"x\"\n[[vma]]\nname = \"v\"\nsize = \"4MiB\"\n\
                     [[group]]\nname = \"g\"\n[[group]]\nname = \"h\"\nthreads = 1024\n\
                     [[op]]\ngroup = \"g\"\ntouch = { vma = \"v\", access = \"write\" }\n\
                     [[op]]\ngroup = \"h\"\ntouch = { vma = \"v\", access = \"read\" }\n";
/// Arguments for a run in which both threads must run at the same time in every storm, even on a
/// machine that is busy with other work.
const LONG_ENOUGH: [&str; 6] = ["--time", "60ms", "--repeats", "2", "--warmup", "0s"];

/// Runs the small workload for a short time.
fn run_small(place: &Place, more: &[&str]) -> Output {
    place.faultstorm(&[&["run", "small.toml"], &SHORT[..], more].concat())
}

#[test]
fn the_kernel_stands_beside_the_simulations() {
    let place = Place::new();
    let worlds = ["--on", "kernel", "--on", "host", "--on", "model:laptop-intel"];
    let more = ["--strategy", "mmap-lock", "--threads", "1", "--no-lines", "--json", "run.json"];
    let output = run_small(&place, &[&worlds[..], &more, &["--trap-cost", "--details"]].concat());
    assert_eq!(code(&output), Some(0), "{}", err(&output));
    let run = read(&place.path("run.json"));
    let cost = run.provenance.host.trap_cost_ns;
    let unknown = run.provenance.warnings.iter().any(|warning| warning.code == "no_trap_cost");
    assert_ne!(cost.is_some(), unknown, "a price, or why there is none");
    assert_eq!(out(&output).contains("less an empty exception"), cost.is_some());
    let of_kernel = || run.cells.iter().filter(|cell| cell.key.world == World::Kernel);
    assert_eq!(of_kernel().count(), 2, "the kernel and its twin");
    for cell in of_kernel() {
        assert_eq!((cell.key.strategy.as_str(), cell.key.body), ("kernel", Body::Real));
        let found = cell.measured.as_ref().unwrap();
        let told = found.kernel.as_ref().unwrap();
        assert!(told.agree() && told.expected_min == told.expected_max, "{told:?}");
        assert_eq!((found.counts.raced, found.counts.attempts), (None, None));
    }
    assert!(out(&output).contains("small in the real kernel"), "{}", out(&output));
    assert!(out(&output).contains("small, world beside world"), "{}", out(&output));
    let refused = ["run", "stack-growth", "--on", "kernel", "--json", "no.json"];
    let output = place.faultstorm(&refused);
    assert_eq!(code(&output), Some(6), "no cell has a result");
    assert!(out(&output).contains("a stack of the kernel grows by the fault"), "{}", out(&output));
}

#[test]
fn a_run_stands_beside_the_model_of_its_machine() {
    let place = Place::new();
    let more = ["--on", "kernel", "--on", "host", "--strategy", "mmap-lock", "--threads", "1"];
    let output =
        run_small(&place, &[&more[..], &["--body", "real", "--json", "run.json"]].concat());
    assert_eq!(code(&output), Some(0), "{}", err(&output));
    let bytes = std::fs::read(place.path("run.json")).unwrap();
    let mut run: Value = serde_json::from_slice(&bytes).unwrap();
    let of_cpu = |run: &mut Value, slug: &str| {
        for cell in run["cells"].as_array_mut().unwrap() {
            cell["key"]["machine"] = slug.into();
        }
        place.write("theirs.json", run.to_string());
    };
    let validate = |more: &[&str]| {
        let output = place.faultstorm(&[&["validate", "--with", "theirs.json"], more].concat());
        (code(&output), out(&output).to_owned(), err(&output).to_owned())
    };
    of_cpu(&mut run, "amd-epyc-7r13-processor");
    let (code, found, error) = validate(&["--json"]);
    assert_eq!(code, Some(0), "{error}");
    let found: Value = serde_json::from_str(&found).unwrap();
    assert_eq!(found["machine"]["name"], "epyc-milan-2s");
    let locks = &run["provenance"]["host"]["kernel_locks"];
    for (world, strategy) in [("kernel", &locks["strategy"]), ("host", &"mmap-lock".into())] {
        let mut curves = found["curves"].as_array().unwrap().iter();
        let curve = curves.find(|curve| curve["world"] == world).unwrap();
        assert_eq!(&curve["modelled_as"], strategy);
        let point = &curve["points"][0];
        // A point is not fitted only if the model is too slow even without private work.
        assert!(point["fitted"] == true && point["error"].as_f64().unwrap() < 0.05, "{point}");
    }
    assert!(found["left_out"][0]["reason"].as_str().unwrap().contains("second copies"));
    let (_, text, _) = validate(&["--machine", "laptop-intel"]);
    assert!(text.contains("small, the kernel, with body, as '"), "{text}");
    let tables = text.split("Left out").next().unwrap();
    assert!(tables.lines().skip(2).all(|line| line.len() <= 80), "{text}");

    // Messages: the mistake, and the right way.
    let (code, _, error) = validate(&["--machine", "no-such"]);
    assert!(code == Some(2) && error.contains("'no-such' is no machine"), "{error}");
    of_cpu(&mut run, "unknown-cpu");
    let (code, _, error) = validate(&[]);
    assert!(code == Some(2) && error.contains("name one with --machine"), "{error}");
    for (_, workload) in run["workloads"].as_object_mut().unwrap() {
        workload["vmas"][0]["size_bytes"] = 4096.into();
    }
    of_cpu(&mut run, "amd-epyc-7r13-processor");
    let (code, text, _) = validate(&[]);
    assert!(code == Some(0) && text.contains("its workload: read again it has"), "{text}");
    run["cells"] = Value::Array(Vec::new());
    of_cpu(&mut run, "unknown-cpu");
    let (code, _, error) = validate(&[]);
    assert!(code == Some(2) && error.contains("no cell of a kernel or a host"), "{error}");
    place.write("theirs.json", "hello");
    let (code, _, error) = validate(&[]);
    assert!(code == Some(2) && error.contains("is not JSON"), "{error}");
}

fn assert_valid(document: &[u8]) {
    let schema: Value = serde_json::from_str(&schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let document: Value = serde_json::from_slice(document).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(&document).map(|error| error.to_string()).collect();
    assert_eq!(errors, [""; 0]);
}

fn read(path: &Path) -> Run {
    assert_valid(&std::fs::read(path).unwrap());
    Run::read(path).unwrap()
}

#[test]
fn a_run_prints_its_screen_and_tables_and_leaves_a_valid_document() {
    let place = Place::new();
    let run = ["run", "small.toml", "--threads", "1,2", "--stages", "--csv", "repeats.csv"];
    let output = place.faultstorm(&[&run[..], &LONG_ENOUGH, &["--details"]].concat());
    assert_eq!(code(&output), Some(0), "{}", err(&output));

    let table = out(&output);
    for name in ["unlocked", "mmap-lock", "vma-refcount", "speculative", "Noise floor"] {
        assert!(table.contains(name), "{name}: {table}");
    }
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    assert!(!table.contains('\x1b') && !err(&output).contains('\x1b'), "plain where piped");
    assert_eq!(err(&output), "", "progress is for a terminal");
    let screen = table.split("\nfaultstorm 0.").next().unwrap();
    assert!(screen.starts_with("faultstorm run: 11 strategies x workload small; host at 1 and 2"));
    assert!(screen.lines().count() <= 40, "{screen}");

    let files = place.files();
    let [document, csv] = files.as_slice() else { panic!("{files:?}") };
    assert!(document.starts_with("faultstorm-") && csv == "repeats.csv", "{files:?}");
    let run = read(&place.path(document));
    assert!(run.complete && run.digest.is_none());
    // All strategies and the twin, at two numbers of threads, with both bodies.
    let strategies = STRATEGIES.iter().filter(|entry| !entry.is_variant()).count();
    let cells = (strategies + 1) * 2 * 2;
    assert_eq!(run.cells.len(), cells);
    assert!(run.cells.iter().all(|cell| cell.status == Status::Ok));
    for cell in &run.cells {
        let measured = cell.measured.as_ref().unwrap();
        assert_eq!(measured.repeats.len(), 2, "{}", cell.id);
        assert!(measured.counts.faults > 0, "{}", cell.id);
        assert_eq!(measured.lines.is_some(), !cell.key.is_aa_twin, "{}", cell.id);
        assert_eq!(measured.stages_ns.is_some(), !cell.key.is_aa_twin, "{}", cell.id);
        assert!(run.provenance.cells[&cell.id].wall_s > 0.0);
    }
    let mut orders: Vec<u32> = (run.cells.iter())
        .flat_map(|cell| &cell.measured.as_ref().unwrap().repeats)
        .map(|repeat| repeat.order)
        .collect();
    orders.sort_unstable();
    assert_eq!(orders, (0..2 * cells as u32).collect::<Vec<u32>>());
    let rows = std::fs::read_to_string(place.path(csv)).unwrap();
    assert_eq!(rows.lines().count(), 1 + cells * 2);
}

#[test]
fn one_thread_moves_no_line() {
    let place = Place::new();
    run_small(&place, &["--threads", "1", "--body", "none", "--json", "run.json"]);
    for cell in read(&place.path("run.json")).cells.iter().filter(|cell| !cell.key.is_aa_twin) {
        let lines = cell.measured.as_ref().unwrap().lines.as_ref().unwrap();
        assert_eq!(lines.transfers_per_fault, 0.0, "{}", cell.id);
        assert!(!lines.by_name.is_empty(), "{}", cell.id);
    }
}

#[test]
fn flags_are_in_the_workload_as_run() {
    let place = Place::new();
    run_small(&place, &["--threads", "1", "--body", "none", "--no-lines", "--json", "run.json"]);
    let run = read(&place.path("run.json"));
    let workload = &run.workloads[&run.cells[0].key.workload_digest];
    assert_eq!(workload["until"]["duration_ns"], 5_000_000);
    assert_eq!(workload["warmup_ns"], 0);
}

#[test]
fn a_document_on_standard_output_stands_alone() {
    let place = Place::new();
    let some = ["--threads", "1", "--body", "none", "--strategy", "mmap-lock", "--no-lines"];
    let output = run_small(&place, &[&some[..], &["--json", "-", "--quiet"]].concat());
    assert_eq!((code(&output), err(&output)), (Some(0), ""));
    assert_valid(&output.stdout);
    assert_eq!(place.files(), [""; 0]);
}

#[test]
fn documents_go_to_results_where_there_is_one() {
    let place = Place::new();
    std::fs::create_dir(place.path("results")).unwrap();
    let output = run_small(&place, &["--threads", "1", "--body", "none", "--no-lines"]);
    assert_eq!(place.files(), ["results"]);
    let page = "Page:     faultstorm report results/";
    let line = out(&output).lines().find_map(|line| line.strip_prefix(page));
    assert!(line.is_some_and(|name| name.ends_with("-small.json")), "{}", out(&output));
}

#[test]
fn a_document_that_cannot_be_written_is_rescued_and_its_screen_is_printed() {
    let place = Place::new();
    let some = ["run", "small.toml", "--threads", "1", "--body", "none", "--no-lines"];
    let run_to = |path| {
        let args = [&some[..], &SHORT, &["--json", path]].concat();
        let output = place.command(&args).env("TMPDIR", place.directory()).output().unwrap();
        assert_eq!(code(&output), Some(6), "{}", err(&output));
        output
    };
    let refused = run_to("/nonexistent/x.json");
    let said = "nothing was run: cannot write '/nonexistent/x.json': No such";
    assert!(err(&refused).contains(said), "{}", err(&refused));
    let output = run_to("/dev/full");
    let said = err(&output).matches("error: cannot write '/dev/full': No space left");
    assert_eq!(said.count(), 1, "{}", err(&output));
    let files = place.files();
    let [rescued] = files.as_slice() else { panic!("{files:?}") };
    assert!(err(&output).contains(rescued), "{}", err(&output));
    assert!(read(&place.path(rescued)).complete);
    assert!(out(&output).contains("mmap-lock") && out(&output).contains(rescued));
}

#[test]
fn bad_input_is_told_at_once_and_nothing_runs() {
    let place = Place::new();
    place.write("bad.toml", "summary = \"x\"\n[[vma]]\nsize = 3\n");
    let cases: [(&[&str], &str); 6] = [
        (&["run", "huge-anonn"], "did you mean \"huge-anon\"?"),
        (
            &["run", "small.toml", "--strategy", "speculativ"],
            "did you mean \"speculative\", \"speculative-vma\"",
        ),
        (&["run", "small.toml", "bad.toml", "missing.toml"], "missing.toml"),
        (&["run", "small.toml", "--placement", "9999"], "cpu '9999' of the placement"),
        (&["run", "--time", "5"], "has no unit"),
        (&["check", "bad.toml"], "bad.toml:3"),
    ];
    for (args, message) in cases {
        let output = place.faultstorm(args);
        let expected = if args.contains(&"--placement") { 6 } else { 2 };
        assert_eq!(code(&output), Some(expected), "{args:?}: {}", err(&output));
        assert!(err(&output).contains(message), "{args:?}: {}", err(&output));
        assert_eq!(out(&output), "", "{args:?}");
    }
    assert_eq!(place.files(), ["bad.toml"]);
}

/// A workload of one mapping and one touch, with additional keys for each.
fn one_touch(mapping: &str, touch: &str) -> String {
    format!(
        "summary = \"x\"\n[[vma]]\nname = \"v\"\n{mapping}\n\
         [[op]]\ntouch = {{ vma = \"v\", access = \"write\"{touch} }}\n"
    )
}

#[test]
fn more_than_a_machine_or_a_space_has_is_refused_before_anything_is_taken() {
    let place = Place::new();
    let files = [
        ("large", one_touch("size = \"64TiB\"", "")),
        ("apart", one_touch("size = \"127TiB\"\nscope = \"per-thread\"", ", touches = 1")),
        ("random", one_touch("size = \"17TiB\"", ", order = \"random\"")),
        ("listed", one_touch("size = \"12TiB\"", ", order = \"random\", touches = 16")),
        ("zipf", one_touch("size = \"1GiB\"", ", order = { zipf = 1.0 }, touches = 4000000000")),
        ("parts", one_touch("size = \"4KiB\"\ncount = 400000000", "")),
        ("crowd", CROWD.to_owned()),
        ("slow", one_touch("size = \"4MiB\"", ", think = \"1s\"")),
    ];
    for (name, text) in files {
        place.write(&format!("{name}.toml"), text);
    }
    let cases = [
        ("run", "large", 6, "17179870721 frames, and a space has at most 4294967295"),
        ("model", "large", 6, "17179870721 frames, and a space has at most 4294967295"),
        ("check", "apart", 6, "'apart' at 2 threads needs more than 128TiB of addresses"),
        ("check", "random", 6, "4294967296 at most can be listed"),
        ("model", "random", 6, "4294967296 at most can be listed"),
        ("check", "listed", 6, "'listed' at 1 thread needs 12.1GiB of memory and"),
        ("model", "listed", 6, "'listed' at 2 threads needs 12.1GiB of memory and"),
        ("run", "zipf", 6, "'zipf' at 2 threads needs"),
        ("check", "parts", 6, "'parts' at 1 thread needs"),
        ("model", "parts", 6, "'parts' at 2 threads needs"),
        ("check", "crowd", 6, "'crowd' at 1 thread has 1025 threads in all"),
        ("run", "crowd", 6, "'crowd' at 2 threads has 1026 threads in all"),
        ("check", "slow", 2, "'slow': to check it takes 9216s, for 36 storms"),
    ];
    for (command, name, exit, message) in cases {
        let file = format!("{name}.toml");
        let run = ["run", &file, "--threads", "2", "--time", "1s", "--quiet"];
        let output = place.poor(&match command {
            "check" => vec!["check", &file],
            "run" => run.to_vec(),
            _ => [&run[..], &["--on", "model:laptop-intel"]].concat(),
        });
        assert_eq!(code(&output), Some(exit), "{command} {name}: {}", err(&output));
        assert!(err(&output).contains(message), "{command} {name}: {}", err(&output));
    }
    let output = place.poor(&["run", "small.toml", "--threads", "1,4294967297"]);
    assert_eq!(code(&output), Some(2));
    let message = "a storm has at most 1024 threads, not 4294967297";
    assert!(err(&output).contains(message), "{}", err(&output));
}

#[test]
fn a_file_read_at_random_has_frames_whatever_the_seed() {
    let place = Place::new();
    let text = "summary = \"x\"\ntouches = 800\n[[file]]\nname = \"f\"\nsize = \"32MiB\"\n\
                [[vma]]\nname = \"v\"\nsize = \"32MiB\"\nfile = \"f\"\n[[op]]\n\
                touch = { vma = \"v\", access = \"read\", order = \"random\", \
                slices = \"shared\" }\n";
    place.write("drawn.toml", text);
    let output = place.faultstorm(&["check", "drawn.toml"]);
    assert_eq!(code(&output), Some(0), "{}{}", out(&output), err(&output));
    for seed in ["1", "2", "3"] {
        let some = ["run", "drawn.toml", "--strategy", "mmap-lock", "--threads", "2"];
        let more = ["--body", "real", "--repeats", "1", "--warmup", "0s", "--no-lines"];
        let output = place.faultstorm(&[&some[..], &more, &["--seed", seed]].concat());
        assert_eq!(code(&output), Some(0), "{}", err(&output));
    }
}

#[test]
fn an_interrupted_run_leaves_a_valid_partial_document() {
    let place = Place::new();
    let args = ["run", "small.toml", "--threads", "1", "--time", "50ms", "--repeats", "999"];
    let mut command = place.command(&[&args[..], &["--json", "run.json"]].concat());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The first storm is over, and many more follow.
    let has_numbers = || {
        let document = std::fs::read_to_string(place.path("run.json")).unwrap_or_default();
        document.contains("\"measured\": {")
    };
    while !has_numbers() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), Some(5), "{}", err(&output));
    let run = read(&place.path("run.json"));
    assert!(!run.complete);
    let partial = |cell: &&faultstorm::run::Cell| cell.status == Status::Partial;
    assert_eq!(run.cells.iter().filter(partial).count(), run.cells.len());
    assert!(run.cells.iter().any(|cell| cell.measured.is_some()));
    let reason = run.cells[0].reason.as_deref().unwrap();
    // On a machine so busy that the run does not end by itself in a second, it is ended.
    if out(&output).contains("share of the rate") {
        assert!(reason.starts_with("the run was interrupted: "), "{reason}");
        assert!(out(&output).contains("PARTIAL RUN"), "{}", out(&output));
    }
    assert!(reason.ends_with(" of 999 repeats are in"), "{reason}");
}

#[test]
fn oversubscribed_cells_say_so_and_have_no_ratio() {
    let place = Place::new();
    let some = ["--threads", "2", "--placement", "0", "--body", "none", "--no-lines"];
    let output = run_small(&place, &[&some[..], &["--json", "run.json"]].concat());
    let run = read(&place.path("run.json"));
    let about = run.provenance.warnings.iter().filter(|w| w.code == "oversubscribed");
    assert_eq!(about.count(), run.cells.len());
    assert!(!out(&output).contains("ratio of medians"), "{}", out(&output));
}

#[test]
fn what_is_there_is_listed() {
    let place = Place::new();
    let all = place.faultstorm(&["list"]);
    assert_eq!(code(&all), Some(0));
    assert!(out(&all).contains("huge-anon") && out(&all).contains("speculative:refcount"));
    let json = place.faultstorm(&["list", "strategies", "--json"]);
    let value: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(value["strategies"][0]["name"], "unlocked");
}

#[test]
fn an_expectation_that_does_not_hold_is_said_with_what_was_found() {
    let place = Place::new();
    let small = format!("touches = 512\n{SMALL}");
    let holds = "[[expect]]\nmetric = \"faults-per-touch\"\nmin = 1.0\nmax = 1.0\n";
    place.write("holds.toml", format!("{small}{holds}"));
    let fails = "[[expect]]\nstrategy = \"mmap-lock\"\nthreads = 1\n\
                 metric = \"pages-per-fault\"\nmin = 2.0\n";
    place.write("fails.toml", format!("{small}{fails}"));
    let good = place.faultstorm(&["check", "holds.toml"]);
    assert_eq!(code(&good), Some(0), "{}", out(&good));
    assert!(out(&good).contains("holds: ok"), "{}", out(&good));
    let bad = place.faultstorm(&["check", "fails.toml"]);
    assert_eq!(code(&bad), Some(4));
    let message = "  mmap-lock, 1 thread: pages-per-fault is 1, expected 2 or more";
    assert!(out(&bad).contains(message), "{}", out(&bad));
}

/// Checks a document from another program, such as that of the storm at the end of `.ci/run`.
#[test]
fn a_document_from_elsewhere_validates() {
    let place = Place::new();
    let path = std::env::var_os("FAULTSTORM_DOCUMENT").map_or_else(
        || {
            let some = ["--threads", "1", "--body", "none", "--no-lines", "--json", "own.json"];
            run_small(&place, &some);
            place.path("own.json")
        },
        PathBuf::from,
    );
    let run = read(&path);
    assert!(run.complete && !run.cells.is_empty());
}
