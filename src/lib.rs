//! A fault-storm benchmark: many threads of one process take page faults, and
//! every locking scheme that the Linux memory-management list argued over in
//! 2021 is compared on throughput, latency and cache-line contention.
//!
//! The layers are crates of this workspace; what a program of a user's own needs of them
//! stands here under one roof.

pub use ::{calibration, host, machine, mm, report, stats, storm, sync, validation};
pub use ::base::{digest, exit, numbers};
pub use ::catalogue as strategy;
pub use ::command::{cli, cmd};
pub use ::document::{compare, run};
pub use ::inputs::{diag, kernels, machines, sourced, workload};
