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
pub mod layout;
pub mod locked;
pub mod mmap;
pub mod page_cache;
pub mod page_table;
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

use self::addr::{Level, Pfn, Pte, Vaddr};
use self::fault::Access;
use self::frames::{Arena, Frames};
use self::layout::Field;
use self::page_cache::File;
use self::page_table::{TableId, Tables};
use self::rss::Rss;
use self::vma::{Vma, VmaFields, Vmas};
use self::vma_tree::VmaTree;
use crate::machine::{LINE_WORDS, Line, Machine, Ordering, Word};
use crate::strategy::Strategy;
use crate::sync::rcu::Rcu;
use crate::sync::rwsem::{Home, OwnerWords, RwSem, WaitQueue};
use crate::sync::spinlock::{SpinLock, Waiters};
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
pub struct Mm<M: Machine, S: Strategy<M>> {
    lines: [M::Line; layout::MM_LINES],
    /// The strategy's own.
    pub words: S::MmWords,
    config: Config,
    rcu: Rcu,
    queue: WaitQueue,
    waiters: Arc<Waiters<M>>,
    vmas: Arc<Vmas<M, S>>,
    tree: VmaTree<M>,
    tables: Arc<Tables<M>>,
    /// The top table as the processor knows it (CR3), without a look at `mm_struct`.
    top: TableId,
    frames: Frames<M>,
    rss: Rss<M>,
    files: Vec<File<M>>,
}

impl<M: Machine, S: Strategy<M>> Mm<M, S> {
    /// An empty space, with these files in its page cache.
    pub fn new(config: Config, arena: Arc<Arena>, files: Vec<File<M>>) -> Self {
        let lines = S::LAYOUT.lines.map(|name| M::Line::new(name, [0; LINE_WORDS]));
        let (waiters, tables) = (Waiters::new(config.cores), Tables::new(config.tables));
        let top = TableId(tables.pool.take(&waiters).expect("a space has a table at least"));
        let mm = Self {
            lines,
            words: S::mm_words(),
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
        mm.field(S::LAYOUT.mm_users).store(mm.config.cores as u64, Ordering::Relaxed);
        mm.field(S::LAYOUT.pgd).store(top.to_entry(), Ordering::Release);
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
        if self.config.entry_prefetch || S::LAYOUT.entry_prefetch {
            self.lines[S::LAYOUT.mmap_count.line].prefetch_w();
        }
    }

    /// The lock of the upper page-table levels and of `anon_vma`.
    #[inline(always)]
    fn page_table_lock(&self) -> SpinLock<'_, M> {
        let (line, words) = S::LAYOUT.page_table_lock;
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
    pub fn find_vma(&self, addr: Vaddr) -> Option<&Vma<M, S>> {
        let id = self.tree.find(self.field(S::LAYOUT.mt_root), addr)?;
        let vma = self.vmas.get(id);
        vma.contains(addr).then_some(vma)
    }

    /// The top page table.
    #[inline(always)]
    fn pgd(&self) -> TableId {
        let entry = self.field(S::LAYOUT.pgd).load(Ordering::Relaxed);
        TableId::from_entry(entry).expect("a space has a pgd as long as it lives")
    }

    /// Gives a VMA an `anon_vma`, where it has none: `page_table_lock` decides who is
    /// first (Linux 7.2 `__anon_vma_prepare`).
    pub fn prepare_anon_vma(&self, vma: &Vma<M, S>) {
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
impl<M: Machine, S: Strategy<M>> Home for Mm<M, S> {
    type Machine = M;
    const WORDS: OwnerWords = S::LAYOUT.mmap_owner;

    #[inline(always)]
    fn count(&self) -> Word<'_, M::Line> {
        self.field(S::LAYOUT.mmap_count)
    }

    #[inline(always)]
    fn owner_line(&self) -> &M::Line {
        &self.lines[S::LAYOUT.mmap_owner_line]
    }

    #[inline(always)]
    fn queue_line(&self) -> &M::Line {
        &self.lines[S::LAYOUT.mmap_queue_line]
    }

    fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    #[inline(always)]
    fn waiters(&self) -> &Waiters<M> {
        &self.waiters
    }
}
