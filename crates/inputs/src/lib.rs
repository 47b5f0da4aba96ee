//! Files that people write, workloads and machines, and what is wrong with them. Only this
//! crate sees TOML.

pub mod diag;
pub mod machines;
pub mod named;
pub mod sourced;
pub mod workload;
