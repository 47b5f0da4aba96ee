//! Fault rates above which a strategy costs a program throughput.

use std::fmt::Write;

use document::run::{BreakEven, BreakEvenPlace, LOST_SHARE, Run, distinct};

use crate::about::setting;
use crate::block::{Block, BlockRow, Column, Value};
use crate::layout::COLUMNS;
use crate::numbers::{percent, rate};
use crate::table::body_name;
use crate::words::plural;

/// Columns of a name.
const NAME: usize = 30;

/// Returns the break-even rates, a block for each workload, machine and body.
pub(crate) fn break_even(run: &Run) -> Vec<Block> {
    let mut found: Vec<&BreakEven> = run.break_even.iter().collect();
    // Stable, so that strategies stay in the order of the document.
    found.sort_by_key(|found| found.threads);
    let block = |text: String| {
        let of_title = found.iter().filter(|found| title(found) == text);
        let row = |found: &&BreakEven| {
            let threads = plural(found.threads as usize, "thread");
            BlockRow::of(threads, &found.strategy, vec![Value::plain(place(found))])
        };
        let rows = of_title.map(row).collect();
        let columns = vec![Column::left(COLUMNS, "", ["", ""])];
        Block { columns, rows, ..Block::titled(text, NAME) }
    };
    distinct(run.break_even.iter().map(title)).into_iter().map(block).collect()
}

/// Returns what the rates mean.
pub(crate) fn meaning() -> String {
    format!(
        "Faults per second of each thread, as they would be without any lock, at which a strategy \
         costs {} of throughput against unlocked. A program that faults less often loses less. \
         Between two think times the loss is interpolated.",
        percent(LOST_SHARE)
    )
}

fn title(found: &BreakEven) -> String {
    let BreakEven { workload, machine, body, .. } = found;
    let mut title =
        format!("Break-even rate of faults: {workload}, {machine}, {}", body_name(*body));
    for (parameter, value) in &found.vary {
        let _ = write!(title, ", {}", setting(parameter, *value));
    }
    if let Some(kernel) = &found.kernel {
        let _ = write!(title, ", kernel={kernel}");
    }
    title
}

fn place(found: &BreakEven) -> String {
    let [lowest, highest] = found.swept.map(rate);
    match (found.place, found.faults_per_thread_s) {
        (BreakEvenPlace::BelowAll, _) => format!("below all swept, the lowest is {lowest}"),
        (BreakEvenPlace::AboveAll, _) => format!("above all swept, the highest is {highest}"),
        (BreakEvenPlace::Within, found) => found.map_or_else(|| "-".to_owned(), rate),
    }
}
