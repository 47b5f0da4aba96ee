//! The sides of a comparison: launches of one program with one value on the axis.

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::Serialize;

use super::axis::{Axis, revision};
use super::document::Document;
use super::error::CompareError;
use crate::run::Cell;

/// The base of a comparison, or a side that is compared with it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Side {
    /// Its value on the axis; by the axis `run`, the start of its first run.
    pub name: String,
    /// Its runs.
    pub launches: Vec<Launch>,
}

/// One run of a side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Launch {
    /// The file.
    pub path: String,
    /// Start of the run, RFC 3339 in UTC.
    pub started_at: String,
    /// The command line, program name first.
    pub argv: Vec<String>,
    /// Version of faultstorm.
    pub version: String,
    /// Commit that the program was built from; null where unknown.
    pub git_revision: Option<String>,
    /// True if the tree had uncommitted changes.
    pub git_dirty: Option<bool>,
    /// Model name of the CPU that the program ran on.
    pub cpu_model: Option<String>,
    /// Digest of all model cells; null where the model did not run.
    pub digest: Option<String>,
}

/// A side with its documents.
pub(super) struct Part<'a> {
    pub name: String,
    by: Axis,
    value: String,
    pub launches: Vec<&'a Document>,
}

impl<'a> Part<'a> {
    fn new(by: Axis, value: &str, documents: impl Iterator<Item = &'a Document>) -> Self {
        let has = |document: &&Document| {
            document.run.strategies().any(|c| by.value(document, c) == value)
        };
        let launches: Vec<&Document> = documents.filter(has).collect();
        let name = match by {
            Axis::Run => format!("run of {}", launches[0].run.provenance.started_at),
            _ => value.to_owned(),
        };
        Part { name, by, value: value.to_owned(), launches }
    }

    /// Returns its cells of one launch.
    pub fn cells(&self, launch: &'a Document) -> impl Iterator<Item = &'a Cell> {
        launch.run.strategies().filter(move |cell| self.by.value(launch, cell) == self.value)
    }

    /// Fails if the launches are of different programs.
    fn check(self, force: bool) -> Result<Self, CompareError> {
        let first = self.launches[0];
        let expected = revision(&first.run);
        let other = self.launches.iter().find(|launch| revision(&launch.run) != expected);
        match other {
            Some(other) if !force => Err(CompareError::OtherProgram {
                path: other.path.clone(),
                found: revision(&other.run),
                first: first.path.clone(),
                expected,
            }),
            _ => Ok(self),
        }
    }

    /// Returns the side as the comparison describes it.
    pub fn described(&self) -> Side {
        let launch = |document: &&Document| {
            let from = &document.run.provenance;
            Launch {
                path: document.path.clone(),
                started_at: from.started_at.clone(),
                argv: from.argv.clone(),
                version: from.version.clone(),
                git_revision: from.git_revision.clone(),
                git_dirty: from.git_dirty,
                cpu_model: from.host.cpu_model.clone(),
                digest: document.run.digest.clone(),
            }
        };
        Side { name: self.name.clone(), launches: self.launches.iter().map(launch).collect() }
    }
}

/// All sides of a comparison.
pub(super) struct Sides<'a> {
    pub base: Part<'a>,
    pub new: Vec<Part<'a>>,
}

impl<'a> Sides<'a> {
    /// Sorts documents into sides by their values on the axis.
    pub fn of(
        by: Axis,
        base: &'a [Document],
        new: &'a [Document],
        force: bool,
    ) -> Result<Self, CompareError> {
        let values = by.values(base);
        let (first, others) = match (&values[..], new) {
            ([], _) => return Err(CompareError::NothingDiffers { path: base[0].path.clone() }),
            ([first], []) => {
                let (path, axis) = (base[0].path.clone(), by.name());
                return Err(CompareError::OneValue { path, axis, value: first.clone() });
            }
            ([first, others @ ..], []) => (first, others.to_vec()),
            ([first], new) => (first, by.values(new)),
            (many, _) => {
                let values = many.join(", ");
                return Err(CompareError::ManyBases { axis: by.name(), values });
            }
        };
        let from = if new.is_empty() { base } else { new };
        let part = |value: &String| Part::new(by, value, from.iter()).check(force);
        Ok(Sides {
            base: Part::new(by, first, base.iter()).check(force)?,
            new: others.iter().map(part).collect::<Result<_, _>>()?,
        })
    }
}
