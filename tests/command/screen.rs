//! The final screen of a run, byte by byte.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use faultstorm::report::{self, Style};
use faultstorm::run::{
    Body, Cell, Interval, KernelLockInfo, Key, Measured, Run, Status, Warning, World,
};
use proptest::prelude::*;

use crate::common;

const PLAIN: Style = Style { color: false, width: 80 };
const COLOURED: Style = Style { color: true, width: 80 };

/// Removes colours.
fn plain(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |plain, part| plain + part.split_once('m').unwrap().1)
}

/// Returns a run of the seed workloads on two CPUs and in the model, as a run without arguments is.
fn default_run() -> Run {
    let mut run = Run::new(common::provenance());
    run.complete = true;
    run.provenance.host.kernel_locks = Some(KernelLockInfo {
        per_vma_lock: Some(true),
        config: None,
        counts_events: false,
        strategy: Some("vm-refcnt".to_owned()),
    });
    run.machines.insert("m".to_owned(), serde_json::json!({ "estimated_share": 0.65 }));
    let workloads = ["huge-anon", "file-fault-around", "file-no-fault-around", "private-write"];
    // For each strategy its rates as shares of the first one's, and the line that it moves.
    let strategies: [(&str, [f64; 4], &str); 5] = [
        ("unlocked", [1.0; 4], "folio"),
        ("speculative", [1.01, 0.99, 1.0, 0.98], "folio"),
        ("mmap-lock", [0.58, 1.02, 0.36, 0.56], "mm.mmap_lock"),
        ("vm-refcnt", [0.55, 1.0, 0.4, 0.52], "vma.vm_refcnt"),
        ("rcu-map-pages", [1.0, 1.0, 0.35, 0.47], "vma.vm_refcnt"),
    ];
    let places = [
        (World::Host, 1, Body::None),
        (World::Host, 1, Body::Real),
        (World::Host, 2, Body::None),
        (World::Host, 2, Body::Real),
        (World::Model, 64, Body::None),
    ];
    for (at, workload) in workloads.into_iter().enumerate() {
        for (world, threads, body) in places {
            for (strategy, kept, line) in strategies {
                let mut key = common::key(workload, strategy, threads, body);
                let is_model = world == World::Model;
                if is_model {
                    key.world = world;
                    key.machine = "xeon-icelake-2s".to_owned();
                    key.machine_digest = Some("m".to_owned());
                }
                let loss = 1.0 - kept[at];
                let loss = loss * if threads == 1 || body == Body::Real { 0.1 } else { 1.0 };
                let rate = 8e6 * (1.0 - loss) / (1.0 + at as f64);
                let repeats = if is_model { 1 } else { 7 };
                let mut found = common::measured(&key, rate, 0.04, repeats);
                if threads > 1 && body == Body::None {
                    let moved = (loss * 2e5) as u64;
                    let lines = [("folio", 20_000), (line, moved)];
                    found.lines = Some(common::lines(0.1 + loss * 2.0, &lines));
                }
                run.cells.push(Cell::ok(key.clone(), found));
                if strategy == "unlocked" && !is_model {
                    let twin = key.aa_twin();
                    let found = common::measured(&twin, rate * 0.975, 0.04, repeats);
                    run.cells.push(Cell::ok(twin, found));
                }
            }
        }
    }
    for code in ["load_high", "virtual_machine", "low_overlap", "wide_spread", "steal_seen"] {
        for cell in [None, Some(run.cells[0].id.clone()), Some(run.cells[1].id.clone())] {
            let text = format!("why {code}");
            run.provenance.warnings.push(Warning { code: code.to_owned(), cell, text });
        }
    }
    run
}

#[test]
fn a_run_on_one_screen() {
    let text = report::screen(&default_run(), PLAIN, Some("results/20260314T150926Z-a.json"));
    insta::assert_snapshot!(text);
}

#[test]
fn a_run_in_which_much_goes_wrong() {
    let mut run = common::run();
    run.complete = false;
    insta::assert_snapshot!(report::screen(&run, PLAIN, Some("my storms/a.json")));
}

#[test]
fn ratios_across_kernels_are_marked_and_those_that_turn_in_one_are_said() {
    let mut run = Run::new(common::provenance());
    run.complete = true;
    for (strategy, kernel, own, rate) in [
        ("unlocked", "7.2", true, 10e6),
        ("mmap-lock", "6.2", true, 2e6),
        ("per-vma-lock", "6.12", true, 3e6),
        ("speculative", "5.12", true, 5e6),
        ("mmap-lock", "7.2", false, 4e6),
        ("per-vma-lock", "7.2", false, 3e6),
        ("speculative", "7.2", false, 9e6),
    ] {
        let mut key = common::key("huge-anon", strategy, 64, Body::None);
        key.world = World::Model;
        key.kernel = Some(kernel.to_owned());
        key.is_own_kernel = own;
        run.cells.push(Cell::ok(key.clone(), common::measured(&key, rate, 0.0, 1)));
    }
    let text = report::screen(&run, PLAIN, None);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(text.matches("lock alone").count(), 1, "{text}");
    for expected in [
        "speculative 5.12 0.50",
        "a release: its own kernel; unlocked is in 7.2",
        "! over mmap-lock, all in 7.2: per-vma-lock 0.75, here 1.50 (huge-anon)",
    ] {
        assert!(words.contains(expected), "{expected}: {text}");
    }
    assert!(!words.contains("speculative 2.25"), "it beats the lock in both: {text}");
}

#[test]
fn colour_adds_nothing_but_colour() {
    let run = default_run();
    let coloured = report::screen(&run, COLOURED, None);
    assert!(coloured.contains("\x1b[31m"), "what is slower is red");
    assert_eq!(plain(&coloured), report::screen(&run, PLAIN, None));
}

#[test]
fn the_head_is_known_before_the_first_storm() {
    let run = default_run();
    let mut before = run.clone();
    before.complete = false;
    before.provenance.warnings.clear();
    for cell in &mut before.cells {
        *cell = Cell::partial(cell.key.clone(), "no repeat is in", None);
    }
    let head = report::asked(&before);
    assert!(
        head.starts_with("faultstorm run: 5 strategies x 4 workloads\n  host at 1 and 2 "),
        "{head}"
    );
    assert!(report::screen(&run, COLOURED, Some("x.json")).starts_with(&head));
}

#[test]
fn a_star_is_a_verdict_and_a_line_is_told_by_its_excess() {
    let run = default_run();
    let text = report::screen(&run, PLAIN, None);
    let row = |name: &str| {
        let rows =
            text.lines().filter(|line| line.get(2..).is_some_and(|line| line.starts_with(name)));
        rows.map(str::to_owned).next().unwrap_or_else(|| panic!("{name}: {text}"))
    };
    // `folio` moves under `unlocked` too, so it is not the cause.
    let row_of = row("mmap-lock");
    assert!(row_of.contains("0.59*") && row_of.contains("1.03 "), "{row_of}");
    assert!(row_of.ends_with(" mm.mmap_lock 1.19"), "{row_of}");
    assert!(row("speculative").ends_with("0.99"), "nothing is lost: {}", row("speculative"));
    assert!(text.lines().any(|line| line.starts_with("> vm-refcnt")), "{text}");
    // Scattered repeats get no star.
    let mut noisy = run;
    for cell in noisy.cells.iter_mut().filter(|cell| cell.key.world == World::Host) {
        let rate = cell.measured.as_ref().unwrap().faults_per_s.median;
        cell.measured = Some(common::measured(&cell.key, rate, 1.2, 7));
    }
    let text = report::screen(&noisy, PLAIN, None);
    assert!(text.contains("0.59 ") && text.contains("(3 of 16 slower)"), "{text}");
}

#[test]
fn noise_is_said_where_there_is_some() {
    let headline = |run: &Run| {
        let text = report::screen(run, PLAIN, None);
        text.lines().nth(report::asked(run).lines().count()).unwrap().to_owned()
    };
    let mut run = default_run();
    assert_eq!(headline(&run), "Equal code differed by at most 2.5%. What has a * is sure.");
    let twin = run.cells.iter().position(|cell| cell.key.is_aa_twin).unwrap();
    let mut faster = run.clone();
    let key = faster.cells[twin].key.clone();
    faster.cells[twin].measured = Some(common::measured(&key, 16e6, 0.04, 7));
    assert_eq!(headline(&faster), "TRUST NOTHING: equal code was told apart in 1 of 16 pairs.");
    faster.cells[twin].measured = Some(common::measured(&key, 12e6, 1.5, 7));
    assert!(headline(&faster).starts_with("NOISY: equal code differed by up to "));
    // Single repeats of twins show nothing.
    for cell in run.cells.iter_mut().filter(|cell| cell.key.is_aa_twin) {
        cell.measured = Some(common::measured(&cell.key, 16e6, 0.04, 1));
    }
    assert!(headline(&run).starts_with("Noise unknown"), "{}", headline(&run));
    run.cells.retain(|cell| cell.key.world == World::Model);
    let text = report::screen(&run, PLAIN, None);
    assert!(headline(&run).is_empty(), "{text}");
    assert!(!text.to_lowercase().contains("nois") && !text.contains('*'), "{text}");
    assert!(text.contains("share of the rate without any lock"), "{text}");
}

#[test]
fn writers_are_compared_with_mmap_lock_and_the_kernel_with_nobody() {
    let mut run = Run::new(common::provenance());
    for (strategy, rate) in [("unlocked", 0.0), ("mmap-lock", 1e6), ("per-vma-lock", 3e6)] {
        let key = common::key("writers", strategy, 2, Body::None);
        run.cells.push(match strategy {
            "unlocked" => Cell::skipped(key, "the workload has writers"),
            _ => Cell::ok(key.clone(), common::measured(&key, rate, 0.02, 5)),
        });
    }
    let mut key = common::key("writers", "kernel", 2, Body::Real);
    key.world = World::Kernel;
    run.cells.push(Cell::ok(key.clone(), common::measured(&key, 0.8e6, 0.02, 5)));
    let refused = Key { workload: "stack".to_owned(), ..key };
    run.cells.push(Cell::skipped(refused, "a stack of the kernel grows by the fault"));
    let text = report::screen(&run, PLAIN, None);
    assert!(text.contains("2 threads, lock alone: rate over that of mmap-lock"), "{text}");
    assert!(text.contains("per-vma-lock") && text.contains("3.00*"), "{text}");
    assert!(text.contains("mmap-lock, /s") && text.contains("1.00M"), "{text}");
    assert!(text.contains("2 threads of the running kernel, with body: faults a second"));
    assert!(text.contains("kernel") && text.contains("800k"), "{text}");
    run.cells.remove(3);
    let text = report::screen(&run, PLAIN, None);
    assert!(text.contains("skipped: a stack of the kernel grows by the fault"), "{text}");
}

/// Texts that a document may have: long, empty, with control characters.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,9}(-[a-z]{1,9}){0,4}",
        Just("a-workload-with-a-name-that-goes-on-and-on-for-ever".to_owned()),
        Just("\u{202e}\x1b[31m\u{6f22}\u{5b57}\n".to_owned()),
        Just(String::new()),
    ]
}

/// Outcome of a cell: its rate, spread and repeats.
fn outcome() -> impl Strategy<Value = (u8, f64, f64, usize)> {
    (0u8..8, prop_oneof![1e-3..1e3f64, 1e5..1e9f64], 0.0..1.5f64, 1usize..9)
}

fn drawn_cell(key: Key, (kind, rate, spread, repeats): (u8, f64, f64, usize)) -> Cell {
    match kind {
        0 => Cell::skipped(key, "it may not\nrun here"),
        1 => Cell::failed(key, "the books do not balance"),
        2 => Cell::partial(key, "no repeat is in", None),
        _ => {
            let mut found = MEASURED.clone();
            found.repeats.truncate(repeats);
            for (at, repeat) in found.repeats.iter_mut().enumerate() {
                repeat.window_s = 1e9 / rate * (1.0 + spread * (at % 3) as f64);
            }
            found.faults_per_s = Interval { median: rate, low: None, high: None };
            Cell::ok(key, found)
        }
    }
}

/// Measurements of every drawn cell, except its rates.
static MEASURED: LazyLock<Measured> = LazyLock::new(|| {
    let key = common::key("w", "s", 1, Body::None);
    let mut found = common::measured(&key, 1e6, 0.0, 9);
    let line = "a_module.a_lock_that_is_hot_and_has_a_long_name";
    found.lines = Some(common::lines(12345.6, &[(line, 7), ("mm.mmap_lock", 5)]));
    found.latency_ns.clear();
    found
});

fn drawn_run() -> impl Strategy<Value = Run> {
    let strategies = proptest::sample::subsequence(
        vec!["unlocked", "mmap-lock", "speculative", "speculative:refcount", "srcu:tables"],
        1..=5,
    );
    let threads = proptest::collection::btree_set(1u32..4096, 1..3);
    let worlds = proptest::collection::vec(
        prop_oneof![
            Just((World::Host, String::new())),
            Just((World::Kernel, String::new())),
            text().prop_map(|machine| (World::Model, machine)),
        ],
        1..6,
    );
    let workloads = proptest::collection::btree_set(text(), 1..9);
    let more = (0usize..16, proptest::collection::vec(text(), 0..12), text());
    let outcomes = proptest::collection::vec(outcome(), 40);
    (strategies, threads, worlds, workloads, more, outcomes).prop_map(
        |(strategies, threads, worlds, workloads, (extra, warnings, cpu), outcomes)| {
            let mut run = Run::new(common::provenance());
            run.complete = extra % 2 == 0;
            run.provenance.host.cpu_model = Some(cpu);
            let mut names: Vec<String> = strategies.iter().map(|name| (*name).to_owned()).collect();
            names.extend((0..extra).map(|n| format!("own-strategy-{n}")));
            let mut outcomes = outcomes.into_iter().cycle();
            for (world, machine) in worlds {
                for workload in &workloads {
                    for (&threads, body) in
                        threads.iter().flat_map(|t| [(t, Body::None), (t, Body::Real)])
                    {
                        for strategy in &names {
                            let mut key = common::key(workload, strategy, threads, body);
                            (key.world, key.machine) = (world, machine.clone());
                            key.vary.extend((extra % 3 == 0).then(|| ("think_ns".to_owned(), 1e6)));
                            run.cells.push(drawn_cell(key, outcomes.next().unwrap()));
                        }
                        let twin = common::key(workload, &names[0], threads, body).aa_twin();
                        run.cells.push(drawn_cell(twin, outcomes.next().unwrap()));
                    }
                }
            }
            run.provenance.warnings = warnings
                .into_iter()
                .map(|code| Warning { code, cell: None, text: "doubt".to_owned() })
                .collect();
            run
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 64, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn any_run_fits_one_screen(run in drawn_run(), document in text()) {
        let document = Some(document.as_str()).filter(|document| !document.is_empty());
        let text = report::screen(&run, PLAIN, document);
        prop_assert!(text.lines().count() <= report::LINES, "{text}");
        for line in text.lines() {
            prop_assert!(line.len() <= 80 && line.is_ascii(), "{} columns: {line}", line.len());
            prop_assert!(!line.contains('\x1b') && line == line.trim_end(), "{line:?}");
        }
        prop_assert!(text.starts_with(&report::asked(&run)));
        prop_assert_eq!(plain(&report::screen(&run, COLOURED, document)), text);
    }
}

#[test]
fn what_does_not_fit_is_counted() {
    let mut run = Run::new(common::provenance());
    let strategies: Vec<String> = (0..18).map(|n| format!("strategy-{n}")).collect();
    for machine in 0..5 {
        for workload in 0..9 {
            for strategy in ["unlocked"].into_iter().chain(strategies.iter().map(String::as_str)) {
                let workload = format!("workload-{workload}");
                let mut key = common::key(&workload, strategy, 8, Body::None);
                (key.world, key.machine) = (World::Model, format!("machine-{machine}"));
                run.cells.push(Cell::ok(key.clone(), common::measured(&key, 1e6, 0.0, 1)));
            }
        }
    }
    let text = report::screen(&run, PLAIN, None);
    assert!(text.lines().count() == report::LINES, "no line is wasted: {text}");
    for left_out in ["  and 3 more columns: see the tables", " more strategies: see the tables"] {
        assert!(text.contains(left_out), "{left_out}: {text}");
    }
    assert!(text.contains("Tables:   faultstorm report DOCUMENT --format text"), "{text}");
}

#[test]
fn varied_times_are_told_apart_by_their_values() {
    let mut run = Run::new(common::provenance());
    for every_ns in [20e3, 2e6] {
        for (strategy, rate) in [("mmap-lock", 1e6), ("speculative", 3e6)] {
            let mut key = common::key("mprotect-churn", strategy, 2, Body::None);
            key.vary.insert("every_ns".to_owned(), every_ns);
            let found = common::measured(&key, rate, 0.02, 5);
            run.cells.push(Cell::ok(key, found));
        }
    }
    let text = report::screen(&run, PLAIN, None);
    let heads = text.lines().find(|line| line.contains("loses to")).unwrap();
    let words: Vec<&str> = heads.split_whitespace().take(2).collect();
    assert_eq!(words, ["every=20us", "every=2ms"], "{text}");
}

#[test]
fn tables_fold_what_is_the_same_and_keep_the_rest() {
    let mut run = Run::new(common::provenance());
    let mut warnings = Vec::new();
    for body in [Body::None, Body::Real] {
        for (strategy, rate) in [("unlocked", 4e6), ("mmap-lock", 2e6)] {
            let key = common::key("huge-anon-read", strategy, 2, body);
            let mut found = common::measured(&key, rate, 0.02, 5);
            found.lines = Some(common::lines(0.5, &[("mm.mmap_lock", 9)]));
            found.fallbacks = BTreeMap::from([("PMD".to_owned(), found.counts.faults / 512)]);
            warnings.push(Warning {
                code: "low_overlap".to_owned(),
                cell: Some(key.id()),
                text: "some started late".to_owned(),
            });
            run.cells.push(Cell::ok(key, found));
        }
    }
    run.provenance.warnings = warnings;
    let folded = report::text(&run, PLAIN, None);
    assert!(!folded.contains("with body"), "both are the same: {folded}");
    for block in ["both bodies", "fallbacks per fault, both bodies", "4.00 M/s", "0.50x slower"] {
        assert!(folded.contains(block), "{block}: {folded}");
    }
    let warned = "low_overlap: some started late (4 cells, as huge-anon-read/unlocked/host/2/none)";
    let words: Vec<&str> = folded.split_whitespace().collect();
    assert_eq!(words.join(" ").matches(warned).count(), 1, "{folded}");
    let other = run.cells.last_mut().unwrap();
    assert_eq!(other.status, Status::Ok);
    other.measured = Some(common::measured(&other.key, 3e6, 0.02, 5));
    let unfolded = report::text(&run, PLAIN, None);
    assert!(!unfolded.contains("both bodies") && unfolded.contains("with body"), "{unfolded}");
}
