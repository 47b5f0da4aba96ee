//! Workload files: read, checked, lowered to a [`Workload`], and written down again.
//!
//! `read` reads TOML, `written` has its tables and checks them, [`diag`](crate::diag) says what is
//! wrong with it, `resolved` has the form of documents.

mod read;
mod resolved;
#[cfg(feature = "schema")]
mod schema;
mod shipped;
mod source;
mod written;

pub use crate::diag::Diagnostics;
pub use crate::diag::nearest;
pub use ::workload::*;
pub use resolved::{digest, resolved, restored};
#[cfg(feature = "schema")]
pub use schema::schema;
pub use shipped::{SEED, shipped};
pub use source::{Source, parse, resolve};
