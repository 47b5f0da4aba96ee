//! The workloads that come with faultstorm hold what they expect.

use std::process::Command;

#[test]
fn a_seed_workload_holds_what_it_expects() {
    // All of them take minutes unoptimised: `faultstorm check` runs them.
    let mut command = Command::new(env!("CARGO_BIN_EXE_faultstorm"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = command.args(["check", "workloads/file-no-fault-around.toml"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("file-no-fault-around: ok ("), "{text}");
}
