//! A kind of file: its table of numbers, and a number of such a file.

use super::key::{FileKey, FileSection};
use crate::diag::Diagnostic;
use crate::named::Shipped;
use std::fmt;
use std::ops::Range;

/// A kind of file, for the type that the numbers of a file make.
pub trait FileKind: Clone + fmt::Debug + 'static {
    /// The files that come with the crate.
    const SHIPPED: Shipped;
    /// The title of the schema.
    const TITLE: &'static str;
    /// The numbers before any is set.
    const UNSET: Self;

    /// The table of numbers.
    fn sections() -> &'static [FileSection<Self>];

    /// Derives values from the numbers of a file, after all are stored, and adds to `mistakes`
    /// where numbers contradict each other.
    fn complete(&mut self, found: &[PlacedNumber<Self>], mistakes: &mut Vec<Diagnostic>);
}

/// Returns all numbers of a kind of file, each with the name of its section.
pub fn keys<T: FileKind>() -> impl Iterator<Item = (&'static str, &'static FileKey<T>)> + Clone {
    T::sections().iter().flat_map(|section| section.keys.iter().map(|key| (section.name, key)))
}

/// A number of a file.
pub struct SourcedNumber<T: 'static> {
    /// The name of its section.
    pub section: &'static str,
    /// Its row of the table.
    pub key: &'static FileKey<T>,
    /// Its value, in the unit of the key; for a word its index.
    pub value: f64,
    /// The source of the value.
    pub source: String,
    /// True if nobody measured it.
    pub estimate: bool,
}

impl<T> Clone for SourcedNumber<T> {
    fn clone(&self) -> Self {
        Self { source: self.source.clone(), ..*self }
    }
}

impl<T> SourcedNumber<T> {
    /// True if it is the number `key` of `section`.
    pub fn is(&self, section: &str, key: &str) -> bool {
        (self.section, self.key.name) == (section, key)
    }
}

/// A number with its place in the text.
pub struct PlacedNumber<T: 'static> {
    /// The number.
    pub input: SourcedNumber<T>,
    /// The place of its value in the text, in bytes.
    pub span: Range<usize>,
}
