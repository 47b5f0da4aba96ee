//! Virtual memory areas.

use super::addr::{PAGE_SHIFT, Vaddr};
use super::backlog::Backlog;
use super::point;
use super::pool::Pool;
use super::slots::slots;
use machine::{LINE_WORDS, Line, LineName, Machine, Ordering, Word};
use std::ops::{Deref, Range};
use std::sync::Arc;
use sync::spinlock::Waiters;

// As in Linux 7.2 (offsets computed from the order of fields in
// `include/linux/mm_types.h`): what a lookup reads stands on the first line, what a
// file fault reads on the second. The third line holds what a scheme adds
// (`vm_refcnt`), and is its own (`Strategy::VmaWords`). `vm_lock_seq` stands on the first
// line from 6.4 on, `detached` and `vm_lock` until 6.14.
static LOOKUP_LINE: LineName = LineName {
    name: "vma.vm_start",
    words: [
        "vm_start",
        "vm_end",
        "vm_mm",
        "vm_flags",
        "vm_lock_seq",
        "detached",
        "vm_lock",
        "vm_lock.owner",
    ],
};

static FILE_LINE: LineName = LineName {
    name: "vma.vm_file",
    words: ["anon_vma", "vm_pgoff", "vm_file", "fault_around_order", "", "", "", ""],
};

static SLAB: LineName =
    LineName { name: "slab.vm_area", words: ["lock", "lock.tail", "free", "", "", "", "", ""] };

/// The word of `vm_mm` on the first line: 1 where the VMA is in use.
const MM: usize = 2;
/// What it holds in a VMA that was freed.
const POISON: u64 = 0x6b6b_6b6b;

/// `vm_flags`.
pub mod flag {
    /// Writes are allowed.
    pub const WRITE: u64 = 1;
    /// Writes go to the file.
    pub const SHARED: u64 = 1 << 1;
    /// The file system may be called by a speculative fault.
    pub const SPECULATE: u64 = 1 << 2;
}

/// A mapping that is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapping {
    /// First address.
    pub start: Vaddr,
    /// First address behind it.
    pub end: Vaddr,
    /// [`flag`]s.
    pub flags: u64,
    /// The file that is mapped, by number.
    pub file: Option<usize>,
    /// First page of the file; of anonymous memory the number of the first page where it
    /// was first mapped, which stays its name when it moves.
    pub pgoff: u64,
    /// Read faults map up to `1 << order` cached pages.
    pub fault_around_order: u8,
}

impl Mapping {
    /// Its addresses.
    pub fn range(&self) -> Range<Vaddr> {
        self.start..self.end
    }

    /// The parts below and from an address inside it.
    pub fn split(&self, at: Vaddr) -> (Self, Self) {
        assert!(self.start < at && at < self.end, "a mapping is split inside");
        let pgoff = self.pgoff + ((at.0 - self.start.0) >> PAGE_SHIFT);
        (Self { end: at, ..*self }, Self { start: at, pgoff, ..*self })
    }

    /// The same at another address.
    pub fn moved_to(&self, start: Vaddr) -> Self {
        let end = Vaddr(start.0 + (self.end.0 - self.start.0));
        Self { start, end, ..*self }
    }
}

/// What a fault reads of a VMA: from the VMA itself, or from a copy of it.
pub trait VmaFields {
    /// `vm_start` and `vm_end`.
    fn range(&self) -> (Vaddr, Vaddr);
    /// `vm_flags`.
    fn flags(&self) -> u64;
    /// Whether an `anon_vma` is set.
    fn has_anon_vma(&self) -> bool;
    /// `vm_file`, by number.
    fn file(&self) -> Option<usize>;
    /// `vm_pgoff`: the first mapped page of the file.
    fn pgoff(&self) -> u64;
    /// Log2 of the pages that a read fault maps around it.
    fn fault_around_order(&self) -> u8;

    /// The page of the file that `addr` maps.
    #[inline(always)]
    fn file_page(&self, addr: Vaddr) -> u64 {
        ((addr.0 - self.range().0.0) >> PAGE_SHIFT) + self.pgoff()
    }

    /// Whether `addr` lies inside.
    #[inline(always)]
    fn contains(&self, addr: Vaddr) -> bool {
        let (start, end) = self.range();
        start <= addr && addr < end
    }
}

/// A `vm_area_struct`; what a strategy adds to it is in its `Space`.
///
/// Fields change only under mmap_lock held for writing (`anon_vma`: under
/// `page_table_lock`), and are published to readers by the `Release` store that
/// links the VMA into the tree.
pub struct Vma<M: Machine> {
    lookup: M::Line,
    file: M::Line,
}

impl<M: Machine> Vma<M> {
    fn new() -> Self {
        Self {
            lookup: M::Line::new(&LOOKUP_LINE, [0; LINE_WORDS]),
            file: M::Line::new(&FILE_LINE, [0; LINE_WORDS]),
        }
    }

    /// The two lines, in the order of a `vm_area_struct`.
    pub fn lines(&self) -> [&M::Line; 2] {
        [&self.lookup, &self.file]
    }

    /// Fills in a VMA that nobody else knows yet.
    pub fn init(&self, mapping: &Mapping, has_anon_vma: bool) {
        self.lookup.store(MM, 1, Ordering::Relaxed);
        self.file.store(0, u64::from(has_anon_vma), Ordering::Relaxed);
        self.change(mapping);
    }

    /// Changes its fields. Its file stays.
    pub fn change(&self, mapping: &Mapping) {
        let (lookup, file, relaxed) = (&self.lookup, &self.file, Ordering::Relaxed);
        lookup.store(0, mapping.start.0, relaxed);
        lookup.store(1, mapping.end.0, relaxed);
        lookup.store(3, mapping.flags, relaxed);
        file.store(1, mapping.pgoff, relaxed);
        file.store(2, mapping.file.map_or(0, |file| file as u64 + 1), relaxed);
        file.store(3, u64::from(mapping.fault_around_order), relaxed);
    }

    /// Whether it is in use (`vm_mm` is set): a VMA that was freed is not.
    #[inline(always)]
    pub fn is_alive(&self) -> bool {
        self.lookup.load(MM, Ordering::Relaxed) == 1
    }

    /// `vm_lock_seq`: `mm_lock_seq` as long as a writer has this VMA to itself.
    #[inline(always)]
    pub fn vm_lock_seq(&self) -> Word<'_, M::Line> {
        Word::new(&self.lookup, 4)
    }

    /// `detached`: 1 once a writer has taken it out of the tree.
    #[inline(always)]
    pub fn detached(&self) -> Word<'_, M::Line> {
        Word::new(&self.lookup, 5)
    }

    /// `vm_lock`: where its lock is, or the count of a lock that is in the VMA.
    #[inline(always)]
    pub fn vm_lock(&self) -> Word<'_, M::Line> {
        Word::new(&self.lookup, 6)
    }

    /// The owner of a lock that is in the VMA.
    #[inline(always)]
    pub fn vm_lock_owner(&self) -> Word<'_, M::Line> {
        Word::new(&self.lookup, 7)
    }

    /// Its fields, as a mapping. The caller excludes writers.
    pub fn mapping(&self) -> Mapping {
        let (start, end) = self.range();
        let (flags, file, pgoff) = (self.flags(), self.file(), self.pgoff());
        let fault_around_order = self.fault_around_order();
        Mapping { start, end, flags, file, pgoff, fault_around_order }
    }

    /// The word of `anon_vma`: 0 or 1. It goes from 0 to 1 under `page_table_lock`.
    #[inline(always)]
    pub fn anon_vma(&self) -> Word<'_, M::Line> {
        Word::new(&self.file, 0)
    }
}

impl<M: Machine> VmaFields for Vma<M> {
    #[inline(always)]
    fn range(&self) -> (Vaddr, Vaddr) {
        let relaxed = Ordering::Relaxed;
        (Vaddr(self.lookup.load(0, relaxed)), Vaddr(self.lookup.load(1, relaxed)))
    }

    #[inline(always)]
    fn flags(&self) -> u64 {
        self.lookup.load(3, Ordering::Relaxed)
    }

    #[inline(always)]
    fn has_anon_vma(&self) -> bool {
        // Acquire: pairs with the Release store in `mm::prepare_anon_vma`.
        self.file.load(0, Ordering::Acquire) != 0
    }

    #[inline(always)]
    fn file(&self) -> Option<usize> {
        (self.file.load(2, Ordering::Relaxed) as usize).checked_sub(1)
    }

    #[inline(always)]
    fn pgoff(&self) -> u64 {
        M::point(point::BEFORE_PGOFF);
        self.file.load(1, Ordering::Relaxed)
    }

    #[inline(always)]
    fn fault_around_order(&self) -> u8 {
        self.file.load(3, Ordering::Relaxed) as u8
    }
}

/// A VMA's fields as they once were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VmaCopy {
    range: (Vaddr, Vaddr),
    flags: u64,
    anon_vma: bool,
    file: Option<usize>,
    pgoff: u64,
    fault_around_order: u8,
}

impl VmaCopy {
    /// Reads all fields; whether they belong together is the caller's to check.
    #[inline(always)]
    pub fn of(vma: &impl VmaFields) -> Self {
        Self {
            range: vma.range(),
            flags: vma.flags(),
            anon_vma: vma.has_anon_vma(),
            file: vma.file(),
            pgoff: vma.pgoff(),
            fault_around_order: vma.fault_around_order(),
        }
    }
}

impl VmaFields for VmaCopy {
    #[inline(always)]
    fn range(&self) -> (Vaddr, Vaddr) {
        self.range
    }

    #[inline(always)]
    fn flags(&self) -> u64 {
        self.flags
    }

    #[inline(always)]
    fn has_anon_vma(&self) -> bool {
        self.anon_vma
    }

    #[inline(always)]
    fn file(&self) -> Option<usize> {
        self.file
    }

    #[inline(always)]
    fn pgoff(&self) -> u64 {
        self.pgoff
    }

    #[inline(always)]
    fn fault_around_order(&self) -> u8 {
        self.fault_around_order
    }
}

/// Number of a VMA in [`Vmas`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VmaId(pub u32);

/// A VMA, and its number: what a strategy finds its own words of it by.
pub struct VmaRef<'a, M: Machine> {
    /// Its number.
    pub id: VmaId,
    /// The VMA.
    pub vma: &'a Vma<M>,
}

impl<M: Machine> Clone for VmaRef<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: Machine> Copy for VmaRef<'_, M> {}

impl<M: Machine> Deref for VmaRef<'_, M> {
    type Target = Vma<M>;

    #[inline(always)]
    fn deref(&self) -> &Vma<M> {
        self.vma
    }
}

/// Bytes of a VMA, without a strategy's own words.
pub fn bytes_each<M: Machine>() -> u64 {
    (size_of::<Vma<M>>() + size_of::<VmaId>()) as u64
}

/// All VMAs of a space, free ones included.
pub struct Vmas<M: Machine> {
    slots: Box<[Vma<M>]>,
    /// The free ones.
    pub pool: Pool<M>,
    backlog: Arc<Backlog>,
}

impl<M: Machine> Vmas<M> {
    /// `count` VMAs.
    pub fn new(count: u32, backlog: Arc<Backlog>) -> Self {
        let slots = slots(count as usize, |_| Vma::new());
        Self { slots, pool: Pool::new(&SLAB, 0, count, true), backlog }
    }

    /// Makes a VMA a free one that waited for readers to leave.
    pub fn free_deferred(&self, waiters: &Waiters<M>, id: VmaId) {
        self.backlog.remove();
        self.free(waiters, id);
    }

    /// Makes a VMA a free one; whoever still uses it finds poison.
    pub fn free(&self, waiters: &Waiters<M>, id: VmaId) {
        self.get(id).lookup.store(MM, POISON, Ordering::Relaxed);
        self.pool.give(waiters, id.0);
    }

    /// One of them.
    #[inline(always)]
    pub fn get(&self, id: VmaId) -> &Vma<M> {
        &self.slots[id.0 as usize]
    }
}
