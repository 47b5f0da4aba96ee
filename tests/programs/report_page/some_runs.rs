//! Charts of data that only some runs have: writers, think times, the running kernel.

use std::path::Path;

use faultstorm::report;
use faultstorm::run::{BreakEvenPlace, Run, World};
use serde_json::json;

use super::browser::Browser;
use super::{SMALL, faultstorm, file, real_run};
use crate::common;

/// Workload with threads that fault, one that often changes a mapping, and one that remaps another.
const WRITERS: &str = "summary = \"small\"\nanalysis = \"none\"\nreset = \"remap\"\n\
     [[vma]]\nname = \"heap\"\nsize = \"2MiB\"\n[[vma]]\nname = \"other\"\nsize = \"1MiB\"\n\
     [[vma]]\nname = \"third\"\nsize = \"1MiB\"\n\
     [[group]]\nname = \"faulters\"\n[[group]]\nname = \"changer\"\nthreads = 1\n\
     [[group]]\nname = \"mapper\"\nthreads = 1\n\
     [[op]]\ngroup = \"faulters\"\ntouch = { vma = \"heap\", access = \"write\" }\n\
     [[op]]\ngroup = \"changer\"\n\
     mprotect = { vma = \"other\", prot = \"read\", every = \"2us\" }\n\
     [[op]]\ngroup = \"changer\"\nmprotect = { vma = \"other\", prot = \"read-write\" }\n\
     [[op]]\ngroup = \"mapper\"\nmunmap = { vma = \"third\", every = \"20us\" }\n\
     [[op]]\ngroup = \"mapper\"\nmmap = { vma = \"third\" }\n";

/// Runs a workload in the model, and returns the document.
fn run(workload: &str, args: &str) -> Run {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("small.toml"), workload).unwrap();
    let common = "--on model:xeon-icelake-2s --no-lines --quiet --json run.json";
    faultstorm(directory.path(), &format!("run small.toml {common} {args}"));
    Run::read(&directory.path().join("run.json")).unwrap()
}

/// Opens the table of a chart, and returns the cells of its rows after world and strategy.
fn table(browser: &Browser, chart: &str) -> Vec<Vec<String>> {
    let rows = browser.run(&format!(
        "const table = document.querySelector('#{chart} details');
         if (table) table.open = true;
         return new Promise(done => setTimeout(() => done(
             [...document.querySelectorAll('#{chart} tbody tr')].map(row =>
                 [...row.cells].slice(1).map(cell => cell.textContent)))))"
    ));
    serde_json::from_value(rows).unwrap()
}

fn count(browser: &Browser, selector: &str) -> u64 {
    browser.run(&format!("return document.querySelectorAll('{selector}').length")).as_u64().unwrap()
}

/// Returns the text that a key press in a drawing shows for its first record.
fn first_tip(browser: &Browser, chart: &str) -> String {
    let tip = browser.run(&format!(
        "const drawing = document.querySelector('#{chart} .drawing');
         drawing.focus();
         const key = new KeyboardEvent('keydown', {{ key: 'ArrowRight', bubbles: true }});
         drawing.dispatchEvent(key);
         return drawing.querySelector('output').textContent"
    ));
    tip.as_str().unwrap().to_owned()
}

/// Returns the text that a pointer at the right end of a drawing's lowest row shows; checks that
/// the tip stays inside.
fn pointed_at_the_right(browser: &Browser, chart: &str) -> String {
    let tip = browser.run(&format!(
        "const drawing = document.querySelector('#{chart} .drawing');
         drawing.scrollIntoView();
         const svg = drawing.querySelector('svg');
         const {{ right, bottom }} = svg.getBoundingClientRect();
         const at = {{ clientX: right - 90, clientY: bottom - 50, pointerType: 'mouse' }};
         for (const type of ['pointerenter', 'pointermove']) {{
             svg.dispatchEvent(new PointerEvent(type, {{ ...at, bubbles: true }}));
         }}
         return new Promise(done => setTimeout(() => done({{
             text: drawing.querySelector('output').textContent,
             inside: document.documentElement.scrollWidth
                 === document.documentElement.clientWidth,
         }}), 100))"
    ));
    assert_eq!(tip["inside"], true, "a tip makes the page wider");
    tip["text"].as_str().unwrap().to_owned()
}

/// Parses a number as a table shows it.
fn number(text: &str) -> f64 {
    text.replace(',', "").parse().unwrap_or_else(|_| panic!("'{text}' is no number"))
}

pub fn what_writers_did_is_drawn_by_operation() {
    let run = run(WRITERS, "--threads 1,2 --strategy mmap-lock,speculative --time 1ms --body none");
    let (_directory, page) = file(report::html(std::slice::from_ref(&run)));
    let browser = Browser::start();
    for (width, theme) in [(1180, "light"), (390, "dark")] {
        browser.screen(width, theme);
        browser.open(&page);
        // Two strategies and three operations at the largest number of threads.
        assert_eq!(count(&browser, "#operations svg [aria-label=bar] rect"), 6, "{width}");
        assert!(count(&browser, "#operation-latency svg [aria-label=dot] path") >= 6, "{width}");
        let fits = "const { scrollWidth, clientWidth } = document.documentElement;
            return scrollWidth === clientWidth";
        assert_eq!(browser.run(fits), true, "nothing scrolls sideways");
    }
    let tip = pointed_at_the_right(&browser, "operations");
    assert!(tip.contains("\nmunmap: "), "the lowest bar is tip along its whole row: {tip}");
    let rows = table(&browser, "operations");
    let mut done = 0;
    for row in &rows {
        let cell = run.cells.iter().find(|cell| {
            cell.key.strategy_name() == row[0] && cell.key.threads.to_string() == row[1]
        });
        let ops = &cell.unwrap().measured.as_ref().unwrap().ops;
        let (per_s, count) = ops.get(&row[2]).map_or((0.0, 0), |op| (op.per_s, op.count));
        assert!((number(&row[3]) - per_s).abs() <= 0.5, "{row:?} is {per_s}");
        assert_eq!(number(&row[4]), count as f64, "{row:?}");
        done += count;
    }
    assert!(rows.len() == 6 && done > 100, "{rows:?}");
    assert_eq!(table(&browser, "operation-latency").len(), 6);
    assert!(
        first_tip(&browser, "operations").contains("\nmmap: "),
        "{}",
        first_tip(&browser, "operations")
    );
    assert!(first_tip(&browser, "operation-latency").contains("\nmmap\n50th percentile: "));
    browser.run("document.querySelector(\"#filter-strategies input[value='0']\").click()");
    browser.wait();
    assert_eq!(count(&browser, "#operations svg [aria-label=bar] rect"), 3, "one is filtered");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

pub fn a_run_without_writers_says_nothing_of_their_operations() {
    let (_directory, page) = file(&real_run().page);
    let browser = Browser::start();
    browser.open(&page);
    assert_eq!(count(&browser, "#operations, #operation-latency"), 0);
    let missing = "return [...document.querySelectorAll('#break-even .missing, #kernel .missing')]
        .map(text => text.textContent.includes('--vary think') || text.textContent
            .includes('--on kernel'))";
    assert_eq!(browser.run(missing), json!([true, true]), "what else is missing is said");
}

pub fn break_even_rates_are_drawn_for_every_think_time() {
    let run = run(
        SMALL,
        "--threads 1,4 --strategy unlocked,mmap-lock,per-vma-lock --faults 64 --body none \
         --vary think=0ns,3us,100us",
    );
    let (_directory, page) = file(report::html(std::slice::from_ref(&run)));
    let browser = Browser::start();
    browser.screen(390, "dark");
    browser.open(&page);
    let found = &run.break_even;
    let within = found.iter().filter(|found| found.place == BreakEvenPlace::Within).count();
    assert!(found.len() == 4 && within > 0 && within < 4, "some of each: {found:?}");
    for variation in 0..3 {
        browser.run(&format!(
            "const select = document.getElementById('filter-variation');
             select.value = '{variation}';
             select.dispatchEvent(new Event('change'));"
        ));
        browser.wait();
        // A ring for the pointer is drawn only when the pointer is there.
        assert_eq!(count(&browser, "#break-even svg [aria-label=dot] path"), 4);
        let rows = table(&browser, "break-even");
        assert_eq!(rows.len(), 4);
        for row in rows {
            let same = found
                .iter()
                .find(|found| found.strategy == row[0] && found.threads.to_string() == row[1]);
            match same.unwrap().faults_per_thread_s {
                Some(rate) => assert!((number(&row[2]) - rate).abs() <= 0.5, "{row:?}: {rate}"),
                None => assert!(row[2] == "-" && row[3].contains("all swept"), "{row:?}"),
            }
        }
    }
    assert!(first_tip(&browser, "break-even").starts_with("mmap-lock, 1 thread\n"));
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

pub fn the_running_kernel_has_a_table_of_its_traps_and_events() {
    let reference =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../results/reference/worlds.json.gz");
    let mut run = Run::read(&reference).unwrap();
    let trap_ns = run.provenance.host.trap_cost_ns.unwrap().median;
    let mut expected = Vec::new();
    for cell in &mut run.cells {
        if cell.key.world != World::Kernel
            || cell.key.workload != "huge-anon"
            || cell.key.is_aa_twin
        {
            continue;
        }
        let fault_ns =
            f64::from(cell.key.threads) * 1e9 / cell.measured.as_ref().unwrap().faults_per_s.median;
        let kernel = cell.measured.as_mut().unwrap().kernel.as_mut().unwrap();
        let events = kernel.events.as_mut().unwrap();
        // The machine of that run did not permit to count them.
        events.rwsem_contentions_per_fault = Some(0.25);
        let faults = [events.minor_faults, events.major_faults, events.rusage_faults];
        let faults = faults.map(|count| count as f64);
        expected.push((fault_ns, trap_ns, fault_ns - trap_ns, faults));
    }
    let (_directory, page) = file(report::html(&[run]));
    let browser = Browser::start();
    browser.screen(390, "light");
    browser.open(&page);
    let rows = table(&browser, "kernel");
    assert!(expected.len() == 2 && rows.len() == 2, "{rows:?}");
    for (row, (fault_ns, trap_ns, without_ns, [minor, major, rusage])) in rows.iter().zip(expected)
    {
        let near = |place: usize, value: f64| (number(&row[place]) - value).abs() <= 0.5;
        assert!(near(2, fault_ns) && near(3, trap_ns) && near(6, without_ns), "{row:?}");
        assert!(near(7, minor) && near(8, major) && near(9, rusage), "{row:?}");
        assert_eq!(row[10], "0.25");
    }
    let (_directory, page) = file(report::html(&[common::run()]));
    browser.open(&page);
    assert_eq!(table(&browser, "kernel"), Vec::<Vec<String>>::new());
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
