//! The `faultstorm` command.

fn main() {}
