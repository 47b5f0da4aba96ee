//! Points at which a test may hold a core, so that the test, not chance, decides the order of a
//! race. Code that reaches one calls [`Machine::point`](machine::Machine::point).

/// A fault has found the VMA, and protected it.
pub const AFTER_LOOKUP: usize = 0;
/// A fault has copied the VMA.
pub const AFTER_COPY: usize = 1;
/// A fault has a table that is not yet published.
pub const AFTER_TABLE_ALLOC: usize = 2;
/// A fault has a frame that is not yet mapped.
pub const AFTER_PAGE_ALLOC: usize = 3;
/// A fault has a reference on a folio of the page cache.
pub const FOLIO_GOT_REF: usize = 4;
/// A fault has that folio's lock.
pub const FOLIO_LOCKED: usize = 5;
/// A fault is about to take ptl.
pub const BEFORE_PTL: usize = 6;
/// A fault has ptl.
pub const PTL_HELD: usize = 7;
/// A fault has done its checks under ptl.
pub const AFTER_SECOND_CHECK: usize = 8;
/// A fault is about to drop its reference, lock or pointer.
pub const BEFORE_EXIT_PUT: usize = 9;
/// A writer has invalidated a VMA.
pub const AFTER_INVALIDATE: usize = 10;
/// A writer has detached a VMA.
pub const AFTER_DETACH: usize = 11;
/// A writer has let readers in.
pub const AFTER_DOWNGRADE: usize = 12;
/// A writer has zapped the ptes of a table.
pub const TABLE_ZAPPED: usize = 13;
/// A writer is about to free page tables.
pub const BEFORE_FREE_TABLES: usize = 14;
/// A writer is about to free a VMA.
pub const BEFORE_FREE_VMA: usize = 15;
/// A writer has linked a new VMA into the tree.
pub const AFTER_TREE_STORE: usize = 16;
/// A writer is about to release mmap_lock.
pub const BEFORE_UNLOCK: usize = 17;
/// A truncate has zapped for the first time.
pub const AFTER_FIRST_ZAP: usize = 18;
/// A fault has found a VMA in the tree, and has not yet protected it.
pub const VMA_FOUND: usize = 19;
/// A fault has seen no writer of the VMA, and is about to lock it.
pub const BEFORE_VMA_LOCK: usize = 20;
/// A fault has a lock, reference or pointer, and has not yet checked that it is still valid.
pub const VMA_LOCKED: usize = 21;
/// A fault is about to read `vm_pgoff`, after other fields.
pub const BEFORE_PGOFF: usize = 22;

/// Names of the points, by number.
pub const NAMES: [&str; 23] = [
    "after_lookup",
    "after_copy",
    "after_table_alloc",
    "after_page_alloc",
    "folio_got_ref",
    "folio_locked",
    "before_ptl",
    "ptl_held",
    "after_second_check",
    "before_exit_put",
    "after_invalidate",
    "after_detach",
    "after_downgrade",
    "table_zapped",
    "before_free_tables",
    "before_free_vma",
    "after_tree_store",
    "before_unlock",
    "after_first_zap",
    "vma_found",
    "before_vma_lock",
    "vma_locked",
    "before_pgoff",
];
