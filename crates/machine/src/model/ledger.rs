//! Accesses, transfers and waits of a modelled storm, by name of line.

use super::parameters::Ps;
use crate::{LINE_WORDS, LineName};
use std::cell::{Cell, RefCell};

/// Names of lines that a storm may have.
pub(super) const NAMES_MAX: usize = 64;

/// Accesses, moves and waits of all lines with one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineAccount {
    /// Loads.
    pub reads: u64,
    /// Stores and read-modify-writes, failed compare-exchanges included.
    pub writes: u64,
    /// Accesses that fetched the line from another core, or took it from others.
    pub transfers: u64,
    /// Accesses that fetched it from memory.
    pub from_memory: u64,
    /// Time that cores waited for it beyond a hit, in picoseconds.
    pub stall_ps: Ps,
    /// Part of that time in which others were served first.
    pub queued_ps: Ps,
    /// Transfers by the word last used in the old cache (first index) and the word that the line
    /// was fetched for.
    pub by_words: [[u64; LINE_WORDS]; LINE_WORDS],
}

impl Default for LineAccount {
    fn default() -> Self {
        Self {
            reads: 0,
            writes: 0,
            transfers: 0,
            from_memory: 0,
            stall_ps: 0,
            queued_ps: 0,
            by_words: [[0; LINE_WORDS]; LINE_WORDS],
        }
    }
}

/// Accounts by name of line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accounts(pub Vec<(&'static LineName, LineAccount)>);

/// The accounts while the storm runs. Loads and stores are counted at every access, so they have
/// arrays of their own.
pub(super) struct Ledger {
    names: RefCell<Vec<&'static LineName>>,
    pub reads: [Cell<u64>; NAMES_MAX],
    pub writes: [Cell<u64>; NAMES_MAX],
    rest: RefCell<Vec<LineAccount>>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            names: RefCell::default(),
            reads: std::array::from_fn(|_| Cell::new(0)),
            writes: std::array::from_fn(|_| Cell::new(0)),
            rest: RefCell::default(),
        }
    }
}

impl Ledger {
    /// Returns the number of a name.
    pub fn number(&self, name: &'static LineName) -> u16 {
        let mut names = self.names.borrow_mut();
        let known = names.iter().rposition(|known| std::ptr::eq(*known, name));
        let number = known.unwrap_or_else(|| {
            assert!(names.len() < NAMES_MAX, "a storm has at most {NAMES_MAX} names of lines");
            names.push(name);
            self.rest.borrow_mut().push(LineAccount::default());
            names.len() - 1
        });
        number as u16
    }

    /// Counts an access in `reads` or `writes`.
    #[inline(always)]
    pub fn count(&self, counts: &[Cell<u64>; NAMES_MAX], name: u16) {
        let count = &counts[usize::from(name)];
        count.set(count.get() + 1);
    }

    /// Returns the name with this number.
    pub fn name(&self, number: u16) -> &'static LineName {
        self.names.borrow()[usize::from(number)]
    }

    /// Changes the account of a name, at a miss.
    pub fn with(&self, name: u16, change: impl FnOnce(&mut LineAccount)) {
        change(&mut self.rest.borrow_mut()[usize::from(name)]);
    }

    /// Restarts with empty accounts.
    pub fn forget(&self) {
        self.reads.iter().chain(&self.writes).for_each(|count| count.set(0));
        self.rest.borrow_mut().fill(LineAccount::default());
    }

    /// Returns the accounts of all lines that were used, in the order in which their names were
    /// first seen.
    pub fn accounts(&self) -> Accounts {
        let named = self
            .names
            .borrow()
            .iter()
            .copied()
            .enumerate()
            .map(|(number, name)| {
                let rest = self.rest.borrow()[number].clone();
                let (reads, writes) = (self.reads[number].get(), self.writes[number].get());
                (name, LineAccount { reads, writes, ..rest })
            })
            .collect::<Vec<_>>();
        Accounts(named.into_iter().filter(|(_, line)| line.reads + line.writes > 0).collect())
    }

    /// Returns the accesses of all lines.
    pub fn accesses(&self) -> u64 {
        self.reads.iter().chain(&self.writes).map(Cell::get).sum()
    }
}
