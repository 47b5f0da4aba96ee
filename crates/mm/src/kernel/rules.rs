//! What differs between releases beside where fields stand.

/// The rules of a release. A rule is a line here and in [`UNSET`](Rules::UNSET), a row of
/// `inputs/kernels/keys.rs` and of `kernels/README.md`, and a line of each file in `kernels/`;
/// code asks [`Mm::kernel`](crate::Mm::kernel) for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Whether the fault entry asks for mmap_lock's line, whatever a run is set to (x86 until
    /// commit 1701771d3069, Linux 6.16).
    pub entry_prefetch: bool,
    /// Whether the slab aligns a `vm_area_struct` to lines: three of them, since it has
    /// `vm_refcnt` on the third.
    pub vma_is_aligned: bool,
    /// Folios that a core gathers before it puts them into lruvecs (`PAGEVEC_SIZE`).
    pub lru_batch: usize,
    /// Folios that are freed in one call, and uncharged together.
    pub release_batch: usize,
    /// Whether a fault may lock the VMA of a file (6.6 and later).
    pub vma_lock_files: bool,
    /// Whether `->fault` may be called under it; else `->map_pages` alone (6.7 and later).
    pub vma_lock_fault: bool,
    /// Whether a fault may lock a VMA without an `anon_vma`, and try mmap_lock to give it one
    /// (6.10 and later).
    pub vma_lock_anon_vma: bool,
    /// Whether a fault against the VMA's protection ends under it (6.10 and later).
    pub vma_lock_segv: bool,
    /// Whether mprotect shoots translations down wherever a page is mapped in its range, changed
    /// or not, VMA by VMA (before 5.19). Else it does once, and only where a pte has changed.
    pub mprotect_flushes_unchanged: bool,
    /// Whether anonymous pages are marked that no other space shares (`PG_anon_exclusive`, 5.19):
    /// a write to one that is mapped read-only is given the right without a look at its
    /// references, and mprotect to read-write gives it at once (6.0).
    pub anon_exclusive: bool,
    /// Whether a reader that leaves a rwsem loads the owner, and takes its name out of it where it
    /// is still there (`rwsem_clear_reader_owned`, since 6.17).
    pub reader_clears_owner: bool,
    /// Whether madvise(MADV_DONTNEED) locks the VMA where the range is within one, and mmap_lock
    /// only where it cannot (6.17 and later).
    pub dontneed_locks_vma: bool,
    /// Whether it frees page tables that it has emptied (6.14 and later, x86).
    pub frees_empty_tables: bool,
    /// Whether a fault that brings a page into the page cache holds the file's `invalidate_lock`
    /// for reading, and truncate for writing (5.15 and later).
    pub invalidate_lock: bool,
    /// Whether translations are shot down by INVLPGB where the processor has it (6.15 and later).
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
        invlpgb: false,
    };
}
