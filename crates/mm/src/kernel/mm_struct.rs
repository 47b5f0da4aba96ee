//! `mm_struct`: the fields that share a line.

use super::lines::{ABSENT, Field, StructLines};
use machine::LineName;

/// Most lines of `mm_struct` that faults and writers touch.
pub const MM_LINES: usize = 8;

/// Offsets in bytes of the fields that faults and writers touch; [`ABSENT`] if the kernel does not
/// have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MmStruct {
    /// `mm_mt.ma_root`: root of the VMA tree (before 6.1 `mm_rb`).
    pub ma_root: u16,
    /// Top page table.
    pub pgd: u16,
    /// Threads that share the space.
    pub mm_users: u16,
    /// Bytes in page tables.
    pub pgtables_bytes: u16,
    /// VMAs.
    pub map_count: u16,
    /// Lock of the upper page-table levels, and of `anon_vma` of a VMA.
    pub page_table_lock: u16,
    /// `mmap_lock.count`.
    pub mmap_lock_count: u16,
    /// `mmap_lock.owner`.
    pub mmap_lock_owner: u16,
    /// `mmap_lock.osq`; its `wait_lock` is next to it.
    pub mmap_lock_osq: u16,
    /// Sequence count that locks of VMAs are compared with (since 6.4).
    pub mm_lock_seq: u16,
    /// The writer that waits for faults to leave a VMA (since 6.15).
    pub vma_writer_wait: u16,
    /// The sequence count of speculation (never merged).
    pub mmap_seq: u16,
}

/// Places of the same fields in a space.
#[derive(Debug)]
pub struct MmLayout {
    /// The lines, by their names in results.
    pub lines: [LineName; MM_LINES],
    /// True if the lines suffice.
    pub fits: bool,
    /// Root of the VMA tree.
    pub mt_root: Field,
    /// Top page table.
    pub pgd: Field,
    /// Threads that share the space.
    pub mm_users: Field,
    /// Bytes in page tables.
    pub pgtables_bytes: Field,
    /// VMAs.
    pub map_count: Field,
    /// First word of the lock of the upper page-table levels, and of `anon_vma` of a VMA.
    pub page_table_lock: Field,
    /// Count of mmap_lock.
    pub mmap_count: Field,
    /// Owner of mmap_lock.
    pub mmap_owner: Field,
    /// First word of mmap_lock's `osq`, then of its `wait_lock`.
    pub mmap_queue: Field,
    /// Count of writers that have released mmap_lock (and, in a sequence count, taken it). Locks of
    /// VMAs are compared with it.
    pub mm_lock_seq: Field,
    /// The writer that waits for faults to leave a VMA: 1 + a core.
    pub vma_writer_wait: Field,
    /// The sequence count of speculation.
    pub mmap_seq: Field,
}

impl MmStruct {
    /// The layout before any offset is known.
    pub const NOTHING: Self = Self {
        ma_root: ABSENT,
        pgd: ABSENT,
        mm_users: ABSENT,
        pgtables_bytes: ABSENT,
        map_count: ABSENT,
        page_table_lock: ABSENT,
        mmap_lock_count: ABSENT,
        mmap_lock_owner: ABSENT,
        mmap_lock_osq: ABSENT,
        mm_lock_seq: ABSENT,
        vma_writer_wait: ABSENT,
        mmap_seq: ABSENT,
    };
}

impl MmLayout {
    /// Creates the layout of these offsets. Fields that the kernel does not have share a line after
    /// the structure.
    pub const fn of(at: &MmStruct) -> Self {
        let mut lines = StructLines::<MM_LINES>::new();
        let mmap_count = lines.put("mm.mmap_lock", &["mmap_lock.count"], at.mmap_lock_count);
        let mmap_owner = lines.put("mm.mmap_lock.owner", &["mmap_lock.owner"], at.mmap_lock_owner);
        let mmap_queue = lines.put(
            "mm.mmap_lock.osq",
            &[
                "mmap_lock.osq",
                "mmap_lock.osq.tail",
                "mmap_lock.wait_lock",
                "mmap_lock.wait_lock.tail",
            ],
            at.mmap_lock_osq,
        );
        let mt_root = lines.put("mm.mm_mt", &["mm_mt.ma_root"], at.ma_root);
        let mm_users = lines.put("mm.mm_users", &["mm_users"], at.mm_users);
        let pgd = lines.put("mm.pgd", &["pgd"], at.pgd);
        let pgtables_bytes = lines.put("mm.pgtables_bytes", &["pgtables_bytes"], at.pgtables_bytes);
        let mm_lock_seq = lines.put("mm.mm_lock_seq", &["mm_lock_seq"], at.mm_lock_seq);
        let mmap_seq = lines.put("mm.mmap_seq", &["mmap_seq"], at.mmap_seq);
        let vma_writer_wait =
            lines.put("mm.vma_writer_wait", &["vma_writer_wait"], at.vma_writer_wait);
        let page_table_lock = lines.put(
            "mm.page_table_lock",
            &["page_table_lock", "page_table_lock.tail"],
            at.page_table_lock,
        );
        let map_count = lines.put("mm.map_count", &["map_count"], at.map_count);
        Self {
            lines: lines.names,
            fits: !lines.are_too_few,
            mt_root,
            pgd,
            mm_users,
            pgtables_bytes,
            map_count,
            page_table_lock,
            mmap_count,
            mmap_owner,
            mmap_queue,
            mm_lock_seq,
            vma_writer_wait,
            mmap_seq,
        }
    }
}
