//! The page of a run, in a real Chromium.

mod browser;
pub mod some_runs;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use faultstorm::report;
use faultstorm::run::{Cell, FaultKind, Key, Run};
use serde_json::json;

use crate::{AS_FAULTSTORM, common};
use browser::Browser;

/// A workload small enough to run in a moment.
const SMALL: &str = "summary = \"small <b>\"\nanalysis = \"Says </script><script>nothing.\"\n\
                     [[vma]]\nname = \"heap\"\nsize = \"8MiB\"\n\
                     [[op]]\ntouch = { vma = \"heap\", access = \"write\" }\n";

/// Charts for which the model has data, by their ids in the page.
const CHARTS: [&str; 9] = [
    "throughput",
    "worlds",
    "latency",
    "distribution",
    "transfers",
    "stalls",
    "time",
    "fallbacks",
    "fairness",
];

/// Document and page of a real run.
struct Made {
    document: Vec<u8>,
    page: Vec<u8>,
}

/// Runs `faultstorm` in a directory; it must succeed.
fn faultstorm(directory: &Path, args: &str) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(AS_FAULTSTORM, "1").args(args.split(' ')).current_dir(directory);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Runs storms in the model, once for all tests: three strategies at five thread counts on two
/// machines.
fn real_run() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("small.toml"), SMALL).unwrap();
        faultstorm(
            directory.path(),
            "run small.toml --on model:xeon-icelake-2s --on model:ampere-altra --threads 1..=5 \
             --strategy unlocked,mmap-lock,speculative --faults 100 --repeats 3 --body none \
             --quiet --json run.json --html run.html",
        );
        let read = |name: &str| std::fs::read(directory.path().join(name)).unwrap();
        Made { document: read("run.json"), page: read("run.html") }
    })
}

/// Writes a page to a file, which is removed with its directory.
fn file(page: impl AsRef<[u8]>) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("page.html");
    std::fs::write(&path, page).unwrap();
    (directory, path)
}

pub fn a_real_run_draws_every_chart_and_says_nothing_to_the_console() {
    let (_directory, page) = file(&real_run().page);
    let browser = Browser::start();
    browser.screen(1440, "light");
    browser.open(&page);
    for chart in CHARTS {
        // One mark per record, in addition to axes and grid.
        let script = format!(
            "return document.querySelectorAll('#{chart} svg[role=img] :is(circle, path, rect)')
                .length"
        );
        assert!(browser.run(&script).as_u64().unwrap() > 4, "{chart} is empty");
    }
    let worlds = "return document.querySelectorAll('#throughput figure').length";
    assert_eq!(browser.run(worlds), 2, "worlds stand side by side");
    let analysis = browser.run("return document.querySelector('#workload .analysis').textContent");
    assert_eq!(analysis, "Says </script><script>nothing.");
    let rows = browser.run(
        "document.querySelectorAll('main details').forEach(table => table.open = true);
         return new Promise(done => setTimeout(() => done(
             [...document.querySelectorAll('main section > details')]
                 .filter(table => table.closest('section').id !== 'workload' && !table.hidden)
                 .map(table => table.querySelectorAll('tbody tr').length))))",
    );
    let rows: Vec<u64> = serde_json::from_value(rows).unwrap();
    assert!(rows.len() == CHARTS.len() && rows.iter().all(|&rows| rows > 0), "{rows:?}");
    assert_eq!(rows[0], 2 * 3 * 5, "a row for each world, strategy and count of threads");
    assert_eq!(browser.complaints(), Vec::<String>::new());
    browser.run("console.error('heard')");
    assert_eq!(browser.complaints().len(), 1, "what is said is heard");
}

pub fn a_page_may_ask_nothing_of_a_network() {
    let (_directory, page) = file(&real_run().page);
    let browser = Browser::start();
    browser.open(&page);
    let refused = browser.run(
        "return new Promise(done => {
             document.addEventListener('securitypolicyviolation', event =>
                 done(event.effectiveDirective));
             new Image().src = 'http://127.0.0.1/picture.png';
         })",
    );
    assert_eq!(refused, "img-src");
}

pub fn filters_leave_what_they_say() {
    let (_directory, page) = file(report::html(&[common::run()]));
    let browser = Browser::start();
    browser.open(&page);
    let names = "return [...document.querySelectorAll('#latency [aria-label^=y-axis] text')]
        .map(text => text.textContent)";
    let all = browser.run(names);
    assert_eq!(all.as_array().unwrap().len(), 5, "{all}");
    let click = |what: &str| {
        browser.run(&format!("document.querySelector(`{what}`).click()"));
        browser.wait();
    };
    click("#filter-strategies input[value='1']");
    let fewer = browser.run(names);
    assert_eq!(fewer, json!(["unlocked", "vma-refcount", "speculative", "speculative:refcount"]));
    let choose = |filter: &str, option: &str| {
        browser.run(&format!(
            "const select = document.getElementById('filter-{filter}');
             const option = [...select.options].find(option => option.text === '{option}');
             select.value = option.value;
             select.dispatchEvent(new Event('change'));"
        ));
        browser.wait();
    };
    choose("workload", "churn");
    choose("body", "lock alone");
    let title = "return document.getElementById('workload-title').textContent";
    assert_eq!(browser.run(title), "churn");
    let missing = browser.run("return document.getElementById('missing').textContent");
    let missing = missing.as_str().unwrap();
    assert!(missing.contains("unlocked skipped: the workload has writers (2 cells)"), "{missing}");
    assert!(!missing.contains("mmap-lock"), "it is filtered: {missing}");
    let stages = "return document.querySelectorAll('#stages svg[role=img] rect').length";
    assert_eq!(browser.run(stages), 0);
    click("#filter-strategies input[value='1']");
    assert!(browser.run(stages).as_u64().unwrap() >= 4, "mmap-lock is timed by stage");
    click("#filter-worlds .buttons button:last-child");
    assert_eq!(browser.run("return document.querySelectorAll('figure').length"), 0);
    let status = browser.run("return document.getElementById('status').textContent");
    assert_eq!(status, "0 cells of 30 shown");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

pub fn keys_tell_exact_values_and_warnings_come_first() {
    let (_directory, page) = file(report::html(&[common::run()]));
    let browser = Browser::start();
    browser.open(&page);
    let tip = browser.run(
        "const drawing = document.querySelector('#throughput .drawing');
         drawing.focus();
         const key = new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true });
         document.activeElement.dispatchEvent(key);
         return drawing.querySelector('output').textContent",
    );
    let tip = tip.as_str().unwrap();
    assert!(tip.starts_with("unlocked, 1 thread\n"), "{tip}");
    assert!(tip.contains(" faults/s\n95 %: "), "{tip}");
    let order = browser.run(
        "const top = id => document.getElementById(id).getBoundingClientRect().top;
         return top('warnings') < top('filters') && top('warnings') < top('charts')",
    );
    assert_eq!(order, true);
    let warnings = browser.run("return document.getElementById('warnings').textContent");
    assert!(warnings.as_str().unwrap().contains("hypervisor: the machine is virtual"));
    let unnamed = browser.run(
        "return [...document.querySelectorAll('input, select, button, svg[role=img], [tabindex]')]
             .filter(node => !node.closest('main[tabindex]:focus'))
             .filter(node => node.id !== 'charts' && node.tagName !== 'PRE')
             .filter(node => !node.labels?.length && !node.textContent.trim()
                 && !node.getAttribute('aria-label'))
             .map(node => node.outerHTML.slice(0, 80))",
    );
    assert_eq!(unnamed, json!([]), "what can be reached has a name");
}

pub fn nothing_scrolls_sideways_on_a_phone() {
    let (_directory, page) = file(&real_run().page);
    let browser = Browser::start();
    for theme in ["light", "dark"] {
        browser.screen(390, theme);
        browser.open(&page);
        browser.run("document.querySelectorAll('details').forEach(part => part.open = true)");
        let wide = browser.run(
            "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]",
        );
        assert_eq!(wide[0], wide[1], "{theme}");
        let drawn = "return document.querySelector('#throughput svg[role=img]').clientWidth";
        let drawn = browser.run(drawn).as_u64().unwrap();
        assert!((240..=390).contains(&drawn), "drawn for the screen: {drawn}");
    }
    let colors = |theme: &str| {
        browser.screen(390, theme);
        browser.run("return getComputedStyle(document.documentElement).backgroundColor")
    };
    assert_ne!(colors("light"), colors("dark"));
}

pub fn every_tick_of_an_axis_over_decades_has_its_label() {
    let mut run = common::run();
    let slow = run.cells.iter_mut().filter(|cell| cell.key.strategy == "mmap-lock");
    for found in slow.filter_map(|cell| cell.measured.as_mut()) {
        found.latency_ns.insert(FaultKind::AnonWrite, common::latency(60_000.0));
    }
    let (_directory, page) = file(report::html(&[run]));
    let browser = Browser::start();
    browser.screen(1440, "light");
    browser.open(&page);
    let labels = browser.run(
        "return [...document.querySelectorAll('#latency [aria-label=\"x-axis tick label\"] text')]
             .map(label => label.textContent)",
    );
    let labels: Vec<String> = serde_json::from_value(labels).unwrap();
    assert!(
        labels.contains(&"1 us".to_owned()) && labels.contains(&"5 us".to_owned()),
        "{labels:?}"
    );
    assert!(labels.iter().all(|label| !label.is_empty()), "{labels:?}");
}

/// The only wall time that a test asserts: one of three loads must be fast, because others use the
/// machine too.
pub fn ten_thousand_cells_open_within_three_seconds() {
    let mut run = Run::from_json(&real_run().document, "run.json").unwrap();
    let cells: Vec<Cell> = run.cells.drain(..).collect();
    for copy in 0..10_000usize.div_ceil(cells.len()) {
        for cell in &cells {
            // Four machines side by side, and as many workloads as are needed.
            let machine = format!("{}-{}", cell.key.machine, copy % 2);
            let workload = format!("workload-{}", copy / 2);
            let key = Key { machine, workload, ..cell.key.clone() };
            let mut cell = Cell { id: key.id(), key, ..cell.clone() };
            // One repeat, as in the model: a bootstrap of all ratios takes minutes here.
            cell.measured.as_mut().expect("it was measured").repeats.truncate(1);
            run.cells.push(cell);
        }
    }
    assert!(run.cells.len() >= 10_000);
    let (_directory, page) = file(report::html(&[run]));
    let browser = Browser::start();
    browser.screen(1440, "light");
    let opened = || {
        browser.open(&page);
        // In milliseconds since the navigation began.
        let drawn = browser.run("return performance.getEntriesByName('drawn')[0].startTime");
        drawn.as_f64().unwrap()
    };
    let mut loads = Vec::new();
    while loads.len() < 3 && loads.iter().all(|&ms| ms >= 3000.0) {
        loads.push(opened());
    }
    assert!(loads.iter().any(|&ms| ms < 3000.0), "milliseconds: {loads:?}");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
