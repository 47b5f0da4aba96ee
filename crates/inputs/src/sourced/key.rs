//! A row of the table of numbers of a kind of file.

use super::allowed::AllowedValues;
use std::fmt;

/// A table of a file: `[line]`, for instance.
pub struct FileSection<T: 'static> {
    /// The name, without brackets.
    pub name: &'static str,
    /// Its numbers.
    pub keys: &'static [FileKey<T>],
}

/// A number of a file whose numbers make a `T`.
pub struct FileKey<T> {
    /// Its name in its section.
    pub name: &'static str,
    /// Its meaning, in words.
    pub about: &'static str,
    /// The values that it may have.
    pub allowed: AllowedValues,
    /// Need of a file to have the number.
    pub need: Presence<T>,
    /// Way to store its value.
    pub set: Set<T>,
    /// Its names for `--vary`, if that takes it.
    pub varied: Option<Varied>,
}

/// Need of a file to have a number.
pub enum Presence<T> {
    /// Required.
    Always,
    /// Required if the function holds for the other numbers of the file; the text says when.
    If(fn(&T) -> bool, &'static str),
    /// Optional, with this default.
    Else(f64),
    /// Optional, without a default.
    Optional,
}

/// Way to store the value of a number.
pub enum Set<T> {
    /// In a field of picoseconds; the file has nanoseconds.
    Ns(fn(&mut T) -> &mut u64),
    /// By a function of the value in the file.
    By(fn(&mut T, f64)),
}

/// The names of a number for `--vary`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Varied {
    /// Its key, and a short name.
    ByKey(&'static str),
    /// The name of its section, whose numbers are varied together, and a short name.
    BySection(&'static str),
}

/// Times from 0.1 ns to 1 ms, in nanoseconds.
const TIME: AllowedValues = AllowedValues::Number(0.1, 1_000_000.0);

impl<T> FileKey<T> {
    /// A required time from 0.1 ns to 1 ms.
    pub const fn ns(
        name: &'static str,
        field: fn(&mut T) -> &mut u64,
        about: &'static str,
    ) -> Self {
        Self {
            name,
            about,
            allowed: TIME,
            need: Presence::Always,
            set: Set::Ns(field),
            varied: None,
        }
    }

    /// A required number, and the function that stores it.
    pub const fn new(
        name: &'static str,
        allowed: AllowedValues,
        set: fn(&mut T, f64),
        about: &'static str,
    ) -> Self {
        Self { name, about, allowed, need: Presence::Always, set: Set::By(set), varied: None }
    }

    /// The same time, from 0 to `most` ns.
    pub const fn from_0_to(self, most: f64) -> Self {
        Self { allowed: AllowedValues::Number(0.0, most), ..self }
    }

    /// The same number with another need.
    pub const fn need(self, need: Presence<T>) -> Self {
        Self { need, ..self }
    }

    /// The same number, which `--vary` takes.
    pub const fn varied(self, varied: Varied) -> Self {
        Self { varied: Some(varied), ..self }
    }

    /// Stores a value.
    pub fn set(&self, numbers: &mut T, value: f64) {
        match self.set {
            Set::Ns(field) => *field(numbers) = (value * 1000.0).round() as u64,
            Set::By(set) => set(numbers, value),
        }
    }
}

impl<T> fmt::Display for Presence<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always => f.write_str("required"),
            Self::If(_, when) => f.write_str(when),
            Self::Else(value) => write!(f, "{value} unless given"),
            Self::Optional => f.write_str("may be left out"),
        }
    }
}
