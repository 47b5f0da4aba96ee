//! The answer of a run on one screen: the question, how far to trust the numbers, and for each
//! world a matrix of strategies by workloads.

mod ascii;
mod asked;
pub(crate) mod matrix;
mod one_kernel;
pub(crate) mod panel;

pub use asked::asked;

use document::run::{Run, World, distinct};
use stats::Verdict;

use crate::layout::{COLUMNS, Ink, Style, cut, paint};
use crate::notes::missing;
use crate::numbers::percent;
use crate::ratios::{Ratios, twins};
use crate::words::{plural, shell_word};
use ascii::ascii;
use matrix::{MatrixLines, Sheet};
use panel::panels;

/// Most lines of the screen.
pub const LINES: usize = 40;
/// Fewest rows of a matrix.
const ROWS: usize = 3;
/// Difference between equal code from which a run is noisy, as a share.
const NOISY: f64 = 0.1;

/// Returns the run on one screen: at most [`LINES`] lines of 80 columns, ASCII throughout. It
/// begins with the text of [`asked`]. `document` is the path of the run's document.
pub fn screen(run: &Run, style: Style, document: Option<&str>) -> String {
    let ratios = Ratios::of(run);
    let mut lines: Vec<String> = asked(run).lines().map(str::to_owned).collect();
    let trust = missing(run, "see the tables").into_iter().chain(noise(run));
    lines.extend(trust.map(|(ink, text)| paint(style, ink, &cut(&text, COLUMNS))));
    let foot = foot(run, document);
    let free = LINES - lines.len() - 1 - foot.len();
    lines.extend(matrices(&Sheet { run, ratios: &ratios, style }, free));
    lines.push(String::new());
    lines.extend(foot);
    lines.iter().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// Returns the difference between equal code; `None` if only the model ran, which has no noise.
pub(crate) fn noise(run: &Run) -> Option<(Ink, String)> {
    let has_noise = |world| world != World::Model;
    run.cells.iter().find(|cell| has_noise(cell.key.world) && cell.measured.is_some())?;
    let judged: Vec<(f64, Verdict)> = twins(run)
        .iter()
        .filter_map(|(_, found)| Some(((found.ratio.median - 1.0).abs(), found.verdict?)))
        .collect();
    let told = judged.iter().filter(|(_, verdict)| verdict.is_sure()).count();
    let apart = judged.iter().map(|(apart, _)| *apart).reduce(f64::max);
    Some(match apart {
        None => (Ink::Doubt, "Noise unknown: equal code did not run often enough.".to_owned()),
        Some(_) if told > 0 => {
            let pairs = plural(judged.len(), "pair");
            (Ink::Bad, format!("TRUST NOTHING: equal code was told apart in {told} of {pairs}."))
        }
        Some(apart) if apart >= NOISY => {
            let apart = format!("equal code differed by up to {}", percent(apart));
            (Ink::Doubt, format!("NOISY: {apart}: believe only what has a *."))
        }
        Some(apart) => {
            let apart = format!("Equal code differed by at most {}", percent(apart));
            (Ink::Plain, format!("{apart}. What has a * is sure."))
        }
    })
}

/// Returns a matrix for each world, in at most `free` lines: rows are left out if there are too
/// many, then worlds.
fn matrices(sheet: &Sheet<'_>, free: usize) -> Vec<String> {
    let panels = panels(sheet.run, sheet.ratios);
    let matrix = |at: usize| {
        let above = at.checked_sub(1).map(|above| &panels[above]);
        sheet.matrix(&panels[at], above)
    };
    let matrices: Vec<MatrixLines> = (0..panels.len()).map(matrix).collect();
    let shown = |count: usize| {
        let least = matrices[..count].iter().map(|matrix| matrix.lines(ROWS)).sum::<usize>();
        // Each matrix has an empty line above, and the count of those left out has a line.
        least + count + usize::from(count < matrices.len()) <= free
    };
    let count = (0..=matrices.len()).rev().find(|&count| shown(count)).unwrap_or(0);
    let left_out = matrices.len() - count;
    let least = matrices[..count].iter().map(|matrix| matrix.lines(ROWS)).sum::<usize>();
    let mut free = free - least - count - usize::from(left_out > 0);
    let mut lines = Vec::new();
    for matrix in &matrices[..count] {
        let more = matrix.rows.len().saturating_sub(ROWS).min(free);
        free -= more;
        lines.push(String::new());
        lines.extend(matrix.cut(ROWS + more));
    }
    if left_out > 0 {
        lines.push(format!("and {}: see the tables", plural(left_out, "more world")));
    }
    lines
}

/// Returns the warnings, and the commands that show more.
fn foot(run: &Run, document: Option<&str>) -> Vec<String> {
    let codes = distinct(run.provenance.warnings.iter().map(|warning| warning.code.as_str()));
    let mut lines = Vec::new();
    if !codes.is_empty() {
        lines.push(format!("Warnings: {}", as_many_as_fit(&codes, COLUMNS - 10)));
    }
    // A command that is cut cannot be pasted.
    let path = document.map(shell_word).filter(|path| path.is_ascii());
    let commands = |path: &str| {
        [
            format!("Page:     faultstorm report {path}"),
            format!("Tables:   faultstorm report {path} --format text"),
        ]
    };
    let whole = path.filter(|path| commands(path).iter().all(|line| line.len() <= COLUMNS));
    if let Some(document) = document.filter(|_| whole.is_none()) {
        let document = ascii(document);
        let from = document.len().saturating_sub(COLUMNS - 10 - 2);
        let cut = if from > 0 { format!("..{}", &document[from..]) } else { document };
        lines.push(format!("Document: {cut}"));
    }
    lines.extend(commands(whole.as_deref().unwrap_or("DOCUMENT")));
    lines
}

/// Returns the words that fit, and the number of the others.
fn as_many_as_fit(words: &[&str], width: usize) -> String {
    let text = |count: usize| {
        let rest = words.len() - count;
        let more = (rest > 0).then(|| format!("+{rest}"));
        let words = words[..count].iter().map(|word| ascii(word));
        words.chain(more).collect::<Vec<_>>().join(", ")
    };
    let fits = |count: &usize| text(*count).len() <= width;
    text((0..=words.len()).rev().find(fits).unwrap_or(0))
}
