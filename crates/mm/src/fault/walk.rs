//! Walks page tables, allocates missing ones, and locks a pte.

use super::{Fallback, Protection, Stop};
use crate::addr::{Level, Pte, Vaddr};
use crate::page_table::{PageTable, TableId};
use crate::{Core, Mm, point, stage};
use machine::{Machine, Ordering, Word};
use sync::spinlock::SpinGuard;

/// A walk that has reached the pmd entry of an address.
pub struct Walk<'a, M: Machine> {
    addr: Vaddr,
    pmd: &'a PageTable<M>,
}

impl<M: Machine> Clone for Walk<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: Machine> Copy for Walk<'_, M> {}

/// A pte under its table's lock.
pub struct PteSlot<'a, M: Machine> {
    table: &'a PageTable<M>,
    addr: Vaddr,
    /// Unlocks on drop.
    _ptl: SpinGuard<'a, M>,
}

impl<M: Machine> PteSlot<'_, M> {
    fn word(&self, addr: Vaddr) -> Word<'_, M::Line> {
        self.table.entry(addr.index(Level::Pte))
    }

    /// Returns the pte of the fault.
    #[inline(always)]
    pub fn get(&self) -> Pte {
        self.get_at(self.addr)
    }

    /// Sets the pte of the fault.
    #[inline(always)]
    pub fn set(&self, pte: Pte) {
        self.set_at(self.addr, pte);
    }

    /// Sets the pte of the fault and returns what it was, in one access, because a processor may be
    /// setting its bits (`ptep_get_and_clear`).
    pub fn swap(&self, pte: Pte) -> Pte {
        Pte(self.word(self.addr).swap(pte.0, Ordering::AcqRel))
    }

    /// Returns the pte of an address under the same table.
    #[inline(always)]
    pub fn get_at(&self, addr: Vaddr) -> Pte {
        Pte(self.word(addr).load(Ordering::Relaxed))
    }

    /// Sets the pte of an address under the same table. `Release`: a core that sees the pte sees
    /// the page's content.
    #[inline(always)]
    pub fn set_at(&self, addr: Vaddr, pte: Pte) {
        self.word(addr).store(pte.0, Ordering::Release);
    }
}

impl<'a, M: Machine> Walk<'a, M> {
    /// Walks from the top table to the pmd entry of `addr`, and allocates missing tables above it
    /// if the protection allows.
    ///
    /// # Errors
    /// The reason, if a table is missing that may not or cannot be allocated.
    #[inline(always)]
    pub fn to_pmd<P: Protection<M> + ?Sized>(
        mm: &'a Mm<M>,
        pgd: TableId,
        core: &mut Core<M>,
        protection: &P,
        addr: Vaddr,
    ) -> Result<Self, Stop> {
        let tables = mm.tables.all();
        let pgd = pgd.of(tables);
        let pud = match pgd.child(addr.index(Level::Pgd)) {
            Some(pud) => pud.of(tables),
            None => install(mm, core, protection, pgd, Level::Pgd, addr)?.of(tables),
        };
        let pmd = match pud.child(addr.index(Level::Pud)) {
            Some(pmd) => pmd.of(tables),
            None => install(mm, core, protection, pud, Level::Pud, addr)?.of(tables),
        };
        Ok(Self { addr, pmd })
    }

    /// Returns the page table, if there is one.
    #[inline(always)]
    pub fn page_table(self) -> Option<TableId> {
        self.pmd.child(self.addr.index(Level::Pmd))
    }

    /// Returns the pte, read without its lock, if there is a page table. The work of a write
    /// depends on it (Linux 7.2 `handle_pte_fault`).
    #[inline(always)]
    pub(super) fn peek(self, mm: &Mm<M>) -> Pte {
        let entry = |id: TableId| mm.tables.get(id).entry(self.addr.index(Level::Pte));
        let pte = self.page_table().map(|id| entry(id).load(Ordering::Acquire));
        Pte(pte.unwrap_or(Pte::NONE.0))
    }

    /// Returns true if `pages` ptes from `first` on map nothing, which are under one page table,
    /// without its lock (`pte_range_none`).
    pub(super) fn is_range_none(self, mm: &Mm<M>, first: Vaddr, pages: u64) -> bool {
        let Some(id) = self.page_table() else { return false };
        let (table, from) = (mm.tables.get(id), first.index(Level::Pte));
        let ptes = (from..from + pages as usize).map(|index| table.entry(index));
        ptes.into_iter().all(|pte| Pte(pte.load(Ordering::Relaxed)) == Pte::NONE)
    }

    /// Makes sure that there is a page table.
    ///
    /// # Errors
    /// The reason, if there is none, and it may not or cannot be allocated.
    #[inline(always)]
    pub fn ensure_page_table<P: Protection<M> + ?Sized>(
        self,
        mm: &Mm<M>,
        core: &mut Core<M>,
        protection: &P,
    ) -> Result<(), Stop> {
        if self.page_table().is_none() {
            install(mm, core, protection, self.pmd, Level::Pmd, self.addr)?;
        }
        M::mark(stage::LOOKUP);
        Ok(())
    }

    /// Takes the page table's lock, and checks that the pmd entry still points to it (Linux 7.2
    /// `pte_offset_map_lock`; 6.1 did not check).
    #[inline(always)]
    pub fn lock(self, mm: &'a Mm<M>) -> Option<PteSlot<'a, M>> {
        let id = self.page_table()?;
        let table = mm.tables.get(id);
        M::point(point::BEFORE_PTL);
        let slot = PteSlot { table, addr: self.addr, _ptl: table.lock(&mm.waiters) };
        M::mark(stage::LOCK);
        M::point(point::PTL_HELD);
        assert!(table.is_alive(), "a table that a fault has found is not freed");
        (self.page_table() == Some(id)).then_some(slot)
    }

    /// Takes the page table's lock, for schemes under which no table is ever freed: no check is
    /// needed.
    #[inline(always)]
    pub fn lock_stable(self, mm: &'a Mm<M>) -> Option<PteSlot<'a, M>> {
        let table = mm.tables.get(self.page_table()?);
        M::point(point::BEFORE_PTL);
        let slot = PteSlot { table, addr: self.addr, _ptl: table.lock(&mm.waiters) };
        M::mark(stage::LOCK);
        Some(slot)
    }

    /// Takes the page table's lock if it is free, and checks that the pmd entry still points to it:
    /// `madvise` frees empty tables under mmap_lock held for reading (since 6.14), which changes no
    /// sequence count. `Err` if the lock is not free, or there is no table.
    #[inline(always)]
    pub fn try_lock(self, mm: &'a Mm<M>) -> Result<PteSlot<'a, M>, Fallback> {
        let id = self.page_table().ok_or(Fallback::Pmd)?;
        let table = mm.tables.get(id);
        M::point(point::BEFORE_PTL);
        let ptl = table.try_lock().ok_or(Fallback::PteMapLockPtl)?;
        M::mark(stage::LOCK);
        let slot = PteSlot { table, addr: self.addr, _ptl: ptl };
        M::point(point::PTL_HELD);
        assert!(table.is_alive(), "a table that a fault has found is not freed");
        if self.page_table() == Some(id) { Ok(slot) } else { Err(Fallback::PteMapLockPmd) }
    }
}

/// Allocates a table and publishes it in the entry of `parent` for `addr`: allocates outside the
/// lock, then locks, checks again, accounts and publishes. The loser of a race gives its table
/// back.
#[cold]
fn install<M: Machine, P: Protection<M> + ?Sized>(
    mm: &Mm<M>,
    core: &mut Core<M>,
    protection: &P,
    parent: &PageTable<M>,
    level: Level,
    addr: Vaddr,
) -> Result<TableId, Stop> {
    if !protection.allocates_tables() {
        return Err(match level {
            Level::Pmd => Fallback::Pmd.into(),
            _ => Fallback::Pud.into(),
        });
    }
    let table = core.take_table(mm).ok_or(Stop::NoTable)?;
    M::mark(stage::ALLOCATE);
    M::point(point::AFTER_TABLE_ALLOC);
    match publish(mm, protection, (parent, level, addr), table) {
        Ok(None) => Ok(table),
        Ok(Some(theirs)) => {
            core.give_table(mm, table);
            Ok(theirs)
        }
        Err(reason) => {
            core.give_table(mm, table);
            Err(reason.into())
        }
    }
}

/// Puts a table into an empty entry. If another core was faster, returns its table.
fn publish<M: Machine, P: Protection<M> + ?Sized>(
    mm: &Mm<M>,
    protection: &P,
    (parent, level, addr): (&PageTable<M>, Level, Vaddr),
    table: TableId,
) -> Result<Option<TableId>, Fallback> {
    let entry = parent.entry(addr.index(level));
    // Release: a walker that sees the table sees it empty.
    if level == Level::Pmd && mm.config.no_pmd_lock {
        let (release, acquire) = (Ordering::Release, Ordering::Acquire);
        let there = entry.compare_exchange(0, table.to_entry(), release, acquire).err();
        if there.is_none() {
            mm.count_table();
        }
        return Ok(there.and_then(TableId::from_entry));
    }
    let _lock = mm.lock_of_entries(parent, level);
    protection.check_table()?;
    let there = TableId::from_entry(entry.load(Ordering::Relaxed));
    if there.is_none() {
        mm.count_table();
        entry.store(table.to_entry(), Ordering::Release);
    }
    Ok(there)
}
