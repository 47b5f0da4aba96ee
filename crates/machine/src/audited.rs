//! A control for the counting of transfers: the same storm, counted as [`Counted`] does
//! and, beside it, by a directory that sees every access in order.
//!
//! Each line has a mutex, under which an access and its entry in the line's directory
//! are one step. That makes the storm slow and its interleaving another one; what the
//! two say of it is about the very same accesses. The directory knows what the stamps
//! cannot: neighbouring words, first accesses, and exchanges that fail (which take the
//! line as those that succeed do).

use super::counted::{Counted, CountedLine, LineTally, Tally, names};
use super::host::{Record, Recorded, core, relax};
use super::{LINE_WORDS, Line, LineName, Ordering};
use std::cell::RefCell;
use std::sync::Mutex;

/// Counts transfers twice.
pub struct Audited;

thread_local! {
    static MOVES: RefCell<Moves> = const { RefCell::new(Moves::NONE) };
}

/// What the directories have seen of this thread, by number of name.
struct Moves {
    by_name: Vec<LineTally>,
    /// The thread is recorded: others, as the one that sets a space up, have their
    /// writes in no cache by the time of the storm.
    recorded: bool,
    paused: bool,
}

impl Moves {
    const NONE: Self = Self { by_name: Vec::new(), recorded: false, paused: false };
}

impl Record for Audited {
    type Line = AuditedLine;

    fn start() {
        Counted::start();
        MOVES.set(Moves { recorded: true, ..Moves::NONE });
    }

    fn forget() {
        Counted::forget();
        MOVES.with_borrow_mut(|moves| moves.by_name.clear());
    }

    fn pause(paused: bool) {
        Counted::pause(paused);
        MOVES.with_borrow_mut(|moves| moves.paused = paused);
    }

    fn finish() -> Recorded {
        let moves = MOVES.replace(Moves::NONE);
        let named = names().into_iter().zip(moves.by_name);
        let directory = Tally(named.filter(|(_, tally)| *tally != LineTally::default()).collect());
        Recorded { directory: Some(directory), ..Counted::finish() }
    }
}

/// Who has a line: the core that wrote it last, and those that have read what it wrote.
#[derive(Default)]
struct Directory {
    writer: Option<usize>,
    readers: Vec<usize>,
}

impl Directory {
    /// Notes a read; true where it brings somebody's write.
    fn read(&mut self, core: usize) -> bool {
        let has_it =
            self.writer.is_none_or(|writer| writer == core) || self.readers.contains(&core);
        if !has_it {
            self.readers.push(core);
        }
        !has_it
    }

    /// Notes a write; true where it brings somebody else's, rather than only taking the
    /// copies of readers away.
    fn write(&mut self, core: usize) -> bool {
        let has_it =
            self.writer.is_none_or(|writer| writer == core) || self.readers.contains(&core);
        self.writer = Some(core);
        self.readers.clear();
        !has_it
    }
}

/// A counted line, and its directory.
pub struct AuditedLine {
    line: CountedLine,
    directory: Mutex<Directory>,
}

impl AuditedLine {
    fn read<R>(&self, access: impl FnOnce(&CountedLine) -> R) -> R {
        self.step(|directory, tally| {
            tally.reads += 1;
            tally.transfers += u64::from(directory.read(core()));
            access(&self.line)
        })
    }

    fn write<R>(&self, access: impl FnOnce(&CountedLine) -> R) -> R {
        self.step(|directory, tally| {
            tally.writes += 1;
            tally.transfers += u64::from(directory.write(core()));
            access(&self.line)
        })
    }

    fn step<R>(&self, access: impl FnOnce(&mut Directory, &mut LineTally) -> R) -> R {
        let mut directory = self.directory.lock().expect("an access does not panic");
        MOVES.with_borrow_mut(|moves| {
            let name = self.line.name();
            if moves.by_name.len() <= name {
                moves.by_name.resize(name + 1, LineTally::default());
            }
            let mut unused = LineTally::default();
            let counts = moves.recorded && !moves.paused;
            let tally = if counts { &mut moves.by_name[name] } else { &mut unused };
            let result = access(&mut directory, tally);
            if !moves.recorded {
                *directory = Directory::default();
            }
            result
        })
    }
}

impl Line for AuditedLine {
    fn new(name: &'static LineName, words: [u64; LINE_WORDS]) -> Self {
        Self { line: CountedLine::new(name, words), directory: Mutex::default() }
    }

    fn load(&self, word: usize, order: Ordering) -> u64 {
        self.read(|line| line.load(word, order))
    }

    fn store(&self, word: usize, value: u64, order: Ordering) {
        self.write(|line| line.store(word, value, order));
    }

    fn fetch_add(&self, word: usize, value: u64, order: Ordering) -> u64 {
        self.write(|line| line.fetch_add(word, value, order))
    }

    fn fetch_sub(&self, word: usize, value: u64, order: Ordering) -> u64 {
        self.write(|line| line.fetch_sub(word, value, order))
    }

    fn fetch_or(&self, word: usize, bits: u64, order: Ordering) -> u64 {
        self.write(|line| line.fetch_or(word, bits, order))
    }

    fn fetch_and(&self, word: usize, bits: u64, order: Ordering) -> u64 {
        self.write(|line| line.fetch_and(word, bits, order))
    }

    fn swap(&self, word: usize, value: u64, order: Ordering) -> u64 {
        self.write(|line| line.swap(word, value, order))
    }

    fn compare_exchange(
        &self,
        word: usize,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        self.write(|line| line.compare_exchange(word, current, new, success, failure))
    }

    fn spin_until(&self, word: usize, done: impl Fn(u64) -> bool) -> u64 {
        let mut spins = 0;
        loop {
            let value = self.load(word, Ordering::Acquire);
            if done(value) {
                return value;
            }
            relax(&mut spins);
        }
    }

    /// Nothing: a hint that the directory would have to guess the effect of.
    fn prefetch_w(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_tells_transfers_from_hits_and_upgrades() {
        let mut directory = Directory::default();
        assert!(!directory.read(1), "nobody has written yet");
        assert!(!directory.write(0), "nor now");
        assert!(!directory.read(0) && !directory.write(0), "the owner's own");
        assert!(directory.read(1), "brings the write of core 0");
        assert!(!directory.read(1), "is there already");
        assert!(!directory.write(1), "takes copies away, and brings nothing");
        assert!(directory.read(0) && directory.read(2), "each reader for itself");
        assert!(directory.write(3), "the line comes from core 1");
    }
}
