//! Files and their page cache: an index of 64-slot nodes, read under RCU.
//!
//! Lines are as in Linux 7.2: `f_mapping` is on the first line of `struct file`; `f_ref` shares a
//! line with the readahead state, so that pinning the file for I/O moves the line that every cached
//! fault reads.

use super::addr::Pfn;
use super::frames::{Frames, flag};
use super::invalidate_queue::InvalidateQueue;
use super::pool::Pool;
use super::slots::slots;
use machine::{LINE_WORDS, Line, LineName, Machine, Ordering, VALUE_MASK, Waited, Word};
use std::ops::Range;
use sync::refcount::RefCount;
use sync::spinlock::{IrqGuard, LockWords, SpinLock, Waiters};
use sync::wait_table::WaitTable;

/// Slots of an index node (`XA_CHUNK_SIZE`).
const SLOTS: u64 = 64;
const SLOT_BITS: u32 = 6;

static FILE: LineName =
    LineName { name: "file.f_mapping", words: ["f_mapping", "", "", "", "", "", "", ""] };

static FILE_REF: LineName = LineName {
    name: "file.f_ref",
    words: ["f_ref", "f_ra.mmap_miss", "f_ra.start", "f_ra.size", "", "", "", ""],
};

static MAPPING: LineName = LineName {
    name: "mapping.i_pages",
    words: [
        "i_pages.xa_head",
        "xa_lock",
        "xa_lock.tail",
        "nrpages",
        "tagged",
        "invalidate_lock.count",
        "invalidate_lock.owner",
        "",
    ],
};

static INODE: LineName =
    LineName { name: "inode.i_size", words: ["i_size", "", "", "", "", "", "", ""] };

static WAIT: LineName =
    LineName { name: "folio_wait_table", words: ["lock", "lock.tail", "", "", "", "", "", ""] };

static NODE: LineName =
    LineName { name: "xa.node", words: ["0", "1", "2", "3", "4", "5", "6", "7"] };

static NODES: LineName =
    LineName { name: "slab.xa_node", words: ["lock", "lock.tail", "free", "", "", "", "", ""] };

const XA_LOCK: LockWords = LockWords { name: Waited::XarrayLock, locked: 1, tail: 2 };
const NRPAGES: usize = 3;
const TAGGED: usize = 4;
const INVALIDATE_COUNT: usize = 5;
const INVALIDATE_OWNER: usize = 6;
const WAIT_LOCK: LockWords = LockWords { name: Waited::FolioTable, locked: 0, tail: 1 };

/// A place in the index of a file, which goes from page to page and stays in the lowest node as
/// long as that has them (`xas_next_entry`).
pub(super) struct Cursor<'a, M: Machine> {
    file: &'a File<M>,
    /// Number of the leaf, counted from the first page, and the leaf.
    leaf: Option<(u64, &'a Node<M>)>,
}

impl<'a, M: Machine> Cursor<'a, M> {
    /// Returns the slot of page `index`, if the index has a node for it.
    #[inline(always)]
    pub(super) fn slot(&mut self, index: u64) -> Option<Word<'a, M::Line>> {
        let number = index / SLOTS;
        if self.leaf.is_none_or(|(at, _)| at != number) {
            self.leaf = self.file.leaf(index).map(|leaf| (number, leaf));
        }
        self.leaf.map(|(_, leaf)| leaf.slot(index))
    }
}

struct Node<M: Machine>([M::Line; SLOTS as usize / LINE_WORDS]);

impl<M: Machine> Node<M> {
    #[inline(always)]
    pub(super) fn slot(&self, index: u64) -> Word<'_, M::Line> {
        let slot = (index % SLOTS) as usize;
        Word::new(&self.0[slot / LINE_WORDS], slot % LINE_WORDS)
    }
}

/// Levels of the index of a file.
#[inline]
fn height(pages: u64) -> u32 {
    let mut height = 1;
    while SLOTS.pow(height) < pages {
        height += 1;
    }
    height
}

/// Returns nodes of the index of a file of `pages` pages, of which these can be cached.
pub fn nodes(pages: u64, cached: &[Range<u64>]) -> u64 {
    let leaves: u64 = cached.iter().map(|r| r.end.div_ceil(SLOTS) - r.start / SLOTS).sum();
    // Each level above the leaves needs at most one node for each leaf.
    (leaves * u64::from(height(pages))).max(1)
}

/// Returns the bytes of a node of an index.
pub fn bytes_of_node<M: Machine>() -> u64 {
    (size_of::<Node<M>>() + size_of::<u32>()) as u64
}

/// State of a page of a file at the start of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageState {
    /// Not in the page cache.
    Absent,
    /// Cached, and nothing else.
    Cached,
    /// Cached, and locked by a read that is under way.
    Locked,
    /// Cached, but its content must be read first.
    NotUptodate,
    /// Cached and marked: a fault that finds it starts the read of the pages after it.
    Readahead,
}

/// A file: its open description, inode and page cache.
pub struct File<M: Machine> {
    number: usize,
    file: M::Line,
    file_ref: M::Line,
    mapping: M::Line,
    inode: M::Line,
    wait: M::Line,
    table: WaitTable,
    pub(super) invalidate: InvalidateQueue<M>,
    nodes: Box<[Node<M>]>,
    pool: Pool<M>,
    height: u32,
    /// Time of a read that misses the cache, in nanoseconds, by page (modulo their number): drawn
    /// from the workload's distribution before the storm.
    pub io_ns: Box<[u64]>,
}

impl<M: Machine> File<M> {
    /// Creates file `number` of `pages` pages, none of them cached; its index has room for
    /// `cached`.
    pub fn new(
        number: usize,
        pages: u64,
        cached: &[Range<u64>],
        cores: usize,
        io_ns: Vec<u64>,
    ) -> Self {
        let zero = |name| M::Line::new(name, [0; LINE_WORDS]);
        let (capacity, height) = (nodes(pages, cached), height(pages));
        let nodes = slots(capacity as usize, |_| Node(std::array::from_fn(|_| zero(&NODE))));
        let file = Self {
            number,
            file: zero(&FILE),
            file_ref: zero(&FILE_REF),
            mapping: zero(&MAPPING),
            inode: zero(&INODE),
            wait: zero(&WAIT),
            table: WaitTable::new(cores),
            invalidate: InvalidateQueue::new(cores),
            nodes,
            pool: Pool::new(&NODES, 0, capacity as u32, true),
            height,
            io_ns: io_ns.into(),
        };
        file.file.store(0, number as u64 + 1, Ordering::Relaxed);
        file.file_ref.store(0, 1, Ordering::Relaxed);
        file.inode.store(0, pages, Ordering::Relaxed);
        file
    }

    /// Returns the value of a folio's `mapping` that names this file; read as a fault reads it,
    /// through `f_mapping`.
    #[inline(always)]
    pub fn mapping(&self) -> u64 {
        self.file.load(0, Ordering::Relaxed)
    }

    /// References to the open file: one for the opener, one for each VMA, one for each
    /// fault that waits.
    #[inline(always)]
    pub fn refs(&self) -> RefCount<'_, M> {
        RefCount::new(Word::new(&self.file_ref, 0))
    }

    /// Length in pages (`i_size`).
    #[inline(always)]
    pub fn pages(&self) -> u64 {
        self.inode.load(0, Ordering::Relaxed)
    }

    /// Sets the length, and returns what it was.
    pub fn set_pages(&self, pages: u64) -> u64 {
        self.inode.swap(0, pages, Ordering::AcqRel)
    }

    /// `f_ra.mmap_miss`: lowered by a hit where it is above zero, as by
    /// `filemap_map_pages` of 7.2.
    #[inline(always)]
    pub fn note_cache_hit(&self) {
        let misses = self.file_ref.load(1, Ordering::Relaxed);
        if misses > 0 {
            self.file_ref.store(1, misses - 1, Ordering::Relaxed);
        }
    }

    /// Unsynchronised stores to the readahead state, as a miss does them.
    pub fn note_cache_miss(&self, index: u64) {
        let misses = self.file_ref.load(1, Ordering::Relaxed);
        self.file_ref.store(1, misses + 1, Ordering::Relaxed);
        self.file_ref.store(2, index, Ordering::Relaxed);
        self.file_ref.store(3, 1, Ordering::Relaxed);
    }

    /// Count of `invalidate_lock`.
    pub(super) fn invalidate_count(&self) -> Word<'_, M::Line> {
        Word::new(&self.mapping, INVALIDATE_COUNT)
    }

    /// Owner of `invalidate_lock`.
    pub(super) fn invalidate_owner(&self) -> Word<'_, M::Line> {
        Word::new(&self.mapping, INVALIDATE_OWNER)
    }

    /// Returns the number of pages in the cache.
    pub fn cached(&self) -> u64 {
        self.mapping.load(NRPAGES, Ordering::Relaxed)
    }

    fn lock(&self, waiters: &Waiters<M>) -> IrqGuard<'_, M> {
        SpinLock::new(&self.mapping, XA_LOCK).lock_irq(waiters)
    }

    /// Returns a place in the index, before its first page.
    pub(super) fn cursor(&self) -> Cursor<'_, M> {
        Cursor { file: self, leaf: None }
    }

    /// Returns the slot of page `index`, if the index has a node for it.
    #[inline(always)]
    pub(super) fn slot(&self, index: u64) -> Option<Word<'_, M::Line>> {
        Some(self.leaf(index)?.slot(index))
    }

    /// Returns the lowest node on the way to page `index`.
    #[inline(always)]
    fn leaf(&self, index: u64) -> Option<&Node<M>> {
        let mut node = self.mapping.load(0, Ordering::Acquire);
        for level in (1..self.height).rev() {
            let number = node.checked_sub(1)? as usize;
            let slot = self.nodes[number].slot(index >> (SLOT_BITS * level));
            node = slot.load(Ordering::Acquire);
        }
        Some(&self.nodes[node.checked_sub(1)? as usize])
    }

    /// Returns the slot of page `index`, and adds missing nodes. The caller holds `xa_lock`, or is
    /// alone.
    fn make_slot(&self, index: u64, waiters: &Waiters<M>) -> Word<'_, M::Line> {
        let mut at = Word::new(&self.mapping, 0);
        for level in (0..self.height).rev() {
            let mut node = at.load(Ordering::Acquire);
            if node == 0 {
                let free = self.pool.take(waiters).expect("the index was made large enough");
                node = u64::from(free) + 1;
                at.store(node, Ordering::Release);
            }
            at = self.nodes[node as usize - 1].slot(index >> (SLOT_BITS * level));
        }
        at
    }

    /// Adds the index nodes for page `index`, so that caching it later needs none.
    pub fn reserve(&self, index: u64, waiters: &Waiters<M>) {
        self.make_slot(index, waiters);
    }

    /// Returns the frame that caches page `index`, without a reference. Runs in a read section.
    ///
    /// # Ordering
    /// `Acquire`, paired with the `Release` of [`insert`](Self::insert).
    #[inline(always)]
    pub fn lookup(&self, index: u64) -> Option<Pfn> {
        Self::frame_in(self.slot(index)?)
    }

    /// Returns the frame in a slot; ordering as [`lookup`](Self::lookup).
    #[inline(always)]
    pub(super) fn frame_in(slot: Word<'_, M::Line>) -> Option<Pfn> {
        Some(Pfn(slot.load(Ordering::Acquire).checked_sub(1)? as u32))
    }

    /// Inserts a folio with one reference, that of the cache, as page `index`; false if another is
    /// there.
    pub fn insert(&self, index: u64, frame: Pfn, waiters: &Waiters<M>) -> bool {
        let _lock = self.lock(waiters);
        let slot = self.make_slot(index, waiters);
        if slot.load(Ordering::Relaxed) != 0 {
            return false;
        }
        let cached = self.mapping.load(NRPAGES, Ordering::Relaxed);
        self.mapping.store(NRPAGES, cached + 1, Ordering::Relaxed);
        slot.store(u64::from(frame.0) + 1, Ordering::Release);
        true
    }

    /// Removes page `index` from the cache, if it is there. The caller gets the cache's reference.
    pub fn remove(&self, index: u64, waiters: &Waiters<M>) -> Option<Pfn> {
        let _lock = self.lock(waiters);
        let slot = self.slot(index)?;
        let frame = slot.load(Ordering::Relaxed).checked_sub(1)?;
        let cached = self.mapping.load(NRPAGES, Ordering::Relaxed);
        self.mapping.store(NRPAGES, cached - 1, Ordering::Relaxed);
        slot.store(0, Ordering::Release);
        Some(Pfn(frame as u32))
    }

    /// Tags a page as dirty in the index. Only the lock matters, so the tag is a count on the line
    /// of the lock.
    pub fn tag_dirty(&self, waiters: &Waiters<M>) {
        let _lock = self.lock(waiters);
        let tagged = self.mapping.load(TAGGED, Ordering::Relaxed);
        self.mapping.store(TAGGED, tagged + 1, Ordering::Relaxed);
    }

    /// Returns true if pages of it have been written through shared mappings.
    pub fn is_written(&self) -> bool {
        self.mapping.load(TAGGED, Ordering::Relaxed) > 0
    }

    /// Calls `on` with each cached page and its frame. The caller is alone.
    pub fn for_each_cached(&self, mut on: impl FnMut(u64, Pfn)) {
        let root = self.mapping.load(0, Ordering::Relaxed);
        self.walk(root, self.height, 0, &mut on);
    }

    fn walk(&self, node: u64, height: u32, first: u64, on: &mut impl FnMut(u64, Pfn)) {
        let Some(number) = node.checked_sub(1) else { return };
        for slot in 0..SLOTS {
            let entry = self.nodes[number as usize].slot(slot).load(Ordering::Relaxed);
            let index = first + (slot << (SLOT_BITS * (height - 1)));
            match entry.checked_sub(1) {
                Some(frame) if height == 1 => on(index, Pfn(frame as u32)),
                _ => self.walk(if height == 1 { 0 } else { entry }, height - 1, index, on),
            }
        }
    }

    /// Returns the number of the file in its space.
    pub fn number(&self) -> usize {
        self.number
    }

    /// Waits until no core holds the folio's lock.
    pub fn wait_unlocked(&self, frames: &Frames<M>, frame: Pfn, waiters: &Waiters<M>) {
        let flags = frames.folio_of(frame).flags();
        let unlocked = || flags.fetch_or(flag::WAITERS, Ordering::Acquire) & flag::LOCKED == 0;
        M::begin_wait(Waited::FolioLock, flags.at());
        // SAFETY: the table is this file's, and its lock words are locked only through it.
        unsafe {
            self.table.wait((&self.wait, WAIT_LOCK), waiters, frames.head(frame).0, unlocked)
        };
        M::end_wait();
    }

    /// Releases a folio's lock (`Release`), and sets `flags` with it.
    #[inline(always)]
    pub fn unlock_folio(&self, frames: &Frames<M>, frame: Pfn, waiters: &Waiters<M>) {
        let before =
            frames.folio_of(frame).flags().fetch_and(!flag::LOCKED & VALUE_MASK, Ordering::Release);
        debug_assert!(before & flag::LOCKED != 0, "only a locked folio is unlocked");
        if before & flag::WAITERS != 0 {
            self.wake(frames, frame, waiters);
        }
    }

    #[cold]
    fn wake(&self, frames: &Frames<M>, frame: Pfn, waiters: &Waiters<M>) {
        frames.folio_of(frame).flags().fetch_and(!flag::WAITERS & VALUE_MASK, Ordering::Relaxed);
        // SAFETY: as in `wait_unlocked`.
        unsafe { self.table.wake((&self.wait, WAIT_LOCK), waiters, frames.head(frame).0) };
    }
}
