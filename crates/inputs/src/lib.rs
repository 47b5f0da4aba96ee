//! Files that people write: workloads, machines and kernels, and the mistakes in them. No other
//! crate reads TOML.

pub mod diag;
pub mod kernels;
pub mod machines;
pub mod named;
pub mod sourced;
pub mod workload;
