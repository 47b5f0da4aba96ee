//! The report, byte by byte.

use faultstorm::report::{self, Style};
use faultstorm::run::{Body, Cell, Interval, KernelLockInfo, OpLines, PerOp, Run, World, to_json};

use crate::common;
use crate::writers;

const PLAIN: Style = Style { color: false, width: 80 };

#[test]
fn a_run_as_tables() {
    let text = report::text(&common::run(), PLAIN, Some("results/a.json"));
    insta::assert_snapshot!(text);
    for line in text.lines() {
        assert!(line.len() <= 80, "{} columns: {line}", line.len());
        assert_eq!(line, line.trim_end(), "trailing space");
    }
    assert!(text.is_ascii());
    assert!(!text.contains('\x1b'));
}

#[test]
fn colour_adds_nothing_but_colour() {
    let run = common::run();
    let coloured = report::text(&run, Style { color: true, ..PLAIN }, None);
    let mut plain = String::new();
    for (n, part) in coloured.split("\x1b[").enumerate() {
        plain += if n == 0 { part } else { part.split_once('m').unwrap().1 };
    }
    assert!(coloured.contains("\x1b["));
    assert_eq!(plain, report::text(&run, PLAIN, None));
}

#[test]
fn long_names_and_odd_numbers_keep_to_80_columns() {
    let mut run = Run::new(common::provenance());
    run.provenance
        .argv
        .extend(["--strategy", "a-strategy,another", "--json", "x"].map(str::to_owned));
    for (strategy, rate) in
        [("unlocked", 9.99e12), ("a-strategy-with-a-name:beyond-all-bounds", 1e6)]
    {
        for body in [Body::None, Body::Real] {
            let key = faultstorm::run::Key {
                placement: (0..64).map(|cpu| format!("{cpu},")).collect(),
                ..common::key("a-workload-with-a-name-that-is-rather-long", strategy, 1024, body)
            };
            let mut found = common::measured(&key, rate, 1.9, 5);
            let line = "a_module.a_lock_that_is_hot_and_has_a_long_name";
            found.lines = Some(common::lines(12345.678, &[(line, 7)]));
            found.latency_ns = [(faultstorm::run::FaultKind::WpCopy, common::latency(8e9))].into();
            run.cells.push(Cell::ok(key, found));
        }
    }
    let text = report::text(&run, PLAIN, None);
    for line in text.lines() {
        assert!(line.len() <= 80, "{} columns: {line}\n{text}", line.len());
    }
    let again = text.split("Reproduce\n").nth(1).unwrap();
    assert!(again.lines().next().unwrap().ends_with(" \\"), "{again}");
}

#[test]
fn a_run_as_csv() {
    let mut run = common::run();
    run.cells.retain(|cell| cell.key.workload == "churn" || cell.key.is_aa_twin);
    insta::assert_snapshot!(report::csv(&[run]));
}

#[test]
fn a_report_from_the_file_equals_one_from_memory() {
    let run = common::run();
    let back = Run::from_json(&to_json(&run).unwrap(), "memory").unwrap();
    assert_eq!(report::text(&back, PLAIN, None), report::text(&run, PLAIN, None));
    assert_eq!(report::csv(&[back]), report::csv(&[run]));
}

#[test]
fn a_run_cut_short_says_so_first() {
    let mut run = common::run();
    run.complete = false;
    run.cells.truncate(2);
    let text = report::text(&run, PLAIN, None);
    let before_tables = text.split("====").next().unwrap();
    assert!(before_tables.contains("\nPARTIAL RUN: 2 of 2 cells are complete\n"), "{text}");
    let empty = Run::new(common::provenance());
    assert!(report::text(&empty, PLAIN, None).contains("PARTIAL RUN: 0 of 0"));
}

#[test]
fn equal_code_told_apart_is_said_aloud() {
    let mut run = common::run();
    let twin = run.cells.iter_mut().find(|cell| cell.key.is_aa_twin).unwrap();
    twin.measured = Some(common::measured(&twin.key, 20e6, 0.02, 5));
    let text = report::text(&run, PLAIN, None);
    let words: Vec<&str> = text.split_whitespace().collect();
    assert!(words.join(" ").contains("In 1 of 4 pairs the copies were told apart"), "{text}");
}

#[test]
fn few_repeats_give_ratios_without_a_verdict() {
    let mut run = Run::new(common::provenance());
    for (strategy, rate) in [("mmap-lock", 1e6), ("speculative", 3e6)] {
        let key = common::key("w", strategy, 2, Body::None);
        let found = common::measured(&key, rate, 0.01, 2);
        run.cells.push(Cell::ok(key, found));
    }
    let text = report::text(&run, PLAIN, None);
    assert!(text.contains("3.00x\n"), "{text}");
    let words: Vec<&str> = text.split_whitespace().collect();
    assert!(words.join(" ").contains("No verdict with fewer than 3 repeats"), "{text}");
}

#[test]
fn worlds_stand_beside_each_other_and_the_kernel_has_neighbours() {
    let mut run = Run::new(common::provenance());
    run.provenance.host.kernel_locks = Some(KernelLockInfo {
        per_vma_lock: Some(true),
        config: Some("/proc/config.gz".to_owned()),
        counts_events: false,
        strategy: Some("vm-refcnt".to_owned()),
    });
    let rows = [
        (World::Host, "unlocked", 20e6, 40e6),
        (World::Host, "mmap-lock", 10e6, 12e6),
        (World::Host, "vm-refcnt", 18e6, 32e6),
        (World::Kernel, "kernel", 0.75e6, 1.4e6),
        (World::Model, "mmap-lock", 1.1e6, 1.9e6),
    ];
    for (world, strategy, one, two) in rows {
        for (threads, rate) in [(1, one), (2, two)] {
            let mut key = common::key("huge-anon", strategy, threads, Body::Real);
            key.world = world;
            if world == World::Model {
                key.machine = "some-machine".to_owned();
            }
            let found = common::measured(&key, rate, 0.01, 5);
            run.cells.push(Cell::ok(key, found));
        }
    }
    let text = report::text(&run, PLAIN, None);
    let beside = text.split("world beside world").nth(1).unwrap();
    let beside = beside.split("Noise floor").next().unwrap();
    insta::assert_snapshot!(beside);
    assert!(text.contains("takes the lock of 'vm-refcnt': CONFIG_PER_VMA_LOCK is set"));
    assert!(text.lines().all(|line| line.len() <= 80));
    // With the cost of an empty exception, each fault of the kernel is also shown without it.
    run.provenance.host.trap_cost_ns =
        Some(Interval { median: 512.0, low: Some(505.0), high: Some(530.0) });
    let numbers = serde_json::json!({ "work": { "trap-ns": { "is": 400.0 } } });
    let machine = serde_json::json!({ "name": "some-machine", "numbers": numbers });
    run.machines.insert("digest".to_owned(), machine);
    let text = report::text(&run, PLAIN, None);
    let net = text.lines().filter(|line| line.contains("less an empty exception"));
    let net: Vec<&str> = net.map(|line| line.rsplit("  ").next().unwrap().trim()).collect();
    assert_eq!(net, ["822 ns", "917 ns"]);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("takes at most 512 ns (505 ns to 530 ns) here"), "{text}");
    assert!(words.contains("some-machine charges 400 ns for it"), "{text}");
    assert!(text.lines().all(|line| line.len() <= 80));
    // A single world has no comparison with another.
    run.cells.retain(|cell| cell.key.world == World::Host);
    assert!(!report::text(&run, PLAIN, None).contains("world beside world"));
}

#[test]
fn progress_is_one_plain_line() {
    let key = common::key("huge-anon", "speculative", 2, Body::None);
    let first = common::measured(&key, 54.2e6, 0.0, 1);
    let rows = [
        Cell::partial(key.clone(), "1 of 5 repeats", Some(first)),
        Cell::ok(key.clone(), common::measured(&key, 54.2e6, 0.02, 5)),
        Cell::partial(key.clone(), "not run yet", None),
        Cell::skipped(key.clone(), "the workload has writers"),
        Cell::failed(key, "thread 'storm-1' panicked:\n  index out of bounds"),
    ];
    let lines: Vec<String> = rows.iter().map(report::row).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn what_is_seen_between_storms() {
    let mut run = common::run();
    let at = |run: &Run, id: &str| run.cells.iter().position(|cell| cell.id == id).unwrap();
    let speculative = at(&run, "huge-anon/speculative/host/2/none");
    // The cell is about to be stormed for the first time, and another strategy is skipped.
    let key = run.cells[speculative].key.clone();
    run.cells[speculative] = Cell::partial(key.clone(), "no repeat is in", None);
    let refused = at(&run, "huge-anon/vma-refcount/host/2/none");
    run.cells[refused] = Cell::skipped(run.cells[refused].key.clone(), "may not");
    let mut seen = vec![report::live(&run.cells, speculative, 80, 22)];
    // The twin is a separate storm of the first strategy.
    let twin = at(&run, "huge-anon/unlocked/host/2/none/aa=1");
    seen.push(report::live(&run.cells, twin, 60, 5));
    seen.push(report::live(&run.cells, speculative, 34, 4));
    seen.push(report::live(&run.cells, at(&run, "churn/vma-refcount/host/2/none"), 80, 22));
    insta::assert_snapshot!(seen.join("\n\n"));
    for (columns, rows) in [(1, 1), (12, 3), (20, 0), (80, 24), (300, 2)] {
        for at in 0..run.cells.len() {
            let text = report::live(&run.cells, at, columns, rows);
            assert!(text.lines().count() <= rows, "{rows} rows: {text}");
            let widest = text.lines().map(str::len).max().unwrap_or(0);
            assert!(widest <= columns.max(2), "{columns} columns: {text}");
        }
    }
}

/// Returns a run with writers alone under two strategies, and with touches that never fault.
fn without_faults() -> Run {
    let mut run = Run::new(common::provenance());
    for (strategy, rates) in [("mmap-lock", [508e3, 275e3]), ("per-vma-lock", [480e3, 241e3])] {
        for (threads, rate) in [1, 32].into_iter().zip(rates) {
            let key = common::key("writers-only", strategy, threads, Body::None);
            let ops = [("munmap", rate), ("mmap", rate), ("fork", 100.0)];
            let mut found = writers::of_writers(&key, &ops, 0.02, 5);
            let lines = common::lines(0.0, &[("mm.mmap_lock.owner", 30), ("zone.lock", 10)]);
            let lines =
                OpLines { counted: lines.counted, transfers_per_op: 8.0, by_name: lines.by_name };
            found.per_op = Some(PerOp { lines: Some(lines), time_split_ns: None });
            run.cells.push(Cell::ok(key, found));
        }
        let key = common::key("quiet", strategy, 1, Body::None);
        let found = writers::of_writers(&key, &[], 0.02, 5);
        run.cells.push(Cell::ok(key, found));
    }
    run.fit_scaling();
    run
}

#[test]
fn operations_are_results_where_there_are_no_faults() {
    let run = without_faults();
    let text = report::text(&run, PLAIN, None);
    insta::assert_snapshot!(text.split("Noise floor").next().unwrap());
    assert!(text.lines().all(|line| line.len() <= 80), "{text}");
    assert!(!text.contains(" 0 /s"), "nothing is no rate: {text}");
    let markdown = report::markdown(std::slice::from_ref(&run));
    for row in [
        "| threads | strategy | mmap/s | 95 % | scaling | to `mmap-lock` |",
        "| 32 | `per-vma-lock` | 241 k/s | +-0.8% | 0.50x | 0.88x slower | 8.000 |",
        "| 1 | `mmap-lock` | none |",
    ] {
        assert!(markdown.contains(row), "{row}: {markdown}");
    }
    let csv = report::csv(std::slice::from_ref(&run));
    assert!(csv.lines().nth(1).unwrap().contains(",mmap,503936,"), "{csv}");
    assert!(csv.lines().last().unwrap().contains(",faults,,"), "{csv}");
    let page = report::html(std::slice::from_ref(&run));
    let (_, data) = page.split_once("id=\"data\">").unwrap();
    let (data, _) = data.split_once("</script>").unwrap();
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    let cell = data["cells"].as_array().unwrap().iter().find(|cell| cell["threads"] == 1);
    let mmap = &cell.unwrap()["events"]["mmap"];
    let expected = run.cells[0].measured.as_ref().unwrap().ops["mmap"].per_s;
    let shown = mmap["rate"]["median"].as_f64().unwrap();
    assert!((shown / expected - 1.0).abs() < 0.01, "the page has the rate: {mmap}");
    let live = report::live(&run.cells, 3, 80, 9);
    assert!(
        live.contains("mmap-lock      508 k/s  ##") && live.contains("6.00 moves an operation"),
        "{live}"
    );
    let row = report::row(&run.cells[1]);
    assert_eq!(row, "writers-only mmap-lock, 32 threads, lock alone: 275 k mmap/s +-0.8%");
    let of_writers = run.scaling.iter().filter(|scaling| scaling.op.as_deref() == Some("mmap"));
    assert_eq!(of_writers.map(|scaling| scaling.points).collect::<Vec<_>>(), [2, 2]);
}

#[test]
fn operations_beside_faults_are_compared_too() {
    let mut run = Run::new(common::provenance());
    for (strategy, rate) in [("mmap-lock", 2e3), ("speculative", 1e3)] {
        let key = common::key("churn", strategy, 2, Body::None);
        let mut found = common::measured(&key, 1e6, 0.01, 5);
        found.ops.insert("mprotect".to_owned(), writers::op(rate, 0.01, 5));
        run.cells.push(Cell::ok(key, found));
    }
    let text = report::text(&run, PLAIN, None);
    assert!(text.contains("\nfaults per second "), "faults are the headline: {text}");
    assert!(text.contains("1.00x no difference seen"), "{text}");
    let (_, operations) = text.split_once("mprotect by writers, lock alone\n").unwrap();
    assert!(operations.lines().next().unwrap().ends_with("to mmap-lock"), "{text}");
    assert!(operations.contains("0.50x slower\n"), "{text}");
}
