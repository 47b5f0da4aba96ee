//! The view of a run while storms run. Drawn between storms of this machine only: nothing of
//! it runs while something is measured.

use std::io::{self, IsTerminal};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use rustix::termios::tcgetwinsize;

use crate::cmd::console::{COLUMNS, is_dumb, tell};
use document::run::{Cell, Status};

/// Lines of a terminal that does not tell.
const ROWS: usize = 24;
/// Lines that are left: one for the bar, one free.
const ROWS_LEFT: usize = 2;

/// Expected length of a run.
#[derive(Debug, Clone, Copy)]
pub(super) enum Expected {
    /// So many storms, at the most.
    Storms(u64),
    /// Until then.
    Minute(Instant),
}

/// Progress on standard error: on a terminal a view that is refreshed in place, on one whose
/// cursor does not move plain lines, elsewhere nothing.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    /// Whether each cell is a line.
    lines: bool,
    expected: Expected,
}

impl Progress {
    /// Progress of a run.
    pub fn new(expected: Expected, quiet: bool) -> Progress {
        let (length, unit) = match expected {
            Expected::Storms(storms) => (storms, "storms"),
            Expected::Minute(end) => (seconds_until(end), "s"),
        };
        let bar = (!quiet).then(|| {
            let template = format!("[{{wide_bar}}] {{pos}}/{{len}} {unit}\n{{msg}}");
            let style = ProgressStyle::with_template(&template).expect("it is well-formed");
            ProgressBar::new(length).with_style(style.progress_chars("#> "))
        });
        // It is hidden if no cursor moves: in a pipe, and on a dumb terminal.
        let bar = bar.filter(|bar| !bar.is_hidden() && !is_dumb());
        let lines = !quiet && bar.is_none() && io::stderr().is_terminal();
        Progress { lines, bar, expected }
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
        let Some(bar) = &self.bar else { return };
        match self.expected {
            Expected::Storms(_) => bar.inc(1),
            Expected::Minute(end) => {
                let length = bar.length().unwrap_or_default();
                bar.set_position(length.saturating_sub(seconds_until(end)));
            }
        }
    }

    /// Names a storm that failed, however quiet it is to be.
    pub fn failed(&self, cell: &Cell) {
        let line = || tell(&report::row(cell));
        match &self.bar {
            Some(bar) => bar.suspend(line),
            None => line(),
        }
    }

    /// Prints each cell as a line on a terminal without a view; those that failed are named
    /// already.
    pub fn rows(&self, cells: &[Cell]) {
        let shown = |cell: &&Cell| self.lines && cell.status != Status::Failed;
        cells.iter().filter(shown).for_each(|cell| tell(&report::row(cell)));
    }

    /// Takes the view away.
    pub fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Returns the seconds that are left, rounded up.
fn seconds_until(end: Instant) -> u64 {
    end.saturating_duration_since(Instant::now()).as_secs_f64().ceil() as u64
}

/// Returns columns and rows of the terminal, which may have changed.
fn size() -> (usize, usize) {
    let told = tcgetwinsize(io::stderr()).ok();
    let told = told.filter(|size| size.ws_col > 0 && size.ws_row > 0);
    told.map_or((COLUMNS, ROWS), |size| (usize::from(size.ws_col), usize::from(size.ws_row)))
}
