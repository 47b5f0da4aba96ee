//! Values that a number of a file may have, and the forms in which they are written.

use crate::diag::{Diagnostic, meant};
use serde::Deserialize;
use serde_json::{Value, json};
use std::fmt;
use toml::Spanned;
use toml::de::{DeValue, ValueDeserializer};

/// The values that a number may have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AllowedValues {
    /// A whole number from the first to the second, both included.
    Count(u32, u32),
    /// A number from the first to the second, both included.
    Number(f64, f64),
    /// One of these words; its value is its index.
    Word(&'static [&'static str]),
    /// True or false; its value is 1 or 0.
    Switch,
}

impl AllowedValues {
    /// Returns true if `value` is one of them.
    pub fn contains(self, value: f64) -> bool {
        match self {
            Self::Count(low, high) => {
                value.fract() == 0.0 && (f64::from(low)..=f64::from(high)).contains(&value)
            }
            Self::Number(low, high) => (low..=high).contains(&value),
            Self::Word(words) => Self::Count(0, words.len() as u32 - 1).contains(value),
            Self::Switch => Self::Count(0, 1).contains(value),
        }
    }

    /// Reads the value of the key `name`.
    pub(super) fn read(
        self,
        name: &str,
        written: &Spanned<DeValue<'_>>,
    ) -> Result<f64, Box<Diagnostic>> {
        let wrong = |title: String| Box::new(Diagnostic::new(title).at(written.span(), "here"));
        let value = match (self, written.get_ref()) {
            (Self::Word(words), DeValue::String(word)) => {
                let place = words.iter().position(|known| known == word);
                return place.map(|place| place as f64).ok_or_else(|| {
                    let mistake = Diagnostic::new(format!("unknown `{name}` \"{word}\""));
                    let mistake = mistake.at(written.span(), "no such word");
                    Box::new(mistake.help_if(meant(word, words.iter().copied())))
                });
            }
            (Self::Switch, DeValue::Boolean(on)) => Some(f64::from(u8::from(*on))),
            (Self::Word(_) | Self::Switch, _) => None,
            _ => {
                let number = f64::deserialize(ValueDeserializer::from(written.clone()));
                Some(number.map_err(|_| wrong(format!("`{name}` is a number")))?)
            }
        };
        value
            .filter(|value| self.contains(*value))
            .ok_or_else(|| wrong(format!("`{name}` is {self}")))
    }

    /// Returns the value as documents have it.
    pub(super) fn json(self, value: f64) -> Value {
        match self {
            Self::Word(words) => json!(words[value as usize]),
            Self::Switch => json!(value != 0.0),
            Self::Count(..) | Self::Number(..) => json!(value),
        }
    }

    /// Returns the value as files have it; a number is rounded to three decimals.
    pub fn toml(self, value: f64) -> String {
        match self {
            Self::Word(words) => format!("\"{}\"", words[value as usize]),
            Self::Switch => format!("{}", value != 0.0),
            Self::Count(..) => format!("{value:.0}"),
            Self::Number(..) => format!("{}", (value * 1000.0).round() / 1000.0),
        }
    }

    /// Returns the JSON schema of the value.
    #[cfg(feature = "schema")]
    pub(super) fn schema(self) -> Value {
        match self {
            Self::Count(low, high) => json!({ "type": "integer", "minimum": low, "maximum": high }),
            Self::Number(low, high) => json!({ "type": "number", "minimum": low, "maximum": high }),
            Self::Word(words) => json!({ "enum": words }),
            Self::Switch => json!({ "type": "boolean" }),
        }
    }
}

impl fmt::Display for AllowedValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(low, high) => write!(f, "a whole number from {low} to {high}"),
            Self::Number(low, high) => write!(f, "a number from {low} to {high}"),
            Self::Word(words) => write!(f, "one of \"{}\"", words.join("\", \"")),
            Self::Switch => f.write_str("true or false"),
        }
    }
}
