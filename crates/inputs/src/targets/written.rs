//! A file of targets as it is written: TOML with the place of every value.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use toml::Spanned;

use super::unit::Unit;
use crate::workload::WrittenKey;

/// Defines a table with keys of its own, and those that a curve takes from the file unless it has
/// them itself.
macro_rules! table {
    ($(#[doc = $doc:literal])+ $name:ident { $($own:ident: $of:ty,)* }) => {
        $(#[doc = $doc])+
        #[derive(Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields, rename_all = "kebab-case")]
        pub(super) struct $name {
            $(pub $own: WrittenKey<$of>,)*
            placement: WrittenKey<String>,
            compare: WrittenKey<WrittenCompare>,
            to: WrittenKey<String>,
            unit: WrittenKey<Unit>,
            tolerance: WrittenKey<Tolerance>,
            threads: WrittenKey<Vec<u64>>,
            critical_ns: WrittenKey<u64>,
            parallel_ns: WrittenKey<u64>,
            writers: WrittenKey<u64>,
        }

        impl $name {
            /// Returns the keys that both tables have.
            pub fn common(&self) -> CommonKeys<'_> {
                CommonKeys {
                    placement: self.placement.as_ref(),
                    compare: self.compare.as_ref(),
                    to: self.to.as_ref(),
                    unit: self.unit.as_ref(),
                    tolerance: self.tolerance.as_ref(),
                    threads: self.threads.as_ref(),
                    critical_ns: self.critical_ns.as_ref(),
                    parallel_ns: self.parallel_ns.as_ref(),
                    writers: self.writers.as_ref(),
                }
            }
        }
    };
}

table! {
    /// The top level, without its curves.
    WrittenTargets {
        summary: String,
        source: String,
        note: String,
        machine: String,
        kin_of: String,
        calibrated: bool,
        vary: BTreeMap<String, Spanned<f64>>,
        workload: String,
        kernel: String,
        fit: WrittenFit,
    }
}

table! {
    /// A published curve.
    WrittenCurve {
        name: String,
        strategy: String,
        r#loop: String,
        published: Vec<f64>,
    }
}

/// Keys that a curve takes from the file unless it has them itself.
pub(super) struct CommonKeys<'f> {
    pub placement: Option<&'f Spanned<String>>,
    pub compare: Option<&'f Spanned<WrittenCompare>>,
    pub to: Option<&'f Spanned<String>>,
    pub unit: Option<&'f Spanned<Unit>>,
    pub tolerance: Option<&'f Spanned<Tolerance>>,
    pub threads: Option<&'f Spanned<Vec<u64>>>,
    pub critical_ns: Option<&'f Spanned<u64>>,
    pub parallel_ns: Option<&'f Spanned<u64>>,
    pub writers: Option<&'f Spanned<u64>>,
}

impl<'f> CommonKeys<'f> {
    /// Returns these keys, and those of `file` that are not among them.
    pub fn or(self, file: CommonKeys<'f>) -> Self {
        Self {
            placement: self.placement.or(file.placement),
            compare: self.compare.or(file.compare),
            to: self.to.or(file.to),
            unit: self.unit.or(file.unit),
            tolerance: self.tolerance.or(file.tolerance),
            threads: self.threads.or(file.threads),
            critical_ns: self.critical_ns.or(file.critical_ns),
            parallel_ns: self.parallel_ns.or(file.parallel_ns),
            writers: self.writers.or(file.writers),
        }
    }
}

/// What the model is fitted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum WrittenFit {
    /// The private work of a fault, to the first curve at one thread.
    OneThread,
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum WrittenCompare {
    /// The figures themselves.
    Absolute,
    /// The ratio to another curve at the same number of threads.
    Ratio,
    /// The ratio to the curve's own figure at one thread.
    SpeedUp,
}

/// Shares of the published figures: one for all, or one for each.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Tolerance {
    One(f64),
    Each(Vec<f64>),
}

impl<'de> Deserialize<'de> for Tolerance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = Tolerance;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a share such as 0.25, or one for each figure")
            }

            fn visit_f64<E>(self, share: f64) -> Result<Tolerance, E> {
                Ok(Tolerance::One(share))
            }

            fn visit_i64<E>(self, share: i64) -> Result<Tolerance, E> {
                Ok(Tolerance::One(share as f64))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tolerance, A::Error> {
                let mut all = Vec::new();
                while let Some(share) = items.next_element()? {
                    all.push(share);
                }
                Ok(Tolerance::Each(all))
            }
        }
        deserializer.deserialize_any(Form)
    }
}
