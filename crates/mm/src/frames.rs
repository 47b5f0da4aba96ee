//! Page frames: an arena of real memory, and a line of metadata for each frame.

use super::Config;
use super::addr::{PAGE_BYTES, Pfn};
use super::kernel::Kernel;
use super::slots::slots;
use super::zones::Zones;
use machine::{LINE_WORDS, Line, LineName, Machine, Ordering, VALUE_MASK, Word, Work, pair_up};
use rayon::prelude::*;
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64};
use sync::refcount::RefCount;

/// Real memory for frames, populated when it is created. All storms of a run use one arena in turn.
pub struct Arena {
    base: NonNull<u8>,
    frames: usize,
}

// SAFETY: the arena is plain memory; what reaches it says how it excludes others.
unsafe impl Send for Arena {}
// SAFETY: as above.
unsafe impl Sync for Arena {}

impl Arena {
    /// Maps and populates memory for `frames` frames.
    ///
    /// # Errors
    /// If the kernel does not have that much memory.
    pub fn new(frames: usize) -> std::io::Result<Arc<Self>> {
        let bytes = (frames.max(1)) * PAGE_BYTES as usize;
        let (prot, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
        // SAFETY: a new anonymous mapping at an address of the kernel's choice replaces
        // nothing.
        let base = unsafe { mmap_anonymous(std::ptr::null_mut(), bytes, prot, flags)? };
        let base = NonNull::new(base.cast::<u8>()).expect("mmap returns no null mapping");
        let arena = Self { base, frames };
        // SAFETY: the range is the mapping just made. Advice that the kernel refuses
        // only costs time.
        let _ = unsafe { madvise(base.as_ptr().cast(), bytes, Advice::LinuxHugepage) };
        (0..frames).into_par_iter().with_min_len(512).for_each(|frame| {
            arena.word(Pfn(frame as u32), 0).store(0, Ordering::Relaxed);
        });
        Ok(Arc::new(arena))
    }

    /// Returns the number of frames that it has memory for.
    pub fn frames(&self) -> usize {
        self.frames
    }

    #[inline]
    fn page(&self, frame: Pfn) -> *mut u8 {
        assert!((frame.0 as usize) < self.frames, "a frame lies in the arena");
        // SAFETY: checked just above: the result lies in the mapping.
        unsafe { self.base.as_ptr().add(frame.0 as usize * PAGE_BYTES as usize) }
    }

    /// Returns word `index` of a frame's content.
    #[inline]
    pub fn word(&self, frame: Pfn, index: usize) -> &AtomicU64 {
        assert!(index < PAGE_BYTES as usize / 8, "a page has 512 words");
        // SAFETY: in bounds and aligned; the memory lives as long as `self`, and all
        // access to a page that others may reach is by these atomics.
        unsafe { AtomicU64::from_ptr(self.page(frame).cast::<u64>().add(index)) }
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: the mapping made in `new`, to which nothing refers any more. Failing
        // to unmap it leaks it, no more.
        let _ =
            unsafe { munmap(self.base.as_ptr().cast(), self.frames.max(1) * PAGE_BYTES as usize) };
    }
}

static FOLIO: LineName = LineName {
    name: "folio",
    words: [
        "flags",
        "_refcount",
        "_mapcount",
        "mapping",
        "index",
        "lru.next",
        "lru.prev",
        "_large_mapcount",
    ],
};

/// Folio flags.
pub mod flag {
    /// A core holds its lock (`PG_locked`).
    pub const LOCKED: u64 = 1;
    /// Its content is the file's (`PG_uptodate`).
    pub const UPTODATE: u64 = 1 << 1;
    /// A core waits for its lock (`PG_waiters`).
    pub const WAITERS: u64 = 1 << 2;
    /// A fault that finds it starts the read of the pages after it (`PG_readahead`).
    pub const READAHEAD: u64 = 1 << 3;
    /// Its lock belongs to a read that no core waits for yet.
    pub const IO: u64 = 1 << 4;
    /// Its content is newer than the file's (`PG_dirty`).
    pub const DIRTY: u64 = 1 << 5;
    /// It is on a list of its lruvec (`PG_lru`).
    pub const LRU: u64 = 1 << 6;
    /// It belongs to no file (`PG_swapbacked`); its list in the lruvec depends on this.
    pub const SWAPBACKED: u64 = 1 << 7;
    /// No other space shares it (`PG_anon_exclusive`); changes under ptl.
    pub const EXCLUSIVE: u64 = 1 << 8;
}

/// First word of the content of a frame that is free.
pub const POISON: u64 = 0x6b6b_6b6b_6b6b_6b6b;

/// `mapping` of a folio that belongs to no file.
pub const ANON: u64 = u64::MAX >> 16;

/// Metadata of a page, on one line as in `struct page`: flags, counts and mapping.
///
/// Of a large folio the first page has flags, references and links of the folio; the second has
/// `_large_mapcount`. Each page has its own `_mapcount` and
/// `PG_anon_exclusive`. The owner of a page, and its number there, are written to all pages; the
/// kernel writes `compound_head` and `TAIL_MAPPING` there.
pub struct Folio<M: Machine>(M::Line);

impl<M: Machine> Folio<M> {
    /// Flags.
    #[inline(always)]
    pub fn flags(&self) -> Word<'_, M::Line> {
        Word::new(&self.0, 0)
    }

    /// Returns references: one of the cache, one of each mapping, and those of cores that work on
    /// it.
    #[inline(always)]
    pub fn refs(&self) -> RefCount<'_, M> {
        RefCount::new(Word::new(&self.0, 1))
    }

    /// Ptes that map this page.
    #[inline(always)]
    pub fn mapcount(&self) -> Word<'_, M::Line> {
        Word::new(&self.0, 2)
    }

    /// 0: free or truncated. [`ANON`], or 1 + the number of the file.
    #[inline(always)]
    pub fn mapping(&self) -> Word<'_, M::Line> {
        Word::new(&self.0, 3)
    }

    /// Returns the number of its page in the file.
    #[inline(always)]
    pub fn index(&self) -> Word<'_, M::Line> {
        Word::new(&self.0, 4)
    }

    /// Ptes that map pages of the folio. Only in the second page of a large folio.
    #[inline(always)]
    fn large_mapcount(&self) -> Word<'_, M::Line> {
        Word::new(&self.0, 7)
    }

    /// Returns the folio before it in its lruvec, nearer to the head.
    #[inline(always)]
    pub fn lru_prev(&self) -> Word<'_, M::Line> {
        Word::new(&self.0, 6)
    }

    /// Returns the folio after it.
    #[inline(always)]
    pub fn lru_next(&self) -> Word<'_, M::Line> {
        Word::new(&self.0, 5)
    }

    /// Returns true if it is an anonymous page that no other space shares.
    pub fn is_exclusive(&self) -> bool {
        let relaxed = Ordering::Relaxed;
        self.mapping().load(relaxed) == ANON && self.flags().load(relaxed) & flag::EXCLUSIVE != 0
    }

    /// Marks an anonymous page as one that another space shares, or none does. ptl is held.
    pub fn set_exclusive(&self, exclusive: bool) {
        if exclusive {
            self.flags().fetch_or(flag::EXCLUSIVE, Ordering::Relaxed);
        } else if self.is_exclusive() {
            self.flags().fetch_and(!flag::EXCLUSIVE & VALUE_MASK, Ordering::Relaxed);
        }
    }

    /// Resets it to that of a free frame: no reference, no mapping.
    #[inline(always)]
    pub fn forget(&self) {
        self.0.store(1, 0, Ordering::Relaxed);
        self.0.store(3, 0, Ordering::Relaxed);
    }

    /// Sets up a folio that no other core knows yet, with one reference.
    #[inline(always)]
    pub fn init(&self, mapping: u64, index: u64, flags: u64) {
        let relaxed = Ordering::Relaxed;
        self.0.store(0, flags, relaxed);
        self.0.store(1, 1, relaxed);
        self.0.store(2, 0, relaxed);
        self.0.store(3, mapping, relaxed);
        self.0.store(4, index, relaxed);
    }

    /// Sets up an anonymous folio that no other core knows, and that is mapped once.
    #[inline(always)]
    pub fn init_anon(&self, index: u64) {
        self.init(ANON, index, flag::UPTODATE | flag::SWAPBACKED | flag::EXCLUSIVE);
        self.mapcount().store(1, Ordering::Relaxed);
    }
}

/// Returns the bytes of a frame's metadata.
pub fn bytes_each<M: Machine>() -> u64 {
    let on_lists = size_of::<u32>() + if M::HAS_TLB { size_of::<AtomicU32>() } else { 0 };
    (size_of::<Folio<M>>() + on_lists) as u64
}

/// The frames of a space: metadata, free list, memory.
pub struct Frames<M: Machine> {
    folios: Box<[Folio<M>]>,
    /// Free frames.
    pub zones: Zones<M>,
    arena: Arc<Arena>,
    body: bool,
    /// True if a page may be written while it is copied.
    source_may_change: bool,
    /// The first frame that belongs to a large folio.
    first_large: Pfn,
    /// Number of times that each frame has been freed, in worlds with cached translations.
    generations: Box<[AtomicU32]>,
}

impl<M: Machine> Frames<M> {
    /// Creates the first frames of `arena`. With a body, pages are cleared and copied; else only
    /// the bookkeeping is done.
    pub fn new(arena: Arc<Arena>, config: &Config, kernel: &'static Kernel) -> Self {
        let (count, body) = (config.frames, config.real_body);
        let needed = if body && M::HAS_MEMORY { count } else { 0 };
        assert!(needed <= arena.frames(), "the arena has memory for every frame");
        let folios = slots(count, |_| Folio(M::Line::new(&FOLIO, [0; LINE_WORDS])));
        // SAFETY: they are on the heap, and a space outlives the cores that fault in it.
        unsafe { pair_up(folios.iter().map(|folio| &folio.0)) };
        let counted = if M::HAS_TLB { count } else { 0 };
        let generations = (0..counted).map(|_| AtomicU32::new(0)).collect();
        let zones = Zones::new(1, count as u32, config, kernel);
        let source_may_change = config.source_may_change;
        let first_large = zones.first_large();
        Self { folios, zones, arena, body, source_may_change, first_large, generations }
    }

    /// Returns the number of frames, the zero page included.
    pub fn count(&self) -> usize {
        self.folios.len()
    }

    /// Returns true if pages have content.
    pub fn has_content(&self) -> bool {
        self.body && M::HAS_MEMORY
    }

    /// Metadata of a page: that of the folio, if it has one page.
    #[inline(always)]
    pub fn folio(&self, frame: Pfn) -> &Folio<M> {
        &self.folios[frame.0 as usize]
    }

    /// Returns true if there are large folios.
    #[inline(always)]
    pub fn has_large(&self) -> bool {
        (self.first_large.0 as usize) < self.folios.len()
    }

    /// Returns true if a frame belongs to a large folio.
    #[inline(always)]
    pub fn is_large(&self, frame: Pfn) -> bool {
        frame >= self.first_large
    }

    /// Returns the first page of a page's folio (`page_folio`).
    #[inline(always)]
    pub fn head(&self, frame: Pfn) -> Pfn {
        if self.is_large(frame) { self.zones.first_of_block(frame) } else { frame }
    }

    /// Returns the folio of a page: what its first page has.
    #[inline(always)]
    pub fn folio_of(&self, page: Pfn) -> &Folio<M> {
        self.folio(self.head(page))
    }

    /// Returns the number of pages of a folio from this page on.
    #[inline(always)]
    pub fn pages_from(&self, page: Pfn) -> u32 {
        let head = self.head(page);
        head.0 + self.pages_of(head) - page.0
    }

    /// Returns the number of pages of the folio that begins with a frame.
    #[inline(always)]
    pub fn pages_of(&self, head: Pfn) -> u32 {
        if self.is_large(head) { 1 << self.zones.order_of(head) } else { 1 }
    }

    /// Ptes that map pages of a large folio (`_large_mapcount`).
    pub fn large_mapcount(&self, head: Pfn) -> Word<'_, M::Line> {
        self.folio(Pfn(head.0 + 1)).large_mapcount()
    }

    /// Counts one more pte that maps a page (`folio_add_anon_rmap_pte`, `folio_add_file_rmap_pte`).
    /// Returns the number of ptes before.
    #[inline(always)]
    pub fn count_mapping(&self, frame: Pfn) -> u64 {
        if self.is_large(frame) {
            self.large_mapcount(self.head(frame)).fetch_add(1, Ordering::Relaxed);
        }
        self.folio(frame).mapcount().fetch_add(1, Ordering::Relaxed)
    }

    /// Makes one folio of a block of frames that no other core knows: writes to each of its pages
    /// (`prep_compound_page`). The start of a block is known without reading these words.
    pub fn make_compound(&self, head: Pfn) {
        for tail in head.0 + 1..head.0 + self.pages_of(head) {
            self.folio(Pfn(tail)).lru_next().store(u64::from(head.0), Ordering::Relaxed);
        }
    }

    /// Sets up a large anonymous folio that no other core knows; a pte maps each of its pages and
    /// has a reference (`folio_add_new_anon_rmap`).
    pub fn init_large_anon(&self, head: Pfn, index: u64) {
        let pages = self.pages_of(head);
        for page in 0..pages {
            self.folio(Pfn(head.0 + page)).init_anon(index + u64::from(page));
        }
        self.folio(head).refs().get_many(u64::from(pages) - 1);
        self.large_mapcount(head).store(u64::from(pages), Ordering::Relaxed);
    }

    /// Sets up a large folio of a file, from this page of the file on, that no other core knows:
    /// its content is there, and it has a reference for each place in the cache.
    pub fn init_large_file(&self, head: Pfn, mapping: u64, index: u64) {
        let pages = self.pages_of(head);
        for page in 0..pages {
            let folio = self.folio(Pfn(head.0 + page));
            folio.init(mapping, index + u64::from(page), flag::UPTODATE);
        }
        self.folio(head).refs().get_many(u64::from(pages) - 1);
        self.large_mapcount(head).store(0, Ordering::Relaxed);
    }

    /// Removes a frame from the free lists of its zone, whose lock is held: its links are read and
    /// written (Linux 6.12 `mm/page_alloc.c`, `__rmqueue`, `expand`).
    pub fn unlink_free(&self, frame: Pfn) {
        let next = self.folio(frame).lru_next();
        next.load(Ordering::Relaxed);
        next.store(0, Ordering::Relaxed);
    }

    /// Puts a frame into the free lists of its zone, whose lock is held: checks whether its buddy
    /// is free too, and links it (`__free_one_page`).
    pub fn link_free(&self, frame: Pfn) {
        let buddy = Pfn((frame.0 ^ 1).min(self.folios.len() as u32 - 1));
        self.folio(buddy).flags().load(Ordering::Relaxed);
        self.folio(frame).lru_next().store(0, Ordering::Relaxed);
    }

    /// Resets frames to free ones: no reference, no mapping, poison as content.
    #[inline(always)]
    pub fn forget_folio(&self, head: Pfn) {
        self.forget(head);
        if self.is_large(head) {
            (head.0 + 1..head.0 + self.pages_of(head)).for_each(|tail| self.forget(Pfn(tail)));
        }
    }

    #[inline(always)]
    fn forget(&self, frame: Pfn) {
        self.folio(frame).forget();
        if M::HAS_TLB {
            // Relaxed: cores of a world with translations run on one thread.
            self.generations[frame.0 as usize].fetch_add(1, Ordering::Relaxed);
        }
        if self.has_content() {
            self.word(frame, 0).store(POISON, Ordering::Relaxed);
        }
    }

    /// Returns the number of times that a frame has been freed; counted only in worlds with cached
    /// translations.
    pub fn generation(&self, frame: Pfn) -> u32 {
        self.generations[frame.0 as usize].load(Ordering::Relaxed)
    }

    /// Returns a word of a frame's content; only where pages have content.
    #[inline]
    pub fn word(&self, frame: Pfn, index: usize) -> &AtomicU64 {
        self.arena.word(frame, index)
    }

    /// Clears a frame that no other core knows.
    #[inline]
    pub fn clear(&self, frame: Pfn) {
        if self.body {
            M::work(Work::ClearPage);
        }
        if self.has_content() {
            // SAFETY: the caller took the frame from the free list and has not yet
            // published it, so no other thread reaches this page.
            unsafe { self.arena.page(frame).write_bytes(0, PAGE_BYTES as usize) };
        }
    }

    /// Copies `from`, a page that no core writes, to `to`, a frame that no other core knows.
    #[inline]
    pub fn copy(&self, from: Pfn, to: Pfn) {
        if self.body {
            M::work(Work::CopyPage);
        }
        if self.has_content() {
            assert_ne!(from, to, "a page is not copied to itself");
            if self.source_may_change {
                // Word by word, since a core may write to the page through a shared mapping;
                // without order, as a copy in the kernel.
                for index in 0..PAGE_BYTES as usize / 8 {
                    let word = self.word(from, index).load(Ordering::Relaxed);
                    self.word(to, index).store(word, Ordering::Relaxed);
                }
                return;
            }
            let (from, to) = (self.arena.page(from), self.arena.page(to));
            // SAFETY: two different pages of the arena. `to` is unpublished. `from` is
            // write-protected wherever it is mapped, or a page-cache page, which is written
            // only before it is published, since no mapping of the space is shared and
            // writable (`source_may_change`).
            unsafe { std::ptr::copy_nonoverlapping(from, to, PAGE_BYTES as usize) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::LINUX_7_2;
    use machine::host::Host;

    #[test]
    fn pages_are_cleared_and_copied() {
        let arena = Arena::new(4).expect("16 KiB can be had");
        let config = Config { frames: 4, real_body: true, ..Config::default() };
        let frames = Frames::<Host>::new(arena, &config, &LINUX_7_2);
        frames.word(Pfn(2), 0).store(5, Ordering::Relaxed);
        frames.word(Pfn(2), 511).store(6, Ordering::Relaxed);
        frames.copy(Pfn(2), Pfn(3));
        frames.clear(Pfn(2));
        let read = |frame, index| frames.word(Pfn(frame), index).load(Ordering::Relaxed);
        assert_eq!([read(3, 0), read(3, 511), read(2, 0), read(2, 511)], [5, 6, 0, 0]);
    }
}
