//! The simulated address space, and what a page fault does in it.
//!
//! It is faithful enough for a fault to touch the same lines in the same order as in the kernel:
//! VMAs in an RCU-readable tree, four levels of page tables with a lock for each table, a page
//! cache, frames of real memory, reference counts, rss.

pub mod addr;
mod backlog;
pub mod books;
mod config;
pub mod core;
mod ensure;
pub mod exit;
pub mod fault;
pub mod frames;
mod grace;
pub mod hooks;
mod invalidate;
mod invalidate_queue;
pub mod kernel;
mod laid_out;
pub mod locked;
pub mod lru;
pub mod memcg;
pub mod page_cache;
pub mod page_table;
pub mod point;
pub mod pool;
mod populate;
pub mod prefault;
mod release;
pub mod reset;
pub mod rmap;
pub mod rss;
pub mod sequenced;
mod slots;
pub mod stage;
mod tlb;
mod translate;
pub mod vma;
pub mod vma_tree;
pub mod vmstat;
mod wait;
pub mod writer;
mod zap;
pub mod zones;

pub use self::config::Config;
pub use self::core::{Attempts, BYTES_PER_READ, Core, Shootdowns};
pub use self::laid_out::LaidOut;
pub use self::translate::Trap;
pub use sync::grace_costs::GraceCosts;

use self::addr::{Level, PAGE_BYTES, Vaddr};
use self::backlog::Backlog;
use self::frames::{Arena, Frames};
use self::kernel::{Field, Kernel, Layout, Loaded};
use self::lru::Lru;
use self::memcg::Memcg;
use self::page_cache::File;
use self::page_table::{PageTable, TableId, Tables};
use self::rmap::Rmap;
use self::rss::Rss;
use self::vma::{VmaFields, VmaId, VmaRef, Vmas};
use self::vma_tree::VmaTree;
use machine::{LINE_WORDS, Line, Machine, Ordering, RwNames, Waited, Word};
use std::sync::Arc;
use sync::rcu::Rcu;
use sync::rwsem::{Home, QueueWords, RwSem, WaitQueue};
use sync::spinlock::{SpinGuard, SpinLock, Waiters};

/// An address space: what `mm_struct` points to.
pub struct Mm<M: Machine> {
    lines: [M::Line; kernel::MM_LINES],
    kernel: &'static Kernel,
    config: Config,
    backlog: Arc<Backlog>,
    rcu: Rcu,
    queue: WaitQueue,
    waiters: Arc<Waiters<M>>,
    vmas: Arc<Vmas<M>>,
    tree: VmaTree<M>,
    tables: Arc<Tables<M>>,
    /// The top table in the processor's register (CR3), which needs no access to `mm_struct`.
    top: TableId,
    frames: Frames<M>,
    lru: Lru<M>,
    memcg: Memcg<M>,
    rss: Rss<M>,
    files: Vec<File<M>>,
    rmaps: Vec<Rmap<M>>,
}

impl<M: Machine> Mm<M> {
    fn new(
        kernel: &'static Kernel,
        config: Config,
        arena: Arc<Arena>,
        files: Vec<File<M>>,
    ) -> Self {
        let lines = kernel.mm.lines.each_ref().map(|name| M::Line::new(name, [0; LINE_WORDS]));
        let waiters = Arc::new(Waiters::new(config.cores));
        let backlog = Arc::<Backlog>::default();
        let tables = Tables::new(config.tables, !config.no_zone_lock, Arc::clone(&backlog));
        let rmap = |_: &File<M>| Rmap::new(Arc::clone(&waiters), config.cores, config.vmas);
        let rmaps = files.iter().map(rmap).collect();
        let top = TableId(tables.pool.take(&waiters).expect("a space has a table at least"));
        let frames = Frames::new(arena, &config, kernel);
        let mm = Self {
            lines,
            kernel,
            rcu: Rcu::new(),
            queue: WaitQueue::new(config.cores),
            waiters,
            vmas: Arc::new(Vmas::new(&config, kernel, Arc::clone(&backlog))),
            backlog,
            tree: VmaTree::new(config.vmas),
            tables: Arc::new(tables),
            top,
            lru: Lru::new(if config.lru { frames.zones.nodes() } else { 0 }, kernel),
            memcg: Memcg::new(config.memcg_depth),
            frames,
            rss: Rss::default(),
            files,
            rmaps,
            config,
        };
        mm.field(kernel.mm.mm_users).store(mm.config.cores as u64, Ordering::Relaxed);
        mm.field(kernel.mm.pgd).store(top.to_entry(), Ordering::Release);
        mm
    }

    /// Returns a field of `mm_struct`.
    #[inline(always)]
    pub fn field(&self, field: Field) -> Word<'_, M::Line> {
        Word::new(&self.lines[field.line], field.word)
    }

    /// Returns the kernel of the space.
    #[inline(always)]
    pub fn kernel(&self) -> &'static Kernel {
        self.kernel
    }

    /// Returns the number of cores that fault in it.
    pub fn cores(&self) -> usize {
        self.config.cores
    }

    /// Returns the largest number of VMAs and tables that ever waited for readers to leave.
    pub fn deferred_free_peak(&self) -> u64 {
        self.backlog.peak()
    }

    /// Returns mmap_lock, as all code takes it that is not a fault.
    pub fn mmap_lock(&self) -> RwSem<'_, Self> {
        RwSem::new(self)
    }

    /// Counts a table that was linked.
    fn count_table(&self) {
        if self.config.pgtables_bytes {
            self.field(self.kernel.mm.pgtables_bytes).fetch_add(PAGE_BYTES, Ordering::Relaxed);
        }
    }

    /// Counts a table that was unlinked.
    fn uncount_table(&self) {
        if self.config.pgtables_bytes {
            self.field(self.kernel.mm.pgtables_bytes).fetch_sub(PAGE_BYTES, Ordering::Relaxed);
        }
    }

    /// Returns the lock of the upper page-table levels and of `anon_vma`; `name`: for which one.
    #[inline(always)]
    fn page_table_lock(&self, name: Waited) -> SpinLock<'_, M> {
        let lock = self.kernel.mm.page_table_lock;
        SpinLock::new(&self.lines[lock.line], lock.lock(name))
    }

    /// Returns the lock of the entries of a table that points to tables: the pmd lock in the pmd
    /// table itself if those are split, else one lock for the space.
    fn lock_of_entries<'a>(&'a self, table: &'a PageTable<M>, level: Level) -> SpinGuard<'a, M> {
        match level {
            Level::Pmd if self.config.split_pmd_locks => table.lock(&self.waiters),
            _ => self.page_table_lock(Waited::PageTableLock).lock(&self.waiters),
        }
    }

    /// Looks up the VMA at `addr`. Runs in a read section. The VMA may be removed at any time
    /// unless mmap_lock is held.
    pub fn find_vma(&self, addr: Vaddr) -> Option<VmaRef<'_, M>> {
        self.find_vma_in::<Loaded>(addr)
    }

    /// Looks up the VMA at `addr` in layout `L`, which the compiler may know.
    #[inline(always)]
    fn find_vma_in<L: Layout>(&self, addr: Vaddr) -> Option<VmaRef<'_, M, L>> {
        let root = self.field(L::known::<M>(self.kernel).mm.mt_root);
        let vma = VmaRef::new(self.tree.find(root, addr)?, &self.vmas);
        M::point(point::VMA_FOUND);
        vma.contains(addr).then_some(vma)
    }

    /// Returns the top page table.
    pub fn pgd(&self) -> TableId {
        self.pgd_in(self.kernel.mm.pgd)
    }

    /// Returns the top page table, from this field.
    #[inline(always)]
    fn pgd_in(&self, field: Field) -> TableId {
        let entry = self.field(field).load(Ordering::Relaxed);
        TableId::from_entry(entry).expect("a space has a pgd as long as it lives")
    }

    /// Returns the VMA of this number.
    #[inline(always)]
    pub fn vma(&self, id: VmaId) -> VmaRef<'_, M> {
        VmaRef::new(id, &self.vmas)
    }

    /// Gives a VMA an `anon_vma` if it has none, under `page_table_lock` (Linux 7.2
    /// `__anon_vma_prepare`).
    pub fn prepare_anon_vma<L: Layout>(&self, vma: VmaRef<'_, M, L>) {
        let _lock = self.page_table_lock(Waited::AnonVma).lock(&self.waiters);
        if vma.anon_vma().load(Ordering::Relaxed) == 0 {
            vma.anon_vma().store(1, Ordering::Release);
        }
    }

    /// Returns the files of the page cache.
    pub fn files(&self) -> &[File<M>] {
        &self.files
    }

    /// Returns the VMAs that map a file.
    pub fn rmap(&self, file: usize) -> &Rmap<M> {
        &self.rmaps[file]
    }

    /// Returns the frames.
    pub fn frames(&self) -> &Frames<M> {
        &self.frames
    }
}

/// Returns the words of `osq`, which begins here, and of `wait_lock` after it.
#[inline(always)]
fn queue_words(at: Field) -> QueueWords {
    QueueWords { osq: at.lock(Waited::Osq), wait_lock: at.then(2).lock(Waited::WaitLock) }
}

/// mmap_lock is in the space.
impl<M: Machine> Home for Mm<M> {
    type Machine = M;

    fn names(&self) -> RwNames {
        RwNames::MMAP_LOCK
    }

    fn count(&self) -> Word<'_, M::Line> {
        self.field(self.kernel.mm.mmap_count)
    }

    fn owner(&self) -> Word<'_, M::Line> {
        self.field(self.kernel.mm.mmap_owner)
    }

    fn reader_clears_owner(&self) -> bool {
        self.kernel.rules.reader_clears_owner
    }

    fn queue_line(&self) -> &M::Line {
        &self.lines[self.kernel.mm.mmap_queue.line]
    }

    fn queue_words(&self) -> QueueWords {
        queue_words(self.kernel.mm.mmap_queue)
    }

    fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    fn waiters(&self) -> &Waiters<M> {
        &self.waiters
    }
}
