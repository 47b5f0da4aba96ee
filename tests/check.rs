//! The workloads that come with faultstorm hold what they expect.

use faultstorm::workload::SEED;
use std::process::Command;

#[test]
fn the_seed_workloads_hold_what_they_expect() {
    // All of them take minutes.
    let names = SEED;
    let files = names.iter().map(|name| format!("workloads/{name}.toml"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_faultstorm"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = command.arg("check").args(files).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    for name in names {
        assert!(text.contains(&format!("{name}: ok (")), "{name}: {text}");
    }
}
