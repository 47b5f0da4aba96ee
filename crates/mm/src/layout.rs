//! Which field of `mm_struct` stands on which line.
//!
//! Where the count of mmap_lock stands decides what a fault under any scheme drags
//! along, so a strategy names the kernel that it speaks for.

use machine::LineName;
use sync::rwsem::QueueWords;
use sync::spinlock::LockWords;

/// Lines of `mm_struct` that faults and writers touch.
pub const MM_LINES: usize = 3;

/// In which kernel's layout a space is.
pub trait Layout: Send + Sync + 'static {
    /// Where the fields of `mm_struct` are.
    const MM: &'static MmLayout;
}

/// See [`LINUX_7_2`].
pub struct Linux7_2;

impl Layout for Linux7_2 {
    const MM: &'static MmLayout = &LINUX_7_2;
}

/// See [`LINUX_6_2`].
pub struct Linux6_2;

impl Layout for Linux6_2 {
    const MM: &'static MmLayout = &LINUX_6_2;
}

/// A word of a structure: which of its lines, and where on it.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Line of the structure.
    pub line: usize,
    /// Word of the line.
    pub word: usize,
}

/// Where the fields of `mm_struct` are.
#[derive(Debug)]
pub struct MmLayout {
    /// The kernel that this is the layout of.
    pub kernel: &'static str,
    /// The lines, by what results call them.
    pub lines: [&'static LineName; MM_LINES],
    /// Root of the VMA tree (`mm_mt.ma_root`).
    pub mt_root: Field,
    /// Top page table.
    pub pgd: Field,
    /// Threads that share the space.
    pub mm_users: Field,
    /// Bytes in page tables.
    pub pgtables_bytes: Field,
    /// VMAs.
    pub map_count: Field,
    /// Lock of the upper page-table levels, and of `anon_vma` of a VMA.
    pub page_table_lock: (usize, LockWords),
    /// Count of writers that have let go of mmap_lock (and, in a sequence count, taken
    /// it): what locks of VMAs are compared with.
    pub mm_lock_seq: Field,
    /// Who waits for faults to leave a VMA (`vma_writer_wait`, since 6.15): 1 + a core.
    pub vma_writer_wait: Field,
    /// Count of mmap_lock.
    pub mmap_count: Field,
    /// Owner of mmap_lock.
    pub mmap_owner: Field,
    /// Line of mmap_lock's `osq` and `wait_lock`.
    pub mmap_queue_line: usize,
    /// Where they are on it.
    pub mmap_queue: QueueWords,
    /// Whether that kernel's fault entry asks for mmap_lock's line, whatever a run is set
    /// to (x86 until commit 1701771d3069, Linux 6.16).
    pub entry_prefetch: bool,
    /// Whether the slab aligns a `vm_area_struct` to lines: three of them, since it has
    /// `vm_refcnt` on the third.
    pub vma_is_aligned: bool,
    /// Folios that a core gathers before it puts them into lruvecs (`PAGEVEC_SIZE`).
    pub lru_batch: usize,
    /// Folios that are freed in one call, and uncharged together.
    pub release_batch: usize,
}

static READ_MOSTLY: LineName =
    LineName { name: "mm.mm_mt", words: ["mm_mt.ma_root", "pgd", "task_size", "", "", "", "", ""] };

static MMAP_LOCK: LineName = LineName {
    name: "mm.mmap_lock",
    words: [
        "mm_users",
        "pgtables_bytes",
        "map_count",
        "page_table_lock",
        "page_table_lock.tail",
        "mmap_lock.count",
        "",
        "",
    ],
};

static MMAP_OWNER: LineName = LineName {
    name: "mm.mmap_lock.owner",
    words: [
        "mmap_lock.owner",
        "mmap_lock.osq",
        "mmap_lock.osq.tail",
        "mmap_lock.wait_lock",
        "mmap_lock.wait_lock.tail",
        "vma_writer_wait",
        "mm_lock_seq",
        "",
    ],
};

/// Linux 7.2: root and pgd on read-mostly lines; `mmap_lock` is placed so that its
/// count ends one line and its owner starts the next (computed from the order of
/// fields in `include/linux/mm_types.h` and their alignment).
pub const LINUX_7_2: MmLayout = MmLayout {
    kernel: "7.2",
    lines: [&READ_MOSTLY, &MMAP_LOCK, &MMAP_OWNER],
    mt_root: Field { line: 0, word: 0 },
    pgd: Field { line: 0, word: 1 },
    mm_users: Field { line: 1, word: 0 },
    pgtables_bytes: Field { line: 1, word: 1 },
    map_count: Field { line: 1, word: 2 },
    page_table_lock: (1, LockWords { locked: 3, tail: 4 }),
    mm_lock_seq: Field { line: 2, word: 6 },
    vma_writer_wait: Field { line: 2, word: 5 },
    mmap_count: Field { line: 1, word: 5 },
    mmap_owner: Field { line: 2, word: 0 },
    mmap_queue_line: 2,
    mmap_queue: QueueWords {
        osq: LockWords { locked: 1, tail: 2 },
        wait_lock: LockWords { locked: 3, tail: 4 },
    },
    entry_prefetch: false,
    vma_is_aligned: true,
    lru_batch: 31,
    // `free_pages_and_swap_cache` hands batches of `PAGEVEC_SIZE` to `folios_put_refs`.
    release_batch: 31,
};

static TREE_6_2: LineName =
    LineName { name: "mm.mm_mt", words: ["mm_mt.ma_root", "", "", "", "", "", "", ""] };

static BUSY_6_2: LineName = LineName {
    name: "mm.mmap_lock",
    words: [
        "pgd",
        "mm_users",
        "pgtables_bytes",
        "map_count",
        "page_table_lock",
        "page_table_lock.tail",
        "mmap_lock.count",
        "mmap_lock.owner",
    ],
};

static QUEUE_6_2: LineName = LineName {
    name: "mm.mmap_lock.osq",
    words: [
        "mmap_lock.osq",
        "mmap_lock.osq.tail",
        "mmap_lock.wait_lock",
        "mmap_lock.wait_lock.tail",
        "mm_lock_seq",
        "vma_writer_wait",
        "",
        "",
    ],
};

/// Linux 6.1 to 6.4 with the usual options: count and owner of `mmap_lock` (offsets 112
/// and 120) end the line on which `pgd` (72), `mm_users` and `pgtables_bytes` are, so a
/// fault that only reads the page tables drags the lock along (computed from the order of
/// fields in `include/linux/mm_types.h`).
pub const LINUX_6_2: MmLayout = MmLayout {
    kernel: "6.2",
    lines: [&TREE_6_2, &BUSY_6_2, &QUEUE_6_2],
    mt_root: Field { line: 0, word: 0 },
    pgd: Field { line: 1, word: 0 },
    mm_users: Field { line: 1, word: 1 },
    pgtables_bytes: Field { line: 1, word: 2 },
    map_count: Field { line: 1, word: 3 },
    page_table_lock: (1, LockWords { locked: 4, tail: 5 }),
    // Since 6.4, behind `mmlist`; no scheme of an earlier kernel looks at it.
    mm_lock_seq: Field { line: 2, word: 4 },
    vma_writer_wait: Field { line: 2, word: 5 },
    mmap_count: Field { line: 1, word: 6 },
    mmap_owner: Field { line: 1, word: 7 },
    mmap_queue_line: 2,
    mmap_queue: QueueWords {
        osq: LockWords { locked: 0, tail: 1 },
        wait_lock: LockWords { locked: 2, tail: 3 },
    },
    entry_prefetch: true,
    vma_is_aligned: false,
    lru_batch: 15,
    // `tlb_batch_pages_flush` hands up to 512 pages to `release_pages`.
    release_batch: 512,
};
