//! A fault-storm benchmark: many threads of one process take page faults, and
//! every locking scheme that the Linux memory-management list argued over in
//! 2021 is compared on throughput, latency and cache-line contention.

pub mod calibration;
pub mod cli;
pub mod cmd;
pub mod compare;
pub mod diag;
pub mod digest;
pub mod exit;
pub mod host;
pub mod machine;
pub mod machines;
pub mod mm;
pub mod numbers;
pub mod report;
pub mod run;
pub mod stats;
pub mod storm;
pub mod strategy;
pub mod sync;
pub mod validation;
pub mod workload;
