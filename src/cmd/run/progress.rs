//! What a person sees while storms run. Drawn between storms only: nothing of it runs
//! while something is measured.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressStyle};

use crate::report;
use crate::run::{Cell, Status};

/// Progress on standard error: a bar on a terminal, plain lines elsewhere.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    quiet: bool,
}

impl Progress {
    /// Progress of a run of `storms` storms.
    pub fn new(storms: u64, quiet: bool) -> Progress {
        let bar = (!quiet && io::stderr().is_terminal()).then(|| {
            let style = ProgressStyle::with_template("[{bar:20}] {pos}/{len} storms  {wide_msg}")
                .expect("the template is well-formed");
            ProgressBar::new(storms).with_style(style.progress_chars("#> "))
        });
        Progress { bar, quiet }
    }

    /// Says which storm is about to run.
    pub fn next(&self, cell: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(cell.to_owned());
            bar.tick();
        }
    }

    /// Counts a storm that is over.
    pub fn done(&self) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
    }

    /// Prints each cell as one line; where it is to be quiet, those that failed.
    pub fn rows(&self, cells: &[Cell]) {
        let shown = |cell: &&Cell| !self.quiet || cell.status == Status::Failed;
        let lines = || cells.iter().filter(shown).for_each(|c| eprintln!("{}", report::row(c)));
        match &self.bar {
            Some(bar) => bar.suspend(lines),
            None => lines(),
        }
    }

    /// Takes the bar away.
    pub fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
