//! Checks that the model's figures in the documentation are those that the program prints.
//!
//! A `console` block of a page holds commands, each after a `$`, and the output of each: standard
//! output or, if the command fails, standard error. The commands run with their real lengths, in
//! the order of the page, and must print every line of the block, digit for digit; `...` replaces
//! lines that are left out. Figures that depend on this machine's clock cannot be compared: they
//! are in `text` blocks, followed by the name of the machine on which they were measured.
//!
//! `UPDATE_REFERENCE=1 cargo test --test docs` renews the blocks. A line of a block that leaves
//! lines out is found again by its words before the first figure.

use crate::commands::{Command, directory};
use crate::page::{Page, ROOT, pages};
use std::path::Path;

/// Replaces lines that are left out.
const LEFT_OUT: &str = "...";

/// A command of a page, with the lines that it should print.
struct Example<'a> {
    command: Command,
    /// The number of the first line that it prints, from zero.
    line: usize,
    printed: Vec<&'a str>,
}

impl<'a> Example<'a> {
    fn all(page: &'a Page) -> Vec<Example<'a>> {
        let consoles = page.fences().into_iter().filter(|fence| fence.info == "console");
        let block = |fence: crate::page::Fence<'a>| {
            let mut found: Vec<Example<'a>> = Vec::new();
            let mut lines = fence.text.iter().zip(fence.line..).peekable();
            while let Some((line, number)) = lines.next() {
                let Some(code) = line.strip_prefix("$ ") else {
                    let example = found.last_mut().expect("a block begins with a command");
                    example.printed.push(line);
                    continue;
                };
                let mut code = vec![code];
                while code.last().is_some_and(|code| code.ends_with('\\')) {
                    code.push(lines.next().expect("a command ends").0);
                }
                let command = Command::read(page, number, &code).pop().expect("it is one");
                let line = number + code.len() - 1;
                found.push(Example { command, line, printed: Vec::new() });
            }
            found
        };
        consoles.flat_map(block).collect()
    }
}

/// Returns a line without the mark of the running kernel's lock, which differs between machines.
fn unmarked(line: &str) -> &str {
    line.strip_prefix("> ").or(line.strip_prefix("  ")).unwrap_or(line)
}

/// True if a page shows the printed lines, except for those that it leaves out.
fn shows(page: &[&str], printed: &[&str]) -> bool {
    match page.split_first() {
        None => printed.is_empty(),
        Some((&LEFT_OUT, rest)) => (0..=printed.len()).any(|from| shows(rest, &printed[from..])),
        Some((line, rest)) => printed.split_first().is_some_and(|(first, more)| {
            unmarked(line) == unmarked(first.trim_end()) && shows(rest, more)
        }),
    }
}

/// Returns what a page should show of what was printed. Lines that are not found again stay.
fn renewed(page: &[&str], printed: &[&str]) -> Vec<String> {
    if !page.contains(&LEFT_OUT) {
        return printed.iter().map(|line| line.trim_end().to_owned()).collect();
    }
    let words = |line: &str| -> String {
        let line = unmarked(line);
        line[..line.find(|c: char| c.is_ascii_digit()).unwrap_or(line.len())].trim().to_owned()
    };
    let mut rest = printed.iter();
    let mut line = |&shown: &&str| {
        let found = match shown {
            LEFT_OUT => None,
            _ if words(shown).is_empty() => None,
            _ => rest.clone().position(|printed| words(printed) == words(shown)),
        };
        found.and_then(|at| rest.nth(at)).map_or(shown, |line| line.trim_end()).to_owned()
    };
    page.iter().map(&mut line).collect()
}

/// Writes a page anew, in which these lines of examples have changed.
fn renew(page: &Page, changed: &[(usize, usize, Vec<String>)]) {
    let mut lines: Vec<String> = page.text.lines().map(str::to_owned).collect();
    for (from, count, shown) in changed.iter().rev() {
        lines.splice(*from..from + count, shown.iter().cloned());
    }
    let text = lines.join("\n") + "\n";
    std::fs::write(Path::new(ROOT).join(&page.path), text).expect("the page can be written");
}

#[test]
fn pages_show_what_the_program_prints() {
    let mut wrong = String::new();
    let mut count = 0;
    for page in pages() {
        let directory = directory(&page, |lines| lines.join("\n"));
        let mut changed = Vec::new();
        for Example { command, line, printed } in Example::all(&page) {
            let (program, args) = command.program().expect("it is one of this repository's");
            let output = command.output(&program, &args, directory.path());
            let lines: Vec<&str> = output.lines().collect();
            if !shows(&printed, &lines) {
                changed.push((line, printed.len(), renewed(&printed, &lines)));
                wrong +=
                    &format!("\n{} shows what is not printed. Printed is\n{output}", command.at);
            }
            count += 1;
        }
        if std::env::var_os("UPDATE_REFERENCE").is_some() && !changed.is_empty() {
            renew(&page, &changed);
            wrong.clear();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(count > 4, "{count} commands have their output beside them");
}

#[test]
fn figures_of_a_host_say_of_which() {
    let read_by_all = |page: &Page| page.path == "README.md" || page.path.starts_with("docs/");
    let is_written = |page: &Page| !page.path.starts_with("docs/reference");
    for page in pages().into_iter().filter(|page| read_by_all(page) && is_written(page)) {
        let lines: Vec<&str> = page.text.lines().collect();
        for fence in page.fences().iter().filter(|fence| fence.info == "text") {
            // The fence has the number of its first line, from one; so this is after its end.
            let after = &lines[fence.line + fence.text.len()..];
            let is_named = after.iter().take(5).any(|line| line.contains("easured on"));
            assert!(is_named, "{}:{}: measured on which machine?", page.path, fence.line);
        }
    }
}

#[test]
fn an_example_is_compared_line_by_line() {
    let text = "```console\n$ faultstorm a \\\n    --b\n  1 c\n...\nd\n\
                $ faultstorm e  # exits 2\nf\n```\n";
    let page = Page { path: "p.md".to_owned(), text: text.to_owned() };
    let found = Example::all(&page);
    let places: Vec<_> = found.iter().map(|example| example.command.at.as_str()).collect();
    assert_eq!((places, found[1].printed.as_slice()), (vec!["p.md:2", "p.md:7"], ["f"].as_slice()));
    let first = found[0].printed.as_slice();
    assert!(shows(first, &["> 1 c", "left out", "d"]) && shows(first, &["  1 c", "d"]));
    for other in [&["  2 c", "d"][..], &["  1 c"], &["  1 c", "d", "more"]] {
        assert!(!shows(first, other), "{other:?}");
    }
}

#[test]
fn an_example_is_renewed_line_by_line() {
    let printed = ["head", "> a 1.5 x", "  b 2.5", "end 3"];
    assert_eq!(renewed(&["old"], &printed), printed);
    let shown = renewed(&["  a 1.0 x", "...", "gone 1", "end 9"], &printed);
    assert_eq!(shown, ["> a 1.5 x", "...", "gone 1", "end 3"]);
}
