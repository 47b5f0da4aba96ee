//! Size and behaviour of a space.

use super::kernel::Kernel;

/// How large a space is, and how it behaves.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Cores that fault in it; also `mm_users`.
    pub cores: usize,
    /// CPUs that are online, of which the cores are some.
    pub cpus: usize,
    /// The NUMA node of each core, numbered from 0 without holes. Each node has a zone and
    /// an lruvec of its own.
    pub nodes: Box<[usize]>,
    /// Whether folios are put on LRU lists.
    pub lru: bool,
    /// Memory cgroups above which the one is that pages are charged to; 0: it is the root,
    /// and nothing is charged.
    pub memcg_depth: u32,
    /// Whether pages of the space are counted.
    pub rss: bool,
    /// Whether its page tables are.
    pub pgtables_bytes: bool,
    /// Pages that a core counts for itself before it tells its zone or node; none: zones and
    /// nodes count nothing.
    pub stat_threshold: Option<u64>,
    /// Whether what zones keep under their locks costs nothing; only a model can do that.
    pub no_zone_lock: bool,
    /// Whether page tables are installed without a lock, by a compare-exchange: where no writer
    /// frees any.
    pub no_pmd_lock: bool,
    /// Whether each pmd table has a lock of its own, else it is `page_table_lock`.
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
    /// Whether the fault entry asks for mmap_lock's line (x86 before Linux 6.16).
    pub entry_prefetch: bool,
    /// The kernel that it is in; `None`: the one of its scheme.
    pub kernel: Option<&'static Kernel>,
    /// Whether pages are cleared, copied and written.
    pub real_body: bool,
    /// Whether a page may be written while it is copied.
    pub source_may_change: bool,
    /// Whether `mremap` may move a page between the fault that maps it and the access.
    pub pages_move: bool,
    /// Whether `mprotect` may take the right to write between the fault that gives it and the
    /// access, and give it back after.
    pub rights_change: bool,
}
