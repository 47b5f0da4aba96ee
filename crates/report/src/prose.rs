//! What surrounds the tables: whether to trust them, and what to do next.

use std::fmt::Write;

use super::Style;
use super::pairs::{BASES, Group, Ratios, twins};
use super::table::body;
use super::text::{Ink, bytes, cut, listed, paint, percent, plural, shell_word, wrap};
use document::run::{BodyCache, Cell, HostInfo, Key, Provenance, Run, Status, World};
use stats::{ERROR, LEVEL, MIN_REPEATS, Verdict};

/// Appends who measured where, and what spoils the numbers as a whole.
pub(super) fn header(out: &mut String, run: &Run, style: Style) {
    wrap(out, style, "", &program(run));
    wrap(out, style, "", &machine(&run.provenance.host));
    for (ink, text) in spoilt(run, "see below each table", "see the end") {
        let _ = writeln!(out, "{}", paint(style, ink, &text));
    }
}

/// Returns which program ran, and when.
pub(super) fn program(run: &Run) -> String {
    let by = &run.provenance;
    format!("faultstorm {}{}, {}", by.version, revision(by), by.started_at)
}

/// Returns what spoils the numbers as a whole; `failed` and `warned` say where more is.
pub(super) fn spoilt(run: &Run, failed: &str, warned: &str) -> Vec<(Ink, String)> {
    let mut found = missing(run, failed);
    let warnings = run.provenance.warnings.len();
    if warnings > 0 {
        found.push((Ink::Doubt, format!("{}; {warned}", plural(warnings, "warning"))));
    }
    found
}

/// Returns what a run should have and has not; `failed` says where more is of what failed.
pub(super) fn missing(run: &Run, failed: &str) -> Vec<(Ink, String)> {
    let count = |status| run.cells.iter().filter(|cell| cell.status == status).count();
    let mut found = Vec::new();
    if !run.complete {
        let done = count(Status::Ok);
        let text = format!("PARTIAL RUN: {done} of {} cells are complete", run.cells.len());
        found.push((Ink::Doubt, text));
    }
    let failures = count(Status::Failed);
    if failures > 0 {
        found.push((Ink::Bad, format!("{} FAILED; {failed}", plural(failures, "cell"))));
    }
    found
}

fn revision(by: &Provenance) -> String {
    let mut parts = Vec::new();
    if let Some(revision) = &by.git_revision {
        let dirty = if by.git_dirty == Some(true) { " with changes" } else { "" };
        parts.push(format!("{}{dirty}", revision.get(..12).unwrap_or(revision)));
    }
    if by.profile != "release" {
        parts.push(format!("{} build", by.profile));
    }
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}

/// Returns the machine in a sentence, without what it does not tell.
pub(super) fn machine(host: &HostInfo) -> String {
    let some = |count: Option<u32>, noun| count.map(|n| plural(n as usize, noun));
    let parts = [
        Some(host.cpu_model.clone().unwrap_or_else(|| "unknown CPU".to_owned())),
        some(host.sockets, "socket"),
        some(host.cores, "core"),
        some(host.cpus, "CPU"),
        host.memory_bytes.map(bytes),
        host.kernel.as_ref().map(|release| format!("Linux {release}")),
        host.hypervisor.as_ref().map(|name| format!("under {name}")),
        host.governor.as_ref().map(|name| format!("governor {name}")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Appends the heading of a table.
pub(super) fn title(out: &mut String, run: &Run, style: Style, group: &Group<'_>) {
    let name = cut(&name(group), style.width);
    let rule = "=".repeat(name.chars().count());
    let (name, rule) = (paint(style, Ink::Bold, &name), paint(style, Ink::Bold, &rule));
    let blank = if out.ends_with("\n\n") { "" } else { "\n" };
    let _ = writeln!(out, "{blank}{name}\n{rule}");
    about(run, group).iter().for_each(|text| wrap(out, style, "", text));
    out.push('\n');
}

/// Returns what a table is of: `huge-anon on the host, scatter placement`.
pub(super) fn name(group: &Group<'_>) -> String {
    let key = group.key();
    let world = match key.world {
        World::Host => "on the host".to_owned(),
        World::Kernel => "in the real kernel".to_owned(),
        World::Model => format!("on the model {}", key.machine),
    };
    let mut name = format!("{} {world}", key.workload);
    for (parameter, value) in &key.vary {
        let _ = write!(name, ", {parameter} = {value}");
    }
    // Last, since a list of CPUs may be longer than the line.
    let _ = write!(name, ", {} placement", key.placement);
    name
}

/// Returns what is to be known before a table: the machine, the lock, the workload.
pub(super) fn about(run: &Run, group: &Group<'_>) -> Vec<String> {
    let key = group.key();
    let machine = estimated(run, key).map(|(machine, share)| {
        let of = machine["summary"].as_str().unwrap_or_default();
        format!("{of}; {:.0} % of its numbers are estimates", share * 100.0)
    });
    let locks = (key.world == World::Kernel).then(|| kernel_locks(run)).flatten();
    let summary = text_of(run, group, "summary").map(str::to_owned);
    [machine, locks, summary].into_iter().flatten().collect()
}

/// Returns the machine of the model that a cell ran on, and the share of its numbers that are
/// estimates.
pub(super) fn estimated<'a>(run: &'a Run, key: &Key) -> Option<(&'a serde_json::Value, f64)> {
    let machine = run.machines.get(key.machine_digest.as_ref()?)?;
    Some((machine, machine["estimated_share"].as_f64().unwrap_or(1.0)))
}

/// Returns which lock the kernel takes, and how that is known.
fn kernel_locks(run: &Run) -> Option<String> {
    let host = &run.provenance.host;
    let locks = host.kernel_locks.as_ref()?;
    let release = host.kernel.as_ref()?;
    let config = match (locks.per_vma_lock, &locks.config) {
        (Some(true), Some(path)) => format!("CONFIG_PER_VMA_LOCK is set in {path}"),
        (Some(false), Some(path)) => format!("CONFIG_PER_VMA_LOCK is not set in {path}"),
        _ => "its configuration is not to be seen".to_owned(),
    };
    let own = locks.strategy.as_ref()?;
    Some(format!("Linux {release} takes the lock of '{own}': {config}"))
}

/// Appends the workload's own words on its numbers.
pub(super) fn analysis(out: &mut String, run: &Run, style: Style, group: &Group<'_>) {
    for paragraph in paragraphs(run, group) {
        wrap(out, style, "", paragraph);
        out.push('\n');
    }
}

/// Returns the workload's own words on its numbers.
pub(super) fn paragraphs<'a>(run: &'a Run, group: &Group<'_>) -> impl Iterator<Item = &'a str> {
    let text = text_of(run, group, "analysis").unwrap_or_default();
    text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty())
}

fn text_of<'a>(run: &'a Run, group: &Group<'_>, key: &str) -> Option<&'a str> {
    run.workloads.get(&group.key().workload_digest)?.get(key)?.as_str()
}

/// Something said once below a table, with the cells it is true of.
struct Note {
    ink: Ink,
    text: String,
    places: Vec<String>,
}

/// Appends why cells have no numbers, fewer than asked for, or no ratio.
pub(super) fn unmeasured(out: &mut String, style: Style, group: &Group<'_>) {
    for (ink, text) in notes(group) {
        let mut lines = String::new();
        wrap(&mut lines, style, "  ", &text);
        for line in lines.lines() {
            let _ = writeln!(out, "{}", paint(style, ink, line));
        }
    }
    if !out.ends_with("\n\n") {
        out.push('\n');
    }
}

/// Returns why cells have no numbers, fewer than asked for, or no ratio, each reason once.
pub(super) fn notes(group: &Group<'_>) -> Vec<(Ink, String)> {
    let mut notes: Vec<Note> = Vec::new();
    let mut note = |ink, text: String, cell: &Cell| {
        let place = place(cell);
        match notes.iter_mut().find(|note| note.text == text) {
            Some(note) if note.places.contains(&place) => {}
            Some(note) => note.places.push(place),
            None => notes.push(Note { ink, text, places: vec![place] }),
        }
    };
    for &cell in &group.cells {
        let reason = cell.reason.as_deref().unwrap_or("no reason given");
        let strategy = cell.key.strategy_name();
        match cell.status {
            Status::Ok => {}
            Status::Skipped => note(Ink::Plain, format!("{strategy} skipped: {reason}"), cell),
            Status::Failed => note(Ink::Bad, format!("{strategy} FAILED: {reason}"), cell),
            Status::Partial => note(Ink::Doubt, format!("* {strategy} partial: {reason}"), cell),
        }
        if cell.is_oversubscribed {
            let text = "no ratio and no scaling where threads outnumber cores: they would show \
                        the scheduler";
            note(Ink::Doubt, text.to_owned(), cell);
        }
    }
    // What holds for one strategy wherever it stands needs no list of places.
    let first = group.key().strategy_name();
    let stands = group.cells.iter().filter(|cell| cell.key.strategy_name() == first).count();
    let said = |Note { ink, text, places }: Note| match places.len() == stands {
        true => (ink, text),
        false => (ink, format!("{text} ({})", places.join("; "))),
    };
    notes.into_iter().map(said).collect()
}

/// Returns where a cell stands in its table: `2 threads, lock alone`.
pub(super) fn place(cell: &Cell) -> String {
    format!("{}, {}", plural(cell.key.threads as usize, "thread"), body(cell.key.body))
}

/// Appends the noise floor, how to read the numbers, the warnings and what to do next.
pub(super) fn footer(
    out: &mut String,
    run: &Run,
    style: Style,
    ratios: &Ratios,
    document: Option<&str>,
) {
    heading(out, style, "Noise floor");
    wrap(out, style, "  ", &noise_floor(run));
    heading(out, style, "How to read");
    wrap(out, style, "  ", &reading(run, ratios));
    if !run.provenance.warnings.is_empty() {
        heading(out, style, "Warnings");
        warnings(run).iter().for_each(|warning| wrap(out, style, "  ", warning));
    }
    heading(out, style, "Reproduce");
    command(out, style, &run.provenance.argv);
    let _ = writeln!(out, "  seed: {}", run.provenance.seed);
    if let Some(digest) = &run.digest {
        let _ = writeln!(out, "  digest of the model's cells: {digest}");
    }
    if let Some(path) = document {
        let _ = writeln!(out, "  document: {path}");
    }
}

/// Appends a command line to be pasted, continued where it is too long for one.
fn command(out: &mut String, style: Style, argv: &[String]) {
    let mut line = String::from(" ");
    for word in argv.iter().map(|word| shell_word(word)) {
        // Room for the word, the space before it and a continuation behind it.
        if line.len() + word.len() + 3 > style.width && !line.trim().is_empty() {
            let _ = writeln!(out, "{line} \\");
            line = String::from("   ");
        }
        line = format!("{line} {word}");
    }
    let _ = writeln!(out, "{line}");
}

fn heading(out: &mut String, style: Style, text: &str) {
    // One empty line before a heading, also behind a table that ends with one.
    let blank = if out.ends_with("\n\n") { "" } else { "\n" };
    let _ = writeln!(out, "{blank}{}", paint(style, Ink::Bold, text));
}

/// Returns what the A/A twins say, in words.
pub(super) fn noise_floor(run: &Run) -> String {
    let twins = twins(run);
    let off = |ratio: f64| (ratio - 1.0).abs();
    let worst = twins.iter().max_by(|a, b| off(a.1.ratio.median).total_cmp(&off(b.1.ratio.median)));
    let Some((cell, worst)) = worst else {
        return "Unknown: no cell ran twice, so nothing tells how far equal code comes out apart."
            .to_owned();
    };
    let at = format!("{}, {}", cell.key.workload, place(cell));
    let mut text = format!(
        "{} ran twice. Its two copies are at most {} apart ({at}). Smaller differences between \
         strategies mean nothing here.",
        cell.key.strategy_name(),
        percent(off(worst.ratio.median)),
    );
    let told = |v: Option<Verdict>| v.is_some_and(|v| v != Verdict::NoDifferenceSeen);
    let apart = twins.iter().filter(|(_, comparison)| told(comparison.verdict)).count();
    if apart > 0 {
        let _ = write!(
            text,
            " In {apart} of {} the copies were told apart although they are the same code: \
             verdicts of this run are not to be trusted. Quiet the machine, or give more \
             --repeats.",
            plural(twins.len(), "pair"),
        );
    }
    text
}

/// Returns how the numbers of this run are to be read, in words.
pub(super) fn reading(run: &Run, ratios: &Ratios) -> String {
    let bases = listed(&BASES.map(str::to_owned));
    let mut text = format!(
        "Medians over repeats with {:.0}% bootstrap intervals; +- is half an interval's width. \
         Lock alone: pages are neither cleared nor copied.",
        LEVEL * 100.0,
    );
    if ratios.len() > 0 {
        let _ = write!(
            text,
            " Ratios above 1 are faster than {bases}; a verdict stands where the whole interval \
             is on one side of 1: Student's t of logarithms, the slowest quarter left out. That \
             any ratio to one base has a verdict by chance alone is kept at {:.0}%.",
            ERROR * 100.0,
        );
    }
    if ratios.looked() {
        text += " What was sure was stormed no more, and the looks are paid for.";
    }
    if ratios.any_without_verdict() {
        let _ = write!(text, " No verdict with fewer than {MIN_REPEATS} repeats: give more.");
    }
    if let Some(clock) = &run.provenance.clock {
        let _ = write!(
            text,
            " Latency: one fault in {} by {}, whose own {:.0} ns are included.",
            clock.sample_period, clock.name, clock.cost_ns,
        );
    }
    let kernel = run.cells.iter().filter(|cell| cell.key.world == World::Kernel);
    let mut kernel = kernel.filter_map(|cell| cell.measured.as_ref());
    if let Some(latency) = kernel.find_map(|found| found.latency_ns.values().next()) {
        let _ = write!(
            text,
            " In the real kernel one touch in {}, the exception included.",
            latency.sample_period,
        );
    }
    if run.provenance.body_cache == Some(BodyCache::Hot) {
        text += " Page frames fit the last-level cache (body_cache: hot), so the body is cheaper \
                 here than on a machine that has run for a while.";
    }
    let _ = write!(text, " Hardware counters: {}.", run.provenance.perf);
    if let Some(events) = &run.provenance.kernel_events {
        let _ = write!(text, " Events of the real kernel: {events}.");
    }
    text
}

/// Returns each warning once, with the cells it is about.
pub(super) fn warnings(run: &Run) -> Vec<String> {
    let mut seen: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    for warning in &run.provenance.warnings {
        let same = seen.iter_mut().find(|(c, t, _)| *c == warning.code && *t == warning.text);
        let cells = match same {
            Some((_, _, cells)) => cells,
            None => {
                seen.push((&warning.code, &warning.text, Vec::new()));
                &mut seen.last_mut().expect("one was pushed").2
            }
        };
        cells.extend(warning.cell.as_deref());
    }
    let said = |(code, text, cells): (&str, &str, Vec<&str>)| {
        let about = match cells.as_slice() {
            [] => String::new(),
            [one] => format!(" ({one})"),
            [first, ..] => format!(" ({} cells, as {first})", cells.len()),
        };
        format!("{code}: {text}{about}")
    };
    seen.into_iter().map(said).collect()
}
