//! Exports of `faultstorm report`, read as other programs read them.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use faultstorm::report;
use faultstorm::run::{LatencyDistribution, OpStats, Run, to_json};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

use crate::common;
use crate::place::{Place, code, err};

/// Makes a directory with `run.json` and `run.csv` of a real run, on the host and in the model.
fn real_run() -> Place {
    let place = Place::new();
    place.out_of(
        "run small.toml --on host --on model:laptop-intel --threads 1 --faults 500 --warmup 0s \
         --repeats 3 --strategy mmap-lock,speculative --body none --quiet --json run.json \
         --csv run.csv",
    );
    place
}

/// An interval of a log: tag, start and length in seconds, largest value in ms, histogram.
type Interval = (String, f64, f64, f64, Histogram<u64>);

/// Reads a log as a program does that knows nothing about this one.
fn intervals(log: &str) -> Vec<Interval> {
    let mut found = Vec::new();
    for entry in IntervalLogIterator::new(log.as_bytes()) {
        let LogEntry::Interval(interval) = entry.unwrap() else { continue };
        let bytes = BASE64_STANDARD.decode(interval.encoded_histogram()).unwrap();
        found.push((
            interval.tag().unwrap().as_str().to_owned(),
            interval.start_timestamp().as_secs_f64(),
            interval.duration().as_secs_f64(),
            interval.max(),
            Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap(),
        ));
    }
    found
}

/// Asserts that the log has exactly these latencies, with these tags.
fn assert_holds<'a>(log: &str, latencies: impl Iterator<Item = (String, &'a LatencyDistribution)>) {
    let mut intervals = intervals(log).into_iter();
    for (tag, latency) in latencies {
        let (found, start, _, max_ms, samples) = intervals.next().expect("as many intervals");
        assert_eq!((found, start), (tag, 0.0));
        let percentiles = [0.5, 0.99, 0.999].map(|q| samples.value_at_quantile(q));
        assert_eq!(percentiles, [latency.p50, latency.p99, latency.p999]);
        assert_eq!((samples.len(), samples.max()), (latency.count, latency.max_sampled));
        assert!((max_ms - latency.max_sampled as f64 / 1e6).abs() < 0.0006, "{max_ms}");
    }
    assert!(intervals.next().is_none());
}

/// Returns the latencies of faults, with the tags that they should have.
fn of_faults(run: &Run) -> Vec<(String, &LatencyDistribution)> {
    let measured = run.cells.iter().filter_map(|cell| Some((cell, cell.measured.as_ref()?)));
    let tagged = measured.flat_map(|(cell, found)| {
        let tag = move |(kind, latency)| (format!("{}/{kind}", cell.id), latency);
        found.latency_ns.iter().map(tag)
    });
    tagged.collect()
}

#[test]
fn a_real_run_is_written_in_every_form() {
    let place = real_run();
    let csv = place.read("run.csv");
    assert_eq!(place.out_of("report run.json --format csv -o -"), csv, "as run --csv");
    let run = Run::read(&place.path("run.json")).unwrap();
    let repeats = run.cells.iter().map(|cell| cell.measured.as_ref().unwrap().repeats.len());
    assert_eq!(csv.lines().count(), 1 + repeats.sum::<usize>());

    let log = place.out_of("report run.json --format hdr-log -o -");
    assert_holds(&log, of_faults(&run).into_iter());
    assert!(of_faults(&run).len() >= run.cells.len(), "every cell has latencies");

    assert_eq!(place.out_of("report run.json -o run.md"), "");
    let markdown = place.read("run.md");
    assert_eq!(markdown, report::markdown(&[run]));
    for part in ["### small on the host, linux", "### small on the model laptop-intel"] {
        assert!(markdown.contains(part), "{markdown}");
    }
    let html = place.out_of("report run.json -o -");
    assert!(html.starts_with("<!doctype html>"), "{}", &html[..40]);
}

#[test]
fn what_cannot_be_read_is_said_and_nothing_is_written() {
    let place = Place::new();
    let good = String::from_utf8(to_json(&common::run()).unwrap()).unwrap();
    place.write("good.json", &good);
    place.write("when.json", good.replace("2026-03-14T15:09:26Z", "yesterday"));
    place.write("torn.json", good.replacen("\"histogram\": \"HIST", "\"histogram\": \"#IST", 1));
    place.write("other.json", "{ \"schema\": \"faultstorm.compare/1\" }");
    for (line, message) in [
        ("missing.json --format csv", "cannot read 'missing.json'"),
        (
            "good.json other.json --format markdown",
            "'other.json' has schema 'faultstorm.compare/1'",
        ),
        ("good.json when.json --format hdr-log", "'when.json' cannot be a log of HdrHistogram"),
        ("when.json --format hdr-log", "provenance.started_at: 'yesterday' is no time"),
        (
            "torn.json --format hdr-log",
            "cell 'huge-anon/unlocked/host/1/none' has a latency whose histogram is not base64",
        ),
        ("good.json --format pdf", "[possible values: html, text, markdown, csv, hdr-log]"),
        ("--format csv", "<RUN.json>..."),
    ] {
        let output = place.line(&format!("report {line} -o out"));
        let error = err(&output);
        assert_eq!(code(&output), Some(2), "{line}: {error}");
        assert!(error.contains(message), "{line}: {error}");
        assert!(!place.path("out").exists(), "{line}");
    }
    let output = place.line("report good.json -o no/such/place.md");
    assert_eq!(code(&output), Some(6));
}

#[test]
fn a_log_is_as_histogram_log_writer_has_it() {
    let mut run = common::run();
    run.cells.truncate(1);
    let found = run.cells[0].measured.as_mut().unwrap();
    let timed = Some(common::latency(9_000.0));
    let unmap = OpStats { count: 2000, per_s: 10.0, latency_ns: timed, ..OpStats::default() };
    found.ops.insert("munmap".to_owned(), unmap);
    let untimed = OpStats { count: 1, per_s: 1.0, ..OpStats::default() };
    found.ops.insert("fork".to_owned(), untimed);
    run.cells[0].id = "my storms, x/unlocked/host/1/none".to_owned();
    let log = report::hdr_log(&[run.clone()]).unwrap();
    let header = "\
#faultstorm 0.1.0: latencies in ns of sampled events; tags are cells and what was timed
#[Histogram log format version 1.3]
#[BaseTime: 1773500966.000 (seconds since epoch)]
#[StartTime: 1773500966.000 (seconds since epoch), 2026-03-14T15:09:26Z]
\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"
Tag=my_storms__x/unlocked/host/1/none/anon_write,0.000,0.500,0.010,HISTFAAAA";
    assert_eq!(&log[..header.len()], header);
    let found = run.cells[0].measured.as_ref().unwrap();
    let fault = &found.latency_ns[&faultstorm::run::FaultKind::AnonWrite];
    let name = |timed| format!("my_storms__x/unlocked/host/1/none/{timed}");
    let unmap = found.ops["munmap"].latency_ns.as_ref().unwrap();
    let both = [(name("anon_write"), fault), (name("munmap"), unmap)];
    assert_holds(&log, both.into_iter());
}

#[test]
fn several_runs_stay_apart() {
    let first = common::run();
    let mut second = common::run();
    second.provenance.started_at = "2026-03-15T10:00:00Z".to_owned();
    let runs = [first, second];
    let numbered = runs.iter().enumerate().flat_map(|(number, run)| {
        let tag = move |(tag, latency)| (format!("run-{}/{tag}", number + 1), latency);
        of_faults(run).into_iter().map(tag)
    });
    let log = report::hdr_log(&runs).unwrap();
    assert_holds(&log, numbered);
    assert_eq!(log.matches("#[BaseTime: ").count(), 2, "each run has its own");

    let csv = report::csv(&runs);
    let rows = |started: &str| csv.lines().filter(|row| row.contains(started)).count();
    assert_eq!(rows("2026-03-14T15:09:26Z"), rows("2026-03-15T10:00:00Z"));
    assert_eq!(csv.matches("workload_digest").count(), 1, "one row of names");
    let markdown = report::markdown(&runs);
    assert_eq!(markdown.lines().filter(|line| line.starts_with("## ")).count(), 2);
}

#[test]
fn a_run_as_markdown() {
    let text = report::markdown(&[common::run()]);
    for table in text.split("\n\n").filter(|part| part.starts_with('|')) {
        let columns: Vec<usize> = table.lines().map(|row| row.matches('|').count()).collect();
        assert!(columns.iter().all(|count| *count == columns[0]), "{table}");
    }
    insta::assert_snapshot!(text);
}
