//! A check of the transfer counts: a directory for each line, next to the stamps, which sees every
//! access in order.
//!
//! Each line has a mutex, under which an access and its entry in the line's directory are one step.
//! This slows the storm and changes its interleaving, but both counts are of the same accesses. The
//! directory sees three things that the stamps cannot: neighbouring words, first accesses, and
//! failed compare-exchanges (which take the line as successful ones do).

use super::counted::{LineAccess, LineTally, Tally, names};
use super::host::core;
use std::cell::RefCell;
use std::sync::{Mutex, MutexGuard};

thread_local! {
    static MOVES: RefCell<Moves> = const { RefCell::new(Moves::NONE) };
}

/// Counts of this thread by the directories, by number of name.
struct Moves {
    by_name: Vec<LineTally>,
    /// The thread is recorded. Others are not, such as the thread that sets a space up: their
    /// writes are in no cache by the time of the storm.
    recorded: bool,
    paused: bool,
}

impl Moves {
    const NONE: Self = Self { by_name: Vec::new(), recorded: false, paused: false };
}

/// Starts recording the calling thread, with empty counts.
pub(super) fn start() {
    MOVES.set(Moves { recorded: true, ..Moves::NONE });
}

/// Discards the counts.
pub(super) fn forget() {
    MOVES.with_borrow_mut(|moves| moves.by_name.clear());
}

/// Pauses or resumes the counting.
pub(super) fn pause(paused: bool) {
    MOVES.with_borrow_mut(|moves| moves.paused = paused);
}

/// Stops recording, and returns the thread's accesses and transfers.
pub(super) fn finish() -> Tally {
    let moves = MOVES.replace(Moves::NONE);
    let named = names().into_iter().zip(moves.by_name);
    Tally(named.filter(|(_, tally)| *tally != LineTally::default()).collect())
}

/// The directory of one line.
#[derive(Default)]
pub(super) struct AuditDirectory(Mutex<Holders>);

/// Bytes of a directory that two cores have used.
pub const DIRECTORY_BYTES: usize = size_of::<AuditDirectory>() + 4 * size_of::<usize>();

impl AuditDirectory {
    /// Records an access of the calling core to a line with this number of name. The caller makes
    /// the access before it drops the guard.
    pub fn note(&self, name: usize, access: LineAccess) -> MutexGuard<'_, impl Sized> {
        let mut holders = self.0.lock().expect("an access does not panic");
        MOVES.with_borrow_mut(|moves| {
            if !moves.recorded {
                *holders = Holders::default();
                return;
            }
            let moved = match access {
                LineAccess::Read => holders.read(core()),
                LineAccess::Write => holders.write(core()),
            };
            if moves.paused {
                return;
            }
            if moves.by_name.len() <= name {
                moves.by_name.resize(name + 1, LineTally::default());
            }
            moves.by_name[name].add(access, moved);
        });
        holders
    }
}

/// Holders of a line: the core that wrote it last, and the cores that have read that write.
#[derive(Default)]
struct Holders {
    writer: Option<usize>,
    readers: Vec<usize>,
}

impl Holders {
    /// Records a read; true if it brings another core's write.
    fn read(&mut self, core: usize) -> bool {
        let has_it =
            self.writer.is_none_or(|writer| writer == core) || self.readers.contains(&core);
        if !has_it {
            self.readers.push(core);
        }
        !has_it
    }

    /// Records a write; true if it brings another core's write, and does not just invalidate the
    /// copies of readers.
    fn write(&mut self, core: usize) -> bool {
        let has_it =
            self.writer.is_none_or(|writer| writer == core) || self.readers.contains(&core);
        self.writer = Some(core);
        self.readers.clear();
        !has_it
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_tells_transfers_from_hits_and_upgrades() {
        let mut directory = Holders::default();
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
