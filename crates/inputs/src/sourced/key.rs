//! A number of a file, as the table of its kind has it.

use super::allowed::AllowedValues;
use std::fmt;

/// A table of a file, as `[line]`.
pub struct Section<T: 'static> {
    /// The name, without brackets.
    pub name: &'static str,
    /// Its numbers.
    pub keys: &'static [FileKey<T>],
}

/// A number of a file whose numbers make a `T`.
pub struct FileKey<T> {
    /// Its name in its section.
    pub name: &'static str,
    /// What it is, in words.
    pub about: &'static str,
    /// The values that it may have.
    pub allowed: AllowedValues,
    /// Whether a file must have it.
    pub need: Presence<T>,
    /// How it is put in its place.
    pub set: Set<T>,
    /// How `--vary` names it, if it takes it.
    pub varied: Option<Varied>,
}

/// Whether a file must have a number.
pub enum Presence<T> {
    /// Every file must.
    Always,
    /// A file must for which this holds, once its numbers are in place; the words say when.
    If(fn(&T) -> bool, &'static str),
    /// A file may; without it this is taken.
    Else(f64),
    /// A file may; without it nothing is set.
    Optional,
}

/// How a number is put in its place.
pub enum Set<T> {
    /// Nanoseconds in the file, picoseconds in this field.
    Ns(fn(&mut T) -> &mut u64),
    /// By a function, from the value in the file.
    By(fn(&mut T, f64)),
}

/// How `--vary` names a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Varied {
    /// By its key; also by the short name, which is older.
    ByKey(&'static str),
    /// By the name of its section, along with the section's others; also by the short name.
    BySection(&'static str),
}

/// Times that a machine can have, in nanoseconds.
const TIME: AllowedValues = AllowedValues::Number(0.1, 1_000_000.0);

impl<T> FileKey<T> {
    /// A time of 0.1 ns to 1 ms, which a file must have.
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

    /// A number that a file must have, and a function that puts it in its place.
    pub const fn new(
        name: &'static str,
        allowed: AllowedValues,
        set: fn(&mut T, f64),
        about: &'static str,
    ) -> Self {
        Self { name, about, allowed, need: Presence::Always, set: Set::By(set), varied: None }
    }

    /// The same time, of 0 ns to `most`.
    pub const fn from_0_to(self, most: f64) -> Self {
        Self { allowed: AllowedValues::Number(0.0, most), ..self }
    }

    /// The same number, which not every file must have.
    pub const fn need(self, need: Presence<T>) -> Self {
        Self { need, ..self }
    }

    /// The same number, which `--vary` takes.
    pub const fn varied(self, varied: Varied) -> Self {
        Self { varied: Some(varied), ..self }
    }

    /// Puts a value in its place.
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
