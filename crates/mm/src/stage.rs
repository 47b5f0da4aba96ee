//! Stages of a fault, for `--stages`. Code that ends one calls
//! [`Machine::mark`](machine::Machine::mark).

/// Everything outside the handler.
pub const OUTSIDE: usize = 0;
/// Finding the VMA, and walking the page tables.
pub const LOOKUP: usize = 1;
/// Taking a lock or a reference, or sampling a count.
pub const LOCK: usize = 2;
/// Taking a frame or a table from a free list.
pub const ALLOCATE: usize = 3;
/// Clearing or copying the page.
pub const CLEAR: usize = 4;
/// Setting up the folio and the pte.
pub const INSTALL: usize = 5;
/// Dropping locks and references.
pub const UNLOCK: usize = 6;

/// Names of the stages, by number.
pub const NAMES: [&str; 7] =
    ["outside", "lookup", "lock", "allocate", "clear", "install", "unlock"];
