//! The workloads that come with faultstorm hold what they expect.

use std::process::Command;

#[test]
fn the_shipped_workloads_hold_what_they_expect() {
    let output = Command::new(env!("CARGO_BIN_EXE_faultstorm")).arg("check").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let names = faultstorm::workload::shipped().iter().map(|(name, _)| *name);
    for name in names {
        assert!(text.contains(&format!("{name}: ok (")), "{name}: {text}");
    }
}
