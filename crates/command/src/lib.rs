//! The `faultstorm` command: its arguments, and what each subcommand does.

pub mod cli;
pub mod cmd;

// The layers below, under the names that this crate's files have for them.
use base::{digest, exit, numbers};
use catalogue as strategy;
use document::{compare, run};
use inputs::{machines, workload};
use {calibration, host, machine, mm, report, stats, storm, sync, validation};
