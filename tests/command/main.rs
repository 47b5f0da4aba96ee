//! The command, and the documents, tables and pages that it reads and writes.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/random.rs"]
mod random;
#[path = "../common/writers.rs"]
mod writers;

mod attack;
mod bad_workloads;
mod cli;
mod colors;
mod compare;
mod estimates;
mod exports;
mod model_runs;
mod pages;
mod place;
mod progress;
mod report;
mod run_document;
mod screen;
mod workloads;
