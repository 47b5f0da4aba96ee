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
    "ratios",
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
                 .filter(table => !['workload', 'missing'].includes(table.closest('section').id)
                     && !table.closest('section').hidden)
                 .map(table => table.querySelectorAll('tbody tr').length))))",
    );
    let rows: Vec<u64> = serde_json::from_value(rows).unwrap();
    assert!(rows.len() == CHARTS.len() && rows.iter().all(|&rows| rows > 0), "{rows:?}");
    assert_eq!(rows[0], 2 * 3, "a row for each world and strategy");
    let columns = "return document.querySelector('#throughput tbody tr').cells.length";
    assert_eq!(browser.run(columns), 1 + 5, "a column for each count of threads");
    assert_eq!(browser.complaints(), Vec::<String>::new());
    browser.run("console.error('heard')");
    assert_eq!(browser.complaints().len(), 1, "what is said is heard");
}

/// Returns the CSV of a chart, as rows of fields; no field has a comma.
pub fn csv(browser: &Browser, chart: &str) -> Vec<Vec<String>> {
    let text = browser.run(&format!(
        "const part = sections.find(({{ chart }}) => chart.id === '{chart}');
         return csvOf(part.chart, part.groups.flatMap(([, rows]) => rows))"
    ));
    let lines = text.as_str().unwrap().lines().skip(1);
    lines.map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

/// Goes to a selection by its link, and waits until it is drawn.
pub fn follow(browser: &Browser, link: &str) {
    browser.run(&format!(
        "location.hash = '{link}';
         return new Promise(done => setTimeout(done, 50))"
    ));
    browser.wait();
}

pub fn a_link_shows_what_its_sender_saw() {
    let (_directory, page) = file(report::html(&[common::run()]));
    let browser = Browser::start();
    browser.open(&page);
    let state = "return [location.hash, view.workload, view.body, [...view.strategies].join()]";
    assert_eq!(browser.run(state), json!(["", 0, "none", "0,1,2,3,4,5"]), "all of the lock alone");
    browser.run("document.querySelector(\"#filter-strategies input[value='1']\").click()");
    browser.wait();
    let link = browser.run("return location.hash.slice(1)");
    let link = link.as_str().unwrap();
    assert!(link.starts_with("strategies=unlocked%2C") && !link.contains("mmap-lock"), "{link}");
    follow(&browser, &format!("workload=churn&{link}"));
    assert_eq!(browser.run("return view.workload"), 1);
    let boxes = "return [...document.querySelectorAll('#filter-strategies input')]
        .filter(box => !box.checked).map(box => box.value)";
    assert_eq!(browser.run(boxes), json!(["1"]), "the controls follow");
    follow(&browser, "workload=nothing&body=%3Cb%3E&threads=x&strategies=none");
    assert_eq!(browser.run("return [view.workload, view.threads]"), json!([0, null]));
    let first = "return document.querySelector('.map th a:not([href$=\"huge-anon\"])').hash";
    let first = browser.run(first);
    browser.run("document.querySelector('.map th a:not([href$=\"huge-anon\"])').click()");
    browser.run("return new Promise(done => setTimeout(done, 50))");
    browser.wait();
    assert_eq!(browser.run("return location.hash"), first, "a workload of the map is a link");
    assert_eq!(browser.run("return view.workload"), 1);
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

pub fn names_at_the_ends_of_curves_do_not_overlap() {
    let mut run = common::run();
    let one = run.cells.iter().find(|cell| cell.key.strategy == "mmap-lock").unwrap().clone();
    run.cells = (0..60)
        .flat_map(|number| [1, 2].map(|threads| (number, threads)))
        .map(|(number, threads)| {
            let key = Key { strategy: format!("scheme-{number}"), threads, ..one.key.clone() };
            Cell { id: key.id(), key, ..one.clone() }
        })
        .collect();
    run.scaling.clear();
    let (_directory, page) = file(report::html(&[run]));
    let browser = Browser::start();
    for width in [400, 1400] {
        browser.screen(width, "light");
        browser.open(&page);
        let found = browser.run(
            "const names = [...document.querySelectorAll('#throughput [aria-label=names] text')]
                 .map(text => text.getBoundingClientRect()).sort((a, b) => a.top - b.top);
             const drawn = document.querySelector('#throughput svg[role=img]');
             const svg = drawn.getBoundingClientRect();
             return {
                 names: names.length,
                 apart: names.every((box, at) => at === 0 || box.top - names[at - 1].top > 12),
                 inside: names.every(box => box.right <= svg.right && box.bottom <= svg.bottom),
             }",
        );
        assert_eq!(found, json!({ "names": 60, "apart": true, "inside": true }), "{width}");
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

pub fn a_drawing_is_saved_without_a_style_sheet() {
    let (_directory, page) = file(&real_run().page);
    let browser = Browser::start();
    browser.open(&page);
    let saved = browser.run(
        "const text = svgOf(document.querySelector('#throughput svg[role=img]'));
         const parsed = new DOMParser().parseFromString(text, 'image/svg+xml');
         return [parsed.documentElement.tagName, text.includes('var('),
             parsed.querySelectorAll('path').length > 4]",
    );
    assert_eq!(saved, json!(["svg", false, true]));
    let rows = csv(&browser, "throughput");
    assert_eq!(rows.len(), 2 * 3 * 5, "a line for each world, strategy and count of threads");
    assert!(rows.iter().all(|row| row[7].parse::<f64>().is_ok_and(|rate| rate > 0.0)), "{rows:?}");
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
    assert!(all.as_array().unwrap().contains(&json!("mmap-lock")), "{all}");
    let click = |what: &str| {
        browser.run(&format!("document.querySelector(`{what}`).click()"));
        browser.wait();
    };
    click("#filter-strategies input[value='1']");
    let fewer = browser.run(names);
    let fewer: Vec<String> = serde_json::from_value(fewer).unwrap();
    assert!(fewer.len() == 4 && !fewer.contains(&"mmap-lock".to_owned()), "{fewer:?}");
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
    let beside = browser.run(
        "const drawing = document.querySelector('#throughput .drawing');
         const mark = drawing.querySelector('.spots .on').getBoundingClientRect();
         const tip = drawing.querySelector('output').getBoundingClientRect();
         return Math.max(tip.top - mark.bottom, mark.top - tip.bottom)",
    );
    assert!(beside.as_f64().unwrap().abs() < 10.0, "the tip is {beside} pixels from its mark");
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
