//! `invalidate_lock` of a file: faults that bring a page into the cache hold it for reading, and
//! truncate holds it for writing, so that no page returns while pages are removed.
//!
//! Reference: Linux 7.2 `mm/filemap.c`, `filemap_fault`: taken if the page is not cached, or is
//! not up to date, before it is looked for again; held until the page is. The first attempt thus
//! holds it over the I/O, for which it has dropped its other locks. (Commit 730633f0b7f9 of 5.15;
//! truncate takes it in the file system, as xfs does by `XFS_MMAPLOCK_EXCL`.)

use super::Mm;
use super::page_cache::File;
use machine::{Machine, RwNames, Waited, Word};
use sync::rwsem::{Home, QueueWords, WaitQueue};
use sync::spinlock::{LockWords, Waiters};

/// The lock of a file.
pub(super) struct InvalidateLock<'a, M: Machine> {
    pub(super) mm: &'a Mm<M>,
    pub(super) file: &'a File<M>,
}

impl<M: Machine> Home for InvalidateLock<'_, M> {
    type Machine = M;

    fn names(&self) -> RwNames {
        RwNames::INVALIDATE
    }

    fn count(&self) -> Word<'_, M::Line> {
        self.file.invalidate_count()
    }

    fn owner(&self) -> Word<'_, M::Line> {
        self.file.invalidate_owner()
    }

    fn reader_clears_owner(&self) -> bool {
        self.mm.reader_clears_owner()
    }

    fn queue_line(&self) -> &M::Line {
        &self.file.invalidate.line
    }

    fn queue_words(&self) -> QueueWords {
        QueueWords {
            osq: LockWords { name: Waited::Osq, locked: 0, tail: 1 },
            wait_lock: LockWords { name: Waited::WaitLock, locked: 2, tail: 3 },
        }
    }

    fn queue(&self) -> &WaitQueue {
        &self.file.invalidate.queue
    }

    fn waiters(&self) -> &Waiters<M> {
        Home::waiters(self.mm)
    }
}
