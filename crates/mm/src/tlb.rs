//! The translations that a core has cached, where the world has such a thing.
//!
//! A hit needs no walk, and that is how a translation can be used that is no longer true:
//! the books notice where the page behind it was freed, and at rest compare what is cached
//! with the tables.

use super::addr::{PAGE_SHIFT, Pfn, Pte, Vaddr};
use machine::Machine;
use std::marker::PhantomData;

/// Cached translations, a power of two: enough that a touch finds the page that it has
/// just faulted in (a first-level TLB has 64).
const ENTRIES: usize = 64;

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    /// 1 + the page; 0: none.
    page: u64,
    pte: u64,
    /// How often the frame had been freed.
    generation: u32,
}

/// A core's cached translations.
pub(super) struct Tlb<M> {
    entries: Box<[Entry]>,
    /// Shootdowns after which these entries were cached.
    shootdowns: u64,
    machine: PhantomData<fn() -> M>,
}

impl<M: Machine> Tlb<M> {
    pub fn new() -> Self {
        let count = if M::HAS_TLB { ENTRIES } else { 0 };
        let entries = vec![Entry::default(); count].into();
        Self { entries, shootdowns: 0, machine: PhantomData }
    }

    /// Forgets everything.
    pub fn flush(&mut self) {
        self.entries.fill(Entry::default());
    }

    /// Forgets everything where others have asked for it.
    fn answer(&mut self) {
        let taken = M::shootdowns_taken();
        if taken != self.shootdowns {
            self.shootdowns = taken;
            self.flush();
        }
    }

    /// The pte that is cached for a page, and how often its frame had been freed.
    pub fn lookup(&mut self, addr: Vaddr) -> Option<(Pte, u32)> {
        self.answer();
        let entry = self.entries[addr.page() as usize % ENTRIES];
        (entry.page == addr.page() + 1).then_some((Pte(entry.pte), entry.generation))
    }

    /// Caches what a walk has found.
    pub fn insert(&mut self, addr: Vaddr, pte: Pte, generation: u32) {
        let page = addr.page() + 1;
        self.entries[addr.page() as usize % ENTRIES] = Entry { page, pte: pte.0, generation };
    }

    /// Forgets one page: the core's own fault changes its pte.
    pub fn forget(&mut self, addr: Vaddr) {
        let entry = &mut self.entries[addr.page() as usize % ENTRIES];
        if entry.page == addr.page() + 1 {
            *entry = Entry::default();
        }
    }

    /// All that is cached.
    pub fn cached(&mut self) -> impl Iterator<Item = (Vaddr, Pte)> + '_ {
        self.answer();
        let cached = self.entries.iter().filter(|entry| entry.page > 0);
        cached.map(|entry| (Vaddr((entry.page - 1) << PAGE_SHIFT), Pte(entry.pte)))
    }
}

/// A translation was used after its page had been freed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StaleUse {
    /// Where.
    pub addr: Vaddr,
    /// The frame.
    pub frame: Pfn,
}
