//! Workload files: from TOML to a [`Workload`], and from there to documents and back.
//!
//! `read` parses TOML, `written` has the tables and their checks, [`diag`](crate::diag) reports
//! mistakes, `resolved` has the form of documents.

mod read;
mod resolved;
#[cfg(feature = "schema")]
mod schema;
mod shipped;
mod source;
mod written;

pub use crate::diag::Diagnostics;
pub use crate::diag::likely;
pub(crate) use read::top_level;
pub(crate) use written::{WrittenKey, WrittenTable};

pub use ::workload::*;
pub use resolved::{digest, resolved, restored};
#[cfg(feature = "schema")]
pub use schema::schema;
pub use shipped::{SEED, shipped};
pub use source::{FileText, find, open, parse};
