//! The whole document, and how it is read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use base::shown::shown;
use flate2::read::MultiGzDecoder;
#[cfg(feature = "schema")]
use schemars::JsonSchema;
#[cfg(feature = "schema")]
use schemars::generate::SchemaSettings;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::break_even::{BreakEven, break_even};
use super::cell::{Cell, strategies};
use super::provenance::{OVERSUBSCRIBED, Provenance};
use super::scaling::{Scaling, scaling};
use super::sound::{disarm, may_act};

/// The value of [`Run::schema`]: name and version of the document.
pub const SCHEMA: &str = "faultstorm.run/1";
/// The value of [`Run::json_schema`] and the `$id` of the published JSON schema.
pub const SCHEMA_ID: &str = "urn:faultstorm:run:1";
/// Largest document that is read, before and after it is inflated. A cell has about 30 kB.
const BYTES_MAX: u64 = 512 << 20;
/// First bytes of what gzip compressed (RFC 1952).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The document: all that one invocation measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema), schemars(rename = "Run"))]
#[serde(remote = "Self")]
pub struct Run {
    /// Identifier of the JSON schema, as in `schemas/run.schema.json`.
    #[serde(rename = "$schema")]
    pub json_schema: String,
    /// Name and version of this document: `faultstorm.run/1`.
    pub schema: String,
    /// False while storms are missing, and in a run that was cut short.
    pub complete: bool,
    /// Digest of all model cells; null where the model did not run.
    pub digest: Option<String>,
    /// Origin of the run: place, time, program, machine, and warnings.
    pub provenance: Provenance,
    /// Workloads as resolved, by digest.
    pub workloads: BTreeMap<String, serde_json::Value>,
    /// Machines of the model with every parameter, by digest.
    pub machines: BTreeMap<String, serde_json::Value>,
    /// Kernels that strategies stood in with every offset and rule, by digest.
    #[serde(default)]
    pub kernels: BTreeMap<String, serde_json::Value>,
    /// One per combination of workload, strategy, world and parameters, in the
    /// order asked for.
    pub cells: Vec<Cell>,
    /// Growth of each strategy's throughput with threads, as a fitted law.
    #[serde(default)]
    pub scaling: Vec<Scaling>,
    /// Fault rate at which each strategy starts to matter; empty if `think` was not varied.
    #[serde(default)]
    pub break_even: Vec<BreakEven>,
}

/// The reason why a document could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file could not be opened or read.
    #[error("cannot read '{path}'")]
    Io {
        /// The file.
        path: String,
        /// The error of the system.
        source: std::io::Error,
    },
    /// More than any run writes.
    #[error("'{path}' has more than {} MiB, and no run writes that much", BYTES_MAX >> 20)]
    TooLarge {
        /// The file.
        path: String,
    },
    /// It has the shape of a document, but its cells cannot be.
    #[error("'{path}' is not what a run writes: {why}")]
    Unsound {
        /// The file.
        path: String,
        /// The first thing that cannot be.
        why: String,
    },
    /// The text is not JSON.
    #[error("'{path}' is not JSON")]
    Json {
        /// The file.
        path: String,
        /// The error and its place.
        source: serde_json::Error,
    },
    /// JSON, but of another kind or version.
    #[error("'{path}' has {found}, but this program reads '{SCHEMA}'")]
    Schema {
        /// The file.
        path: String,
        /// The schema found, quoted, or that there is none.
        found: String,
    },
    /// The right schema, but a key is missing or has another type.
    #[error("'{path}' says it is '{SCHEMA}', but is not")]
    Shape {
        /// The file.
        path: String,
        /// The error and its place.
        source: serde_json::Error,
    },
}

impl Run {
    /// Returns a run without cells, not complete.
    pub fn new(provenance: Provenance) -> Run {
        Run {
            json_schema: SCHEMA_ID.to_owned(),
            schema: SCHEMA.to_owned(),
            complete: false,
            digest: None,
            provenance,
            workloads: BTreeMap::new(),
            machines: BTreeMap::new(),
            kernels: BTreeMap::new(),
            cells: Vec::new(),
            scaling: Vec::new(),
            break_even: Vec::new(),
        }
    }

    /// Marks the cells whose threads outnumber CPUs, as the warnings say.
    pub fn mark_oversubscribed(&mut self) {
        let warnings = &self.provenance.warnings;
        let about = warnings.iter().filter(|warning| warning.code == OVERSUBSCRIBED);
        let ids: BTreeSet<&String> = about.filter_map(|warning| warning.cell.as_ref()).collect();
        for cell in &mut self.cells {
            cell.is_oversubscribed = ids.contains(&cell.id);
        }
    }

    /// Returns the cells but for the A/A twins, which are there to show the noise of the run.
    pub fn strategies(&self) -> impl Iterator<Item = &Cell> {
        strategies(&self.cells)
    }

    /// Fits every strategy over its thread counts; replaces earlier fits.
    pub fn fit_scaling(&mut self) {
        self.scaling = scaling(&self.cells);
    }

    /// Finds the break-even rate of each strategy, if the think time was varied; replaces earlier
    /// results.
    pub fn find_break_even(&mut self) {
        self.break_even = break_even(&self.cells);
    }

    /// Reads a document from elsewhere, compressed by gzip or not. Unknown keys are ignored,
    /// another schema is refused, and so are cells that cannot be. Characters that act on a
    /// terminal become text.
    ///
    /// # Errors
    ///
    /// If it cannot be read, is too large, or is no document.
    pub fn read(path: &Path) -> Result<Run, ReadError> {
        let name = shown(&path.display().to_string()).into_owned();
        let io = |source| ReadError::Io { path: name.clone(), source };
        let too_large = || ReadError::TooLarge { path: name.clone() };
        let file = File::open(path).map_err(io)?;
        let mut bytes = bounded(file).map_err(io)?.ok_or_else(too_large)?;
        if bytes.starts_with(&GZIP_MAGIC) {
            let json = MultiGzDecoder::new(bytes.as_slice());
            bytes = bounded(json).map_err(io)?.ok_or_else(too_large)?;
        }
        let run = match std::str::from_utf8(&bytes).is_ok_and(may_act) {
            true => Run::disarmed(&bytes, &name),
            false => Run::from_json(&bytes, &name),
        }?;
        run.check().map_err(|why| ReadError::Unsound { path: name, why })?;
        Ok(run)
    }

    /// Reads a document whose texts may act on what shows them.
    fn disarmed(bytes: &[u8], name: &str) -> Result<Run, ReadError> {
        has_schema(bytes, name)?;
        let path = || name.to_owned();
        let json = |source| ReadError::Json { path: path(), source };
        let mut value = serde_json::from_slice(bytes).map_err(json)?;
        disarm(&mut value);
        serde_json::from_value(value).map_err(|source| ReadError::Shape { path: path(), source })
    }

    /// Reads a document from its bytes; errors have `name` as the name of the file.
    ///
    /// # Errors
    ///
    /// If it is no document. What its cells say is not checked.
    pub fn from_json(bytes: &[u8], name: &str) -> Result<Run, ReadError> {
        has_schema(bytes, name)?;
        serde_json::from_slice(bytes)
            .map_err(|source| ReadError::Shape { path: name.to_owned(), source })
    }
}

/// Reads all of `from`; `None` if that is more than [`BYTES_MAX`].
fn bounded(from: impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    from.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= BYTES_MAX).then_some(bytes))
}

/// Checks the schema first: a document of another version would otherwise be refused for
/// whichever key happens to be missing.
fn has_schema(bytes: &[u8], name: &str) -> Result<(), ReadError> {
    #[derive(Deserialize)]
    struct Head {
        schema: Option<String>,
    }
    let path = name.to_owned();
    let found = match serde_json::from_slice(bytes) {
        Ok(Head { schema: Some(schema) }) if schema == SCHEMA => return Ok(()),
        Ok(Head { schema: Some(other) }) => format!("schema '{}'", shown(&other)),
        Ok(Head { schema: None }) => "no schema".to_owned(),
        Err(error) if error.is_data() => "no schema".to_owned(),
        Err(source) => return Err(ReadError::Json { path, source }),
    };
    Err(ReadError::Schema { path, found })
}

impl Serialize for Run {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Run::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Run {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Run, D::Error> {
        let mut run = Run::deserialize(deserializer)?;
        run.mark_oversubscribed();
        Ok(run)
    }
}

/// Returns the JSON schema of the document, as text that ends with a newline.
///
/// Every key that this version writes is required; unknown keys are allowed,
/// since documents grow.
#[cfg(feature = "schema")]
pub fn schema() -> String {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<Run>();
    schema.insert("$id".to_owned(), SCHEMA_ID.into());
    let mut text =
        serde_json::to_string_pretty(&schema).expect("a schema has string keys and finite numbers");
    text.push('\n');
    text
}
