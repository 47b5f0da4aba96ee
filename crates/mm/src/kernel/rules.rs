//! Differences between releases other than the places of fields.

/// The rules of a release. A rule is a line here and in [`UNSET`](Rules::UNSET), a row of
/// `inputs/kernels/keys.rs` and of `kernels/README.md`, and a line of each file in `kernels/`;
/// code asks [`Mm::kernel`](crate::Mm::kernel) for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// True if the fault entry prefetches mmap_lock's line for writing, whatever the setting of a
    /// run (x86 until commit 1701771d3069, Linux 6.16).
    pub entry_prefetch: bool,
    /// True if the slab aligns a `vm_area_struct` to lines: three of them, since it has `vm_refcnt`
    /// on the third.
    pub vma_is_aligned: bool,
    /// Folios that a core gathers before it puts them into lruvecs (`PAGEVEC_SIZE`).
    pub lru_batch: usize,
    /// Folios that are freed in one call, and uncharged together.
    pub release_batch: usize,
    /// True if a fault may lock the VMA of a file (6.6 and later).
    pub vma_lock_files: bool,
    /// True if `->fault` may be called under it; else `->map_pages` alone (6.7 and later).
    pub vma_lock_fault: bool,
    /// True if a fault may lock a VMA without an `anon_vma`, and try mmap_lock to give it one (6.10
    /// and later).
    pub vma_lock_anon_vma: bool,
    /// True if a fault against the VMA's protection ends under it (6.10 and later).
    pub vma_lock_segv: bool,
    /// True if mprotect shoots translations down for each VMA with a mapped page in its range,
    /// changed or not (before 5.19). Else it does so once, and only if a pte has changed.
    pub mprotect_flushes_unchanged: bool,
    /// True if anonymous pages that no other space shares are marked (`PG_anon_exclusive`, 5.19): a
    /// write to one that is mapped read-only is given the right without a look at its references,
    /// and mprotect to read-write gives it at once (6.0).
    pub anon_exclusive: bool,
    /// True if a reader that releases a rwsem loads the owner, and removes its own name if it is
    /// there (`rwsem_clear_reader_owned`, since 6.17).
    pub reader_clears_owner: bool,
    /// True if madvise(MADV_DONTNEED) locks the VMA if the range is within one, and mmap_lock only
    /// if it cannot (6.17 and later).
    pub dontneed_locks_vma: bool,
    /// True if madvise(MADV_DONTNEED) frees page tables that it has emptied (6.14 and later, x86).
    pub frees_empty_tables: bool,
    /// True if a fault that reads a page into the page cache holds the file's `invalidate_lock` for
    /// reading, and truncate for writing (5.15 and later).
    pub invalidate_lock: bool,
    /// True if each task counts resident pages for itself, and adds the counts to those of the
    /// space once in 66 faults (`SPLIT_RSS_COUNTING`, until 6.2); else each CPU has counters.
    pub rss_by_task: bool,
    /// True if translations are shot down by INVLPGB if the processor has it (6.15 and later).
    pub invlpgb: bool,
}

impl Rules {
    /// Before any rule is set.
    pub const UNSET: Self = Self {
        entry_prefetch: false,
        vma_is_aligned: false,
        lru_batch: 1,
        release_batch: 1,
        vma_lock_files: false,
        vma_lock_fault: false,
        vma_lock_anon_vma: false,
        vma_lock_segv: false,
        mprotect_flushes_unchanged: false,
        anon_exclusive: false,
        reader_clears_owner: false,
        dontneed_locks_vma: false,
        frees_empty_tables: false,
        invalidate_lock: false,
        rss_by_task: false,
        invlpgb: false,
    };
}
