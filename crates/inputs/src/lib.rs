//! Files that people write: workloads, machines, kernels and published figures, and the mistakes in
//! them. No other crate reads TOML.

pub mod diag;
pub mod kernels;
pub mod machines;
pub mod named;
pub mod sourced;
pub mod targets;
pub mod workload;
