//! Names that every layer may use: lists of numbers, exit codes, digests, text that is shown.

pub mod digest;
pub mod exit;
pub mod numbers;
pub mod shown;
