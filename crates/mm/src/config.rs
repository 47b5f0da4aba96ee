//! Size and behaviour of a space.

use super::kernel::Kernel;

/// Size and behaviour of a space.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Cores that fault in it; also `mm_users`.
    pub cores: usize,
    /// CPUs that are online, of which the cores are some.
    pub cpus: usize,
    /// The NUMA node of each core, numbered from 0 without holes. Each node has a zone and
    /// an lruvec of its own.
    pub nodes: Box<[usize]>,
    /// True if folios are put on LRU lists.
    pub lru: bool,
    /// Number of memory cgroups above the one that pages are charged to; 0: it is the root, and
    /// nothing is charged.
    pub memcg_depth: u32,
    /// True if pages of the space are counted.
    pub rss: bool,
    /// True if its page tables are counted.
    pub pgtables_bytes: bool,
    /// Pages that a core counts before it adds them to its zone or node; none: zones and nodes
    /// count nothing.
    pub stat_threshold: Option<u64>,
    /// True if accesses under the locks of zones cost nothing; only the model can do that.
    pub no_zone_lock: bool,
    /// True if page tables are installed by a compare-exchange without a lock, since no writer
    /// frees any.
    pub no_pmd_lock: bool,
    /// True if each pmd table has a lock of its own; else `page_table_lock` is used.
    pub split_pmd_locks: bool,
    /// Frames, the zero page and those of large folios included.
    pub frames: usize,
    /// Large folios that there can be: log2 of the pages of one, and how many. Smallest first.
    pub large_folios: Box<[(u8, u32)]>,
    /// Page tables of all levels.
    pub tables: u32,
    /// VMAs.
    pub vmas: u32,
    /// VMAs that are mapped when a storm begins.
    pub mapped_vmas: u32,
    /// True if the fault entry prefetches mmap_lock's line for writing (x86 before Linux 6.16).
    pub entry_prefetch: bool,
    /// The kernel of the space; `None`: that of its scheme.
    pub kernel: Option<&'static Kernel>,
    /// True if pages are cleared, copied and written.
    pub real_body: bool,
    /// True if a page may be written while it is copied.
    pub source_may_change: bool,
    /// True if `mremap` may move a page between the fault that maps it and the access.
    pub pages_move: bool,
    /// True if `mprotect` may remove the right to write between the fault that gives it and the
    /// access, and give it back later.
    pub rights_change: bool,
    /// True if `madvise` may map pages that no access has reached.
    pub prefaults: bool,
    /// True if scans of NUMA balancing make ptes trap.
    pub numa_scans: bool,
}
