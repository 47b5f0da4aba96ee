//! `[[file]]`

use toml::Spanned;

use super::check::Check;
use crate::diag::Diagnostic;
use crate::workload::units::print_time;
use crate::workload::{File, Latency, wire};

const SHOWN: &str = "[[file]]";

pub(super) fn lower(entry: &wire::Entry<wire::File>, check: &mut Check<'_>) -> Option<File> {
    let table = &entry.table;
    let size = check.required(entry, SHOWN, "size", &table.size, "\"256MiB\"");
    let pages = size.and_then(|size| check.some_pages("size", size));
    let cached = match &table.cached {
        Some(cached) => check.share("cached", cached),
        None => Some(1.0),
    };
    let io = match &table.io_latency {
        Some(io) => latency(io, check),
        None => Some(Latency::Fixed(0)),
    };
    if entry.unread.is_empty() {
        io_where_it_misses(entry, cached, check);
    }
    Some(File {
        name: table.name.as_ref()?.get_ref().clone(),
        pages: pages?,
        cached: cached?,
        io: io?,
        speculation: table.speculation.as_ref().is_none_or(|value| *value.get_ref()),
    })
}

/// A file that is not wholly cached has an I/O latency, and only such a file.
fn io_where_it_misses(entry: &wire::Entry<wire::File>, cached: Option<f64>, check: &mut Check<'_>) {
    let table = &entry.table;
    match (&table.cached, cached, &table.io_latency) {
        (Some(written), Some(share), None) if share < 1.0 => check.push(
            Diagnostic::new("a file that is not wholly cached has no `io_latency`")
                .at(written.span(), "a read may miss the page cache")
                .rule("a miss sleeps for `io_latency`")
                .help("write io_latency = \"80us\", or cached = 1.0"),
        ),
        (written, Some(1.0), Some(io)) => {
            let mut diagnostic = Diagnostic::new("`io_latency` of a file that is wholly cached")
                .at(io.span(), "no read ever misses the page cache");
            if let Some(written) = written {
                diagnostic = diagnostic.at(written.span(), "the share that is cached");
            }
            check.push(diagnostic.help("write cached = 0.5, or leave `io_latency` out"));
        }
        _ => {}
    }
}

fn latency(io: &Spanned<wire::Latency>, check: &mut Check<'_>) -> Option<Latency> {
    let latency = match *io.get_ref() {
        wire::Latency::Fixed(time) => Latency::Fixed(time.0),
        wire::Latency::Uniform([low, high]) => Latency::Uniform(low.0, high.0),
        wire::Latency::Exponential(mean) => Latency::Exponential(mean.0),
    };
    match latency {
        Latency::Uniform(low, high) if low > high => {
            let (low, high) = (print_time(low), print_time(high));
            check.push(
                Diagnostic::new(format!("a uniform latency from \"{low}\" down to \"{high}\""))
                    .at(io.span(), "the smaller time comes first")
                    .help(format!("write {{ uniform = [\"{high}\", \"{low}\"] }}")),
            );
            None
        }
        Latency::Fixed(0) | Latency::Uniform(_, 0) | Latency::Exponential(0) => {
            check.push(
                Diagnostic::new("`io_latency` is a time above 0")
                    .at(io.span(), "no time")
                    .help("write io_latency = \"80us\", or cached = 1.0"),
            );
            None
        }
        latency => Some(latency),
    }
}
