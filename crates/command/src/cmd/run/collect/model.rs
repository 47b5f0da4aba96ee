//! Findings of the model alone: every access, and the time of each core by use.

use super::moved_lines::MovedLines;
use document::run::{LineCount, TimeSplit, WordPair};
use machine::LINE_WORDS;
use machine::LineName;
use machine::model::{Accounts, CoreTimes, LineAccount};
use storm::Storm;

/// Returns the lines by name.
pub(super) fn moved(accounts: &Accounts) -> MovedLines {
    const COUNTED: &str = "all";
    let transfers: u64 = accounts.0.iter().map(|(_, line)| line.transfers).sum();
    let stall_ps: u64 = accounts.0.iter().map(|(_, line)| line.stall_ps).sum();
    let share = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
    let count = |(name, line): &(&'static LineName, LineAccount)| LineCount {
        name: name.name.to_owned(),
        counted: COUNTED.to_owned(),
        reads: Some(line.reads),
        writes: Some(line.writes),
        transfers: line.transfers,
        transfer_share: share(line.transfers, transfers),
        stall_share: share(line.stall_ps, stall_ps),
        queued_share: share(line.queued_ps, line.stall_ps),
        word_pairs: word_pairs(name, line),
    };
    let mut by_name: Vec<LineCount> = accounts.0.iter().map(count).collect();
    by_name.sort_by(|a, b| b.transfers.cmp(&a.transfers).then_with(|| a.name.cmp(&b.name)));
    MovedLines { counted: COUNTED, transfers, by_name }
}

/// Pairs of the word that a line was fetched for and the word that its last holder had used.
fn word_pairs(name: &LineName, line: &LineAccount) -> Vec<WordPair> {
    let word = |word: usize| match name.words[word] {
        "" => format!("word {word}"),
        field => field.to_owned(),
    };
    let all = (0..LINE_WORDS).flat_map(|from| (0..LINE_WORDS).map(move |to| (from, to)));
    let mut pairs: Vec<WordPair> = all
        .map(|(from, to)| (from, to, line.by_words[from][to]))
        .filter(|(_, _, transfers)| *transfers > 0)
        .map(|(from, to, transfers)| WordPair { left: word(from), wanted: word(to), transfers })
        .collect();
    pairs.sort_by(|a, b| b.transfers.cmp(&a.transfers).then_with(|| a.wanted.cmp(&b.wanted)));
    pairs
}

/// Splits the mean time of `events` faults or operations.
pub(super) fn time_split(storm: &Storm, times: &[CoreTimes], events: u64) -> TimeSplit {
    let events = events as f64;
    let ns = |ps: u64| ps as f64 / 1000.0;
    let coherence: f64 = times.iter().map(|core| ns(core.coherence_ps)).sum();
    let lock: f64 = times.iter().map(|core| ns(core.lock_ps)).sum();
    let io = storm.io.asked_ns as f64;
    let private = storm.threads_ns - coherence - lock - io;
    TimeSplit {
        private_work: private / events,
        coherence: coherence / events,
        lock_wait: lock / events,
        io: io / events,
    }
}
