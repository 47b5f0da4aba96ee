//! Mistakes in workload files, and the messages about them.
//!
//! Each file in `tests/bad/` has a different mistake; the messages are in
//! `tests/command/snapshots/`. After a change, read the new text with `INSTA_UPDATE=always cargo
//! test --test command bad_workloads` and `git diff`.

use std::fs;
use std::path::{Path, PathBuf};

use faultstorm::workload::{self, Diagnostics, Workload};
use proptest::prelude::*;
use proptest::sample::Index;

const STRATEGIES: [&str; 5] =
    ["unlocked", "mmap-lock", "vma-refcount", "speculative", "speculative:refcount"];

fn parse(path: &str, text: &str) -> Result<Workload, Diagnostics> {
    workload::parse("bad", path, text, &STRATEGIES)
}

fn bad_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad");
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_bad_file_says_what_is_wrong() {
    let files = bad_files();
    assert!(files.len() >= 28, "only {} bad files", files.len());
    let snapshots = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/command/snapshots");
    let snapshots = fs::read_dir(snapshots).unwrap().map(|entry| entry.unwrap().path());
    // Snapshots of other tests begin with their module's name.
    let own =
        |path: &PathBuf| path.to_str().is_some_and(|p| p.ends_with(".snap") && !p.contains("__"));
    let snapshots = snapshots.filter(own);
    assert!(snapshots.count() <= files.len(), "a snapshot is left over from a bad file");
    for path in files {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let mistakes = parse(&format!("tests/bad/{stem}.toml"), &text).unwrap_err();
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(stem, mistakes.render(false));
        });
    }
}

#[test]
fn five_mistakes_are_all_reported() {
    let text = include_str!("../bad/five-mistakes.toml");
    assert_eq!(parse("five-mistakes.toml", text).unwrap_err().len(), 5);
}

#[test]
fn color_is_only_where_it_is_asked_for() {
    let mistakes = parse("x.toml", "summary = 1").unwrap_err();
    assert!(mistakes.render(true).contains('\x1b'));
    assert!(!mistakes.render(false).contains('\x1b'));
    assert!(!mistakes.to_string().contains('\x1b'));
}

/// Parses and renders: a mistake must be reported without a panic.
fn say(text: &str) {
    if let Err(mistakes) = parse("x.toml", text) {
        assert!(mistakes.len() >= 1);
        assert!(!mistakes.render(false).is_empty() && !mistakes.render(true).is_empty());
    }
}

/// Returns a shipped or a bad file, for any index.
fn written(index: usize) -> String {
    let bad = bad_files();
    let shipped = workload::shipped();
    match shipped.get(index % (shipped.len() + bad.len())) {
        Some((_, text)) => (*text).to_owned(),
        None => fs::read_to_string(&bad[index % bad.len()]).unwrap(),
    }
}

/// Lines with keys and table headers, as a regular expression.
const TOML_LIKE: &str = concat!(
    r#"([a-z]{1,6} ?= ?("[a-zé0-9]*"|[0-9.]{1,4}|\{\}|\[\])\r?\n"#,
    r"|\[\[(vma|op|file|expect|group)\]\]\n|(touch|munmap|fork)\.[a-z]+=1\n){0,12}",
);

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_parsed_without_a_panic(text: String) {
        say(&text);
    }

    #[test]
    fn toml_like_text_is_parsed_without_a_panic(text in TOML_LIKE) {
        say(&text);
    }

    #[test]
    fn mutated_files_are_parsed_without_a_panic(
        index: usize,
        cuts in prop::collection::vec((any::<Index>(), 0_usize..12, "[ -~é\n]{0,4}"), 1..6),
    ) {
        let mut text: Vec<char> = written(index).chars().collect();
        for (at, length, new) in cuts {
            if text.is_empty() {
                break;
            }
            let start = at.index(text.len());
            let end = (start + length).min(text.len());
            text.splice(start..end, new.chars());
        }
        say(&text.into_iter().collect::<String>());
    }

    #[test]
    fn files_with_shuffled_lines_are_parsed_without_a_panic(
        index: usize,
        swaps in prop::collection::vec((any::<Index>(), any::<Index>()), 1..8),
    ) {
        let text = written(index);
        let mut lines: Vec<&str> = text.lines().collect();
        for (a, b) in swaps {
            if lines.is_empty() {
                break;
            }
            let (a, b) = (a.index(lines.len()), b.index(lines.len()));
            lines.swap(a, b);
        }
        say(&lines.join("\n"));
    }
}
