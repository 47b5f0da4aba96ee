//! The form of the source: short files, lines and functions, and nothing unfinished.
//!
//! Each rule is a function from a file to its violations, and is also applied to a snippet that
//! violates it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::page::ROOT;

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;
const COLUMNS_MAX: usize = 100;

/// A file, with its path from the root (separated by `/`).
pub struct Source {
    pub path: String,
    pub text: String,
}

impl Source {
    pub fn of(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// Returns the lines of code, without comments and without the first test module and all after
    /// it.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().take_while(|line| *line != "#[cfg(test)]");
        let code = lines.map(|line| line.split("//").next().expect("a split has a part"));
        code.enumerate().map(|(index, line)| (index + 1, line))
    }

    pub fn at(&self, line: usize, rule: &str) -> String {
        format!("{}:{line}: {rule}", self.path)
    }
}

fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    for top in ["src", "crates", "tests", "benches", "examples"] {
        collect(&Path::new(ROOT).join(top), &mut found);
    }
    assert!(found.len() > 300, "the sources are here");
    let read = |path: &PathBuf| {
        let relative = path.strip_prefix(ROOT).expect("it is below the root");
        Source::of(&relative.to_string_lossy(), &fs::read_to_string(path).expect("it is text"))
    };
    found.iter().map(read).collect()
}

fn collect(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("the directory is there") {
        let path = entry.expect("an entry can be read").path();
        let own = |extension: &OsStr| extension == "rs" || extension == "js" || extension == "css";
        if path.is_dir() && path.file_name().is_some_and(|name| name != "vendor") {
            collect(&path, found);
        } else if path.extension().is_some_and(own) {
            found.push(path);
        }
    }
}

/// Fails with every violation of `rule`, and if the rule accepts `broken`.
pub fn holds(rule: fn(&Source) -> Vec<String>, broken: &Source) {
    assert!(!rule(broken).is_empty(), "the rule catches nothing: {}", broken.text);
    let violations: Vec<String> = sources().iter().flat_map(rule).collect();
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

fn is_short(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    let rule = format!("a file of {lines} lines, over {FILE_LINES_MAX}");
    (lines > FILE_LINES_MAX).then(|| source.at(lines, &rule)).into_iter().collect()
}

fn has_narrow_lines(source: &Source) -> Vec<String> {
    let wide = source.text.lines().enumerate().filter(|(_, l)| l.chars().count() > COLUMNS_MAX);
    wide.map(|(index, _)| source.at(index + 1, "a line over 100 columns")).collect()
}

/// In rustfmt's output a function ends with a brace below its first letter.
fn has_short_functions(source: &Source) -> Vec<String> {
    let mut violations = Vec::new();
    // Line where it began, its expected last line, and true if its body has begun.
    let mut open: Option<(usize, String, bool)> = None;
    for (index, line) in source.text.lines().enumerate() {
        let code = line.trim_start();
        let indent = &line[..line.len() - code.len()];
        let is_fn = code.split('(').next().is_some_and(|head| {
            head.split_whitespace().any(|word| word == "fn") && !head.contains(['"', '/', '='])
        });
        if is_fn && open.is_none() {
            open = Some((index, format!("{indent}}}"), false));
        }
        let Some((from, end, body)) = &mut open else { continue };
        *body |= line.ends_with('{');
        let declared = !*body && line.ends_with([';', '}']);
        if line == end || declared {
            if index - *from + 1 > FUNCTION_LINES_MAX {
                violations.push(source.at(*from + 1, "a function over 70 lines"));
            }
            open = None;
        }
    }
    violations
}

fn is_finished(source: &Source) -> Vec<String> {
    let words = ["todo!", "unimplemented!", "dbg!", "TODO", "FIXME", "XXX", "HACK"];
    let unfinished = |line: &str| words.iter().any(|word| line.contains(word));
    let lines = source.text.lines().enumerate().filter(|(_, line)| unfinished(line));
    let here = source.path == "tests/docs/tidy.rs";
    lines.filter(|_| !here).map(|(i, _)| source.at(i + 1, "not finished")).collect()
}

/// Cargo does not run them: an example belongs in `examples/`. A figure is a block of `text`.
fn has_no_code_in_comments(source: &Source) -> Vec<String> {
    let library = source.path.starts_with("src/") || source.path.starts_with("crates/");
    let fence = |line: &str| {
        let line = line.trim_start();
        let text = line.trim_start_matches(['/', '!']).trim();
        (line.starts_with("//") && text.starts_with("```")).then(|| text.to_owned())
    };
    let fences = source.text.lines().enumerate().filter_map(|(i, line)| Some((i, fence(line)?)));
    let mut in_figure = false;
    let code = fences.filter(|(_, fence)| {
        let was_in_figure = std::mem::replace(&mut in_figure, fence == "```text");
        !in_figure && !was_in_figure
    });
    code.filter(|_| library)
        .map(|(i, _)| source.at(i + 1, "code in a comment is not run"))
        .collect()
}

#[test]
fn files_lines_and_functions_are_short() {
    holds(is_short, &Source::of("src/a.rs", &"\n".repeat(FILE_LINES_MAX + 1)));
    holds(has_narrow_lines, &Source::of("src/a.rs", &"x".repeat(COLUMNS_MAX + 1)));
    let long = format!("    fn a(\n    ) {{\n{}    }}\n", "        b();\n".repeat(70));
    holds(has_short_functions, &Source::of("src/a.rs", &long));
}

#[test]
fn examples_are_programs() {
    holds(has_no_code_in_comments, &Source::of("src/a.rs", "/// ```\n/// a();\n/// ```"));
}

#[test]
fn nothing_is_left_unfinished() {
    holds(is_finished, &Source::of("src/a.rs", "fn a() { todo!() }"));
}
