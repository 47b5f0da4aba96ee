//! Keys and tables with their places in the text.

use std::ops::{Deref, Range};

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use toml::Spanned;

// A key of a table: its value with its place in the text, if it is written. (As a doc comment
// this would be the description of every key in the schema.)
#[derive(Debug)]
#[cfg_attr(feature = "schema", derive(JsonSchema), schemars(with = "Option<T>"))]
pub(crate) struct WrittenKey<T>(Option<Spanned<T>>);

impl<T> Default for WrittenKey<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for WrittenKey<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self)
    }
}

impl<T> Deref for WrittenKey<T> {
    type Target = Option<Spanned<T>>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<T> WrittenKey<T> {
    pub fn value(&self) -> Option<&T> {
        self.0.as_ref().map(Spanned::get_ref)
    }

    pub fn span(&self) -> Option<Range<usize>> {
        self.0.as_ref().map(Spanned::span)
    }

    /// Returns the place of the value, or `table`, the place of its table, if none is written.
    pub fn span_or(&self, table: &Range<usize>) -> Range<usize> {
        self.span().unwrap_or_else(|| table.clone())
    }

    /// Returns what `check` makes of the value, or `default` if none is written.
    pub fn checked<U>(
        &self,
        default: U,
        check: impl FnOnce(&Spanned<T>) -> Option<U>,
    ) -> Option<U> {
        self.0.as_ref().map_or(Some(default), check)
    }
}

impl<T: Copy> WrittenKey<T> {
    pub fn value_or(&self, default: T) -> T {
        self.value().copied().unwrap_or(default)
    }
}

// One table of a file, with its place.
#[derive(Debug)]
#[cfg_attr(feature = "schema", derive(JsonSchema), schemars(with = "T"))]
pub(crate) struct WrittenTable<T> {
    /// The place of its header.
    pub span: Range<usize>,
    /// Its keys.
    pub table: T,
    /// Keys that could not be read, which are reported already.
    pub unread: Vec<String>,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for WrittenTable<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<T>::deserialize(deserializer)?;
        Ok(Self { span: spanned.span(), table: spanned.into_inner(), unread: Vec::new() })
    }
}
