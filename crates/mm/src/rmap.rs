//! The VMAs that map a file, under a rwsem: truncate goes through them (`i_mmap` of the mapping,
//! Linux 7.2 `mm/memory.c`, `unmap_mapping_range`).
//!
//! The kernel has an interval tree; here it is a list, since cores share only its lock, and its
//! content costs nothing.

use super::vma::VmaId;
use machine::{LINE_WORDS, Line, LineName, Machine, RwNames, Waited, Word};
use std::sync::Arc;
use sync::locked::Locked;
use sync::rwsem::{Home, QueueWords, RwSem, WaitQueue};
use sync::spinlock::{LockWords, Waiters};

static LINE: LineName = LineName {
    name: "mapping.i_mmap_rwsem",
    words: ["count", "owner", "osq", "osq.tail", "wait_lock", "wait_lock.tail", "", ""],
};

static LIST: LineName =
    LineName { name: "mapping.i_mmap", words: ["lock", "lock.tail", "", "", "", "", "", ""] };

const LIST_LOCK: LockWords = LockWords { name: Waited::IMmapWrite, locked: 0, tail: 1 };

/// The VMAs that map a file.
pub struct Rmap<M: Machine> {
    line: M::Line,
    queue: WaitQueue,
    waiters: Arc<Waiters<M>>,
    list_line: M::Line,
    vmas: Locked<Vec<VmaId>>,
}

impl<M: Machine> Rmap<M> {
    /// Creates a map without VMAs, with room for `vmas`.
    pub fn new(waiters: Arc<Waiters<M>>, cores: usize, vmas: u32) -> Self {
        Self {
            line: M::Line::new(&LINE, [0; LINE_WORDS]),
            queue: WaitQueue::new(cores),
            waiters,
            list_line: M::Line::new(&LIST, [0; LINE_WORDS]),
            vmas: Locked::new(Vec::with_capacity(vmas as usize)),
        }
    }

    /// `i_mmap_rwsem`: held for writing while the range of a VMA of the file changes, for
    /// reading while its pages are zapped.
    pub fn lock(&self) -> RwSem<'_, Self> {
        RwSem::new(self)
    }

    fn with<R>(&self, on: impl FnOnce(&mut Vec<VmaId>) -> R) -> R {
        // SAFETY: the list is this map's, and its lock words are locked here alone.
        let mut vmas = unsafe { self.vmas.lock::<M>(&self.list_line, LIST_LOCK, &self.waiters) };
        on(&mut vmas)
    }

    /// Adds a VMA. The caller holds the rwsem for writing.
    pub fn add(&self, vma: VmaId) {
        self.with(|vmas| vmas.push(vma));
    }

    /// Removes a VMA. The caller holds the rwsem for writing.
    pub fn remove(&self, vma: VmaId) {
        self.with(|vmas| {
            let at = vmas.iter().position(|other| *other == vma);
            vmas.swap_remove(at.expect("a VMA of the file is in its map"));
        });
    }

    /// Returns the VMAs. They stay as long as the rwsem is held.
    pub fn vmas(&self, into: &mut Vec<VmaId>) {
        self.with(|vmas| into.extend_from_slice(vmas));
    }
}

impl<M: Machine> Home for Rmap<M> {
    type Machine = M;

    fn names(&self) -> RwNames {
        RwNames::I_MMAP
    }

    fn queue_words(&self) -> QueueWords {
        QueueWords {
            osq: LockWords { name: Waited::Osq, locked: 2, tail: 3 },
            wait_lock: LockWords { name: Waited::WaitLock, locked: 4, tail: 5 },
        }
    }

    fn count(&self) -> Word<'_, M::Line> {
        Word::new(&self.line, 0)
    }

    fn owner(&self) -> Word<'_, M::Line> {
        Word::new(&self.line, 1)
    }

    fn queue_line(&self) -> &M::Line {
        &self.line
    }

    fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    fn waiters(&self) -> &Waiters<M> {
        &self.waiters
    }
}
