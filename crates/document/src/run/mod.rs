//! The run document: what a run measured, and everything needed to judge or
//! repeat it.
//!
//! The document is a promise to scripts and papers. Within `faultstorm.run/1`
//! keys are only ever added, readers ignore keys that they do not know, and a
//! key keeps its meaning and unit. Keys stand in the order of declaration here,
//! map entries in the order of their names, so that equal runs give equal bytes.
//!
//! What was not measured is `null`, never zero. Nothing that can differ between
//! two runs of the same model work stands outside [`Provenance`].

mod break_even;
mod cell;
mod latency;
mod measured;
mod provenance;
mod rate;
mod scaling;
mod sides;
mod write;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use flate2::read::MultiGzDecoder;
#[cfg(feature = "schema")]
use schemars::JsonSchema;
#[cfg(feature = "schema")]
use schemars::generate::SchemaSettings;
use serde::{Deserialize, Serialize};

pub use break_even::{BreakEven, EVERY, LOST_SHARE, Place, THINK};
pub use cell::{Body, Cell, Key, Status, World};
pub use latency::Latency;
pub use measured::{
    Counts, FaultKind, GracePeriods, Io, KernelEvents, KernelFaults, KernelFile, LineCount, Lines,
    Measured, Memory, OpLines, OpStats, PerOp, Perf, PerfPerFault, Repeat, Shootdowns,
    ThreadRepeat, TimeSplit, WordPair, fairness,
};
pub use provenance::{
    BodyCache, CellCost, Clock, HostCpu, HostInfo, KernelLocks, Provenance, Warning,
};
pub use rate::{Counted, Moves};
pub use scaling::{POINTS_MIN, ScalabilityLaw, Scaling, fit};
pub use sides::sides;
pub use stats::Interval;
pub use write::{WriteError, default_path, to_json, write_atomically};

/// The value of [`Run::schema`]: name and version of the document.
pub const SCHEMA: &str = "faultstorm.run/1";
/// The value of [`Run::json_schema`] and the `$id` of the published JSON schema.
pub const SCHEMA_ID: &str = "urn:faultstorm:run:1";
/// First bytes of what gzip compressed (RFC 1952).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Everything that one invocation measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Run {
    /// Identifier of the JSON schema, as in `schemas/run.schema.json`.
    #[serde(rename = "$schema")]
    pub json_schema: String,
    /// Name and version of this document: `faultstorm.run/1`.
    pub schema: String,
    /// False while storms are still to come, and for ever in a run cut short.
    pub complete: bool,
    /// Digest of all model cells; null where the model did not run.
    pub digest: Option<String>,
    /// Where, when and how the run came about, and what is suspicious about it.
    pub provenance: Provenance,
    /// Workloads as resolved, by digest.
    pub workloads: BTreeMap<String, serde_json::Value>,
    /// Machines of the model with every parameter, by digest.
    pub machines: BTreeMap<String, serde_json::Value>,
    /// One per combination of workload, strategy, world and parameters, in the
    /// order asked for.
    pub cells: Vec<Cell>,
    /// How each strategy's throughput grows with threads.
    #[serde(default)]
    pub scaling: Vec<Scaling>,
    /// At which fault rate each strategy starts to matter; empty where `think` was not
    /// varied.
    #[serde(default)]
    pub break_even: Vec<BreakEven>,
}

/// Why a document could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file could not be opened or read.
    #[error("cannot read '{path}'")]
    Io {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The text is not JSON.
    #[error("'{path}' is not JSON")]
    Json {
        /// The file.
        path: String,
        /// What is wrong, and where.
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
        /// What is wrong, and where.
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
            cells: Vec::new(),
            scaling: Vec::new(),
            break_even: Vec::new(),
        }
    }

    /// Reads a document, compressed by gzip or not. Unknown keys are ignored, another schema
    /// is refused.
    pub fn read(path: &Path) -> Result<Run, ReadError> {
        let name = path.display().to_string();
        let io = |source| ReadError::Io { path: name.clone(), source };
        let mut bytes = std::fs::read(path).map_err(io)?;
        if bytes.starts_with(&GZIP_MAGIC) {
            let mut json = Vec::new();
            MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut json).map_err(io)?;
            bytes = json;
        }
        Run::from_json(&bytes, &name)
    }

    /// Reads a document from its bytes; `name` stands for the file in errors.
    pub fn from_json(bytes: &[u8], name: &str) -> Result<Run, ReadError> {
        let path = name.to_owned();
        // The schema first: a document of another version would otherwise be
        // refused for whichever key happens to be missing.
        let value: serde_json::Value = match serde_json::from_slice(bytes) {
            Ok(value) => value,
            Err(source) => return Err(ReadError::Json { path, source }),
        };
        if value["schema"] != SCHEMA {
            let found = match &value["schema"] {
                serde_json::Value::Null => "no schema".to_owned(),
                serde_json::Value::String(other) => format!("schema '{other}'"),
                other => format!("schema '{other}'"),
            };
            return Err(ReadError::Schema { path, found });
        }
        serde_json::from_slice(bytes).map_err(|source| ReadError::Shape { path, source })
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
