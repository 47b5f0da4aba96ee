//! How often a program may fault before a strategy costs it anything.

use std::fmt::Write;

use super::Style;
use super::table::body;
use super::text::{Ink, cut, left, paint, percent, plural, rate, wrap};
use document::run::{BreakEven, BreakEvenPlace, LOST_SHARE, Run};

/// Appends the break-even rates, a block for each workload, machine and body.
pub(super) fn rates(out: &mut String, run: &Run, style: Style) {
    if run.break_even.is_empty() {
        return;
    }
    let mut blocks: Vec<Vec<&BreakEven>> = Vec::new();
    for found in &run.break_even {
        match blocks.iter_mut().find(|block| title(block[0]) == title(found)) {
            Some(block) => block.push(found),
            None => blocks.push(vec![found]),
        }
    }
    for mut block in blocks {
        let _ = writeln!(out, "{}", paint(style, Ink::Bold, &title(block[0])));
        block.sort_by_key(|found| found.threads);
        let mut threads = None;
        for found in block {
            if threads != Some(found.threads) {
                let heading = plural(found.threads as usize, "thread");
                let _ = writeln!(out, "{}", paint(style, Ink::Faint, &heading));
                threads = Some(found.threads);
            }
            let name = left(style, Ink::Plain, &cut(&format!("  {}", found.strategy), 29), 30);
            let _ = writeln!(out, "{name}{}", place(found));
        }
        out.push('\n');
    }
    let what = format!(
        "Faults a second of each thread, as they would be without any lock, from which on a \
         strategy costs {} of throughput against unlocked. A program that faults more rarely \
         does not feel it. Between two think times the loss is interpolated.",
        percent(LOST_SHARE)
    );
    wrap(out, style, "", &what);
    out.push('\n');
}

fn title(found: &BreakEven) -> String {
    let mut title = format!(
        "Break-even rate of faults: {}, {}, {}",
        found.workload,
        found.machine,
        body(found.body)
    );
    for (parameter, value) in &found.vary {
        let _ = write!(title, ", {parameter} = {value}");
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
