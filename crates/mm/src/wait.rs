//! Waits for a page with no lock held; the file is pinned instead. And waits for a page table, with
//! nothing held.
//!
//! Reference: Linux 7.2 `mm/filemap.c` (`maybe_unlock_mmap_for_io`, `filemap_fault`): the fault
//! pins the file, drops its lock, reads or waits, unpins, and is done again as a whole. If it has
//! to wait again, it keeps mmap_lock (`fault_flag_allow_retry_first`).

use super::addr::Pfn;
use super::fault::Waits;
use super::frames::flag;
use super::grace;
use super::invalidate::InvalidateLock;
use super::page_cache::File;
use super::vmstat::Item;
use super::{Core, Mm};
use machine::{Machine, Ordering, VALUE_MASK};
use sync::rwsem::RwSem;

/// The page that a fault waits for. Holds a reference to the folio if there is one, and on the file
/// unless the protection of the fault keeps it, until [`Mm::wait`] has waited.
#[must_use]
pub struct Wait {
    file: usize,
    index: u64,
    folio: Option<Pfn>,
    pins_file: bool,
    /// True if there is nothing to wait for: the file had to be called without the fault's lock.
    is_over: bool,
}

impl Wait {
    fn new<M: Machine>(file: &File<M>, index: u64, folio: Option<Pfn>, waits: Waits) -> Self {
        let pins_file = waits == Waits::Unprotected;
        if pins_file {
            file.refs().get();
        }
        Self { file: file.number(), index, folio, pins_file, is_over: false }
    }

    /// Page `index` of `file` is not in the cache.
    pub(super) fn for_io<M: Machine>(file: &File<M>, index: u64, waits: Waits) -> Self {
        Self::new(file, index, None, waits)
    }

    /// The page is cached, but locked. Takes over the caller's reference to the folio.
    pub(super) fn for_folio<M: Machine>(
        file: &File<M>,
        index: u64,
        folio: Pfn,
        waits: Waits,
    ) -> Self {
        Self::new(file, index, Some(folio), waits)
    }

    /// Returns the folio was marked for readahead, which is started with no lock held
    /// (`do_async_mmap_readahead`). Takes over the caller's reference.
    pub(super) fn for_readahead<M: Machine>(
        file: &File<M>,
        index: u64,
        folio: Pfn,
        waits: Waits,
    ) -> Self {
        Self { is_over: true, ..Self::for_folio(file, index, folio, waits) }
    }

    /// Returns true if the page was not cached when the fault looked for it.
    pub(super) fn is_major(&self) -> bool {
        self.folio.is_none()
    }
}

impl<M: Machine> Mm<M> {
    /// Reads the page that an attempt of this core stopped for, or waits for the core that holds
    /// its lock. The caller may hold mmap_lock for reading, but no other lock, and may be in a read
    /// section of SRCU, but not of RCU.
    ///
    /// # Errors
    /// If no frame is left.
    ///
    /// # Panics
    /// If no attempt has stopped for a page.
    #[cold]
    pub fn wait(&self, core: &mut Core<M>) -> Result<(), OutOfMemory> {
        let wait = core.wait.take().expect("an attempt has said what it stopped for");
        let file = &self.files[wait.file];
        let lock = InvalidateLock { mm: self, file };
        let _shared = self.adds_content(&wait).then(|| RwSem::new(&lock).read());
        let result = match wait.folio {
            Some(folio) => {
                if !wait.is_over {
                    self.wait_for_folio(core, file, wait.index, folio);
                }
                core.put_folio(self, folio);
                Ok(())
            }
            None => self.read_page(core, file, wait.index),
        };
        if wait.pins_file {
            let last = file.refs().put();
            assert!(!last, "the opener keeps the file open");
        }
        result
    }

    /// Returns true if the wait needs `invalidate_lock`: it brings the page, or its content, into
    /// the cache.
    fn adds_content(&self, wait: &Wait) -> bool {
        let flags = wait.folio.map(|folio| self.frames.folio(folio).flags());
        let is_uptodate =
            flags.is_some_and(|flags| flags.load(Ordering::Relaxed) & flag::UPTODATE != 0);
        self.kernel.rules.invalidate_lock && !is_uptodate
    }

    /// Waits until a table is free, since an attempt of this core has found one missing. The caller
    /// holds no lock, and is in no read section.
    ///
    /// # Errors
    /// If no table is left, and none waits for readers to leave.
    #[cold]
    pub fn wait_for_table(&self, core: &Core<M>) -> Result<(), OutOfMemory> {
        let freed = grace::patiently::<M, _>(|| {
            core.flush_deferred();
            match self.tables.pool.free() {
                0 if self.backlog.is_empty() => Some(Err(OutOfMemory)),
                0 => None,
                _ => Some(Ok(())),
            }
        });
        freed.unwrap_or(Err(OutOfMemory))
    }

    /// Waits for a folio's lock, or for its content.
    pub(super) fn wait_for_folio(
        &self,
        core: &mut Core<M>,
        file: &File<M>,
        index: u64,
        folio: Pfn,
    ) {
        let flags = self.frames.folio_of(folio).flags();
        let found = flags.fetch_and(!flag::IO & VALUE_MASK, Ordering::AcqRel);
        let reads = if found & flag::IO != 0 {
            // A read that began before the storm: the first waiter acts as the device.
            true
        } else if found & (flag::LOCKED | flag::UPTODATE) == 0 {
            // The core that finds the content missing reads it (`filemap_read_folio`).
            flags.fetch_or(flag::LOCKED, Ordering::Acquire) & flag::LOCKED == 0
        } else {
            false
        };
        if !reads {
            return file.wait_unlocked(&self.frames, folio, &self.waiters);
        }
        core.sleep_io(file.io_ns[index as usize % file.io_ns.len()]);
        flags.fetch_or(flag::UPTODATE, Ordering::Release);
        file.unlock_folio(&self.frames, folio, &self.waiters);
    }

    /// Puts page `index` into the cache, locked during the read.
    fn read_page(&self, core: &mut Core<M>, file: &File<M>, index: u64) -> Result<(), OutOfMemory> {
        let frame = core.take_frame(self).ok_or(OutOfMemory)?;
        self.frames.folio(frame).init(file.mapping(), index, flag::LOCKED);
        if !file.insert(index, frame, &self.waiters) {
            // Another core was first: the next attempt waits for its read.
            core.give_frame(self, frame);
            return Ok(());
        }
        core.count(self, frame, Item::FilePages, 1);
        core.add_to_lru(self, frame);
        core.read_in.push((file.number(), index));
        core.sleep_io(file.io_ns[index as usize % file.io_ns.len()]);
        self.write_file_content(file.number(), index, frame);
        self.frames.folio(frame).flags().fetch_or(flag::UPTODATE, Ordering::Release);
        file.unlock_folio(&self.frames, frame, &self.waiters);
        Ok(())
    }

    /// Puts the content of page `index` into `frame`. Its first word has the file and the page, so
    /// that the books can check it.
    pub(super) fn write_file_content(&self, file: usize, index: u64, frame: Pfn) {
        if self.frames.has_content() {
            self.frames.word(frame, 0).store(file_stamp(file, index), Ordering::Relaxed);
        }
    }
}

/// First word of a file's page.
pub(super) fn file_stamp(file: usize, index: u64) -> u64 {
    (file as u64 + 1) << 48 | index
}

/// No frame or table was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfMemory;
