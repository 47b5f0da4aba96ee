//! The one screen that a run ends with, by its bytes.

mod common;

use std::collections::BTreeMap;

use faultstorm::report::{self, Style};
use faultstorm::run::{Body, Cell, KernelLocks, Key, Run, Status, Warning, World};
use proptest::prelude::*;

const PLAIN: Style = Style { color: false, width: 80 };
const COLOURED: Style = Style { color: true, width: 80 };

/// Takes colours away.
fn plain(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |plain, part| plain + part.split_once('m').unwrap().1)
}

/// A run of the seed workloads on two CPUs and in the model, as a run without arguments is.
fn default_run() -> Run {
    let mut run = Run::new(common::provenance());
    run.complete = true;
    run.provenance.host.kernel_locks = Some(KernelLocks {
        per_vma_lock: Some(true),
        config: None,
        counts_events: false,
        strategy: Some("vm-refcnt".to_owned()),
    });
    run.machines.insert("m".to_owned(), serde_json::json!({ "estimated_share": 0.65 }));
    let workloads = ["huge-anon", "file-fault-around", "file-no-fault-around", "private-write"];
    // What each strategy keeps of the rate of the first, and the line that it moves.
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
                    let twin = Key { vary: [("aa".to_owned(), 1.0)].into(), ..key };
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
