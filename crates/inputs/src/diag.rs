//! Mistakes in files that users write: each with its place in the text, the rule that it breaks,
//! and what would be right.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use base::shown::{acts, shown};

/// Most mistakes of a file that are shown: each takes time that grows with the file.
const SHOWN_MAX: usize = 100;
/// Longest help, in bytes, that is repeated with each mistake that it is for. Longer ones list
/// names.
const REPEATED_MAX: usize = 60;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The mistake in a line, with the bad value in quotes.
    title: String,
    /// Places in the text, in bytes, with a label each. The first is the mistake's own. Empty if
    /// the mistake has no place.
    labels: Vec<(Range<usize>, String)>,
    /// Rules that it breaks.
    rules: Vec<String>,
    /// Ways to mend it.
    helps: Vec<String>,
}

impl Diagnostic {
    /// Makes a mistake without a place.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: text(title), labels: Vec::new(), rules: Vec::new(), helps: Vec::new() }
    }

    /// Adds a place; the first is the mistake's own.
    pub fn at(mut self, span: Range<usize>, label: impl Into<String>) -> Self {
        self.labels.push((span, text(label)));
        self
    }

    /// Adds a rule that it breaks.
    pub fn rule(mut self, rule: impl Into<String>) -> Self {
        self.rules.push(text(rule));
        self
    }

    /// Adds a way to mend it.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.helps.push(text(help));
        self
    }

    /// Adds a way to mend it, if there is one.
    pub fn help_if(self, help: Option<String>) -> Self {
        match help {
            Some(help) => self.help(help),
            None => self,
        }
    }

    /// `given`: the long helps that were given before, and are not given again.
    fn group<'a>(
        &'a self,
        path: &'a str,
        text: &'a str,
        given: &mut BTreeSet<&'a str>,
    ) -> Group<'a> {
        let mut group = Group::with_title(Level::ERROR.primary_title(self.title.as_str()));
        let annotations: Vec<_> = self
            .labels
            .iter()
            .enumerate()
            .map(|(i, (span, label))| {
                let kind = if i == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
                kind.span(first_line(text, span)).label(label.as_str())
            })
            .collect();
        if !annotations.is_empty() {
            group = group.element(Snippet::source(text).path(path).annotations(annotations));
        } else if !path.is_empty() {
            group = group.element(Origin::path(path));
        }
        let rules = self.rules.iter().map(|rule| Level::NOTE.message(rule.as_str()));
        let helps = self.helps.iter().map(String::as_str);
        let helps: Vec<_> = helps
            .filter(|help| help.len() <= REPEATED_MAX || given.insert(help))
            .map(|help| Level::HELP.message(help))
            .collect();
        group.elements(rules).elements(helps)
    }
}

/// Returns text of a message, which may quote a file, as it can be shown.
fn text(text: impl Into<String>) -> String {
    shown(&text.into()).into_owned()
}

/// Returns the text of a file with other characters in the place of those that act on the direction
/// of text or have no width, each as long in bytes, so that places stay what they are. Control
/// characters are shown by the renderer.
fn visible(text: &str) -> String {
    let replaced = |letter: char| match letter.len_utf8() {
        _ if letter.is_ascii() || !acts(letter) => letter,
        2 => '\u{b7}',
        _ => char::REPLACEMENT_CHARACTER,
    };
    text.chars().map(replaced).collect()
}

/// Cuts a span to its first line and to whole characters, so that carets do not run over
/// several lines.
fn first_line(text: &str, span: &Range<usize>) -> Range<usize> {
    let start = text.floor_char_boundary(span.start.min(text.len()));
    let end = text.ceil_char_boundary(span.end.clamp(start, text.len()));
    let line = text[start..end].find(['\n', '\r']).map_or(end, |at| start + at);
    start..line
}

/// All mistakes of one file, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics {
    path: String,
    text: String,
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Makes the mistakes of the file that is shown as `path`, in the order of their places.
    pub fn new(path: &str, text: &str, mut list: Vec<Diagnostic>) -> Self {
        assert!(!list.is_empty(), "a file without a mistake has no diagnostics");
        list.sort_by_key(|diagnostic| diagnostic.labels.first().map_or(0, |(span, _)| span.start));
        Self { path: shown(path).into_owned(), text: visible(text), list }
    }

    /// Makes a mistake outside of any file, such as an unknown name.
    pub fn outside(diagnostic: Diagnostic) -> Self {
        Self::new("", "", vec![diagnostic])
    }

    /// Number of mistakes.
    #[expect(clippy::len_without_is_empty, reason = "there is at least one")]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Renders all mistakes, with colors for a terminal or without.
    pub fn render(&self, color: bool) -> String {
        self.render_after(&mut BTreeSet::new(), color)
    }

    /// Renders all mistakes of several files.
    pub fn render_all(files: &[Diagnostics], color: bool) -> String {
        let mut given = BTreeSet::new();
        files.iter().map(|file| file.render_after(&mut given, color)).collect()
    }

    fn render_after<'a>(&'a self, given: &mut BTreeSet<&'a str>, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let renderer = renderer.decor_style(DecorStyle::Ascii).term_width(100);
        let mut out = String::new();
        for diagnostic in self.list.iter().take(SHOWN_MAX) {
            let group = diagnostic.group(&self.path, &self.text, given);
            out.push_str(&renderer.render(&[group]));
            out.push_str("\n\n");
        }
        if self.list.len() > 1 {
            let shown = match self.list.len() > SHOWN_MAX {
                true => format!(", of which the first {SHOWN_MAX} are shown"),
                false => String::new(),
            };
            out.push_str(&format!("{}: {} mistakes{shown}\n", self.path, self.list.len()));
        } else {
            out.pop();
        }
        out
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl std::error::Error for Diagnostics {}

/// Returns the name of `known` that the writer of `name` most likely meant.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (likeness(&name.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness > 0.65)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// Returns the likelihood, 0 to 1, that one name was written for the other: with typing errors, or
/// as a part of it (`seq` for `sequential`, `operation` for `op`).
fn likeness(name: &str, candidate: &str) -> f64 {
    let (short, long) =
        if name.len() < candidate.len() { (name, candidate) } else { (candidate, name) };
    let part = match short.len() {
        0 | 1 => 0.0,
        _ if long.starts_with(short) => 0.8,
        _ if long.contains(short) && short.len() > 2 => 0.7,
        _ => 0.0,
    };
    strsim::normalized_damerau_levenshtein(name, candidate).max(part)
}

/// Suggests all names of `known` that begin with `name`, the shortest first; else the nearest
/// name; else all of them.
pub fn meant<'a>(name: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    likely(name, known.clone()).or_else(|| {
        let all: Vec<String> = known.into_iter().map(|name| format!("\"{name}\"")).collect();
        (!all.is_empty()).then(|| format!("known here: {}", all.join(", ")))
    })
}

/// Suggests all names of `known` that begin with `name`, the shortest first; else the nearest name,
/// if one is near.
pub fn likely<'a>(name: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    let begins = |known: &&str| name.len() > 1 && known.starts_with(name);
    let mut begun: Vec<&str> = known.clone().into_iter().filter(begins).collect();
    begun.sort_by_key(|known| known.len());
    if let [first @ .., last] = begun.as_slice()
        && !first.is_empty()
    {
        return Some(format!("did you mean \"{}\" or \"{last}\"?", first.join("\", \"")));
    }
    nearest(name, known).map(|near| format!("did you mean \"{near}\"?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names() {
        let known = ["mmap-lock", "vma-refcount", "speculative"];
        assert_eq!(nearest("mmaplock", known), Some("mmap-lock"));
        assert_eq!(nearest("Speculativ", known), Some("speculative"));
        assert_eq!(nearest("spec", known), Some("speculative"));
        assert_eq!(nearest("operation", ["duration", "op"]), Some("op"));
        assert_eq!(nearest("xyz", known), None);
        assert_eq!(meant("xyz", []), None);
        let begun = meant("huge", ["huge-anon-read", "huge-anon", "pft"]);
        assert_eq!(begun.unwrap(), "did you mean \"huge-anon\" or \"huge-anon-read\"?");
        assert_eq!(meant("hug", ["huge"]).unwrap(), "did you mean \"huge\"?");
    }

    #[test]
    fn a_list_of_names_is_given_once() {
        let mistake = |name: &str| {
            let names = (0..20).map(|number| format!("name-{number}")).collect::<Vec<_>>();
            Diagnostic::new(name).help(format!("known here: {}", names.join(", "))).help("try")
        };
        let shown = Diagnostics::new("f", "", vec![mistake("a"), mistake("b")]).render(false);
        assert_eq!((shown.matches("known here").count(), shown.matches("try").count()), (1, 2));
    }

    #[test]
    fn carets_stay_in_one_line_and_on_characters() {
        assert_eq!(first_line("ab\ncd", &(1..5)), 1..2);
        assert_eq!(first_line("é", &(1..1)), 0..2);
        assert_eq!(first_line("a", &(7..9)), 1..1);
    }
}
