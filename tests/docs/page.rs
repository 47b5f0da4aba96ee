//! Pages of the documentation, and their fenced blocks.

use std::fs;
use std::path::{Path, PathBuf};

pub const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A page by its path from the root.
pub struct Page {
    pub path: String,
    pub text: String,
}

/// A block between fences.
pub struct Fence<'a> {
    /// Text after the opening fence: a language, then the name of a file.
    pub info: &'a str,
    /// Number of the first line inside.
    pub line: usize,
    pub text: Vec<&'a str>,
}

impl Page {
    pub fn read(path: &str) -> Page {
        let text = fs::read_to_string(Path::new(ROOT).join(path));
        Page { path: path.to_owned(), text: text.unwrap_or_else(|error| panic!("{path}: {error}")) }
    }

    pub fn fences(&self) -> Vec<Fence<'_>> {
        let mut fences: Vec<Fence<'_>> = Vec::new();
        let mut open = false;
        for (index, line) in self.text.lines().enumerate() {
            match line.strip_prefix("```") {
                Some(info) if !open => {
                    fences.push(Fence { info, line: index + 2, text: Vec::new() });
                    open = true;
                }
                Some(_) => open = false,
                None if open => fences.last_mut().expect("it is open").text.push(line),
                None => {}
            }
        }
        assert!(!open, "{}: a fence is not closed", self.path);
        fences
    }

    /// Returns the targets of its links to other files: path from the root, and heading.
    fn links(&self) -> Vec<(PathBuf, Option<String>)> {
        let prose = self.text.split("```").step_by(2);
        let targets = prose.flat_map(|text| text.split("](").skip(1));
        let targets = targets.filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
        let local = targets.filter(|target| !target.contains("://") && !target.starts_with('#'));
        let directory = Path::new(&self.path).parent().expect("a page is in a directory");
        let place = |target: &str| match target.split_once('#') {
            Some((file, heading)) => (directory.join(file), Some(heading.to_owned())),
            None => (directory.join(target), None),
        };
        local.map(place).collect()
    }

    /// True if it has a heading with this link name.
    fn has_heading(&self, name: &str) -> bool {
        let named = |line: &str| -> String {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept = title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        };
        self.text.lines().any(|line| line.starts_with('#') && named(line) == name)
    }
}

/// Returns all pages for human readers, beginning with the README.
pub fn pages() -> Vec<Page> {
    let mut paths: Vec<String> = ["README.md", "METHODOLOGY.md", "ARCHITECTURE.md"]
        .into_iter()
        .chain([
            "CONTRIBUTING.md",
            "workloads/README.md",
            "machines/README.md",
            "kernels/README.md",
            "validation/README.md",
        ])
        .map(str::to_owned)
        .collect();
    for directory in ["docs", "docs/how-to", "docs/internals", "docs/reference"] {
        let pages = files(directory).into_iter().filter(|name| name.ends_with(".md"));
        paths.extend(pages.map(|name| format!("{directory}/{name}")));
    }
    paths.iter().map(|path| Page::read(path)).collect()
}

/// Returns the names of the files in a directory, sorted.
pub fn files(directory: &str) -> Vec<String> {
    let entries = fs::read_dir(Path::new(ROOT).join(directory)).expect("the directory is there");
    let entries = entries.map(|entry| entry.expect("an entry can be read"));
    let files = entries.filter(|entry| entry.path().is_file());
    let mut names: Vec<String> =
        files.map(|file| file.file_name().into_string().expect("names are plain")).collect();
    names.sort();
    names
}

#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    for page in pages() {
        let missing = page.links().into_iter().filter(|(file, heading)| {
            let has = |heading: &String| Page::read(&file.to_string_lossy()).has_heading(heading);
            !Path::new(ROOT).join(file).exists() || !heading.iter().all(has)
        });
        broken.extend(missing.map(|link| format!("{}: {link:?}", page.path)));
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// The prose must name source files as ARCHITECTURE.md says: with their crate, or from the root.
#[test]
fn files_of_the_code_are_named_by_where_they_are() {
    let mut missing = Vec::new();
    for page in pages() {
        let prose = page.text.split("```").step_by(2);
        let spans = prose.flat_map(|text| text.split('`').skip(1).step_by(2));
        for path in spans.filter(|span| span.contains('/') && span.ends_with(".rs")) {
            let (first, rest) = path.split_once('/').expect("it has a slash");
            let of_crate = format!("crates/{first}/src/{rest}");
            if ![path, &of_crate].iter().any(|path| Path::new(ROOT).join(path).exists()) {
                missing.push(format!("{}: {path}", page.path));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn every_page_is_on_the_map() {
    let links = Page::read("docs/README.md").links();
    let linked: Vec<PathBuf> = links.into_iter().map(|(file, _)| file).collect();
    for page in pages().iter().filter(|page| page.path.starts_with("docs/")) {
        let is_there = linked.contains(&PathBuf::from(&page.path));
        assert!(is_there || page.path == "docs/README.md", "docs/README.md links no {}", page.path);
    }
}

#[test]
fn a_page_is_taken_apart() {
    let text =
        "a [b](c.md#d) [e](#f)\n```sh\n[g](h)\n```\n[i](https://j)\n```toml k.toml\nl\n```\n";
    let page = Page { path: "m/n.md".to_owned(), text: text.to_owned() };
    assert_eq!(page.links(), [(PathBuf::from("m/c.md"), Some("d".to_owned()))]);
    let headings = Page { path: "o.md".to_owned(), text: "## An `a`, and b\n".to_owned() };
    assert!(headings.has_heading("an-a-and-b") && !headings.has_heading("an-a"));
    let fences = page.fences();
    let found: Vec<_> = fences.iter().map(|fence| (fence.info, fence.line)).collect();
    assert_eq!(found, [("sh", 3), ("toml k.toml", 7)]);
    assert_eq!(fences[1].text, ["l"]);
}
