//! A control for the counting of transfers: a directory beside the stamps of each line, which
//! sees every access in order.
//!
//! Each line has a mutex, under which an access and its entry in the line's directory
//! are one step. That makes the storm slow and its interleaving another one; what the
//! two say of it is about the very same accesses. The directory knows what the stamps
//! cannot: neighbouring words, first accesses, and exchanges that fail (which take the
//! line as those that succeed do).

use super::counted::{Access, LineTally, Tally, names};
use super::host::core;
use std::cell::RefCell;
use std::sync::{Mutex, MutexGuard};

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

/// Starts to record the calling thread, from nothing.
pub(super) fn start() {
    MOVES.set(Moves { recorded: true, ..Moves::NONE });
}

/// Forgets what has been recorded.
pub(super) fn forget() {
    MOVES.with_borrow_mut(|moves| moves.by_name.clear());
}

/// Stops or resumes adding to what is recorded.
pub(super) fn pause(paused: bool) {
    MOVES.with_borrow_mut(|moves| moves.paused = paused);
}

/// Stops recording, and returns the accesses and moves of the thread.
pub(super) fn finish() -> Tally {
    let moves = MOVES.replace(Moves::NONE);
    let named = names().into_iter().zip(moves.by_name);
    Tally(named.filter(|(_, tally)| *tally != LineTally::default()).collect())
}

/// The directory of one line.
#[derive(Default)]
pub(super) struct Directory(Mutex<Holders>);

/// Bytes of a directory that two cores are in.
pub const DIRECTORY_BYTES: usize = size_of::<Directory>() + 4 * size_of::<usize>();

impl Directory {
    /// Notes an access of the calling core to a line of this name, by number. The access is to
    /// be done before the guard is dropped.
    pub fn note(&self, name: usize, access: Access) -> MutexGuard<'_, impl Sized> {
        let mut holders = self.0.lock().expect("an access does not panic");
        MOVES.with_borrow_mut(|moves| {
            if !moves.recorded {
                *holders = Holders::default();
                return;
            }
            let moved = match access {
                Access::Read => holders.read(core()),
                Access::Write => holders.write(core()),
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

/// Who has a line: the core that wrote it last, and those that have read what it wrote.
#[derive(Default)]
struct Holders {
    writer: Option<usize>,
    readers: Vec<usize>,
}

impl Holders {
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
