//! Programs that tests need, and the treatment of tests whose program is missing.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock};

use libtest_mimic::{Completion, Failed};

/// Environment variable; if it is set, no test may be left out.
const ALL: &str = "FAULTSTORM_TEST_ALL";

/// Tests that were not run, by their module and the missing program.
static NOT_RUN: Mutex<BTreeMap<(&str, String), usize>> = Mutex::new(BTreeMap::new());

/// A program that tests need.
pub struct Need {
    what: &'static str,
    /// Debian packages that contain it.
    packages: &'static str,
    look: fn() -> Option<&'static str>,
    found: OnceLock<Option<&'static str>>,
}

pub static BROWSER: Need = Need::new("chromedriver", "chromium chromium-driver", || {
    starts("chromedriver", &["--version"]).then_some("chromedriver")
});

/// The user's Python, or Debian's, for which Debian's package is made.
pub static PANDAS: Need = Need::new("a Python with pandas", "python3-pandas", || {
    let has_pandas = |python: &&str| starts(python, &["-c", "import pandas"]);
    ["python3", "/usr/bin/python3"].into_iter().find(has_pandas)
});

impl Need {
    const fn new(
        what: &'static str,
        packages: &'static str,
        look: fn() -> Option<&'static str>,
    ) -> Need {
        Need { what, packages, look, found: OnceLock::new() }
    }

    /// Returns the command that starts it.
    pub fn command(&self) -> Command {
        Command::new(self.found().expect("tests run where it is there"))
    }

    fn found(&self) -> Option<&'static str> {
        *self.found.get_or_init(self.look)
    }

    fn missing(&self) -> String {
        format!("{} is missing (Debian: apt-get install {})", self.what, self.packages)
    }

    /// Runs a test if the program exists.
    pub fn run(&'static self, name: &'static str, test: fn()) -> Result<Completion, Failed> {
        if self.found().is_some() {
            test();
            return Ok(Completion::Completed);
        }
        if std::env::var_os(ALL).is_some() {
            return Err(format!("{ALL} is set, and {}", self.missing()).into());
        }
        let module = name.split("::").next().expect("a split has a part");
        let mut not_run = NOT_RUN.lock().expect("nobody panics with it");
        *not_run.entry((module, self.missing())).or_default() += 1;
        Ok(Completion::ignored_with(self.missing()))
    }
}

/// True if a command can be started and succeeds.
fn starts(program: &str, args: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Prints at the end which tests `cargo test` did not run, and the commands that would run them.
pub fn say_what_was_not_run() {
    if std::env::var_os(ALL).is_some() {
        return;
    }
    eprintln!("Not run here:");
    for ((module, missing), count) in &*NOT_RUN.lock().expect("nobody panics with it") {
        let tests = if *count == 1 { "test" } else { "tests" };
        eprintln!("- {count} {tests} of {module}: {missing}");
    }
    eprintln!("- what takes long: cargo test --test long");
}
