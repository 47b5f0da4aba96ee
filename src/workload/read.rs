//! TOML text -> wire tables, without stopping at the first mistake.
//!
//! serde stops at the first value that does not fit. Here every table is read
//! by itself, and a key that cannot be read is reported, taken out, and the
//! rest of its table read again.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::diag::{Diagnostic, meant};
use super::wire::{Document, Entry};

/// Reads a workload file as far as it can be read. Mistakes go to `mistakes`;
/// `None` where the text is not TOML, so that nothing can be said of its meaning.
pub(super) fn document(text: &str, mistakes: &mut Vec<Diagnostic>) -> Option<Entry<Document>> {
    let (root, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        mistakes.extend(errors.iter().map(|error| syntax(text, error)));
        return None;
    }
    let span = root.span();
    let mut root = root.into_inner();
    let file = section(&mut root, "file", mistakes);
    let vma = section(&mut root, "vma", mistakes);
    let group = section(&mut root, "group", mistakes);
    let op = section(&mut root, "op", mistakes);
    let expect = section(&mut root, "expect", mistakes);
    let root = Spanned::new(span, DeValue::Table(root));
    let mut document = entry::<Document>(root, "the top level", mistakes)?;
    document.table = Document { file, vma, group, op, expect, ..document.table };
    Some(document)
}

/// Takes the list of tables `[[name]]` out of the top level and reads each.
fn section<'de, T: Deserialize<'de>>(
    root: &mut DeTable<'de>,
    name: &str,
    mistakes: &mut Vec<Diagnostic>,
) -> Vec<Entry<T>> {
    let Some((key, value)) = root.remove_entry(name) else {
        return Vec::new();
    };
    let shown = format!("[[{name}]]");
    match value.into_inner() {
        DeValue::Array(items) => {
            items.into_iter().filter_map(|item| entry(item, &shown, mistakes)).collect()
        }
        DeValue::Table(table) => {
            let rule = format!("there may be several: each begins with its own {shown}");
            let diagnostic = Diagnostic::new(format!("`{name}` is a list of tables"));
            mistakes.push(diagnostic.at(key.span(), format!("write {shown}")).rule(rule));
            let table = Spanned::new(key.span(), DeValue::Table(table));
            entry(table, &shown, mistakes).into_iter().collect()
        }
        other => {
            let title = format!("`{name}` is a list of tables, not {}", kind(&other));
            mistakes.push(Diagnostic::new(title).at(key.span(), format!("write {shown}")));
            Vec::new()
        }
    }
}

/// Reads one table, again and again without the keys that cannot be read.
fn entry<'de, T: Deserialize<'de>>(
    mut value: Spanned<DeValue<'de>>,
    shown: &str,
    mistakes: &mut Vec<Diagnostic>,
) -> Option<Entry<T>> {
    let span = value.span();
    if !matches!(value.get_ref(), DeValue::Table(_)) {
        let title = format!("an item of {shown} is a table, not {}", kind(value.get_ref()));
        mistakes.push(Diagnostic::new(title).at(span, format!("write {shown}")));
        return None;
    }
    let mut unread = Vec::new();
    loop {
        let error = match T::deserialize(ValueDeserializer::from(value.clone())) {
            Ok(table) => return Some(Entry { span, table, unread }),
            Err(error) => error,
        };
        let place = error.span().unwrap_or_else(|| span.clone());
        let DeValue::Table(table) = value.get_mut() else { unreachable!("checked above") };
        let key = take_key(table, &place);
        mistakes.push(explain(error.message(), place, shown, key.as_deref()));
        unread.push(key?);
    }
}

/// Takes the key at `place` out of a table: of `touch`, which is a table of
/// keys of its own, only the key inside it.
fn take_key(table: &mut DeTable<'_>, place: &Range<usize>) -> Option<String> {
    let holds = |span: Range<usize>| span.contains(&place.start);
    let (key, value) =
        table.iter_mut().find(|(key, value)| holds(key.span()) || holds(value.span()))?;
    let name = key.get_ref().to_string();
    if let ("touch", DeValue::Table(inner)) = (name.as_str(), value.get_mut())
        && let Some(inner) = take_key(inner, place)
    {
        return Some(inner);
    }
    table.remove(name.as_str());
    Some(name)
}

fn syntax(text: &str, error: &toml::de::Error) -> Diagnostic {
    let span = error.span().unwrap_or(text.len()..text.len());
    Diagnostic::new(format!("this is not TOML: {}", error.message()))
        .at(span, "here")
        .rule("a file's meaning is checked once its syntax is right")
}

/// Turns what serde says into what is wrong, by the fixed forms of its messages.
fn explain(message: &str, place: Range<usize>, shown: &str, key: Option<&str>) -> Diagnostic {
    let key = key.unwrap_or(shown);
    if let Some(rest) = message.strip_prefix("unknown field ") {
        let (name, known) = quoted(rest);
        return Diagnostic::new(format!("unknown key \"{name}\" in {shown}"))
            .at(place, "no such key")
            .help_if(choices(name, &known, "the keys here are"));
    }
    if let Some(rest) = message.strip_prefix("unknown variant ") {
        let (name, known) = quoted(rest);
        return Diagnostic::new(format!("unknown `{key}` \"{name}\""))
            .at(place, "no such value")
            .help_if(choices(name, &known, &format!("`{key}` is one of")));
    }
    let wrong = ["invalid type: ", "invalid value: ", "invalid length "];
    if let Some(rest) = wrong.iter().find_map(|prefix| message.strip_prefix(prefix))
        && let Some((found, expected)) = rest.split_once(", expected ")
    {
        let expected = in_words(expected);
        return Diagnostic::new(format!("`{key}` is {expected}, not {}", found.replace('`', "")))
            .at(place, format!("expected {expected}"));
    }
    match message.split_once('\n') {
        Some((problem, help)) => {
            Diagnostic::new(format!("`{key}`: {problem}")).at(place, "here").help(help)
        }
        None => Diagnostic::new(format!("`{key}`: {message}")).at(place, "here"),
    }
}

/// Takes "`name`, expected one of `a`, `b`" apart.
fn quoted(text: &str) -> (&str, Vec<&str>) {
    let mut names = text.split('`').skip(1).step_by(2);
    (names.next().unwrap_or(text), names.collect())
}

fn choices(name: &str, known: &[&str], list: &str) -> Option<String> {
    let near = meant(name, known.iter().copied())?;
    if near.starts_with("did you mean") {
        return Some(near);
    }
    let known: Vec<String> = known.iter().map(|name| format!("\"{name}\"")).collect();
    Some(format!("{list} {}", known.join(", ")))
}

fn in_words(expected: &str) -> &str {
    match expected {
        "u8" | "u64" | "usize" => "a whole number, 0 or more",
        "f64" => "a number",
        "a boolean" => "true or false",
        "an array of length 2" => "two times, as in [\"50us\", \"120us\"]",
        other => other,
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
