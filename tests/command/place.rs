//! A working directory of the command.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A workload small enough to run in a moment.
pub const SMALL: &str = "summary = \"small\"\n[[vma]]\nname = \"heap\"\nsize = \"8MiB\"\n\
                     [[op]]\ntouch = { vma = \"heap\", access = \"write\" }\n";

/// A directory with a small workload, `small.toml`; it is removed on drop.
pub struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Place {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("small.toml"), SMALL).unwrap();
        Place { directory }
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Returns the files in the directory except the workload, sorted.
    pub fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.directory.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name != "small.toml").collect();
        names.sort();
        names
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_faultstorm"));
        command.args(args).current_dir(self.directory.path()).env_remove("NO_COLOR");
        command
    }

    pub fn faultstorm(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs the command as on a machine with little memory, so that a request which is refused too
    /// late cannot use up this machine's memory.
    pub fn poor(&self, args: &[&str]) -> Output {
        let program = env!("CARGO_BIN_EXE_faultstorm");
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -v 4000000; exec \"$0\" \"$@\"", program]).args(args);
        command.current_dir(self.directory.path()).output().unwrap()
    }

    /// Runs the command with the arguments in a line.
    pub fn line(&self, line: &str) -> Output {
        self.faultstorm(&line.split_whitespace().collect::<Vec<_>>())
    }

    /// Runs the command, which must succeed, and returns its standard output.
    pub fn out_of(&self, line: &str) -> String {
        let output = self.line(line);
        assert_eq!(code(&output), Some(0), "{line}: {}", err(&output));
        out(&output).to_owned()
    }
}

pub fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

pub fn out(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

pub fn err(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}
