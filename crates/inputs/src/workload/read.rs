//! Reads the tables of a workload file from TOML, with all mistakes.
//!
//! serde stops at the first value that it cannot read. So each table is read by itself: a key that
//! cannot be read is reported and removed, and the rest of the table is read again.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::written::{WrittenTable, WrittenWorkload};
use crate::diag::{Diagnostic, likely, nearest};
use ::workload::Action;

/// Reads a workload file, and adds its mistakes to `mistakes`. Returns `None` if the text is not
/// TOML.
pub(super) fn document(
    text: &str,
    mistakes: &mut Vec<Diagnostic>,
) -> Option<WrittenTable<WrittenWorkload>> {
    let mut root = root(text, mistakes)?;
    let mut unread = Vec::new();
    let file = section(root.get_mut(), "file", &mut unread, mistakes);
    let vma = section(root.get_mut(), "vma", &mut unread, mistakes);
    let group = section(root.get_mut(), "group", &mut unread, mistakes);
    let op = section(root.get_mut(), "op", &mut unread, mistakes);
    let expect = section(root.get_mut(), "expect", &mut unread, mistakes);
    let mut document = rest::<WrittenWorkload>(root, mistakes)?;
    document.unread.append(&mut unread);
    document.table = WrittenWorkload { file, vma, group, op, expect, ..document.table };
    Some(document)
}

/// Reads the top level of another kind of file, and its list of tables `[[list]]`. Returns `None`
/// if the text is not TOML.
pub(crate) fn top_level<'t, T: Deserialize<'t>, L: Deserialize<'t>>(
    text: &'t str,
    list: &str,
    mistakes: &mut Vec<Diagnostic>,
) -> Option<(WrittenTable<T>, Vec<WrittenTable<L>>)> {
    let mut root = root(text, mistakes)?;
    let mut unread = Vec::new();
    let items = section(root.get_mut(), list, &mut unread, mistakes);
    let mut top = rest::<T>(root, mistakes)?;
    top.unread.append(&mut unread);
    Some((top, items))
}

/// Parses a text, or adds its mistakes.
fn root<'t>(text: &'t str, mistakes: &mut Vec<Diagnostic>) -> Option<Spanned<DeTable<'t>>> {
    if let Some(at) = bare_return(text) {
        let title = "this is not TOML: a carriage return without a line feed";
        let mistake = Diagnostic::new(title).at(at..at + 1, "here");
        mistakes.push(mistake.help("end lines with a line feed, as Unix does, or with both"));
        return None;
    }
    let (root, errors) = DeTable::parse_recoverable(text);
    let syntax = errors.iter().enumerate();
    mistakes.extend(syntax.map(|(i, error)| syntax_error(text, error, i + 1 == errors.len())));
    errors.is_empty().then_some(root)
}

/// Reads the keys of the top level that are no lists of tables.
fn rest<'t, T: Deserialize<'t>>(
    root: Spanned<DeTable<'t>>,
    mistakes: &mut Vec<Diagnostic>,
) -> Option<WrittenTable<T>> {
    let root = Spanned::new(root.span(), DeValue::Table(root.into_inner()));
    entry(root, "at the top level", mistakes)
}

/// Returns the place of the first carriage return that no line feed follows.
fn bare_return(text: &str) -> Option<usize> {
    text.match_indices('\r').map(|(at, _)| at).find(|at| !text[at + 1..].starts_with('\n'))
}

/// Removes the list of tables `[[name]]` from the top level, and reads each table. Adds `name` to
/// `unread` if an item is no table.
fn section<'de, T: Deserialize<'de>>(
    root: &mut DeTable<'de>,
    name: &str,
    unread: &mut Vec<String>,
    mistakes: &mut Vec<Diagnostic>,
) -> Vec<WrittenTable<T>> {
    let Some((key, value)) = root.remove_entry(name) else {
        return Vec::new();
    };
    let shown = format!("[[{name}]]");
    let place = format!("in {shown}");
    match value.into_inner() {
        DeValue::Array(items) => {
            let mut entries = Vec::new();
            for item in items {
                if !matches!(item.get_ref(), DeValue::Table(_)) {
                    let found = kind(item.get_ref());
                    let title = format!("an item of {shown} is a table, not {found}");
                    mistakes.push(Diagnostic::new(title).at(item.span(), format!("write {shown}")));
                    unread.push(name.to_owned());
                    continue;
                }
                entries.extend(entry(item, &place, mistakes));
            }
            entries
        }
        DeValue::Table(table) => {
            let rule = format!("there may be several: each begins with its own {shown}");
            let diagnostic = Diagnostic::new(format!("`{name}` is a list of tables"));
            mistakes.push(diagnostic.at(key.span(), format!("write {shown}")).rule(rule));
            let table = Spanned::new(key.span(), DeValue::Table(table));
            entry(table, &place, mistakes).into_iter().collect()
        }
        other => {
            let title = format!("`{name}` is a list of tables, not {}", kind(&other));
            mistakes.push(Diagnostic::new(title).at(key.span(), format!("write {shown}")));
            unread.push(name.to_owned());
            Vec::new()
        }
    }
}

/// Reads one table; while a key cannot be read, removes it and tries again.
fn entry<'de, T: Deserialize<'de>>(
    mut value: Spanned<DeValue<'de>>,
    section: &str,
    mistakes: &mut Vec<Diagnostic>,
) -> Option<WrittenTable<T>> {
    let span = value.span();
    let mut unread = Vec::new();
    loop {
        let error = match T::deserialize(ValueDeserializer::from(value.clone())) {
            Ok(table) => return Some(WrittenTable { span, table, unread }),
            Err(error) => error,
        };
        let place = error.span().unwrap_or_else(|| span.clone());
        let taken = match value.get_mut() {
            DeValue::Table(table) => take_key(table, &place, section),
            _ => None,
        };
        mistakes.push(explain(error.message(), place, section, taken.as_ref()));
        unread.extend(misspelt(error.message()));
        unread.push(taken?.name);
    }
}

/// A key that was removed because it could not be read.
struct Taken {
    name: String,
    /// The innermost key around the mistake: `strided` in `order = { strided = "x" }`.
    innermost: String,
    /// The table that it was in: `in [[vma]]`, for instance.
    section: String,
}

/// Removes the key at `place` from a table. In `[kernel]` and in an operation such as `touch`,
/// which have keys of their own, it removes only the key inside.
fn take_key(table: &mut DeTable<'_>, place: &Range<usize>, section: &str) -> Option<Taken> {
    let (key, value) =
        table.iter_mut().find(|(key, value)| holds(&key.span(), place) || around(value, place))?;
    let name = key.get_ref().to_string();
    let inside = match name.as_str() {
        "kernel" => Some("in [kernel]".to_owned()),
        "touch" => Some("in `touch`".to_owned()),
        op => Action::NAMES.contains(&op).then(|| format!("in `{op}`")),
    };
    if let (Some(inside), DeValue::Table(inner)) = (inside, value.get_mut())
        && let Some(taken) = take_key(inner, place, &inside)
    {
        return Some(taken);
    }
    let innermost = innermost(value.get_ref(), place).unwrap_or_else(|| name.clone());
    table.remove(name.as_str());
    Some(Taken { name, innermost, section: section.to_owned() })
}

/// True if `place` is in a value or in one of its parts. Parts count because the span of a table
/// with a header is only its header.
fn around(value: &Spanned<DeValue<'_>>, place: &Range<usize>) -> bool {
    let under = match value.get_ref() {
        DeValue::Table(table) => {
            table.iter().any(|(key, value)| holds(&key.span(), place) || around(value, place))
        }
        _ => false,
    };
    under || holds(&value.span(), place)
}

fn holds(span: &Range<usize>, place: &Range<usize>) -> bool {
    span.contains(&place.start)
}

/// Returns the key of the innermost table entry whose value is at `place`.
fn innermost(value: &DeValue<'_>, place: &Range<usize>) -> Option<String> {
    let DeValue::Table(table) = value else { return None };
    let (key, value) = table.iter().find(|(_, value)| around(value, place))?;
    innermost(value.get_ref(), place).or_else(|| Some(key.get_ref().to_string()))
}

fn syntax_error(text: &str, error: &toml::de::Error, last: bool) -> Diagnostic {
    let span = error.span().unwrap_or(text.len()..text.len());
    let bare = error.message().starts_with("string values must be quoted");
    let help = bare.then(|| text.get(span.clone()).map(|value| format!("write \"{value}\"")));
    let foreign = text.get(span.clone()).and_then(foreign_letter);
    let mut mistake = Diagnostic::new(format!("this is not TOML: {}", error.message()))
        .at(span, "here")
        .help_if(help.flatten());
    if let Some(rule) = foreign {
        mistake = mistake.rule(rule);
    }
    if last { mistake.rule("what a file says is checked once it is TOML") } else { mistake }
}

/// Names the first letter of a key that is not ASCII, since it may look like one that is.
fn foreign_letter(text: &str) -> Option<String> {
    let letter = text.chars().find(|letter| !letter.is_ascii())?;
    Some(format!("'{letter}' is U+{:04X}: keys have ASCII letters alone", u32::from(letter)))
}

/// Returns the key that an unknown one was meant to be, which is therefore not missing.
fn misspelt(message: &str) -> Option<String> {
    let (name, known) = quoted(message.strip_prefix("unknown field ")?);
    nearest(name, known).map(str::to_owned)
}

/// Makes a mistake of serde's message, which has one of a few fixed forms.
fn explain(message: &str, place: Range<usize>, section: &str, taken: Option<&Taken>) -> Diagnostic {
    let key = taken.map_or(section, |taken| taken.innermost.as_str());
    if let Some(rest) = message.strip_prefix("unknown field ") {
        let section = taken.map_or(section, |taken| taken.section.as_str());
        let (name, known) = quoted(rest);
        let mistake = Diagnostic::new(format!("unknown key \"{name}\" {section}"));
        let mistake = match foreign_letter(name) {
            Some(rule) => mistake.rule(rule),
            None => mistake,
        };
        return mistake.at(place, "no such key").help_if(choices(
            name,
            &known,
            "the keys here are",
        ));
    }
    if let Some(rest) = message.strip_prefix("unknown variant ") {
        let (name, known) = quoted(rest);
        return Diagnostic::new(format!("unknown `{key}` \"{name}\""))
            .at(place, "no such value")
            .help_if(choices(name, &known, &format!("`{key}` is one of")));
    }
    if let Some(problem) = wrong_form(message) {
        let help = taken.filter(|taken| taken.name == "order").map(|taken| {
            if taken.section == "in `touch`" { ORDERS.to_owned() } else { PIECE_ORDERS.to_owned() }
        });
        return Diagnostic::new(format!("`{key}` {problem}")).at(place, "here").help_if(help);
    }
    let wrong = ["invalid type: ", "invalid value: "];
    if let Some(rest) = wrong.iter().find_map(|prefix| message.strip_prefix(prefix))
        && let Some((found, expected)) = rest.split_once(", expected ")
    {
        let (expected, found) = (in_words(expected), found_in_words(found));
        return Diagnostic::new(format!("`{key}` is {expected}, not {found}"))
            .at(place, format!("expected {expected}"));
    }
    match message.split_once('\n') {
        Some((problem, help)) => {
            Diagnostic::new(format!("`{key}`: {problem}")).at(place, "here").help(help)
        }
        None => Diagnostic::new(format!("`{key}`: {message}")).at(place, "here"),
    }
}

/// The forms of `order` in `touch`, the only key that takes a word or a table.
const ORDERS: &str = "write \"sequential\", \"random\", \"one-per-table\", { strided = 16 } or \
     { zipf = 0.99 }";

const PIECE_ORDERS: &str = "write \"sequential\" or \"random\"";

/// Returns what is wrong with the form of an enum's value.
fn wrong_form(message: &str) -> Option<&'static str> {
    let forms = [
        ("wanted string or table", "is a word in quotes"),
        ("wanted exactly 1 element, more", "is one thing at a time"),
        ("wanted exactly 1 element, found 0", "is an empty table"),
        ("invalid type: unit variant", "needs a number beside this word"),
        ("invalid type: newtype variant", "takes no number beside this word"),
        ("expected table, found ", "takes no number beside it"),
    ];
    forms.iter().find(|(prefix, _)| message.starts_with(prefix)).map(|(_, problem)| *problem)
}

/// Splits "`name`, expected one of `a`, `b`" into the name and the expected ones.
fn quoted(text: &str) -> (&str, Vec<&str>) {
    let mut names = text.split('`').skip(1).step_by(2);
    (names.next().unwrap_or(text), names.collect())
}

fn choices(name: &str, known: &[&str], list: &str) -> Option<String> {
    let all = || {
        let known: Vec<String> = known.iter().map(|name| format!("\"{name}\"")).collect();
        (!known.is_empty()).then(|| format!("{list} {}", known.join(", ")))
    };
    likely(name, known.iter().copied()).or_else(all)
}

fn in_words(expected: &str) -> &str {
    match expected {
        "u8" | "u64" | "usize" => "a whole number, 0 or more",
        "f64" => "a number",
        "a boolean" => "true or false",
        other if other.starts_with("struct ") => "a table",
        other => other,
    }
}

/// Returns what serde found, in the words of TOML: of a large integer without Rust's type.
fn found_in_words(found: &str) -> String {
    match found {
        "map" => "a table".to_owned(),
        "sequence" => "an array".to_owned(),
        other => {
            let typed = [" as i128", " as u128"];
            let plain = typed.iter().find_map(|typed| other.strip_suffix(typed));
            plain.unwrap_or(other).replace('`', "")
        }
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
