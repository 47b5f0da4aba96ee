//! The document of a run, its numbers, and how runs are compared.

pub mod compare;
pub mod run;
