//! The translations that a core has cached, in worlds that have a TLB.
//!
//! A hit needs no walk, so a core can use a translation that is no longer valid. The books notice
//! if its page was freed, and compare cached translations with the tables when no core runs.

use super::addr::{PAGE_SHIFT, Pfn, Pte, Vaddr};
use machine::Machine;
use std::marker::PhantomData;

/// Number of cached translations, a power of two: enough for a touch to find the page that it has
/// just faulted in (a first-level TLB has 64).
const ENTRIES: usize = 64;

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    /// 1 + the page; 0: none.
    page: u64,
    pte: u64,
    /// Number of times that the frame had been freed when the entry was cached.
    generation: u32,
}

/// A core's cached translations.
pub(super) struct Tlb<M> {
    entries: Box<[Entry]>,
    /// Number of shootdowns before these entries were cached.
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

    /// Forgets everything if another core has asked for it.
    fn answer(&mut self) {
        let taken = M::shootdowns_taken();
        if taken != self.shootdowns {
            self.shootdowns = taken;
            self.flush();
        }
    }

    /// Returns the pte that is cached for a page, and the number of times that its frame had been
    /// freed.
    pub fn lookup(&mut self, addr: Vaddr) -> Option<(Pte, u32)> {
        self.answer();
        let entry = self.entries[addr.page() as usize % ENTRIES];
        (entry.page == addr.page() + 1).then_some((Pte(entry.pte), entry.generation))
    }

    /// Caches the result of a walk.
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

    /// Returns all cached translations.
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
