//! Notes on a run: cells without numbers, missing storms, warnings.

use document::run::{Cell, Run, Status, Warning, grouped};

use crate::about::place;
use crate::layout::Ink;
use crate::table::Table;
use crate::words::plural;

/// Returns what spoils the numbers as a whole; `failed` and `warned` name the places of details.
pub(crate) fn spoilt(run: &Run, failed: &str, warned: &str) -> Vec<(Ink, String)> {
    let mut found = missing(run, failed);
    let count = run.provenance.warnings.len();
    if count > 0 {
        found.push((Ink::Doubt, format!("{}; {warned}", plural(count, "warning"))));
    }
    found
}

/// Returns what is missing in a run; `failed` names the place of details on failed cells.
pub(crate) fn missing(run: &Run, failed: &str) -> Vec<(Ink, String)> {
    let count = |status| run.cells.iter().filter(|cell| cell.status == status).count();
    let mut found = Vec::new();
    if !run.complete {
        let done = count(Status::Ok);
        let text = format!("PARTIAL RUN: {done} of {} cells are complete", run.cells.len());
        found.push((Ink::Doubt, text));
    }
    let failures = count(Status::Failed);
    if failures > 0 {
        found.push((Ink::Bad, format!("{} FAILED; {failed}", plural(failures, "cell"))));
    }
    found
}

/// A note below a table, with the places of its cells.
struct Note {
    ink: Ink,
    text: String,
    places: Vec<String>,
}

/// Returns why cells have no numbers, too few, or no ratio; each reason once.
pub(crate) fn notes(table: &Table<'_>) -> Vec<(Ink, String)> {
    let mut notes: Vec<Note> = Vec::new();
    let mut note = |ink, text: String, cell: &Cell| {
        let place = place(cell);
        match notes.iter_mut().find(|note| note.text == text) {
            Some(note) if note.places.contains(&place) => {}
            Some(note) => note.places.push(place),
            None => notes.push(Note { ink, text, places: vec![place] }),
        }
    };
    for &cell in &table.cells {
        if let Some((ink, text)) = reason(cell) {
            // The mark of rates that lack repeats.
            let mark = if cell.status == Status::Partial { "* " } else { "" };
            note(ink, format!("{mark}{text}"), cell);
        }
        if cell.is_oversubscribed {
            let text = "no ratio and no scaling if threads outnumber cores: they would show the \
                        scheduler";
            note(Ink::Doubt, text.to_owned(), cell);
        }
    }
    // A note on all cells of a strategy needs no list of places.
    let first = table.key().strategy_name();
    let all = table.cells.iter().filter(|cell| cell.key.strategy_name() == first).count();
    let with_places = |Note { ink, text, places }: Note| match places.len() == all {
        true => (ink, text),
        false => (ink, format!("{text} ({})", places.join("; "))),
    };
    notes.into_iter().map(with_places).collect()
}

/// Returns why a cell is not complete.
pub(crate) fn reason(cell: &Cell) -> Option<(Ink, String)> {
    let reason = cell.reason.as_deref().unwrap_or("no reason given");
    let strategy = cell.key.strategy_name();
    Some(match cell.status {
        Status::Ok => return None,
        Status::Skipped => (Ink::Plain, format!("{strategy} skipped: {reason}")),
        Status::Failed => (Ink::Bad, format!("{strategy} FAILED: {reason}")),
        Status::Partial => (Ink::Doubt, format!("{strategy} partial: {reason}")),
    })
}

/// A warning with all cells that it is about.
pub(crate) struct SharedWarning<'a> {
    pub code: &'a str,
    pub text: &'a str,
    pub cells: Vec<&'a str>,
}

/// Returns each warning once, in the order of the document.
pub(crate) fn warnings(warnings: &[Warning]) -> Vec<SharedWarning<'_>> {
    let groups = grouped(warnings, |warning| (&warning.code, &warning.text));
    let shared = groups.into_iter().map(|same| SharedWarning {
        code: &same[0].code,
        text: &same[0].text,
        cells: same.iter().filter_map(|warning| warning.cell.as_deref()).collect(),
    });
    shared.collect()
}

impl SharedWarning<'_> {
    /// Returns the text with the cells that it is about.
    pub fn sentence(&self) -> String {
        let about = match self.cells.as_slice() {
            [] => String::new(),
            [one] => format!(" ({one})"),
            [first, ..] => format!(" ({} cells, as {first})", self.cells.len()),
        };
        format!("{}{about}", self.text)
    }
}
