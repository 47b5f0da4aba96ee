//! State of a core that faults.

use super::addr::Pfn;
use super::fault::{Fallback, Stop};
use super::memcg::Stock;
use super::page_table::TableId;
use super::pool::{Cache, TABLE_BATCH};
use super::rss::{LocalRss, Member};
use super::tlb::{StaleUse, Tlb};
use super::vma::VmaId;
use super::wait::Wait;
use super::zones::PageLists;
use super::{GraceCosts, Mm};
use machine::{Machine, Waited};
use std::sync::Arc;
use sync::rcu::{RcuReader, ReadSection};

/// Passes of faults through the handler, and the reasons for further passes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attempts {
    /// Passes through the handler.
    pub attempts: u64,
    /// Fallbacks by [`Fallback`].
    pub fallbacks: [u64; Fallback::ALL.len()],
}

/// CPUs on which a space must run before INVLPGB is used for it (Linux 6.15
/// `arch/x86/mm/tlb.c`, `consider_global_asid`: more than three).
const BROADCAST_CORES: usize = 4;

/// A core's free lists, counters and place in RCU.
///
/// It must be created on the thread that uses it, and [retired](Core::retire) there.
pub struct Core<M: Machine> {
    rcu: RcuReader,
    pub(super) frames: PageLists,
    pub(super) stock: Stock,
    /// Folios that wait to be put on LRU lists; a reference to each is held.
    pub(super) lru_batch: Vec<Pfn>,
    /// Folios that are to go to the list of files, because they may be reclaimed; a reference of
    /// each is held.
    pub(super) lazyfree_batch: Vec<Pfn>,
    /// Size of a full batch.
    pub(super) lru_full: usize,
    /// Folios that the current call frees.
    pub(super) freed: Vec<Pfn>,
    tables: Cache,
    pub(super) rss: LocalRss<M>,
    /// The page that the last attempt stopped for.
    pub(super) wait: Option<Wait>,
    /// Pages that this core read into the cache, by file and index. A reset evicts them.
    pub(super) read_in: Vec<(usize, u64)>,
    /// Counts that the storm reads at its end.
    pub attempts: Attempts,
    /// Sleeps of I/O that this core did since the storm last took them.
    pub io: IoSlept,
    /// True if ptes that other cores may have cached were cleared since the last shootdown, also
    /// those of the zero page, which has no frame.
    pub(super) cleared_ptes: bool,
    /// Frames that are not in page tables any more, but whose translations other cores may have
    /// cached.
    pub(super) zapped: Vec<Pfn>,
    /// Tables in the same state.
    zapped_tables: Vec<TableId>,
    /// Pages of which the child of this core's last fork holds references.
    pub(super) child: Vec<Pfn>,
    pub(super) tlb: Tlb<M>,
    /// The first translation that was used although its page had been freed.
    pub(super) stale_use: Option<StaleUse>,
    /// True if the kernel uses a broadcast for shootdowns, on processors that have both ways.
    broadcasts: bool,
    /// Shootdowns that this core has asked for.
    pub shootdowns: Shootdowns,
    /// Work of this core for grace periods of SRCU.
    pub grace_periods: GraceCosts,
}

/// Shootdowns that a core requested.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shootdowns {
    /// Their number.
    pub count: u64,
    /// Their time, in nanoseconds.
    pub ns: u64,
}

/// Bytes that a core keeps for each page that it may read into the cache.
pub const BYTES_PER_READ: u64 = (size_of::<(usize, u64)>() + size_of::<u64>()) as u64;

/// Waits for I/O.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct IoSlept {
    /// Length of each sleep, in nanoseconds.
    pub achieved_ns: Vec<u64>,
    /// Total requested length, in nanoseconds.
    pub asked_ns: u64,
}

impl<M: Machine> Core<M> {
    /// Creates the calling core, with room for `reads_max` pages that it reads into the cache.
    pub fn new(mm: &Mm<M>, reads_max: usize) -> Self {
        Self {
            rcu: mm.rcu.reader(),
            frames: PageLists::new(&mm.frames.zones, M::core()),
            stock: Stock::default(),
            lru_batch: Vec::with_capacity(mm.kernel.rules.lru_batch),
            lru_full: mm.kernel.rules.lru_batch,
            lazyfree_batch: Vec::new(),
            freed: Vec::with_capacity(mm.kernel.rules.release_batch),
            tables: Cache::new(TABLE_BATCH),
            rss: LocalRss::new(mm.config.cpus, &mm.kernel.rules),
            wait: None,
            read_in: Vec::with_capacity(reads_max),
            attempts: Attempts::default(),
            io: IoSlept { achieved_ns: Vec::with_capacity(reads_max), asked_ns: 0 },
            cleared_ptes: false,
            zapped: Vec::new(),
            zapped_tables: Vec::new(),
            child: Vec::new(),
            tlb: Tlb::new(),
            stale_use: None,
            broadcasts: mm.kernel.rules.invlpgb && mm.cores() >= BROADCAST_CORES,
            shootdowns: Shootdowns::default(),
            grace_periods: GraceCosts::default(),
        }
    }

    /// Fills the batches of frames, counted pages, charged pages and folios in part, by `draw`, so
    /// that batches of cores with the same work do not become full at the same time.
    pub fn stagger(&mut self, mm: &Mm<M>, draw: u64) {
        let zones = &mm.frames.zones;
        self.frames.stagger(&mm.frames, &mm.waiters, draw as u16 as usize);
        self.frames.stat.stagger(&zones.stat, zones.node_of_core(M::core()), draw);
        self.stock.stagger(&mm.memcg, draw >> 16 & 0xffff);
        self.lru_full = 1 + (draw >> 32) as u16 as usize % mm.kernel.rules.lru_batch;
        self.rss.stagger(&mm.rss, draw >> 48);
    }

    /// Enters an RCU read section.
    #[inline(always)]
    pub fn read_section(&self) -> ReadSection {
        self.rcu.read::<M>()
    }

    /// Counts a pass through the handler.
    #[inline(always)]
    pub fn note_attempt(&mut self) {
        self.attempts.attempts += 1;
    }

    /// Ends an attempt that has to wait for `wait`.
    #[cold]
    pub(super) fn stop_for(&mut self, wait: Wait) -> Stop {
        let before = self.wait.replace(wait);
        assert!(before.is_none(), "a core waits for one page at a time");
        Stop::Wait
    }

    /// Returns true if the last attempt stopped for a page that is not cached.
    pub(super) fn is_major(&self) -> bool {
        self.wait.as_ref().is_some_and(Wait::is_major)
    }

    /// Counts a fallback.
    #[inline]
    pub fn note_fallback(&mut self, reason: Fallback) {
        self.attempts.fallbacks[reason as usize] += 1;
    }

    /// Takes an empty table.
    pub fn take_table(&mut self, mm: &Mm<M>) -> Option<TableId> {
        let table = self.tables.take(&mm.tables.pool, &mm.waiters).map(TableId)?;
        mm.tables.get(table).revive();
        self.count_tables(mm, 1);
        Some(table)
    }

    /// Gives back a table that was never installed, or that no core can see any more.
    pub fn give_table(&mut self, mm: &Mm<M>, table: TableId) {
        self.count_tables(mm, -1);
        self.tables.give(&mm.tables.pool, &mm.waiters, table.0);
    }

    /// Makes all cores, this one included, drop their cached translations.
    pub fn shoot_down(&mut self) {
        let from_ns = M::now_ns();
        M::shootdown(self.broadcasts);
        self.tlb.flush();
        self.shootdowns.count += 1;
        self.shootdowns.ns += M::now_ns() - from_ns;
    }

    /// Drops the cached translations of this core, since a reset changes page tables without a
    /// shootdown.
    pub fn forget_translations(&mut self) {
        self.tlb.flush();
    }

    /// Enters a read section, in which objects may be deferred.
    pub(super) fn writer_section(&self) -> ReadSection {
        self.rcu.writer_section()
    }

    /// Hands over the objects that this core has deferred, so that they are freed as soon as no
    /// reader can use them.
    pub fn flush_deferred(&self) {
        self.rcu.writer_section().flush();
    }

    /// Keeps a table that was unlinked until no core can have cached an entry that points to it.
    pub(super) fn gather_table(&mut self, table: TableId) {
        self.zapped_tables.push(table);
    }

    /// Returns true if other cores may have cached translations that were cleared.
    pub(super) fn needs_shootdown(&self) -> bool {
        self.cleared_ptes || !self.zapped_tables.is_empty()
    }

    /// Frees the gathered pages: no core has cached them any more. Puts folios of this core's batch
    /// on their lists first, since the batch holds references (`free_pages_and_swap_cache`).
    pub(super) fn free_gathered(&mut self, mm: &Mm<M>) {
        self.cleared_ptes = false;
        if !self.zapped.is_empty() {
            self.drain_lru(mm);
        }
        self.put_folios(mm, |core| &mut core.zapped);
        while let Some(table) = self.zapped_tables.pop() {
            self.free_table(mm, table);
        }
    }

    /// Puts the core at rest between rounds: drops its translations, and ends the child of a fork.
    pub fn rest(&mut self, mm: &Mm<M>) {
        self.forget_translations();
        self.end_child(mm);
    }

    /// Ends the child of this core's last fork.
    pub fn end_child(&mut self, mm: &Mm<M>) {
        for at in 0..self.child.len() {
            self.unmap_page(mm, self.child[at]);
        }
        self.put_folios(mm, |core| &mut core.child);
    }

    /// Frees a VMA that no core finds any more, after a grace period of RCU.
    pub fn free_vma(&mut self, mm: &Mm<M>, vma: VmaId) {
        let (vmas, waiters) = (Arc::clone(&mm.vmas), Arc::clone(&mm.waiters));
        mm.backlog.add();
        self.rcu.writer_section().defer(move || vmas.free_deferred(&waiters, vma));
    }

    /// Counts a VMA that will be freed later.
    pub fn note_deferred_vma(&self, mm: &Mm<M>) {
        mm.backlog.add();
    }

    /// Frees a VMA that was [noted](Self::note_deferred_vma), and that no fault can use any
    /// more.
    pub fn free_deferred_vma(&self, mm: &Mm<M>, vma: VmaId) {
        mm.vmas.free_deferred(&mm.waiters, vma);
    }

    /// Frees a VMA at once: no fault refers to it, or only faults that check which VMA it is
    /// (`SLAB_TYPESAFE_BY_RCU`).
    pub fn free_vma_now(&mut self, mm: &Mm<M>, vma: VmaId) {
        mm.vmas.free(&mm.waiters, vma);
    }

    /// Gives back a table that was installed, after a grace period of RCU: walkers take no
    /// lock.
    pub fn free_table(&mut self, mm: &Mm<M>, table: TableId) {
        let (tables, waiters) = (Arc::clone(&mm.tables), Arc::clone(&mm.waiters));
        self.count_tables(mm, -1);
        mm.backlog.add();
        self.rcu.writer_section().defer(move || tables.free_deferred(&waiters, table));
    }

    /// Counts pages of the space.
    #[inline(always)]
    pub fn add_rss(&mut self, mm: &Mm<M>, member: Member, pages: i64) {
        if mm.config.rss {
            self.rss.add(&mm.rss, &mm.waiters, member, pages);
        }
    }

    /// Counts pages of files, and anonymous pages, that the zap of a table has freed.
    pub(super) fn add_zapped_rss(&mut self, mm: &Mm<M>, freed: [i64; 2]) {
        if mm.config.rss {
            self.rss.add_zapped(&mm.rss, &mm.waiters, freed);
        }
    }

    /// Sleeps for `ns`, as I/O does, and notes the real length.
    pub(super) fn sleep_io(&mut self, ns: u64) {
        let before = M::now_ns();
        M::begin_wait(Waited::Io, 0);
        M::sleep_ns(ns);
        M::end_wait();
        self.io.achieved_ns.push(M::now_ns() - before);
        self.io.asked_ns += ns;
    }

    /// Gives back everything that the core kept, and folds its counters.
    pub fn retire(&mut self, mm: &Mm<M>) {
        self.drain_lru(mm);
        self.stock.retire(&mm.memcg);
        self.frames.retire(&mm.frames, &mm.waiters);
        self.tables.retire(&mm.tables.pool, &mm.waiters);
        self.rss.retire(&mm.rss, &mm.waiters);
        self.frames.stat.retire(&mm.frames.zones.stat);
    }
}
