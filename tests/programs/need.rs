//! Programs that tests need, and what becomes of the tests where one is missing.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock};

use libtest_mimic::{Completion, Failed};

/// Where it is set, nothing may be left out.
const ALL: &str = "FAULTSTORM_TEST_ALL";

/// Names of the tests that were not run, each with what it needs.
static NOT_RUN: Mutex<Vec<(&Need, &str)>> = Mutex::new(Vec::new());

/// A program that tests need.
pub struct Need {
    what: &'static str,
    /// The packages of Debian that it is in.
    packages: &'static str,
    look: fn() -> Option<&'static str>,
    found: OnceLock<Option<&'static str>>,
}

pub static BROWSER: Need = Need::new("chromedriver", "chromium chromium-driver", || {
    starts("chromedriver", &["--version"]).then_some("chromedriver")
});

/// The Python of whoever runs the tests, or Debian's, which Debian's package is for.
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

    /// The command that starts it.
    pub fn command(&self) -> Command {
        Command::new(self.found().expect("tests run where it is there"))
    }

    fn found(&self) -> Option<&'static str> {
        *self.found.get_or_init(self.look)
    }

    fn missing(&self) -> String {
        format!("{} is missing: apt-get install {}", self.what, self.packages)
    }

    /// Runs a test if the program is there.
    pub fn run(&'static self, name: &'static str, test: fn()) -> Result<Completion, Failed> {
        if self.found().is_some() {
            test();
            return Ok(Completion::Completed);
        }
        if std::env::var_os(ALL).is_some() {
            return Err(format!("{ALL} is set, and {}", self.missing()).into());
        }
        NOT_RUN.lock().expect("nobody panics with it").push((self, name));
        Ok(Completion::ignored_with(self.missing()))
    }
}

/// Whether a command can be started, and succeeds.
fn starts(program: &str, args: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Says at the end what `cargo test` did not run, and what would run it.
pub fn say_what_was_not_run() {
    if std::env::var_os(ALL).is_some() {
        return;
    }
    let not_run = NOT_RUN.lock().expect("nobody panics with it");
    let mut tests: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for (need, name) in not_run.iter() {
        let module = name.split("::").next().expect("a split has a part");
        *tests.entry((module, need.missing())).or_default() += 1;
    }
    eprintln!("Not run here:");
    for ((module, missing), count) in tests {
        eprintln!("- {count} of {module}, since {missing}");
    }
    eprintln!("- what takes long: cargo test --test long");
}
