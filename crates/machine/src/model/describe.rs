//! Words for what cores wait for, in reports of deadlocks and starving cores.

use super::engine::{CoreActivity, CoreState, Engine, LineAt, at};
use super::multicore::Multicore;
use super::starvation::LOSSES_MAX;

/// Number of cores that a report of a deadlock describes.
const DESCRIBED_MAX: usize = 8;

impl Engine {
    /// Describes the wait of a starving core.
    pub fn starved(&self, multicore: &Multicore) -> Option<String> {
        let starves =
            |(_, core): &(usize, &CoreState)| matches!(core.status, CoreActivity::Starving { .. });
        self.cores.iter().enumerate().find(starves).and_then(|core| describe(multicore, core))
    }

    /// Describes the first cores that are not done, and what each waits for.
    pub fn describe(&self, multicore: &Multicore) -> Vec<String> {
        let described = self.cores.iter().enumerate().filter_map(|core| describe(multicore, core));
        let mut waiting: Vec<String> = described.collect();
        let more = waiting.len().saturating_sub(DESCRIBED_MAX);
        waiting.truncate(DESCRIBED_MAX);
        if more > 0 {
            waiting.push(format!("and {more} more"));
        }
        waiting
    }
}

/// Describes what a core waits for; `None` if it is done.
fn describe(multicore: &Multicore, (number, core): (usize, &CoreState)) -> Option<String> {
    let place = |line: LineAt, word: u8| {
        let name = multicore.ledger.name(at(line).name());
        format!("{} ({})", name.name, name.words[usize::from(word)])
    };
    let what = match core.status {
        CoreActivity::Done => return None,
        CoreActivity::Ready => "can run".to_owned(),
        CoreActivity::Fetching { line, word, .. } => {
            format!("waits for line {}", place(line, word))
        }
        CoreActivity::Joining { line } => format!("waits for its request for {}", place(line, 0)),
        CoreActivity::Draining => "waits for its stores".to_owned(),
        CoreActivity::Spinning { line, word } => format!("spins on {}", place(line, word)),
        CoreActivity::Parked => "sleeps until somebody wakes it".to_owned(),
        CoreActivity::Meeting => "waits for all others".to_owned(),
        CoreActivity::Interrupting { victim } => {
            format!("waits for core {victim}, whose interrupts are off, to answer")
        }
        CoreActivity::Starving { line, word } => {
            format!("lost {LOSSES_MAX} compare-exchanges in a row, on {}", place(line, word))
        }
        CoreActivity::Stopped => "has given up".to_owned(),
        CoreActivity::Held { point } => format!("is held at point {point}"),
    };
    Some(format!("core {number}, at {} ns: {what}", core.clock / 1000))
}
