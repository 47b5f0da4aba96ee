//! Charts of data that only some runs have: writers, think times, the running kernel.

use std::path::Path;

use faultstorm::report;
use faultstorm::run::{BreakEvenPlace, FAULT, LockHold, Run, TimeUse, WaitKind, WaitedFor, World};
use serde_json::json;

use super::browser::Browser;
use super::{SMALL, csv, faultstorm, file, follow, real_run};
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

/// Opens the table of a chart, and returns the cells of its rows.
fn table(browser: &Browser, chart: &str) -> Vec<Vec<String>> {
    let rows = browser.run(&format!(
        "const table = document.querySelector('#{chart} details');
         if (table) table.open = true;
         return new Promise(done => setTimeout(() => done(
             [...document.querySelectorAll('#{chart} tbody tr')].map(row =>
                 [...row.cells].map(cell => cell.textContent)))))"
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

/// Returns the text that a pointer on the last mark of a drawing shows; checks that the tip stays
/// inside.
fn pointed_at_the_last(browser: &Browser, chart: &str) -> String {
    let tip = browser.run(&format!(
        "const drawing = document.querySelector('#{chart} .drawing');
         drawing.scrollIntoView();
         const mark = [...drawing.querySelectorAll('.spots > *')].at(-1).getBoundingClientRect();
         const at = {{ clientX: mark.left + mark.width / 2, clientY: mark.top + mark.height / 2 }};
         drawing.dispatchEvent(new PointerEvent('pointermove', at));
         return {{
             text: drawing.querySelector('output').textContent,
             inside: document.documentElement.scrollWidth
                 === document.documentElement.clientWidth,
         }}"
    ));
    assert_eq!(tip["inside"], true, "a tip makes the page wider");
    tip["text"].as_str().unwrap().to_owned()
}

/// Parses a number as a table shows it.
fn number(text: &str) -> f64 {
    text.replace(',', "").parse().unwrap_or_else(|_| panic!("'{text}' is no number"))
}

pub fn operations_have_the_charts_of_faults() {
    let run = run(WRITERS, "--threads 1,2 --strategy mmap-lock,speculative --time 1ms --body none");
    let (_directory, page) = file(report::html(std::slice::from_ref(&run)));
    let browser = Browser::start();
    browser.screen(1180, "light");
    browser.open(&page);
    let operations = ["mmap", "mprotect", "munmap"];
    for operation in operations {
        follow(&browser, &format!("of={operation}"));
        assert_eq!(count(&browser, "#throughput .spots circle"), 4, "two counts of threads");
        assert!(count(&browser, "#latency .spots circle") >= 2, "{operation}");
        let rows = csv(&browser, "throughput");
        assert_eq!(rows.len(), 4);
        for row in rows {
            let [strategy, threads, of, per_s] = [4, 5, 6, 7].map(|at| row[at].as_str());
            let cell = run.cells.iter().find(|cell| {
                cell.key.strategy_name() == strategy && cell.key.threads.to_string() == threads
            });
            let op = &cell.unwrap().measured.as_ref().unwrap().ops[operation];
            assert_eq!(of, operation);
            assert!((number(per_s) / op.per_s - 1.0).abs() < 1e-9, "{row:?} is {}", op.per_s);
            assert!(op.count > 0);
        }
        let tip = pointed_at_the_last(&browser, "throughput");
        assert!(tip.contains(&format!(" {operation}/s\n")), "{tip}");
        assert!(first_tip(&browser, "latency").contains("\n50th percentile: "));
    }
    browser.run("document.querySelector(\"#filter-strategies input[value='0']\").click()");
    browser.wait();
    assert_eq!(count(&browser, "#throughput .spots circle"), 2, "one is filtered");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

pub fn what_is_not_there_is_one_line() {
    let (_directory, page) = file(&real_run().page);
    let browser = Browser::start();
    browser.open(&page);
    let hidden = "return ['break-even', 'kernel', 'stages']
        .map(id => document.getElementById(id).hidden)";
    assert_eq!(browser.run(hidden), json!([true, true, true]));
    let empty = browser.run("return document.getElementById('empty').textContent");
    let empty = empty.as_str().unwrap();
    assert!(empty.contains("--vary think") && empty.contains("--on kernel"), "{empty}");
    let choice = "return document.getElementById('filter-event').closest('.choice').hidden";
    assert_eq!(browser.run(choice), true, "a run without writers has no choice of events");
}

pub fn waits_are_drawn_by_name_in_nanoseconds() {
    let mut run = common::run();
    let wait = |kind, name: &str, ns| WaitedFor {
        kind,
        name: name.to_owned(),
        ns,
        waits: 7,
        median_ns: None,
    };
    let waits = vec![
        wait(WaitKind::Lock, "mmap_lock read", 800.5),
        wait(WaitKind::Line, "mm.mmap_lock", 300.25),
        wait(WaitKind::Shootdown, "shootdown", 50.0),
    ];
    let time = TimeUse { count: 9, total_ns: 1250.75, work_ns: 100.0, waits };
    let hold = LockHold {
        lock: "mmap_lock write".to_owned(),
        by: "mprotect".to_owned(),
        kernel_function: "do_mprotect_pkey".to_owned(),
        holds: 12,
        median_ns: 1500.0,
        longest_ns: 9000.0,
        waiters_mean: 2.5,
        waiters_max: 7,
        waited_ns: 45_000.0,
    };
    for found in run.cells.iter_mut().filter_map(|cell| cell.measured.as_mut()) {
        found.holds.push(hold.clone());
        found.time.insert(FAULT.to_owned(), time.clone());
    }
    let (_directory, page) = file(report::html(&[run]));
    let browser = Browser::start();
    browser.screen(800, "dark");
    browser.open(&page);
    let strategies = browser
        .run(
            "return strategiesOf(sections.find(
        ({ chart }) => chart.id === 'time').groups[0][1]).length",
        )
        .as_u64()
        .unwrap();
    assert_eq!(count(&browser, "#time .spots rect"), 4 * strategies, "four parts of each");
    let rows = csv(&browser, "time");
    let parts: Vec<(&str, &str)> =
        rows[..4].iter().map(|row| (row[6].as_str(), row[7].as_str())).collect();
    assert_eq!(
        parts,
        [
            ("own work", "100"),
            ("mmap_lock read", "800.5"),
            ("line mm.mmap_lock", "300.25"),
            ("shootdown", "50")
        ]
    );
    let held = table(&browser, "holds");
    assert_eq!(held[0][2..6], ["mmap_lock write", "mprotect", "do_mprotect_pkey", "12"]);
    assert_eq!(browser.complaints(), Vec::<String>::new());
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
        assert_eq!(count(&browser, "#break-even .spots circle"), 4);
        let rows = csv(&browser, "break-even");
        assert_eq!(rows.len(), 4);
        for row in rows {
            let same = found
                .iter()
                .find(|found| found.strategy == row[4] && found.threads.to_string() == row[5]);
            match same.unwrap().faults_per_thread_s {
                Some(rate) => assert!((number(&row[6]) - rate).abs() <= 1e-6, "{row:?}: {rate}"),
                None => assert!(row[6].is_empty() && row[7].contains("all swept"), "{row:?}"),
            }
        }
        let shown = table(&browser, "break-even");
        assert!(shown.len() == 2 && shown[0].len() == 3, "strategies by threads: {shown:?}");
    }
    assert!(first_tip(&browser, "break-even").contains(", 1 thread\n"));
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
