//! Storms in the model: every strategy and workload, the same bytes every time, and what
//! the command line makes of them.

use faultstorm::machine::LineName;
use faultstorm::machine::model::{Parameters, Place};
use faultstorm::machines::{Machine, shipped};
use faultstorm::storm::plan::total_threads;
use faultstorm::storm::{ModelSpec, ModelStorm};
use faultstorm::strategy::{Entry, STRATEGIES, find};
use faultstorm::workload::{self, Kernel, Until, Workload};
use rayon::prelude::*;
use serde_json::Value;
use std::process::{Command, Output};

fn workload(name: &str) -> Workload {
    let (_, text) = workload::shipped().iter().find(|(n, _)| *n == name).expect("it is shipped");
    read(name, text)
}

fn read(name: &str, text: &str) -> Workload {
    let names: Vec<&str> = STRATEGIES.iter().map(|entry| entry.name).collect();
    // Large page caches take longer to fill than all storms here.
    let text = text.replace("16GiB", "1GiB").replace("256MiB", "32MiB");
    workload::parse(name, name, &text, &names).expect("a shipped workload is right")
}

fn storm(entry: &Entry, workload: &Workload, threads: usize, faults: u64, seed: u64) -> ModelStorm {
    let machine = Machine::find("xeon-icelake-2s").expect("it is shipped").parameters;
    storm_on(&machine, entry, workload, threads, faults, seed)
}

fn storm_on(
    machine: &Parameters,
    entry: &Entry,
    workload: &Workload,
    threads: usize,
    faults: u64,
    seed: u64,
) -> ModelStorm {
    storm_until(machine, entry, workload, threads, Until::Faults(faults), seed)
}

fn storm_until(
    machine: &Parameters,
    entry: &Entry,
    workload: &Workload,
    threads: usize,
    until: Until,
    seed: u64,
) -> ModelStorm {
    let place = |core: usize| {
        let agent = (core % 2 * 32 + core / 2) as u16;
        Place { agent, socket: machine.shape.socket(agent) }
    };
    let places: Vec<Place> = (0..total_threads(workload, threads)).map(place).collect();
    let spec = ModelSpec {
        workload,
        threads,
        machine,
        places: &places,
        real_body: true,
        entry_prefetch: false,
        seed,
        warmup_ns: 0,
        until,
        trace: None,
    };
    (entry.model)(&spec).unwrap_or_else(|error| panic!("{} at {threads}: {error}", entry.name))
}

/// What a storm found, in full.
fn all_of(storm: &ModelStorm) -> String {
    let ModelStorm { storm, accounts, times, accesses, .. } = storm;
    format!(
        "{:?} {:?} {} {accounts:?} {times:?} {accesses}",
        storm.counts, storm.threads, storm.window_ns
    )
}

#[test]
fn every_strategy_runs_every_workload_and_its_books_balance() {
    for (name, text) in workload::shipped() {
        let workload = read(name, text);
        let may_run: Vec<_> =
            STRATEGIES.iter().filter(|entry| (entry.refuses)(&workload).is_none()).collect();
        may_run.par_iter().for_each(|entry| {
            let storm = storm(entry, &workload, 6, 60, 1);
            let counts = storm.storm.counts;
            let place = format!("{name}, {}", entry.name);
            let ended = counts.mapped + counts.raced + counts.sigbus + counts.segv;
            assert_eq!(ended, counts.faults, "{place}");
            // All threads but one may be writers.
            assert!(counts.faults >= 60, "{place}");
            assert!(storm.storm.window_ns > 0.0 && storm.accesses > 1000, "{place}");
        });
    }
}

/// Touches of what is mapped take no time in the model, and others run only when it passes.
#[test]
fn who_touches_until_others_are_done_ends_with_them() {
    let text = r#"
summary = "a thread that touches a page until the others are done"
[[vma]]
name = "page"
size = "4KiB"
[[vma]]
name = "heap"
size = "1MiB"
[[group]]
name = "background"
threads = 1
loops = "until-done"
[[group]]
name = "foreground"
[[op]]
group = "background"
touch = { vma = "page", access = "read" }
[[op]]
group = "foreground"
touch = { vma = "heap", access = "write" }
"#;
    let (workload, machine) =
        (read("x", text), Machine::find("xeon-icelake-2s").expect("it is shipped"));
    let entry = find("mmap-lock").expect("it is in the table");
    let storm = storm_until(&machine.parameters, entry, &workload, 2, Until::Rounds(1), 1).storm;
    assert_eq!(storm.counts.faults, 256 + 1);
    assert!(storm.counts.touches > 1000, "the others are waited for: {:?}", storm.counts);
}

#[test]
fn who_thinks_for_long_looks_at_the_clock_after_each_touch() {
    let touches = |think: &str| {
        let text = format!(
            "summary = \"x\"\n[[vma]]\nname = \"v\"\nsize = \"4MiB\"\n[[op]]\n\
             touch = {{ vma = \"v\", access = \"write\", think = \"{think}\" }}\n"
        );
        let machine = Machine::find("xeon-icelake-2s").expect("it is shipped").parameters;
        let entry = find("mmap-lock").expect("it is in the table");
        let until = Until::Duration(1_000_000);
        let storm = storm_until(&machine, entry, &read("x", &text), 2, until, 1);
        storm.storm.counts.touches
    };
    assert_eq!(["10ms", "400ms", "1s"].map(touches), [2 * 64, 2 * 2, 2]);
}

/// Stores to each line by name, for each fault of a write of one huge VMA.
fn writes_a_fault(kernel: Kernel, entry: &str) -> impl Fn(&str) -> f64 {
    let workload = Workload { kernel, ..workload("huge-anon") };
    let entry = find(entry).expect("it is in the table");
    let storm = storm(entry, &workload, 4, 2048, 1);
    let faults = storm.storm.counts.faults as f64;
    move |name| {
        let lines = storm.accounts.0.iter().filter(|(line, _)| line.name == name);
        lines.map(|(_, line)| line.writes).sum::<u64>() as f64 / faults
    }
}

/// Whether a rate is as expected: batches that are open at the ends make it a little less or
/// more, and so do newcomers that give a lock back.
#[track_caller]
fn near(rate: f64, expected: f64) {
    assert!((rate / expected - 1.0).abs() < 0.1, "{rate} instead of {expected}");
}

#[test]
fn lines_behind_the_locks_are_written_at_the_rate_of_their_batches() {
    let writes = writes_a_fault(Kernel::default(), "per-vma-lock");
    near(writes("memcg.usage"), 3.0 / 64.0);
    // Taken, released, and the number of free ones stored.
    near(writes("zone.lock"), 3.0 / 63.0);
    near(writes("lruvec.lru_lock"), 2.0 / 31.0);
    near(writes("lruvec.lru_zone_size"), 1.0);
    // Taken, released, and both counts stored.
    near(writes("mm.rss_stat"), 4.0 / 32.0);
    // The machine has 128 hardware threads: a core tells what is beyond 125, of free pages two
    // batches. Zone and machine, node and machine.
    near(writes("zone.vm_stat"), 2.0 / 126.0);
    near(writes("vm_zone_stat"), 2.0 / 126.0);
    for line in ["node.vm_stat", "vm_node_stat", "node.vm_stat.mapped", "vm_node_stat.mapped"] {
        near(writes(line), 1.0 / 126.0);
    }
    let old = writes_a_fault(Kernel::default(), "mmap-lock:6.2");
    near(old("lruvec.lru_lock"), 2.0 / 15.0);
}

#[test]
fn lines_behind_the_locks_can_be_left_out() {
    let all = writes_a_fault(Kernel::default(), "mmap-lock");
    let none = Kernel {
        numa: false,
        lru: false,
        memcg_depth: 0,
        rss: false,
        pgtables_bytes: false,
        vm_stat: false,
        zone_lock: false,
        pmd_lock: false,
        split_pmd_locks: false,
    };
    let none = writes_a_fault(none, "mmap-lock");
    for line in [
        "lruvec.lru_lock",
        "lruvec.lists",
        "memcg.usage",
        "mm.rss_stat",
        "zone.lock",
        "zone.vm_stat",
        "node.vm_stat",
        "vm_node_stat.mapped",
    ] {
        assert!(all(line) > 0.0 && none(line) == 0.0, "{line}");
    }
    assert!(none("ptdesc.ptl") < all("ptdesc.ptl"), "pmd tables are not locked");
}

#[test]
fn each_node_has_its_zone_and_lruvec() {
    let moved = |kernel| {
        let workload = Workload { kernel, ..workload("huge-anon") };
        let entry = find("per-vma-lock").expect("it is in the table");
        let storm = storm(entry, &workload, 2, 2048, 1);
        let own = |line: &&LineName| line.name.starts_with("zone.l") || line.name.contains("lru");
        let lines = storm.accounts.0.iter().filter(|(line, _)| own(line));
        lines.map(|(_, line)| line.transfers).sum::<u64>()
    };
    assert_eq!(moved(Kernel::default()), 0, "two cores on two sockets share none");
    assert!(moved(Kernel { numa: false, ..Kernel::default() }) > 100);
}

/// A VMA is three lines, so that the count of one in two stands beside the fields of the next
/// VMA, which another thread faults in.
#[test]
fn a_count_disturbs_its_neighbour_where_lines_come_in_pairs() {
    let machine = Machine::find("xeon-icelake-2s").expect("it is shipped").parameters;
    let transfers = |adjacent_pairs: bool, name: &str| {
        let machine = Parameters { adjacent_pairs, ..machine };
        let entry = find("vm-refcnt").expect("it is shipped");
        let storm = storm_on(&machine, entry, &workload("vma-per-thread"), 8, 500, 1);
        let of = |line: &&(&LineName, _)| line.0.name == name;
        storm.accounts.0.iter().find(of).map_or(0, |(_, account)| account.transfers)
    };
    assert!(transfers(false, "vma.vm_start") < 100, "each thread gets it once");
    assert!(transfers(true, "vma.vm_start") > 1000, "in half of the 4000 faults");
}

#[test]
fn a_storm_ends_whose_rounds_leave_less_than_a_nanosecond() {
    let machine = Machine::find("xeon-icelake-2s").expect("it is shipped").parameters;
    let entry = find("unlocked").expect("it is shipped");
    let storm = |until| storm_until(&machine, entry, &workload("huge-anon-read"), 1, until, 1);
    let round_ns = storm(Until::Rounds(1)).storm.window_ns;
    assert!(round_ns.fract() > 0.0, "{round_ns}");
    let storm = storm(Until::Duration(round_ns.ceil() as u64));
    assert!(storm.storm.window_ns >= round_ns.ceil(), "{}", storm.storm.window_ns);
}

#[test]
fn one_core_moves_nothing() {
    for entry in STRATEGIES {
        let storm = storm(entry, &workload("huge-anon-read"), 1, 2000, 1);
        let moved: u64 = storm.accounts.0.iter().map(|(_, line)| line.transfers).sum();
        assert_eq!(moved, 0, "{}", entry.name);
    }
}

#[test]
fn the_same_seed_is_the_same_storm_and_another_is_not() {
    let workload = workload("private-write");
    for entry in STRATEGIES {
        let run = |seed| all_of(&storm(entry, &workload, 9, 100, seed));
        assert_eq!(run(3), run(3), "{}", entry.name);
        assert_ne!(run(3), run(4), "{}", entry.name);
    }
}

/// The point of the whole thing: what the lock costs grows with the cores, and the schemes
/// that write no shared line do not have that cost.
#[test]
fn the_lock_does_not_scale_and_speculation_does() {
    let workload = workload("huge-anon-read");
    let rate = |name: &str, threads| {
        let entry = find(name).expect("it is in the table");
        let storm = storm(entry, &workload, threads, 1000, 1).storm;
        storm.threads.iter().map(|t| t.faults).sum::<u64>() as f64 / storm.window_ns
    };
    let scaling = |name| rate(name, 32) / rate(name, 1);
    assert!(scaling("unlocked") > 25.0);
    assert!(scaling("speculative") > 25.0);
    assert!(scaling("mmap-lock") < 10.0);
    assert!(scaling("vma-refcount") < 10.0);
}

fn faultstorm(args: &[&str]) -> Output {
    let directory = tempfile::tempdir().expect("there is room");
    Command::new(env!("CARGO_BIN_EXE_faultstorm"))
        .args(args)
        .current_dir(directory.path())
        .output()
        .expect("the program starts")
}

fn document(jobs: &str) -> Value {
    let run = ["run", "huge-anon", "file-cold", "--on", "model:epyc-rome-2s", "--threads", "1,6"];
    let rest = ["--faults", "100", "--json", "-", "--quiet", "--jobs", jobs];
    let output = faultstorm(&[run.as_slice(), rest.as_slice()].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("the document is JSON")
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
    let run = |args: &[&str]| {
        let output = faultstorm(&[&["run", "huge-anon"], args].concat());
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = run(&["--on", "model:xeon-icelake-2z"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("did you mean \"xeon-icelake-2s\"?"), "{said}");
    let (code, said) = run(&["--on", "model:laptop-intel", "--threads", "13"]);
    assert_eq!(code, Some(6));
    assert!(said.contains("12 hardware threads"), "{said}");
    let (code, said) = run(&["--on", "model:./nowhere.toml"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("./nowhere.toml"), "{said}");
}

#[test]
fn threads_that_a_workload_adds_past_the_machine_skip_its_cells() {
    let quick = ["--faults", "20", "--strategy", "mmap-lock", "--json", "-", "--quiet"];
    let run = |threads: &[&str]| {
        let asked = ["run", "writers-disjoint", "--on", "model:laptop-intel", "--body", "none"];
        let output = faultstorm(&[asked.as_slice(), &quick, threads].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let run: Value = serde_json::from_slice(&output.stdout).expect("the document is JSON");
        let cells = run["cells"].as_array().expect("they are listed").clone();
        cells.iter().map(|cell| (cell["key"]["threads"].clone(), cell.clone())).collect::<Vec<_>>()
    };
    let cells = run(&["--threads", "4,12"]);
    assert_eq!((&cells[0].0, &cells[0].1["status"]), (&5.into(), &"ok".into()));
    assert_eq!((&cells[1].0, &cells[1].1["status"]), (&13.into(), &"skipped".into()));
    let reason = cells[1].1["reason"].as_str().expect("it is said");
    assert_eq!(reason, "12 threads and the workload's own 1 do not fit 12 hardware threads");
    let all = run(&[]);
    assert_eq!(all.last().expect("there are cells").0, 12, "the writer has a core of its own");
    assert!(all.iter().all(|(_, cell)| cell["status"] == "ok"));
}

#[test]
fn every_shipped_machine_runs_a_storm() {
    let workload = workload("huge-anon");
    let entry = find("mmap-lock").expect("it is in the table");
    for (name, _) in shipped() {
        let machine = Machine::find(name).expect("it is shipped").parameters;
        let places: Vec<Place> = (0..6).map(|agent| Place { agent, socket: 0 }).collect();
        let spec = ModelSpec {
            workload: &workload,
            threads: 6,
            machine: &machine,
            places: &places,
            real_body: false,
            entry_prefetch: true,
            seed: 1,
            warmup_ns: 0,
            until: Until::Faults(100),
            trace: None,
        };
        (entry.model)(&spec).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

/// Runs in the model and returns the document and the tables.
fn tables(args: &[&str]) -> (Value, String) {
    let directory = tempfile::tempdir().expect("there is room");
    let path = directory.path().join("run.json");
    let path = path.to_str().expect("the path is a text");
    let output = faultstorm(&[&["run"], args, &["--json", path]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let document = std::fs::read(path).expect("the document is there");
    let document = serde_json::from_slice(&document).expect("the document is JSON");
    (document, String::from_utf8(output.stdout).expect("tables are text"))
}

#[test]
fn what_is_varied_of_a_machine_shows_in_keys_and_in_the_band() {
    let (document, tables) = tables(&[
        "huge-anon-read",
        "--on",
        "model:xeon-icelake-2s",
        "--threads",
        "8",
        "--strategy",
        "mmap-lock",
        "--body",
        "none",
        "--faults",
        "200",
        "--vary",
        "wrM=1,2",
    ]);
    let cells = document["cells"].as_array().expect("there are cells");
    let varied: Vec<&Value> = cells.iter().map(|cell| &cell["key"]["vary"]["wrM"]).collect();
    assert_eq!(varied, [1.0, 2.0]);
    assert!(cells[0]["id"] != cells[1]["id"], "{}", cells[0]["id"]);
    assert!(tables.contains("Band over 2 variations: huge-anon-read"), "{tables}");
}

#[test]
fn the_break_even_rate_follows_from_the_cells() {
    let (document, tables) = tables(&[
        "huge-anon-read",
        "--on",
        "model:xeon-icelake-2s",
        "--threads",
        "16",
        "--strategy",
        "unlocked,mmap-lock,speculative",
        "--body",
        "none",
        "--faults",
        "300",
        "--vary",
        "think=0ns,1us,3us,10us,30us,100us",
    ]);
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
