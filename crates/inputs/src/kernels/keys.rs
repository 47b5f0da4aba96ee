//! Every key of a kernel file: the one table of them.

use crate::sourced::AllowedValues::{Count, Switch};
use crate::sourced::{FileKey, FileSection, Presence};
use mm::kernel::{MemCgroupPerNode, MmStruct, Release, Rules, VmAreaStruct, VmaLockObject, Zone};

/// The release before anything is said of it.
pub(super) const UNSET: Release = Release {
    mm_struct: MmStruct::NOTHING,
    vm_area_struct: VmAreaStruct::NOTHING,
    vma_lock: VmaLockObject::DEFAULT,
    zone: Zone::NOTHING,
    mem_cgroup_per_node: MemCgroupPerNode::NOTHING,
    rules: Rules::UNSET,
};

type Key = FileKey<Release>;

/// An offset in bytes that every kernel has.
const fn offset(name: &'static str, set: fn(&mut Release, f64), about: &'static str) -> Key {
    Key::new(name, Count(0, 8191), set, about)
}

/// An offset in bytes that some kernels have.
const fn may(name: &'static str, set: fn(&mut Release, f64), about: &'static str) -> Key {
    offset(name, set, about).need(Presence::Optional)
}

/// A rule that holds or does not.
const fn rule(name: &'static str, set: fn(&mut Release, f64), about: &'static str) -> Key {
    Key::new(name, Switch, set, about)
}

/// All keys, section by section.
pub(super) static SECTIONS: &[FileSection<Release>] = &[
    FileSection { name: "mm_struct", keys: &MM_STRUCT },
    FileSection { name: "vm_area_struct", keys: &VM_AREA_STRUCT },
    FileSection { name: "vma_lock", keys: &VMA_LOCK },
    FileSection { name: "zone", keys: &ZONE },
    FileSection { name: "mem_cgroup_per_node", keys: &MEM_CGROUP_PER_NODE },
    FileSection { name: "rules", keys: &RULES },
];

static MM_STRUCT: [Key; 12] = [
    offset(
        "ma_root",
        |r, n| r.mm_struct.ma_root = n as u16,
        "`mm_mt.ma_root`, root of the tree of VMAs (before 6.1 `mm_rb`)",
    ),
    offset("pgd", |r, n| r.mm_struct.pgd = n as u16, "top page table"),
    offset("mm_users", |r, n| r.mm_struct.mm_users = n as u16, "threads that share the space"),
    offset("pgtables_bytes", |r, n| r.mm_struct.pgtables_bytes = n as u16, "bytes in page tables"),
    offset("map_count", |r, n| r.mm_struct.map_count = n as u16, "number of VMAs"),
    offset(
        "page_table_lock",
        |r, n| r.mm_struct.page_table_lock = n as u16,
        "lock of upper page-table levels and of `anon_vma`",
    ),
    offset(
        "mmap_lock_count",
        |r, n| r.mm_struct.mmap_lock_count = n as u16,
        "`mmap_lock.count`: writer, waiters, readers",
    ),
    offset("mmap_lock_owner", |r, n| r.mm_struct.mmap_lock_owner = n as u16, "`mmap_lock.owner`"),
    offset(
        "mmap_lock_osq",
        |r, n| r.mm_struct.mmap_lock_osq = n as u16,
        "`mmap_lock.osq`, and `wait_lock` beside it",
    ),
    may(
        "mm_lock_seq",
        |r, n| r.mm_struct.mm_lock_seq = n as u16,
        "what locks of VMAs are compared with (since 6.4)",
    ),
    may(
        "vma_writer_wait",
        |r, n| r.mm_struct.vma_writer_wait = n as u16,
        "who waits for faults to leave a VMA (since 6.15)",
    ),
    may(
        "mmap_seq",
        |r, n| r.mm_struct.mmap_seq = n as u16,
        "sequence count of speculation (never merged)",
    ),
];

static VM_AREA_STRUCT: [Key; 12] = [
    offset("vm_start", |r, n| r.vm_area_struct.vm_start = n as u16, "first address"),
    offset("vm_end", |r, n| r.vm_area_struct.vm_end = n as u16, "first address behind it"),
    offset("vm_mm", |r, n| r.vm_area_struct.vm_mm = n as u16, "the space"),
    offset("vm_flags", |r, n| r.vm_area_struct.vm_flags = n as u16, "flags"),
    offset(
        "anon_vma",
        |r, n| r.vm_area_struct.anon_vma = n as u16,
        "reverse map of anonymous pages",
    ),
    offset("vm_ops", |r, n| r.vm_area_struct.vm_ops = n as u16, "functions of the file system"),
    offset(
        "vm_pgoff",
        |r, n| r.vm_area_struct.vm_pgoff = n as u16,
        "first mapped page of the file",
    ),
    offset("vm_file", |r, n| r.vm_area_struct.vm_file = n as u16, "the file"),
    may(
        "vm_lock_seq",
        |r, n| r.vm_area_struct.vm_lock_seq = n as u16,
        "`mm_lock_seq` while a writer has the VMA (since 6.4)",
    ),
    may(
        "detached",
        |r, n| r.vm_area_struct.detached = n as u16,
        "whether it is out of the tree (6.4 to 6.14)",
    ),
    may(
        "vm_lock",
        |r, n| r.vm_area_struct.vm_lock = n as u16,
        "where its semaphore is (6.4 to 6.14)",
    ),
    may(
        "vm_refcnt",
        |r, n| r.vm_area_struct.vm_refcnt = n as u16,
        "references of faults, and a bit of writers (since 6.15)",
    ),
];

static VMA_LOCK: [Key; 3] = [
    may(
        "size",
        |r, n| r.vma_lock.size = n as u16,
        "bytes of an object of the slab, a multiple of 8 up to 64 (6.4 to 6.14; 40 if left out)",
    ),
    may("lock_count", |r, n| r.vma_lock.lock_count = n as u16, "`lock.count` (0 if left out)"),
    may("lock_owner", |r, n| r.vma_lock.lock_owner = n as u16, "`lock.owner` (8 if left out)"),
];

static ZONE: [Key; 4] = [
    offset("flags", |r, n| r.zone.flags = n as u16, "flags, which each allocation reads"),
    offset("lock", |r, n| r.zone.lock = n as u16, "lock of the free lists"),
    offset(
        "nr_free",
        |r, n| r.zone.nr_free = n as u16,
        "`free_area[0].nr_free`: free pages of order 0, written under the lock",
    ),
    offset(
        "vm_stat",
        |r, n| r.zone.vm_stat = n as u16,
        "first counter, `NR_FREE_PAGES`, which each allocation reads; sizes of LRU lists follow",
    ),
];

static MEM_CGROUP_PER_NODE: [Key; 3] = [
    offset(
        "lruvec_lists",
        |r, n| r.mem_cgroup_per_node.lruvec_lists = n as u16,
        "`lruvec.lists`: heads of the LRU lists",
    ),
    offset(
        "lruvec_lru_lock",
        |r, n| r.mem_cgroup_per_node.lruvec_lru_lock = n as u16,
        "`lruvec.lru_lock`",
    ),
    offset(
        "lru_zone_size",
        |r, n| r.mem_cgroup_per_node.lru_zone_size = n as u16,
        "sizes of the lists",
    ),
];

static RULES: [Key; 16] = [
    rule(
        "entry-prefetch",
        |r, n| r.rules.entry_prefetch = n != 0.0,
        "fault entry asks for mmap_lock's line, to write it (x86 before 6.16)",
    ),
    rule(
        "vma-is-aligned",
        |r, n| r.rules.vma_is_aligned = n != 0.0,
        "the slab aligns VMAs to lines",
    ),
    Key::new(
        "lru-batch",
        Count(1, 512),
        |r, n| r.rules.lru_batch = n as usize,
        "folios that a core gathers for the LRU lists (`PAGEVEC_SIZE`)",
    ),
    Key::new(
        "release-batch",
        Count(1, 4096),
        |r, n| r.rules.release_batch = n as usize,
        "folios that are freed in one call",
    ),
    rule(
        "vma-lock-files",
        |r, n| r.rules.vma_lock_files = n != 0.0,
        "a fault may lock the VMA of a file",
    ),
    rule(
        "vma-lock-fault",
        |r, n| r.rules.vma_lock_fault = n != 0.0,
        "`->fault` may be called under a VMA's lock, not `->map_pages` alone",
    ),
    rule(
        "vma-lock-anon-vma",
        |r, n| r.rules.vma_lock_anon_vma = n != 0.0,
        "a fault may lock a VMA without `anon_vma`, and try mmap_lock to make one",
    ),
    rule(
        "vma-lock-segv",
        |r, n| r.rules.vma_lock_segv = n != 0.0,
        "a fault against the VMA's protection ends under its lock",
    ),
    rule(
        "mprotect-flushes-unchanged",
        |r, n| r.rules.mprotect_flushes_unchanged = n != 0.0,
        "mprotect shoots down wherever a page is mapped, changed or not",
    ),
    rule(
        "anon-exclusive",
        |r, n| r.rules.anon_exclusive = n != 0.0,
        "anonymous pages that no other space shares are marked",
    ),
    rule(
        "reader-clears-owner",
        |r, n| r.rules.reader_clears_owner = n != 0.0,
        "a reader that leaves a rwsem loads the owner and takes its name out",
    ),
    rule(
        "dontneed-locks-vma",
        |r, n| r.rules.dontneed_locks_vma = n != 0.0,
        "madvise(MADV_DONTNEED) locks the VMA if the range is within one, not mmap_lock",
    ),
    rule(
        "frees-empty-tables",
        |r, n| r.rules.frees_empty_tables = n != 0.0,
        "madvise(MADV_DONTNEED) frees page tables that it has emptied",
    ),
    rule(
        "invalidate-lock",
        |r, n| r.rules.invalidate_lock = n != 0.0,
        "a fault that reads a page in, and truncate, take the file's invalidate_lock",
    ),
    rule(
        "rss-by-task",
        |r, n| r.rules.rss_by_task = n != 0.0,
        "each task counts resident pages, and adds them to those of the space once in 66 faults",
    ),
    rule(
        "invlpgb",
        |r, n| r.rules.invlpgb = n != 0.0,
        "translations are shot down by INVLPGB if the processor has it",
    ),
];
