//! Workload files: read, checked, lowered to a [`Workload`], and written down again.
//!
//! `read` and `wire` read TOML, `lower` checks it, [`diag`](crate::diag) says what is wrong
//! with it.

mod lower;
mod read;
mod resolved;
mod restored;
#[cfg(feature = "schema")]
mod schema;
mod shipped;
mod source;
mod wire;

pub use crate::diag::Diagnostics;
pub use crate::diag::nearest;
pub use ::workload::*;
pub use resolved::{digest, resolved};
pub use restored::restored;
#[cfg(feature = "schema")]
pub use schema::schema;
pub use shipped::{SEED, shipped};
pub use source::{Source, parse, resolve};
