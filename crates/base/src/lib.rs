//! What every layer may name: lists of numbers, exit codes, digests.

pub mod digest;
pub mod exit;
pub mod numbers;
