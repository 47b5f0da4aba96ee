//! Files and flags that are drawn: shipped ones with mistakes in them.

use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::victim::{End, MODEL, ended};
use super::{Row, only_fuzz};
use crate::place::Place;
use crate::random::Draw;

pub const ATTACKS: &[Row] = &[
    ("workload", 12, workload),
    ("machine", 8, machine),
    ("kernel", 4, kernel),
    ("document", 16, document),
    ("flags", 8, flags),
];

/// The root of the repository, which has the files that are changed.
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Limits of a command that reads a drawn file.
fn limits() -> &'static str {
    if only_fuzz() { "" } else { "ulimit -v 6000000;" }
}

/// Text in which a mistake is likely to be of a kind that nobody thought of.
const PIECES: [&str; 28] = [
    "0",
    "-1",
    "1e308",
    "18446744073709551615",
    "9223372036854775808",
    "4294967296",
    "0.5",
    "NaN",
    "\"\"",
    "\"1h\"",
    "\"0ns\"",
    "\"99999999TiB\"",
    "\"1KiB\"",
    "true",
    "null",
    "[]",
    "{}",
    "[[a]]",
    "\u{1b}[31m",
    "\u{202e}",
    "\r",
    "\u{feff}",
    "а",
    "=",
    "\"",
    "#",
    "\n",
    "'''",
];

/// Changes some places of a text: parts are put in, left out, doubled, or swapped with others.
fn spoiled(text: &str, draw: &mut Draw) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=draw.below(4) {
        let at = draw.below(bytes.len() as u64 + 1) as usize;
        let end = (at + draw.below(24) as usize).min(bytes.len());
        match draw.below(6) {
            0 => drop(bytes.splice(at..at, draw.pick(&PIECES).bytes())),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let part = bytes[at..end].to_vec();
                let to = draw.below(bytes.len() as u64 + 1) as usize;
                drop(bytes.splice(to..to, part));
            }
            3 => bytes.truncate(at.max(1)),
            4 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << draw.below(8)),
            _ => value(&mut bytes, draw),
        }
    }
    bytes
}

/// Replaces a value, so that the text is still of its format.
fn value(bytes: &mut Vec<u8>, draw: &mut Draw) {
    let starts = |pair: &[u8]| (pair[0] == b'=' || pair[0] == b':') && pair[1] == b' ';
    let places: Vec<usize> = bytes
        .windows(2)
        .enumerate()
        .filter(|(_, pair)| starts(pair))
        .map(|(at, _)| at + 2)
        .collect();
    if places.is_empty() {
        return;
    }
    let from = draw.pick(&places);
    let is_end = |byte: &u8| b",\n}".contains(byte);
    let to = bytes[from..].iter().position(is_end).map_or(bytes.len(), |length| from + length);
    bytes.splice(from..to, draw.pick(&PIECES).bytes());
}

/// A drawn file of a folder of the repository.
fn shipped(folder: &str, ending: &str, draw: &mut Draw) -> String {
    let entries = std::fs::read_dir(Path::new(ROOT).join(folder)).expect("it is there");
    let paths = entries.map(|entry| entry.expect("it is read").path());
    let mut paths: Vec<_> = paths.filter(|path| path.to_string_lossy().ends_with(ending)).collect();
    paths.sort();
    std::fs::read_to_string(&paths[draw.below(paths.len() as u64) as usize]).expect("it is text")
}

/// Runs a command on a drawn file, and checks that nothing that acts on a terminal is printed.
fn read(place: &Place, line: &str) -> Result<End, String> {
    let end = ended(place, limits(), line, "")?;
    let acts = ['\u{1b}', '\u{202e}', '\r', '\u{feff}'];
    match (end.out.contains(acts), end.err.contains(acts)) {
        (false, false) => Ok(end),
        _ => Err(format!("a character that acts on the terminal: {line}\n{}{}", end.out, end.err)),
    }
}

fn workload(place: &Place, draw: &mut Draw) -> Result<(), String> {
    let text = spoiled(&shipped("workloads", ".toml", draw), draw);
    place.write("w.toml", text);
    let end = read(place, "check --syntax w.toml")?;
    if end.code == Some(0) {
        let line = "run ./w.toml --on model:laptop-intel --threads 2 --strategy mmap-lock \
                    --body none --faults 50 --json run.json";
        read(place, line)?;
    }
    Ok(())
}

fn machine(place: &Place, draw: &mut Draw) -> Result<(), String> {
    place.write("m.toml", spoiled(&shipped("machines", ".toml", draw), draw));
    let line = "run small.toml mprotect-storm --on model:./m.toml --threads 1,2 \
                --strategy mmap-lock,speculative --body real --faults 50 --json run.json";
    read(place, line).map(drop)
}

fn kernel(place: &Place, draw: &mut Draw) -> Result<(), String> {
    place.write("k.toml", spoiled(&shipped("kernels", ".toml", draw), draw));
    let line = "run small.toml --on model:laptop-intel --kernel ./k.toml --threads 2 \
                --strategy mmap-lock,vm-refcnt --body none --faults 50 --json run.json";
    read(place, line).map(drop)
}

/// A document that a run has written, with mistakes in it, is read by every command that can.
fn document(place: &Place, draw: &mut Draw) -> Result<(), String> {
    ended(place, "", MODEL, "-q")?;
    let text = place.read("run.json");
    let mut bytes = match draw.one_in(2) {
        true => damaged(&text, draw),
        false => spoiled(&text, draw),
    };
    if draw.one_in(3) {
        let mut inflated = GzEncoder::new(Vec::new(), Compression::fast());
        inflated.write_all(&bytes).expect("memory takes it");
        bytes = inflated.finish().expect("memory takes it");
        if draw.one_in(2) {
            let at = draw.below(bytes.len() as u64) as usize;
            bytes[at] ^= 1 << draw.below(8);
        }
    }
    place.write("bad.json", bytes);
    let line = draw.pick(&[
        "report bad.json -o a.html",
        "report bad.json --format text",
        "report bad.json --format markdown -o -",
        "report bad.json --format csv -o -",
        "report bad.json --format hdr-log -o -",
        "compare run.json bad.json --fail-above 5% --force",
        "compare bad.json --by strategy",
        "compare bad.json run.json --format json",
        "validate --with bad.json --machine laptop-intel",
    ]);
    read(place, line).map(drop)
}

/// Changes some values of a document, which stays JSON.
fn damaged(text: &str, draw: &mut Draw) -> Vec<u8> {
    let mut value: serde_json::Value = serde_json::from_str(text).expect("a run has written it");
    for _ in 0..=draw.below(3) {
        let mut at = &mut value;
        while !draw.one_in(6) {
            let length = match at {
                serde_json::Value::Array(items) => items.len(),
                serde_json::Value::Object(entries) => entries.len(),
                _ => 0,
            };
            if length == 0 {
                break;
            }
            let index = draw.below(length as u64) as usize;
            at = match at {
                serde_json::Value::Array(items) => &mut items[index],
                serde_json::Value::Object(entries) => {
                    entries.iter_mut().nth(index).expect("it is below the length").1
                }
                _ => break,
            };
        }
        *at = draw.pick(&[
            || serde_json::json!(null),
            || serde_json::json!(-1),
            || serde_json::json!(0),
            || serde_json::json!(u64::MAX),
            || serde_json::json!(1e300),
            || serde_json::json!("\u{1b}]0;x\u{7}\u{202e}=1+1"),
            || serde_json::json!([]),
            || serde_json::json!({}),
        ])();
    }
    value.to_string().into_bytes()
}

/// Flags that are drawn, with values that are drawn.
fn flags(place: &Place, draw: &mut Draw) -> Result<(), String> {
    const FLAGS: [&str; 24] = [
        "--threads",
        "--faults",
        "--repeats",
        "--jobs",
        "--seed",
        "--time",
        "--warmup",
        "--body",
        "--placement",
        "--strategy",
        "--on",
        "--kernel",
        "--vary",
        "--json",
        "--csv",
        "--html",
        "--entry-prefetch",
        "--no-lines",
        "--stages",
        "--details",
        "--force",
        "--quiet",
        "--by",
        "--fail-above",
    ];
    const VALUES: [&str; 26] = [
        "1",
        "0",
        "-1",
        "1..=4x2",
        "1,2",
        "2ms",
        "1us",
        "0s",
        "none",
        "real",
        "smt",
        "0,1",
        "all",
        "mmap*",
        "host",
        "model:laptop-intel",
        "kernel",
        "6.12",
        "think=0ns,1us",
        "local-batch=1,2",
        "every=1ms",
        "./a.json",
        "/dev/null",
        "$'\\e[31m'",
        "''",
        "$'\\xff'",
    ];
    let command =
        draw.pick(&["run", "run", "run", "compare", "report", "check", "list", "explain"]);
    let mut line = command.to_owned();
    for _ in 0..=draw.below(5) {
        line += &format!(" {} {}", draw.pick(&FLAGS), draw.pick(&VALUES));
    }
    // Short enough, whatever was drawn.
    let short = match command {
        "run" => " small.toml --faults 20 --repeats 1 --strategy mmap-lock",
        _ => "",
    };
    let before = if draw.one_in(2) { limits() } else { "" };
    ended(place, before, &format!("{line}{short}"), "").map(drop)
}
