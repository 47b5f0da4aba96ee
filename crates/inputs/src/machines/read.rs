//! TOML text -> the numbers of a machine, with every mistake of the text.

use super::keys::{Key, NOTHING, Need, Range, keys};
use super::{Input, Machine};
use crate::diag::{Diagnostic, Diagnostics, meant, nearest};
use machine::CORES_MAX;
use machine::model::Parameters;
use serde::Deserialize;
use std::ops;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

/// The form of every number.
const FORM: &str = "a number is written { is = 51, source = \"where it is from\" }, with \
     estimate = true where nobody measured it";

/// A number as it stands in the text.
struct Found {
    key: &'static Key,
    value: f64,
    source: String,
    estimate: bool,
    span: ops::Range<usize>,
}

/// Reads a machine file; see [`Machine::parse`].
pub(super) fn machine(name: &str, path_shown: &str, text: &str) -> Result<Machine, Diagnostics> {
    let mut mistakes = Vec::new();
    let (root, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let syntax = errors.iter().map(|error| {
            let span = error.span().unwrap_or(text.len()..text.len());
            Diagnostic::new(format!("this is not TOML: {}", error.message())).at(span, "here")
        });
        return Err(Diagnostics::new(path_shown, text, syntax.collect()));
    }
    let root = root.into_inner();
    let mut summary = None;
    let mut found: Vec<Found> = Vec::new();
    // What stands there but cannot be read is not missing.
    let mut unread: Vec<&'static Key> = Vec::new();
    let sections: Vec<&str> = sections();
    for (name, value) in &root {
        let (section, span) = (name.get_ref().as_ref(), name.span());
        match (section, value.get_ref()) {
            ("summary", DeValue::String(text)) => summary = Some(text.trim().to_owned()),
            ("summary", _) => {
                mistakes.push(Diagnostic::new("`summary` is a text").at(value.span(), "here"))
            }
            ("sources", DeValue::Table(table)) => check_sources(table, &mut mistakes),
            (_, DeValue::Table(table)) if sections.contains(&section) => {
                found.extend(numbers(section, table, &mut unread, &mut mistakes));
            }
            (_, _) if sections.contains(&section) || section == "sources" => {
                mistakes.push(
                    Diagnostic::new(format!("`{section}` is a table"))
                        .at(span, format!("write [{section}]")),
                );
            }
            _ => {
                let known = sections.iter().copied().chain(["summary", "sources"]);
                mistakes.push(
                    Diagnostic::new(format!("unknown key \"{section}\" at the top level"))
                        .at(span, "no such key")
                        .help_if(meant(section, known)),
                );
            }
        }
    }
    let summary = summary.filter(|summary| !summary.is_empty()).unwrap_or_else(|| {
        mistakes
            .push(Diagnostic::new("`summary` is missing").rule("a line says which machine it is"));
        String::new()
    });
    let parameters = assemble(&found, &unread, &mut mistakes);
    if !mistakes.is_empty() {
        return Err(Diagnostics::new(path_shown, text, mistakes));
    }
    let inputs = found.into_iter();
    let inputs = inputs.map(|Found { key, value, source, estimate, .. }| Input {
        key,
        value,
        source,
        estimate,
    });
    Ok(Machine { name: name.to_owned(), summary, parameters, inputs: inputs.collect() })
}

fn sections() -> Vec<&'static str> {
    let mut sections: Vec<&str> = keys().map(|key| key.section).collect();
    sections.dedup();
    sections
}

fn check_sources(table: &DeTable<'_>, mistakes: &mut Vec<Diagnostic>) {
    for (name, value) in table {
        if !matches!(value.get_ref(), DeValue::String(_)) {
            let title = format!("source \"{}\" is a text", name.get_ref());
            mistakes.push(Diagnostic::new(title).at(value.span(), "here"));
        }
    }
}

/// The numbers of a section that can be read.
fn numbers(
    section: &str,
    table: &DeTable<'_>,
    unread: &mut Vec<&'static Key>,
    mistakes: &mut Vec<Diagnostic>,
) -> Vec<Found> {
    let known = keys().filter(|key| key.section == section);
    let mut found = Vec::new();
    for (name, value) in table {
        let Some(key) = known.clone().find(|key| key.name == name.get_ref().as_ref()) else {
            let title = format!("unknown key \"{}\" in [{section}]", name.get_ref());
            let near = meant(name.get_ref(), known.clone().map(|key| key.name));
            mistakes.push(Diagnostic::new(title).at(name.span(), "no such key").help_if(near));
            let near = nearest(name.get_ref(), known.clone().map(|key| key.name));
            unread.extend(known.clone().find(|key| Some(key.name) == near));
            continue;
        };
        match number(key, value) {
            Ok(number) => found.push(number),
            Err(mistake) => {
                mistakes.push(*mistake);
                unread.push(key);
            }
        }
    }
    found
}

fn number(key: &'static Key, value: &Spanned<DeValue<'_>>) -> Result<Found, Box<Diagnostic>> {
    let name = key.name;
    let wrong = |title: String, span| Box::new(Diagnostic::new(title).at(span, "here"));
    let DeValue::Table(table) = value.get_ref() else {
        return Err(Box::new(wrong(format!("`{name}` has no source"), value.span()).rule(FORM)));
    };
    let known = ["is", "source", "estimate"];
    if let Some((other, _)) =
        table.iter().find(|(name, _)| !known.contains(&name.get_ref().as_ref()))
    {
        let title = format!("unknown key \"{}\" in `{name}`", other.get_ref());
        return Err(Box::new(wrong(title, other.span()).help_if(meant(other.get_ref(), known))));
    }
    let Some(is) = table.get("is") else {
        return Err(Box::new(
            wrong(format!("`{name}` does not say what it is"), value.span()).rule(FORM),
        ));
    };
    let source = match table.get("source").map(Spanned::get_ref) {
        Some(DeValue::String(text)) if !text.trim().is_empty() => text.trim().to_owned(),
        _ => {
            return Err(Box::new(
                wrong(format!("`{name}` has no source"), value.span()).rule(FORM),
            ));
        }
    };
    let estimate = match table.get("estimate").map(Spanned::get_ref) {
        None => false,
        Some(DeValue::Boolean(estimate)) => *estimate,
        Some(_) => {
            return Err(wrong(format!("`estimate` of `{name}` is true or false"), value.span()));
        }
    };
    let value = in_range(key, is)?;
    Ok(Found { key, value, source, estimate, span: is.span() })
}

fn in_range(key: &Key, is: &Spanned<DeValue<'_>>) -> Result<f64, Box<Diagnostic>> {
    let name = key.name;
    let wrong = |what: String| {
        Err(Box::new(Diagnostic::new(format!("`{name}` is {what}")).at(is.span(), "here")))
    };
    if let Range::Word(words) = key.range {
        let DeValue::String(word) = is.get_ref() else {
            return wrong(key.range.to_string());
        };
        return match words.iter().position(|known| known == word) {
            Some(place) => Ok(place as f64),
            None => Err(Box::new(
                Diagnostic::new(format!("unknown `{name}` \"{word}\""))
                    .at(is.span(), "no such word")
                    .help_if(meant(word, words.iter().copied())),
            )),
        };
    }
    let Ok(value) = f64::deserialize(ValueDeserializer::from(is.clone())) else {
        return wrong("a number".to_owned());
    };
    if key.range.contains(value) { Ok(value) } else { wrong(key.range.to_string()) }
}

/// Puts the numbers in their places, and says what is missing or does not fit together.
fn assemble(
    found: &[Found],
    unread: &[&'static Key],
    mistakes: &mut Vec<Diagnostic>,
) -> Parameters {
    let mut parameters = NOTHING;
    found.iter().for_each(|number| (number.key.set)(&mut parameters, number.value));
    let shape = &mut parameters.shape;
    if shape.sockets_per_group == 0 {
        shape.sockets_per_group = shape.sockets;
    }
    let span = |section: &str, name: &str| {
        let number = found.iter().find(|n| (n.key.section, n.key.name) == (section, name));
        number.map_or(0..0, |number| number.span.clone())
    };
    let (sockets, groups) = (shape.sockets > 1, shape.sockets > shape.sockets_per_group);
    if shape.agents() > CORES_MAX {
        let title = format!("{} cores are more than the model has", shape.agents());
        let mistake = Diagnostic::new(title).at(span("shape", "cores-per-socket"), "here");
        mistakes.push(mistake.rule(format!("a machine has at most {CORES_MAX} cores")));
    }
    if shape.cluster_cores > shape.cores_per_socket {
        let mistake = Diagnostic::new("a cluster has more cores than a socket");
        mistakes.push(mistake.at(span("shape", "cluster-cores"), "here"));
    }
    for key in keys() {
        let given = found.iter().any(|number| std::ptr::eq(number.key, key));
        let needed = match key.need {
            Need::Always => true,
            Need::Sockets => sockets,
            Need::Groups => groups,
            Need::Else(value) if !given => {
                (key.set)(&mut parameters, value);
                false
            }
            Need::Else(_) | Need::Optional => false,
        };
        if needed && !given && !unread.iter().any(|unread| std::ptr::eq(*unread, key)) {
            let title = format!("`{}` is missing in [{}]", key.name, key.section);
            mistakes.push(Diagnostic::new(title).rule(key.about).help(FORM));
        }
    }
    if let Some(far) = parameters.far_atomics
        && (far.latency_ps == 0 || far.occupancy_ps == 0)
    {
        let mistake = Diagnostic::new("[far-atomics] has one of its two numbers");
        mistakes.push(mistake.rule("`latency-ns` and `occupancy-ns` stand together"));
    }
    fill_distances(&mut parameters, sockets, groups);
    parameters
}

/// Distances that the machine does not have are as far as the farthest that it has.
fn fill_distances(parameters: &mut Parameters, sockets: bool, groups: bool) {
    let fill = |row: &mut [u64], from: usize| {
        if !sockets {
            row[from] = row[from - 1];
        }
        if !groups {
            row[from + 1] = row[from];
        }
    };
    let Parameters { write_modified, read_modified, read_shared, upgrade, memory, .. } = parameters;
    for row in [write_modified, read_modified, read_shared, upgrade] {
        fill(&mut row.0, 2);
    }
    fill(memory, 1);
}
