//! Files of numbers, each of which has its source: a table of [`FileKey`]s says which numbers a
//! kind of file has, and reading, messages, documents and the schema follow from it.

mod allowed;
mod key;
mod read;
#[cfg(feature = "schema")]
mod schema;

pub use allowed::AllowedValues;
pub use key::{FileKey, Presence, Section, Set, Varied};
pub use read::PlacedNumber;

use crate::diag::{Diagnostic, Diagnostics};
use crate::named::Shipped;
use base::digest::digest;
use serde_json::{Map, Value, json};
use std::fmt;

/// A kind of file: the numbers of one.
pub trait FileKind: Clone + fmt::Debug + 'static {
    /// The files that come with the crate.
    const SHIPPED: Shipped;
    /// What is written of such a file in its schema.
    const TITLE: &'static str;
    /// The numbers before any is set.
    const UNSET: Self;

    /// The table of numbers.
    fn sections() -> &'static [Section<Self>];

    /// Checks whether the numbers of a file fit together, once all are in place, and fills in
    /// what follows from them. Mistakes go to `mistakes`.
    fn complete(&mut self, found: &[PlacedNumber<Self>], mistakes: &mut Vec<Diagnostic>);
}

/// All numbers of a kind of file with the names of their sections, in order.
pub fn keys<T: FileKind>() -> impl Iterator<Item = (&'static str, &'static FileKey<T>)> + Clone {
    T::sections().iter().flat_map(|section| section.keys.iter().map(|key| (section.name, key)))
}

/// A file whose numbers have their sources, as it was read.
#[derive(Clone)]
pub struct SourcedFile<T: FileKind> {
    /// The file's stem.
    pub name: String,
    /// What the file describes, in a line.
    pub summary: String,
    /// Its numbers, as the program takes them.
    pub parameters: T,
    /// Its numbers, as the file has them.
    pub inputs: Vec<SourcedNumber<T>>,
}

/// A number of a file.
pub struct SourcedNumber<T: 'static> {
    /// The section that it is in.
    pub section: &'static str,
    /// Its row of the table.
    pub key: &'static FileKey<T>,
    /// Its value, in the unit of the key; of a word its place in the list.
    pub value: f64,
    /// Where it is from.
    pub source: String,
    /// Whether nobody measured it.
    pub estimate: bool,
}

impl<T> Clone for SourcedNumber<T> {
    fn clone(&self) -> Self {
        Self { source: self.source.clone(), ..*self }
    }
}

impl<T> SourcedNumber<T> {
    /// Whether it is the number `key` of `section`.
    pub fn is(&self, section: &str, key: &str) -> bool {
        (self.section, self.key.name) == (section, key)
    }
}

impl<T: FileKind> SourcedFile<T> {
    /// Reads the text of a file. `path_shown` stands in diagnostics.
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

    /// Share of the numbers that nobody measured, 0 to 1.
    pub fn estimated_share(&self) -> f64 {
        let estimates = self.inputs.iter().filter(|input| input.estimate).count();
        estimates as f64 / self.inputs.len() as f64
    }

    /// The file as documents have it: every number with its source.
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

    /// The text of a file with these numbers, section by section.
    pub fn to_toml(&self) -> String {
        let quoted = |text: &str| json!(text).to_string();
        let mut out = format!("summary = {}\n", quoted(&self.summary));
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

    /// Digest of the numbers, whatever the file says of them beside.
    pub fn digest(&self) -> String {
        digest(format!("{:?}", self.parameters).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with a number of each form.
    #[derive(Debug, Clone, PartialEq)]
    struct Lock {
        waiters: u32,
        hand_over_ps: u64,
        word: usize,
        fair: bool,
    }

    type Key = FileKey<Lock>;

    static LOCK: &[Section<Lock>] = &[Section {
        name: "lock",
        keys: &[
            Key::new(
                "waiters",
                AllowedValues::Count(0, 8),
                |lock, n| lock.waiters = n as u32,
                "waiters",
            ),
            Key::ns("hand-over-ns", |lock| &mut lock.hand_over_ps, "time to the next owner"),
            Key::new(
                "kind",
                AllowedValues::Word(&["ticket", "queue"]),
                |lock, n| lock.word = n as usize,
                "its kind",
            )
            .need(Presence::Else(1.0)),
            Key::new(
                "fair",
                AllowedValues::Switch,
                |lock, n| lock.fair = n != 0.0,
                "first come, first served",
            )
            .need(Presence::If(|lock| lock.waiters > 1, "required with several waiters")),
        ],
    }];

    impl FileKind for Lock {
        const SHIPPED: Shipped = Shipped { what: "lock", folder: "locks", files: &[] };
        const TITLE: &'static str = "A lock";
        const UNSET: Self = Lock { waiters: 0, hand_over_ps: 0, word: 0, fair: false };

        fn sections() -> &'static [Section<Self>] {
            LOCK
        }

        fn complete(&mut self, _: &[PlacedNumber<Self>], _: &mut Vec<Diagnostic>) {}
    }

    const TEXT: &str = "summary = \"x\"\n[lock]\nwaiters = { is = 2, source = \"a\" }\n\
         hand-over-ns = { is = 1.5, source = \"b\", estimate = true }\n\
         fair = { is = true, source = \"c\" }\n";

    #[test]
    fn numbers_of_all_forms_come_back_from_their_text() {
        let lock = SourcedFile::<Lock>::parse("x", "x.toml", TEXT).unwrap();
        let expected = Lock { waiters: 2, hand_over_ps: 1500, word: 1, fair: true };
        assert_eq!(lock.parameters, expected);
        assert_eq!(lock.resolved()["numbers"]["lock"]["fair"]["is"], true);
        let again = SourcedFile::<Lock>::parse("x", "x.toml", &lock.to_toml()).unwrap();
        assert_eq!((again.parameters, again.inputs.len()), (expected, 3));
    }

    #[test]
    fn mistakes_say_which_values_are_allowed() {
        let wrong = |from: &str, to: &str| {
            let text = TEXT.replacen(from, to, 1);
            SourcedFile::<Lock>::parse("x", "x.toml", &text).err().expect("it is wrong").to_string()
        };
        assert!(wrong("is = true", "is = 1").contains("`fair` is true or false"));
        assert!(wrong("is = 2", "is = 9").contains("`waiters` is a whole number from 0 to 8"));
        assert!(wrong("is = 2", "is = true").contains("`waiters` is a number"));
        let missing = wrong("fair = { is = true, source = \"c\" }\n", "");
        assert!(missing.contains("`fair` is missing in [lock]"), "{missing}");
    }
}
