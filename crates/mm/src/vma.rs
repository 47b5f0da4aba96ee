//! Virtual memory areas.

use super::Config;
use super::addr::{PAGE_SHIFT, Vaddr};
use super::backlog::Backlog;
use super::kernel::{Field, Kernel, Layout, Loaded, Rules, VMA_LINES, VmaLayout};
use super::point;
use super::pool::Pool;
use super::slots::slots;
use machine::{LINE_WORDS, Line, LineName, Machine, Ordering, Word};
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;
use sync::spinlock::Waiters;

static SLAB: LineName =
    LineName { name: "slab.vm_area", words: ["lock", "lock.tail", "free", "", "", "", "", ""] };

/// `vm_mm` of a VMA that was freed.
const POISON: u64 = 0x6b6b_6b6b;

/// `vm_flags`.
pub mod flag {
    /// Writes are allowed.
    pub const WRITE: u64 = 1;
    /// Writes go to the file.
    pub const SHARED: u64 = 1 << 1;
    /// The file system may be called by a speculative fault.
    pub const SPECULATE: u64 = 1 << 2;
    /// Pages are expected to be read in sequence (`VM_SEQ_READ`).
    pub const SEQ_READ: u64 = 1 << 3;
    /// Pages are expected to be read in random order (`VM_RAND_READ`).
    pub const RAND_READ: u64 = 1 << 4;
    /// Place in the flags of log2 of the pages of anonymous folios; 0: single pages. (The kernel
    /// has a flag of madvise, and sizes that are enabled for all.)
    const FOLIO_ORDER_SHIFT: u32 = 8;

    /// Returns the bits that say that anonymous folios have `1 << order` pages.
    pub const fn folio_order(order: u8) -> u64 {
        (order as u64) << FOLIO_ORDER_SHIFT
    }

    /// Returns log2 of the pages of anonymous folios from these flags.
    pub const fn order_of_folios(flags: u64) -> u8 {
        (flags >> FOLIO_ORDER_SHIFT & 0xf) as u8
    }
}

/// A mapping to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapping {
    /// First address.
    pub start: Vaddr,
    /// First address after it.
    pub end: Vaddr,
    /// [`flag`]s.
    pub flags: u64,
    /// The file that is mapped, by number.
    pub file: Option<usize>,
    /// First page of the file; for anonymous memory the number of the first page at its first
    /// place, which it keeps when it moves.
    pub pgoff: u64,
    /// Read faults map up to `1 << order` cached pages.
    pub fault_around_order: u8,
}

impl Mapping {
    /// Returns its addresses.
    pub fn range(&self) -> Range<Vaddr> {
        self.start..self.end
    }

    /// Returns its parts below and above an address inside it.
    pub fn split(&self, at: Vaddr) -> (Self, Self) {
        assert!(self.start < at && at < self.end, "a mapping is split inside");
        let pgoff = self.pgoff + ((at.0 - self.start.0) >> PAGE_SHIFT);
        (Self { end: at, ..*self }, Self { start: at, pgoff, ..*self })
    }

    /// Returns the same mapping at another address.
    pub fn moved_to(&self, start: Vaddr) -> Self {
        let end = Vaddr(start.0 + (self.end.0 - self.start.0));
        Self { start, end, ..*self }
    }
}

/// The fields of a VMA that a fault reads, from the VMA itself or from a copy of it.
pub trait VmaFields {
    /// `vm_start` and `vm_end`.
    fn range(&self) -> (Vaddr, Vaddr);
    /// `vm_flags`.
    fn flags(&self) -> u64;
    /// Returns true if an `anon_vma` is set.
    fn has_anon_vma(&self) -> bool;
    /// `vm_file`, by number.
    fn file(&self) -> Option<usize>;
    /// `vm_pgoff`: the first mapped page of the file.
    fn pgoff(&self) -> u64;
    /// Log2 of the pages that a read fault maps around it.
    fn fault_around_order(&self) -> u8;

    /// Returns the page of the file that `addr` maps.
    #[inline(always)]
    fn file_page(&self, addr: Vaddr) -> u64 {
        ((addr.0 - self.range().0.0) >> PAGE_SHIFT) + self.pgoff()
    }

    /// Returns true if `addr` lies inside.
    #[inline(always)]
    fn contains(&self, addr: Vaddr) -> bool {
        let (start, end) = self.range();
        start <= addr && addr < end
    }
}

/// A `vm_area_struct`; what a strategy adds to it is in its `Space`. Fields are reached through
/// [`VmaRef`].
pub struct Vma<M: Machine> {
    lines: [M::Line; VMA_LINES],
    kernel: &'static Kernel,
}

impl<M: Machine> Vma<M> {
    fn new(kernel: &'static Kernel) -> Self {
        let lines = kernel.vma.lines.each_ref();
        Self { lines: lines.map(|name| M::Line::new(name, [0; LINE_WORDS])), kernel }
    }

    /// Returns the line of the `number`th 64 bytes of the structure; `None` if none of them is
    /// used.
    pub fn line(&self, number: u16) -> Option<&M::Line> {
        let at = self.kernel.vma.numbers.iter().position(|other| *other == number)?;
        Some(&self.lines[at])
    }
}

/// A VMA and its number, by which a strategy finds its own words for it. `L` is the layout, if the
/// compiler knows it.
///
/// Fields change only under mmap_lock held for writing (`anon_vma`: under
/// `page_table_lock`), and are published to readers by the `Release` store that
/// links the VMA into the tree.
pub struct VmaRef<'a, M: Machine, L: Layout = Loaded> {
    /// Its number.
    pub id: VmaId,
    vma: &'a Vma<M>,
    layout: PhantomData<fn() -> L>,
}

impl<M: Machine, L: Layout> Clone for VmaRef<'_, M, L> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: Machine, L: Layout> Copy for VmaRef<'_, M, L> {}

impl<'a, M: Machine, L: Layout> VmaRef<'a, M, L> {
    /// Creates the VMA of this number.
    #[inline(always)]
    pub(super) fn new(id: VmaId, vmas: &'a Vmas<M>) -> Self {
        Self { id, vma: vmas.get(id), layout: PhantomData }
    }

    /// Returns the same VMA, for code that is compiled once for all layouts.
    #[inline(always)]
    pub fn loaded(self) -> VmaRef<'a, M> {
        VmaRef { id: self.id, vma: self.vma, layout: PhantomData }
    }

    /// Returns the rules of the kernel that it is in.
    #[inline(always)]
    pub(super) fn rules(&self) -> &'static Rules {
        &L::known::<M>(self.vma.kernel).rules
    }

    #[inline(always)]
    fn at(&self) -> &'static VmaLayout {
        &L::known::<M>(self.vma.kernel).vma
    }

    #[inline(always)]
    fn field(&self, field: Field) -> Word<'a, M::Line> {
        Word::new(&self.vma.lines[field.line], field.word)
    }

    /// Returns the line of the `number`th 64 bytes of the structure; `None` if none of them is
    /// used.
    pub fn line(&self, number: u16) -> Option<&'a M::Line> {
        self.vma.line(number)
    }

    /// Fills in a VMA that no other core knows yet.
    pub fn init(&self, mapping: &Mapping, has_anon_vma: bool) {
        self.field(self.at().vm_mm).store(1, Ordering::Relaxed);
        self.anon_vma().store(u64::from(has_anon_vma), Ordering::Relaxed);
        self.change(mapping);
    }

    /// Changes its fields. Its file stays.
    pub fn change(&self, mapping: &Mapping) {
        let (at, relaxed) = (self.at(), Ordering::Relaxed);
        self.field(at.vm_start).store(mapping.start.0, relaxed);
        self.field(at.vm_end).store(mapping.end.0, relaxed);
        self.field(at.vm_flags).store(mapping.flags, relaxed);
        self.field(at.vm_pgoff).store(mapping.pgoff, relaxed);
        self.field(at.vm_file).store(mapping.file.map_or(0, |file| file as u64 + 1), relaxed);
        self.field(at.vm_ops).store(u64::from(mapping.fault_around_order), relaxed);
    }

    /// Returns true if it is in use (`vm_mm` is set), not freed.
    #[inline(always)]
    pub fn is_alive(&self) -> bool {
        self.field(self.at().vm_mm).load(Ordering::Relaxed) == 1
    }

    /// Returns `vm_lock_seq`: `mm_lock_seq` while a writer holds this VMA exclusively.
    #[inline(always)]
    pub fn vm_lock_seq(&self) -> Word<'a, M::Line> {
        self.field(self.at().vm_lock_seq)
    }

    /// Returns `detached`: 1 after a writer has removed it from the tree.
    #[inline(always)]
    pub fn detached(&self) -> Word<'a, M::Line> {
        self.field(self.at().detached)
    }

    /// Returns `vm_lock`: the pointer to its lock, or the count of a lock that is in the VMA.
    #[inline(always)]
    pub fn vm_lock(&self) -> Word<'a, M::Line> {
        self.field(self.at().vm_lock)
    }

    /// Returns the owner of a lock that is in the VMA.
    #[inline(always)]
    pub fn vm_lock_owner(&self) -> Word<'a, M::Line> {
        self.field(self.at().vm_lock.then(1))
    }

    /// Returns `vm_refcnt`: references of faults, and a bit of writers.
    #[inline(always)]
    pub fn vm_refcnt(&self) -> Word<'a, M::Line> {
        self.field(self.at().vm_refcnt)
    }

    /// Returns its fields, as a mapping. The caller excludes writers.
    pub fn mapping(&self) -> Mapping {
        let (start, end) = self.range();
        let (flags, file, pgoff) = (self.flags(), self.file(), self.pgoff());
        let fault_around_order = self.fault_around_order();
        Mapping { start, end, flags, file, pgoff, fault_around_order }
    }

    /// Returns the word of `anon_vma`: 0 or 1. It goes from 0 to 1 under `page_table_lock`.
    #[inline(always)]
    pub fn anon_vma(&self) -> Word<'a, M::Line> {
        self.field(self.at().anon_vma)
    }
}

impl<M: Machine, L: Layout> VmaFields for VmaRef<'_, M, L> {
    #[inline(always)]
    fn range(&self) -> (Vaddr, Vaddr) {
        let (at, relaxed) = (self.at(), Ordering::Relaxed);
        let start = self.field(at.vm_start).load(relaxed);
        (Vaddr(start), Vaddr(self.field(at.vm_end).load(relaxed)))
    }

    #[inline(always)]
    fn flags(&self) -> u64 {
        self.field(self.at().vm_flags).load(Ordering::Relaxed)
    }

    #[inline(always)]
    fn has_anon_vma(&self) -> bool {
        // Acquire: pairs with the Release store in `mm::prepare_anon_vma`.
        self.anon_vma().load(Ordering::Acquire) != 0
    }

    #[inline(always)]
    fn file(&self) -> Option<usize> {
        (self.field(self.at().vm_file).load(Ordering::Relaxed) as usize).checked_sub(1)
    }

    #[inline(always)]
    fn pgoff(&self) -> u64 {
        M::point(point::BEFORE_PGOFF);
        self.field(self.at().vm_pgoff).load(Ordering::Relaxed)
    }

    #[inline(always)]
    fn fault_around_order(&self) -> u8 {
        self.field(self.at().vm_ops).load(Ordering::Relaxed) as u8
    }
}

/// A copy of a VMA's fields.
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
    /// Reads all fields. The caller must check that they belong together.
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

/// Returns the bytes of a VMA, without a strategy's own words.
pub fn bytes_each<M: Machine>() -> u64 {
    (size_of::<Vma<M>>() + size_of::<VmaId>()) as u64
}

/// Each core has a multiple of this number of VMAs: their locks, of 40 bytes, fill five lines.
const SLAB_VMAS: u32 = 8;

/// All VMAs of a space, free ones included.
///
/// Each core has slabs of its own (Linux 6.12 `mm/slub.c`, `___slab_alloc`): it takes VMAs and
/// their locks from these, and a VMA that is freed returns to the slab that it came from. The first
/// core also has the VMAs that are mapped when a storm begins, since one thread maps them all.
pub struct Vmas<M: Machine> {
    slots: Box<[Vma<M>]>,
    /// Free VMAs, by core.
    slabs: Box<[Pool<M>]>,
    /// The first VMA after those of each core.
    ends: Box<[u32]>,
    backlog: Arc<Backlog>,
}

impl<M: Machine> Vmas<M> {
    /// Creates the VMAs of a space.
    pub fn new(config: &Config, kernel: &'static Kernel, backlog: Arc<Backlog>) -> Self {
        let slots = slots(config.vmas as usize, |_| Vma::new(kernel));
        let cores = config.cores.max(1) as u64;
        let rest = u64::from(config.vmas - config.mapped_vmas);
        let end = |core: u64| match core {
            core if core == cores => config.vmas,
            core => config.mapped_vmas + (rest * core / cores) as u32 / SLAB_VMAS * SLAB_VMAS,
        };
        let ends: Box<[u32]> = (1..=cores).map(end).collect();
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let slab = |(start, end): (u32, &u32)| Pool::new(&SLAB, start, *end, true);
        let slabs = starts.zip(&ends).map(slab).collect();
        Self { slots, slabs, ends, backlog }
    }

    /// Takes a VMA of a core, or of another core if it has none.
    pub fn take(&self, waiters: &Waiters<M>, core: usize) -> Option<u32> {
        let others = (core..self.slabs.len()).chain(0..core);
        others.map(|core| &self.slabs[core]).find_map(|slab| slab.take(waiters))
    }

    /// Returns the number of free VMAs.
    pub fn free_count(&self) -> usize {
        self.slabs.iter().map(Pool::free).sum()
    }

    /// Returns the number of all VMAs.
    pub fn count(&self) -> usize {
        self.slots.len()
    }

    /// Frees a VMA after its readers have left.
    pub fn free_deferred(&self, waiters: &Waiters<M>, id: VmaId) {
        self.backlog.remove();
        self.free(waiters, id);
    }

    /// Frees a VMA. A core that still uses it finds poison.
    pub fn free(&self, waiters: &Waiters<M>, id: VmaId) {
        let vma: VmaRef<'_, M> = VmaRef::new(id, self);
        vma.field(vma.at().vm_mm).store(POISON, Ordering::Relaxed);
        let core = self.ends.partition_point(|end| *end <= id.0);
        self.slabs[core].give(waiters, id.0);
    }

    /// Returns one VMA.
    #[inline(always)]
    fn get(&self, id: VmaId) -> &Vma<M> {
        &self.slots[id.0 as usize]
    }
}
