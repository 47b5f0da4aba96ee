//! The waiters for the `invalidate_lock` of a file.

use machine::{LINE_WORDS, Line, LineName, Machine};
use sync::rwsem::WaitQueue;

static QUEUE: LineName = LineName {
    name: "mapping.invalidate_lock.osq",
    words: ["osq", "osq.tail", "wait_lock", "wait_lock.tail", "", "", "", ""],
};

/// The waiters for the lock. Its count and owner are on the line of `i_pages`.
pub(super) struct InvalidateQueue<M: Machine> {
    pub line: M::Line,
    pub queue: WaitQueue,
}

impl<M: Machine> InvalidateQueue<M> {
    pub fn new(cores: usize) -> Self {
        Self { line: M::Line::new(&QUEUE, [0; LINE_WORDS]), queue: WaitQueue::new(cores) }
    }
}
