//! Tells the program what it was built from: commit, compiler, profile.
//!
//! Without git, or outside the project's own repository, the commit is unknown: a
//! source tree that lies in somebody else's repository must not report theirs.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    let own = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let root = own.join("../..");
    let rustc = env::var_os("RUSTC").expect("cargo sets it");
    if let Some(version) = output(Command::new(rustc).arg("--version")) {
        println!("cargo::rustc-env=FAULTSTORM_RUSTC={version}");
    }
    let profile = env::var("PROFILE").expect("cargo sets it");
    println!("cargo::rustc-env=FAULTSTORM_PROFILE={profile}");
    println!("cargo::rerun-if-changed=build.rs");
    if is_top_of_repository(&root) {
        revision(&root);
    }
}

/// Sets the commit, and whether the tree differs from it.
fn revision(root: &Path) {
    if let Some(commit) = git(root, &["rev-parse", "HEAD"]) {
        println!("cargo::rustc-env=FAULTSTORM_GIT_REVISION={commit}");
    }
    if let Some(changes) = git(root, &["status", "--porcelain"]) {
        println!("cargo::rustc-env=FAULTSTORM_GIT_DIRTY={}", !changes.is_empty());
    }
    // A commit, a checkout and an edit each change the answer.
    let mut watched: Vec<PathBuf> = ["crates", "src", "workloads", "Cargo.toml", "Cargo.lock"]
        .map(|path| root.join(path))
        .into();
    for name in ["HEAD", "index", "logs/HEAD"] {
        watched.extend(git(root, &["rev-parse", "--git-path", name]).map(|path| root.join(path)));
    }
    for path in watched.iter().filter(|path| path.exists()) {
        println!("cargo::rerun-if-changed={}", path.display());
    }
}

fn is_top_of_repository(root: &Path) -> bool {
    let top = git(root, &["rev-parse", "--show-toplevel"]).map(PathBuf::from);
    top.is_some_and(|top| top.canonicalize().ok() == root.canonicalize().ok())
}

fn git(root: &Path, args: &[&str]) -> Option<String> {
    // Without the lock `status` does not write the index anew, which is watched: the next
    // build would be a whole one.
    output(Command::new("git").args(["--no-optional-locks", "-C"]).arg(root).args(args))
}

/// Returns what a command printed, without the white space around it; `None` where it
/// is not there or failed.
fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
