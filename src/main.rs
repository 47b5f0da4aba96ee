//! The `faultstorm` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    faultstorm::cmd::main(&[])
}
