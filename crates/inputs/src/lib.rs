//! Files that people write: workloads and machines, and the mistakes in them. No other crate reads
//! TOML.

pub mod diag;
pub mod machines;
pub mod named;
pub mod sourced;
pub mod workload;
