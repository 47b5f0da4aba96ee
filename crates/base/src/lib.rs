//! Names that every layer may use: lists of numbers, exit codes, digests.

pub mod digest;
pub mod exit;
pub mod numbers;
