//! A file of numbers with sources: finds, reads and writes it.

use super::kind::{FileKind, SourcedNumber, keys};
use super::read;
use crate::diag::Diagnostics;
use base::digest::digest;
use serde_json::{Map, Value, json};

/// A file of numbers with sources.
#[derive(Clone)]
pub struct SourcedFile<T: FileKind> {
    /// The file's stem.
    pub name: String,
    /// Its subject, in one line.
    pub summary: String,
    /// The numbers for the program.
    pub parameters: T,
    /// The numbers with their sources, in the order of the file.
    pub inputs: Vec<SourcedNumber<T>>,
}

impl<T: FileKind> SourcedFile<T> {
    /// Reads the text of a file. Diagnostics show `path_shown`.
    ///
    /// # Errors
    ///
    /// Every mistake of the text.
    pub fn parse(name: &str, path_shown: &str, text: &str) -> Result<Self, Diagnostics> {
        read::file(name, text).map_err(|mistakes| Diagnostics::new(path_shown, text, mistakes))
    }

    /// Finds a file: the name of a shipped one, or a path, which has a `/` or ends in `.toml`.
    ///
    /// # Errors
    ///
    /// No shipped file has the name, or the file cannot be read, or every mistake of it.
    pub fn find(name_or_path: &str) -> Result<Self, Diagnostics> {
        let found = T::SHIPPED.find(name_or_path)?;
        Self::parse(&found.name, &found.path_shown, &found.text)
    }

    /// Returns the share of estimates among the numbers, 0 to 1.
    pub fn estimated_share(&self) -> f64 {
        let estimates = self.inputs.iter().filter(|input| input.estimate).count();
        estimates as f64 / self.inputs.len() as f64
    }

    /// Returns the file as documents have it: every number with its source.
    pub fn resolved(&self) -> Value {
        let mut sections: Map<String, Value> = Map::new();
        for SourcedNumber { section, key, value, source, estimate } in &self.inputs {
            let is = key.allowed.json(*value);
            let number = json!({ "is": is, "source": source, "estimate": estimate });
            sections.entry(*section).or_insert_with(|| json!({}))[key.name] = number;
        }
        json!({
            "name": self.name,
            "summary": self.summary,
            "estimated_share": self.estimated_share(),
            "numbers": sections,
        })
    }

    /// Returns the text of a file with these numbers.
    pub fn to_toml(&self) -> String {
        let quoted = |text: &str| json!(text).to_string();
        let what = T::SHIPPED.what;
        let mut out =
            format!("#:schema schemas/{what}.schema.json\nsummary = {}\n", quoted(&self.summary));
        let mut last = "";
        for (section, key) in keys::<T>() {
            let Some(input) = self.inputs.iter().find(|input| input.is(section, key.name)) else {
                continue;
            };
            if section != last {
                last = section;
                out += &format!("\n[{section}]\n");
            }
            let (is, source) = (key.allowed.toml(input.value), quoted(&input.source));
            let estimate = if input.estimate { ", estimate = true" } else { "" };
            out += &format!("{} = {{ is = {is}, source = {source}{estimate} }}\n", key.name);
        }
        out
    }

    /// Returns the digest of the numbers; sources and summary are not part of it.
    pub fn digest(&self) -> String {
        digest(format!("{:?}", self.parameters).as_bytes())
    }
}
