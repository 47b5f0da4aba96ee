//! Latencies as a log of HdrHistogram: the text that its `HistogramLogWriter` writes and its
//! `HistogramLogReader`, analyzers and viewers read (version 1.3, as of HdrHistogram 2.1.11).
//!
//! The document holds each histogram in the encoding of the log, so nothing is encoded again. A
//! cell has one interval for each kind of fault and operation. All intervals start with the run,
//! since the storms of cells take turns.

use std::fmt::Write;
use std::time::SystemTime;

use document::run::{LatencyDistribution, Measured, Run};

/// First line of `HistogramLogWriter`, and its line before the intervals.
const VERSION: &str = "#[Histogram log format version 1.3]";
const LEGEND: &str =
    r#""StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram""#;
/// Divisor of the largest value: `HistogramLogWriter` shows milliseconds.
const NS_PER_MS: f64 = 1e6;

/// The reason why a run cannot be written as a log.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {wrong}")]
pub struct HdrLogError {
    /// Index of the run.
    pub run: usize,
    /// The part of the document.
    place: String,
    wrong: String,
}

/// Returns the latencies of runs as a log. The tag of an interval is `CELL/KIND` or
/// `CELL/OPERATION`, with `run-N/` in front if there are several runs.
///
/// # Errors
///
/// A run without a start time, or a histogram that cannot be read.
pub fn hdr_log(runs: &[Run]) -> Result<String, HdrLogError> {
    let mut out = String::new();
    for (number, run) in runs.iter().enumerate() {
        let wrong = |place: String, wrong| HdrLogError { run: number, place, wrong };
        let started = &run.provenance.started_at;
        let since = humantime::parse_rfc3339(started).map_err(|error| {
            let text = format!("'{started}' is no time: {error}");
            wrong("provenance.started_at".to_owned(), text)
        })?;
        header(&mut out, run, since);
        let prefix = if runs.len() == 1 { String::new() } else { format!("run-{}/", number + 1) };
        for cell in &run.cells {
            let Some(found) = &cell.measured else { continue };
            for (name, latency) in latencies(found) {
                let name = format!("{}/{name}", cell.id);
                let interval = interval(found, latency);
                let _ = writeln!(out, "Tag={},{interval}", tag(&format!("{prefix}{name}")));
                latency.samples().map_err(|error| wrong(name, error))?;
            }
        }
    }
    Ok(out)
}

/// Appends lines that readers take for comments, but for the two times. Intervals are relative
/// to the base time, and a log may set it again.
fn header(out: &mut String, run: &Run, since: SystemTime) {
    let since_epoch = since.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let (since_s, since) = (since_epoch.as_secs_f64(), humantime::format_rfc3339(since));
    let _ = write!(
        out,
        "#faultstorm {}: latencies in ns of sampled events; tags are cells and what was timed\n\
         {VERSION}\n\
         #[BaseTime: {since_s:.3} (seconds since epoch)]\n\
         #[StartTime: {since_s:.3} (seconds since epoch), {since}]\n\
         {LEGEND}\n",
        run.provenance.version
    );
}

/// Returns the latencies of a cell, faults first.
fn latencies(found: &Measured) -> impl Iterator<Item = (String, &LatencyDistribution)> {
    let faults = found.latency_ns.iter().map(|(kind, latency)| (kind.to_string(), latency));
    let timed = found.ops.iter().filter_map(|(name, op)| Some((name, op.latency_ns.as_ref()?)));
    faults.chain(timed.map(|(name, latency)| (name.clone(), latency)))
}

/// Returns start, length, largest value and histogram of an interval. Its length is that of the
/// measured windows of the cell.
fn interval(found: &Measured, latency: &LatencyDistribution) -> String {
    let length_s: f64 = found.repeats.iter().map(|repeat| repeat.window_s).sum();
    let max_ms = latency.max_sampled as f64 / NS_PER_MS;
    format!("0.000,{length_s:.3},{max_ms:.3},{}", latency.histogram)
}

/// Returns a name as a tag: a tag ends at a comma, and readers split lines at spaces too.
fn tag(name: &str) -> String {
    name.replace([' ', ',', '\r', '\n'], "_")
}
