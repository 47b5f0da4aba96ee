//! Reads the numbers of a file from TOML, with every mistake of the text.

use super::file::SourcedFile;
use super::key::{FileKey, Presence};
use super::kind::{FileKind, PlacedNumber, SourcedNumber, keys};
use crate::diag::{Diagnostic, meant, nearest};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The form of every number.
const FORM: &str = "a number is written { is = 51, source = \"where it is from\" }, with \
     estimate = true where nobody measured it";

/// A text, as far as it can be read.
struct Reading<T: FileKind> {
    summary: Option<String>,
    found: Vec<PlacedNumber<T>>,
    /// Numbers with a mistake; they are not reported as missing.
    unread: Vec<(&'static str, &'static str)>,
    mistakes: Vec<Diagnostic>,
}

/// Reads a file; the error is every mistake of its text.
pub(super) fn file<T: FileKind>(name: &str, text: &str) -> Result<SourcedFile<T>, Vec<Diagnostic>> {
    let (root, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let syntax = errors.iter().map(|error| {
            let span = error.span().unwrap_or(text.len()..text.len());
            Diagnostic::new(format!("this is not TOML: {}", error.message())).at(span, "here")
        });
        return Err(syntax.collect());
    }
    let (summary, found, unread, mistakes) = Default::default();
    let mut reading: Reading<T> = Reading { summary, found, unread, mistakes };
    reading.top_level(root.get_ref());
    let summary = reading.summary.take().filter(|summary| !summary.is_empty());
    if summary.is_none() {
        let rule = format!("a line says which {} it is", T::SHIPPED.what);
        reading.mistakes.push(Diagnostic::new("`summary` is missing").rule(rule));
    }
    let parameters = reading.put_in_place();
    let Reading { found, mistakes, .. } = reading;
    match summary {
        Some(summary) if mistakes.is_empty() => {
            let inputs = found.into_iter().map(|found| found.input).collect();
            Ok(SourcedFile { name: name.to_owned(), summary, parameters, inputs })
        }
        _ => Err(mistakes),
    }
}

impl<T: FileKind> Reading<T> {
    fn top_level(&mut self, root: &DeTable<'_>) {
        let sections = || T::sections().iter().map(|section| section.name);
        for (name, value) in root {
            let (section, span) = (name.get_ref().as_ref(), name.span());
            let known = sections().find(|known| *known == section);
            let mistake = match (section, known, value.get_ref()) {
                ("summary", _, DeValue::String(text)) => {
                    self.summary = Some(text.trim().to_owned());
                    continue;
                }
                ("sources", _, DeValue::Table(table)) => {
                    self.sources(table);
                    continue;
                }
                (_, Some(section), DeValue::Table(table)) => {
                    self.section(section, table);
                    continue;
                }
                ("summary", ..) => Diagnostic::new("`summary` is a text").at(value.span(), "here"),
                ("sources", ..) | (_, Some(_), _) => {
                    let title = format!("`{section}` is a table");
                    Diagnostic::new(title).at(span, format!("write [{section}]"))
                }
                _ => Diagnostic::new(format!("unknown key \"{section}\" at the top level"))
                    .at(span, "no such key")
                    .help_if(meant(section, sections().chain(["summary", "sources"]))),
            };
            self.mistakes.push(mistake);
        }
    }

    fn sources(&mut self, table: &DeTable<'_>) {
        for (name, value) in table {
            if !matches!(value.get_ref(), DeValue::String(_)) {
                let title = format!("source \"{}\" is a text", name.get_ref());
                self.mistakes.push(Diagnostic::new(title).at(value.span(), "here"));
            }
        }
    }

    /// Reads the numbers of a section.
    fn section(&mut self, section: &'static str, table: &DeTable<'_>) {
        let known = keys::<T>().filter(|(of, _)| *of == section).map(|(_, key)| key);
        for (name, value) in table {
            let name_given = name.get_ref().as_ref();
            let Some(key) = known.clone().find(|key| key.name == name_given) else {
                let names = known.clone().map(|key| key.name);
                let title = format!("unknown key \"{name_given}\" in [{section}]");
                let near = meant(name_given, names.clone());
                let mistake = Diagnostic::new(title).at(name.span(), "no such key").help_if(near);
                self.mistakes.push(mistake);
                self.unread.extend(nearest(name_given, names).map(|near| (section, near)));
                continue;
            };
            match number(section, key, value) {
                Ok(number) => self.found.push(number),
                Err(mistake) => {
                    self.mistakes.push(*mistake);
                    self.unread.push((section, key.name));
                }
            }
        }
    }

    /// Stores the numbers, and reports what is missing or contradicts other numbers.
    fn put_in_place(&mut self) -> T {
        let mut numbers = T::UNSET;
        self.found.iter().for_each(|found| found.input.key.set(&mut numbers, found.input.value));
        for (section, key) in keys::<T>() {
            if self.found.iter().any(|found| found.input.is(section, key.name)) {
                continue;
            }
            let needed = match key.need {
                Presence::Always => true,
                Presence::If(holds, _) => holds(&numbers),
                Presence::Else(value) => {
                    key.set(&mut numbers, value);
                    false
                }
                Presence::Optional => false,
            };
            if needed && !self.unread.contains(&(section, key.name)) {
                let title = format!("`{}` is missing in [{section}]", key.name);
                self.mistakes.push(Diagnostic::new(title).rule(key.about).help(FORM));
            }
        }
        numbers.complete(&self.found, &mut self.mistakes);
        numbers
    }
}

fn number<T>(
    section: &'static str,
    key: &'static FileKey<T>,
    value: &Spanned<DeValue<'_>>,
) -> Result<PlacedNumber<T>, Box<Diagnostic>> {
    let name = key.name;
    let wrong = |title: String, span| Diagnostic::new(title).at(span, "here");
    let no_form = |title: String| Err(Box::new(wrong(title, value.span()).rule(FORM)));
    let DeValue::Table(table) = value.get_ref() else {
        return no_form(format!("`{name}` has no source"));
    };
    let known = ["is", "source", "estimate"];
    if let Some((other, _)) =
        table.iter().find(|(name, _)| !known.contains(&name.get_ref().as_ref()))
    {
        let title = format!("unknown key \"{}\" in `{name}`", other.get_ref());
        return Err(Box::new(wrong(title, other.span()).help_if(meant(other.get_ref(), known))));
    }
    let Some(is) = table.get("is") else {
        return no_form(format!("`{name}` does not say what it is"));
    };
    let source = match table.get("source").map(Spanned::get_ref) {
        Some(DeValue::String(text)) if !text.trim().is_empty() => text.trim().to_owned(),
        _ => return no_form(format!("`{name}` has no source")),
    };
    let estimate = match table.get("estimate").map(Spanned::get_ref) {
        None => false,
        Some(DeValue::Boolean(estimate)) => *estimate,
        Some(_) => {
            let title = format!("`estimate` of `{name}` is true or false");
            return Err(Box::new(wrong(title, value.span())));
        }
    };
    let value = key.allowed.read(name, is)?;
    Ok(PlacedNumber {
        input: SourcedNumber { section, key, value, source, estimate },
        span: is.span(),
    })
}
