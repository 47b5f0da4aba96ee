//! The simulated address space, and what a page fault does in it.
//!
//! Faithful enough that a fault touches the same lines in the same order as in the
//! kernel: VMAs in an RCU-readable tree, four levels of page tables with a lock for
//! each table, a page cache, frames of real memory, reference counts, rss.

pub mod addr;
pub mod books;
pub mod core;
pub mod exit;
pub mod fault;
pub mod frames;
pub mod hooks;
pub mod layout;
pub mod locked;
pub mod mmap;
pub mod page_cache;
pub mod page_table;
mod placed;
pub mod point;
pub mod pool;
pub mod reset;
pub mod rss;
mod slots;
pub mod stage;
pub mod vma;
pub mod vma_tree;
mod wait;
mod zap;

pub use self::core::{Attempts, Core};
pub use self::placed::Placed;

use self::addr::{Level, Pfn, Pte, Vaddr};
use self::fault::Access;
use self::frames::{Arena, Frames};
use self::layout::{Field, Layout};
use self::page_cache::File;
use self::page_table::{TableId, Tables};
use self::rss::Rss;
use self::vma::{Vma, VmaFields, VmaId, VmaRef, Vmas};
use self::vma_tree::VmaTree;
use crate::machine::{LINE_WORDS, Line, Machine, Ordering, Word};
use crate::sync::rcu::Rcu;
use crate::sync::rwsem::{Home, QueueWords, RwSem, WaitQueue};
use crate::sync::spinlock::{SpinLock, Waiters};
use std::marker::PhantomData;
use std::sync::Arc;

/// How large a space is, and how it behaves.
#[derive(Debug, Clone)]
pub struct Config {
    /// Cores that fault in it; also `mm_users`.
    pub cores: usize,
    /// Frames, the zero page included.
    pub frames: usize,
    /// Page tables of all levels.
    pub tables: u32,
    /// VMAs.
    pub vmas: u32,
    /// Whether the fault entry asks for mmap_lock's line (x86 before Linux 6.16).
    pub entry_prefetch: bool,
    /// Whether pages are cleared, copied and written.
    pub real_body: bool,
}

/// A touch that no page table allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trap;

/// An address space: what `mm_struct` points to.
pub struct Mm<M: Machine, L: Layout> {
    lines: [M::Line; layout::MM_LINES],
    layout: PhantomData<fn() -> L>,
    config: Config,
    rcu: Rcu,
    queue: WaitQueue,
    waiters: Arc<Waiters<M>>,
    vmas: Arc<Vmas<M>>,
    tree: VmaTree<M>,
    tables: Arc<Tables<M>>,
    /// The top table as the processor knows it (CR3), without a look at `mm_struct`.
    top: TableId,
    frames: Frames<M>,
    rss: Rss<M>,
    files: Vec<File<M>>,
}

impl<M: Machine, L: Layout> Mm<M, L> {
    /// An empty space, with these files in its page cache.
    pub fn new(config: Config, arena: Arc<Arena>, files: Vec<File<M>>) -> Self {
        let lines = L::MM.lines.map(|name| M::Line::new(name, [0; LINE_WORDS]));
        let (waiters, tables) = (Waiters::new(config.cores), Tables::new(config.tables));
        let top = TableId(tables.pool.take(&waiters).expect("a space has a table at least"));
        let mm = Self {
            lines,
            layout: PhantomData,
            rcu: Rcu::new(),
            queue: WaitQueue::new(config.cores),
            waiters: Arc::new(waiters),
            vmas: Arc::new(Vmas::new(config.vmas)),
            tree: VmaTree::new(config.vmas),
            tables: Arc::new(tables),
            top,
            frames: Frames::new(arena, config.frames, config.real_body),
            rss: Rss::default(),
            files,
            config,
        };
        mm.field(L::MM.mm_users).store(mm.config.cores as u64, Ordering::Relaxed);
        mm.field(L::MM.pgd).store(top.to_entry(), Ordering::Release);
        mm
    }

    /// A field of `mm_struct`.
    #[inline(always)]
    pub fn field(&self, field: Field) -> Word<'_, M::Line> {
        Word::new(&self.lines[field.line], field.word)
    }

    /// Cores that fault in it.
    pub fn cores(&self) -> usize {
        self.config.cores
    }

    /// The lock that writers take, and faults that nothing else protects.
    #[inline(always)]
    pub fn mmap_lock(&self) -> RwSem<'_, Self> {
        RwSem::new(self)
    }

    /// What every fault does first: the request for mmap_lock's line, where it is on.
    #[inline(always)]
    pub fn enter_fault(&self) {
        if self.config.entry_prefetch || L::MM.entry_prefetch {
            self.lines[L::MM.mmap_count.line].prefetch_w();
        }
    }

    /// The lock of the upper page-table levels and of `anon_vma`.
    #[inline(always)]
    fn page_table_lock(&self) -> SpinLock<'_, M> {
        let (line, words) = L::MM.page_table_lock;
        SpinLock::new(&self.lines[line], words)
    }

    /// Puts page `index` of a file where a storm may find it: into the cache, or with
    /// only its place in the index, so that reading it in allocates nothing.
    ///
    /// # Panics
    /// Where the space was made with too few frames.
    pub fn populate(&self, core: &mut Core<M>, file: usize, index: u64, cached: bool) {
        if !cached {
            return self.files[file].reserve(index, &self.waiters);
        }
        let frame = core.take_frame(self).expect("the space was made with enough frames");
        let mapping = self.files[file].mapping();
        self.frames.folio(frame).init(mapping, index, frames::flag::UPTODATE);
        self.write_file_content(file, index, frame);
        assert!(self.files[file].insert(index, frame, &self.waiters), "a page is cached once");
    }

    /// Looks up the VMA at `addr`. Runs in a read section; what it finds may go at
    /// any time unless mmap_lock is held.
    #[inline(always)]
    pub fn find_vma(&self, addr: Vaddr) -> Option<VmaRef<'_, M>> {
        let vma = self.vma(self.tree.find(self.field(L::MM.mt_root), addr)?);
        vma.contains(addr).then_some(vma)
    }

    /// The VMA of this number.
    #[inline(always)]
    pub fn vma(&self, id: VmaId) -> VmaRef<'_, M> {
        VmaRef { id, vma: self.vmas.get(id) }
    }

    /// The top page table.
    #[inline(always)]
    fn pgd(&self) -> TableId {
        let entry = self.field(L::MM.pgd).load(Ordering::Relaxed);
        TableId::from_entry(entry).expect("a space has a pgd as long as it lives")
    }

    /// Gives a VMA an `anon_vma`, where it has none: `page_table_lock` decides who is
    /// first (Linux 7.2 `__anon_vma_prepare`).
    pub fn prepare_anon_vma(&self, vma: &Vma<M>) {
        let _lock = self.page_table_lock().lock(&self.waiters);
        if vma.anon_vma().load(Ordering::Relaxed) == 0 {
            vma.anon_vma().store(1, Ordering::Release);
        }
    }

    /// Whether a touch would trap: the walk that the processor does by itself. Returns
    /// the frame that is mapped, where one is that counts.
    #[inline(always)]
    pub fn translate(&self, addr: Vaddr, access: Access) -> Result<Option<Pfn>, Trap> {
        let tables = self.tables.all();
        let pud = self.top.of(tables).child(addr.index(Level::Pgd)).ok_or(Trap)?;
        let pmd = pud.of(tables).child(addr.index(Level::Pud)).ok_or(Trap)?;
        let table = pmd.of(tables).child(addr.index(Level::Pmd)).ok_or(Trap)?;
        let entry = table.of(tables).entry(addr.index(Level::Pte));
        let pte = Pte(entry.load(Ordering::Acquire));
        if pte.allows(access == Access::Write) { Ok(pte.frame()) } else { Err(Trap) }
    }

    /// The files of the page cache.
    pub fn files(&self) -> &[File<M>] {
        &self.files
    }

    /// The frames.
    pub fn frames(&self) -> &Frames<M> {
        &self.frames
    }
}

/// mmap_lock lives in the space.
impl<M: Machine, L: Layout> Home for Mm<M, L> {
    type Machine = M;
    const QUEUE: QueueWords = L::MM.mmap_queue;

    #[inline(always)]
    fn count(&self) -> Word<'_, M::Line> {
        self.field(L::MM.mmap_count)
    }

    #[inline(always)]
    fn owner(&self) -> Word<'_, M::Line> {
        self.field(L::MM.mmap_owner)
    }

    #[inline(always)]
    fn queue_line(&self) -> &M::Line {
        &self.lines[L::MM.mmap_queue_line]
    }

    fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    #[inline(always)]
    fn waiters(&self) -> &Waiters<M> {
        &self.waiters
    }
}
