//! Checks that several tables share: required keys, ranges, names.

use std::ops::Range;

use toml::Spanned;

use super::key::{WrittenKey, WrittenTable};
use super::values::Size;
use crate::diag::{Diagnostic, meant};
use ::workload::units::{print_size, print_time};
use ::workload::{PAGE_BYTES, PAUSE_MAX_NS, THREADS_MAX};

/// The mistakes found so far, and what checks have to know.
pub(super) struct Check<'a> {
    pub mistakes: &'a mut Vec<Diagnostic>,
    pub known_strategies: &'a [&'a str],
    /// All operations of the file.
    pub ops: &'a [WrittenOp<'a>],
    /// Keys of each `[[op]]` that could not be read.
    pub unread_of_ops: Vec<&'a [String]>,
}

/// An operation as it is written.
#[derive(Clone)]
pub(super) struct WrittenOp<'d> {
    /// The key that it is written under.
    pub key: &'static str,
    /// The place of its value.
    pub span: Range<usize>,
    /// The VMA or the file that it names.
    pub target: Option<&'d Spanned<String>>,
    /// True if it may make the VMA writable.
    pub makes_writable: bool,
}

impl Check<'_> {
    pub fn push(&mut self, mistake: Diagnostic) {
        self.mistakes.push(mistake);
    }

    /// True if an operation `key` on the VMA or file `target` fits `like`. An operation with a key
    /// that could not be read may be such a one.
    pub fn has_op(&self, key: &str, target: &str, like: impl Fn(&WrittenOp<'_>) -> bool) -> bool {
        let names = |op: &WrittenOp<'_>| {
            let target_of = op.target.map(|name| name.get_ref().as_str());
            op.key == key && target_of == Some(target) && like(op)
        };
        let unread = ["vma", "file", "prot", key];
        self.ops.iter().any(names)
            || self.unread_of_ops.iter().copied().flatten().any(|name| unread.contains(&&**name))
    }

    /// Returns the value of a required key, or reports that it is missing.
    pub fn required<'f, T, U>(
        &mut self,
        entry: &WrittenTable<U>,
        shown: &str,
        key: &str,
        value: &'f WrittenKey<T>,
        form: &str,
    ) -> Option<&'f Spanned<T>> {
        self.required_in(&entry.span, &entry.unread, shown, key, value, form)
    }

    /// Does the same for a table inside of an entry.
    pub fn required_in<'f, T>(
        &mut self,
        span: &Range<usize>,
        unread: &[String],
        shown: &str,
        key: &str,
        value: &'f WrittenKey<T>,
        form: &str,
    ) -> Option<&'f Spanned<T>> {
        if value.is_none() && !unread.iter().any(|unread| unread == key) {
            self.push(
                Diagnostic::new(format!("{shown} has no `{key}`"))
                    .at(span.clone(), format!("`{key}` is missing"))
                    .help(format!("write {key} = {form}")),
            );
        }
        value.as_ref()
    }

    /// Returns a whole number, or reports one below `least`.
    pub fn at_least(&mut self, key: &str, value: &Spanned<u64>, least: u64) -> Option<u64> {
        let number = *value.get_ref();
        if number < least {
            self.push(
                Diagnostic::new(format!("`{key}` is {least} or more, not {number}"))
                    .at(value.span(), "too small"),
            );
        }
        (number >= least).then_some(number)
    }

    /// Returns a number of threads, or reports one that no storm can have.
    pub fn threads(&mut self, title: &str, count: u64, span: Range<usize>) -> Option<usize> {
        let threads = usize::try_from(count).ok().filter(|n| (1..=THREADS_MAX).contains(n));
        if threads.is_none() {
            let title = format!("{title} has 1 to {THREADS_MAX} threads, not {count}");
            self.push(Diagnostic::new(title).at(span, "out of range"));
        }
        threads
    }

    /// Returns a time, or reports one that is too long for one touch.
    pub fn pause(&mut self, key: &str, ns: u64, span: Range<usize>) -> Option<u64> {
        if ns <= PAUSE_MAX_NS {
            return Some(ns);
        }
        let most = print_time(PAUSE_MAX_NS);
        self.push(
            Diagnostic::new(format!("`{key}` is \"{most}\" at most, not \"{}\"", print_time(ns)))
                .at(span, "too long for one touch")
                .rule("a thread that makes no progress for a minute is taken for stuck"),
        );
        None
    }

    /// Returns the pages of a size, or reports a size that is not whole pages.
    pub fn pages(&mut self, key: &str, size: &Spanned<Size>) -> Option<u64> {
        let bytes = size.get_ref().0;
        if bytes.is_multiple_of(PAGE_BYTES) {
            return Some(bytes / PAGE_BYTES);
        }
        let down = bytes - bytes % PAGE_BYTES;
        let up = down.checked_add(PAGE_BYTES);
        let near = match (down, up) {
            (0, _) | (_, None) => format!("write \"{}\"", print_size(PAGE_BYTES)),
            (down, Some(up)) => {
                format!("write \"{}\" or \"{}\"", print_size(down), print_size(up))
            }
        };
        self.push(
            Diagnostic::new(format!("`{key}` = \"{}\" is not whole pages", print_size(bytes)))
                .at(size.span(), format!("{} bytes over a page", bytes % PAGE_BYTES))
                .rule("a page has 4KiB")
                .help(near),
        );
        None
    }

    /// Does the same, and reports a size of 0.
    pub fn some_pages(&mut self, key: &str, size: &Spanned<Size>) -> Option<u64> {
        let pages = self.pages(key, size)?;
        if pages == 0 {
            self.push(
                Diagnostic::new(format!("`{key}` is at least one page"))
                    .at(size.span(), "no page")
                    .help("write \"4KiB\" or more"),
            );
            return None;
        }
        Some(pages)
    }

    /// Returns a share, or reports a number outside of 0 to 1.
    pub fn share(&mut self, key: &str, value: &Spanned<f64>) -> Option<f64> {
        let share = *value.get_ref();
        if (0.0..=1.0).contains(&share) {
            return Some(share);
        }
        let help = (2.0..=100.0).contains(&share).then(|| format!("write {}", share / 100.0));
        self.push(
            Diagnostic::new(format!("`{key}` = {share} is not a share"))
                .at(value.span(), "outside of 0 to 1")
                .help_if(help),
        );
        None
    }

    /// Returns a number above 0, or reports another.
    pub fn positive(&mut self, key: &str, number: f64, span: Range<usize>) -> Option<f64> {
        if number.is_finite() && number > 0.0 {
            return Some(number);
        }
        self.push(
            Diagnostic::new(format!("`{key}` is a number above 0, not {number}"))
                .at(span, "out of range"),
        );
        None
    }
}

/// A table with a name.
pub(super) trait Named {
    fn name(&self) -> &WrittenKey<String>;
}

/// The names of all tables of one kind.
pub(super) struct TableNames {
    section: &'static str,
    names: Vec<Option<Spanned<String>>>,
}

impl TableNames {
    /// Collects the names of `entries`, and reports missing, ill-formed and duplicate ones.
    pub fn collect<T: Named>(
        section: &'static str,
        entries: &[WrittenTable<T>],
        check: &mut Check<'_>,
    ) -> Self {
        let shown = format!("[[{section}]]");
        let mut names: Vec<Option<Spanned<String>>> = Vec::new();
        for entry in entries {
            let name = check.required(entry, &shown, "name", entry.table.name(), "\"...\"");
            if let Some(name) = name {
                well_formed(name, check);
                let same = |other: &&Spanned<String>| other.get_ref() == name.get_ref();
                if let Some(first) = names.iter().flatten().find(same) {
                    let title = format!("two {shown} are named \"{}\"", name.get_ref());
                    check.push(
                        Diagnostic::new(title)
                            .at(name.span(), "the second")
                            .at(first.span(), "the first")
                            .rule(format!("the name of a {shown} is its own")),
                    );
                }
            }
            names.push(name.cloned());
        }
        Self { section, names }
    }

    /// Returns the index of the table that `reference` names, or reports that there is none.
    pub fn resolve(&self, reference: &Spanned<String>, check: &mut Check<'_>) -> Option<usize> {
        let name = reference.get_ref();
        let found = self.names.iter().position(|n| n.as_ref().is_some_and(|n| n.get_ref() == name));
        if found.is_none() {
            let known = self.names.iter().flatten().map(|name| name.get_ref().as_str());
            let section = self.section;
            let help = meant(name, known)
                .unwrap_or_else(|| format!("write [[{section}]] with name = \"{name}\""));
            check.push(
                Diagnostic::new(format!("there is no [[{section}]] named \"{name}\""))
                    .at(reference.span(), "not found")
                    .help(help),
            );
        }
        found
    }

    /// Returns all names, in quotes, for a suggestion.
    pub fn any_of(&self) -> String {
        let names = self.names.iter().flatten();
        let quoted: Vec<String> = names.map(|name| format!("\"{}\"", name.get_ref())).collect();
        quoted.join(" or ")
    }

    /// Number of tables.
    pub fn len(&self) -> usize {
        self.names.len()
    }
}

fn well_formed(name: &Spanned<String>, check: &mut Check<'_>) {
    let text = name.get_ref();
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if text.is_empty() || !text.chars().all(fits) {
        check.push(
            Diagnostic::new(format!("\"{}\" is not a name", text.escape_default()))
                .at(name.span(), "here")
                .rule("a name has letters, digits, `-` and `_`, and at least one of them"),
        );
    }
}
