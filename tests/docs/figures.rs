//! Checks that the model's figures in the documentation are those that the program prints.
//!
//! A `console` block of a page holds commands, each after a `$`, and the output of each: standard
//! output or, if the command fails, standard error. The commands run with their real lengths, in
//! the order of the page, and must print every line of the block, digit for digit; `...` replaces
//! lines that are left out. Figures that depend on this machine's clock cannot be compared: they
//! are in `text` blocks, followed by the name of the machine on which they were measured.

use crate::commands::{Command, directory};
use crate::page::{Page, pages};

/// Replaces lines that are left out.
const LEFT_OUT: &str = "...";

/// A command of a page, with the lines that it should print.
struct Example<'a> {
    command: Command,
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
                found.push(Example { command, printed: Vec::new() });
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

#[test]
fn pages_show_what_the_program_prints() {
    let mut wrong = String::new();
    let mut count = 0;
    for page in pages() {
        let directory = directory(&page, |lines| lines.join("\n"));
        for Example { command, printed } in Example::all(&page) {
            let (program, args) = command.program().expect("it is one of this repository's");
            let output = command.output(&program, &args, directory.path());
            if !shows(&printed, &output.lines().collect::<Vec<_>>()) {
                wrong +=
                    &format!("\n{} shows what is not printed. Printed is\n{output}", command.at);
            }
            count += 1;
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
            let behind = &lines[fence.line + fence.text.len()..];
            let said = behind.iter().take(5).any(|line| line.contains("easured on"));
            assert!(said, "{}:{}: measured on which machine?", page.path, fence.line);
        }
    }
}

#[test]
fn an_example_is_compared_line_by_line() {
    let text = "```console\n$ faultstorm a \\\n    --b\n  1 c\n...\nd\n\
                $ faultstorm e  # exits 2\nf\n```\n";
    let page = Page { path: "p.md".to_owned(), text: text.to_owned() };
    let found = Example::all(&page);
    let told: Vec<_> = found.iter().map(|example| example.command.at.as_str()).collect();
    assert_eq!((told, found[1].printed.as_slice()), (vec!["p.md:2", "p.md:7"], ["f"].as_slice()));
    let first = found[0].printed.as_slice();
    assert!(shows(first, &["> 1 c", "left out", "d"]) && shows(first, &["  1 c", "d"]));
    for other in [&["  2 c", "d"][..], &["  1 c"], &["  1 c", "d", "more"]] {
        assert!(!shows(first, other), "{other:?}");
    }
}
