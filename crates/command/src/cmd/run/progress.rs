//! What a person sees while storms run. Drawn between storms of this machine only: nothing of
//! it runs while something is measured.

use std::io;

use indicatif::{ProgressBar, ProgressStyle};
use rustix::termios::tcgetwinsize;

use crate::cmd::console::COLUMNS;
use crate::report;
use crate::run::{Cell, Status};

/// Lines of a terminal that does not tell.
const ROWS: usize = 24;
/// Lines that are left: one for the bar, one free.
const ROWS_LEFT: usize = 2;

/// Progress on standard error: on a terminal a view that is refreshed in place, elsewhere plain
/// lines.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    /// Whether each cell is a line.
    lines: bool,
}

impl Progress {
    /// Progress of a run of `storms` storms.
    pub fn new(storms: u64, quiet: bool) -> Progress {
        let bar = (!quiet).then(|| {
            let style = ProgressStyle::with_template("[{wide_bar}] {pos}/{len} storms\n{msg}")
                .expect("the template is well-formed");
            ProgressBar::new(storms).with_style(style.progress_chars("#> "))
        });
        // It is hidden where no cursor moves: in a pipe, and on a dumb terminal.
        let bar = bar.filter(|bar| !bar.is_hidden());
        Progress { lines: !quiet && bar.is_none(), bar }
    }

    /// Shows what is known of the strategies that compete with the cell at `at`.
    pub fn show(&self, cells: &[Cell], at: usize) {
        if let Some(bar) = &self.bar {
            let (columns, rows) = size();
            bar.set_message(report::live(cells, at, columns, rows.saturating_sub(ROWS_LEFT)));
        }
    }

    /// Counts a storm that is over.
    pub fn done(&self) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
    }

    /// Names a storm that failed, however quiet it is to be.
    pub fn failed(&self, cell: &Cell) {
        let line = || eprintln!("{}", report::row(cell));
        match &self.bar {
            Some(bar) => bar.suspend(line),
            None => line(),
        }
    }

    /// Prints each cell as a line, where no view shows it; those that failed are named already.
    pub fn rows(&self, cells: &[Cell]) {
        let shown = |cell: &&Cell| self.lines && cell.status != Status::Failed;
        cells.iter().filter(shown).for_each(|cell| eprintln!("{}", report::row(cell)));
    }

    /// Takes the view away.
    pub fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Returns columns and rows of the terminal, which may have changed.
fn size() -> (usize, usize) {
    let told = tcgetwinsize(io::stderr()).ok();
    let told = told.filter(|size| size.ws_col > 0 && size.ws_row > 0);
    told.map_or((COLUMNS, ROWS), |size| (usize::from(size.ws_col), usize::from(size.ws_row)))
}
