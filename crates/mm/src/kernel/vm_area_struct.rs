//! `vm_area_struct`: the fields that share a line.

use super::lines::{ABSENT, Field, LINE_BYTES, StructLines};
use machine::LineName;

/// Most lines of a VMA that faults and writers touch.
pub const VMA_LINES: usize = 4;

/// Offsets in bytes of the fields that faults and writers touch; [`ABSENT`] if the kernel does not
/// have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VmAreaStruct {
    /// First address.
    pub vm_start: u16,
    /// First address after it.
    pub vm_end: u16,
    /// The space.
    pub vm_mm: u16,
    /// Flags.
    pub vm_flags: u16,
    /// Reverse map of anonymous pages.
    pub anon_vma: u16,
    /// Functions of the file system.
    pub vm_ops: u16,
    /// First mapped page of the file.
    pub vm_pgoff: u16,
    /// The file.
    pub vm_file: u16,
    /// `mm_lock_seq` while a writer holds the VMA exclusively (since 6.4).
    pub vm_lock_seq: u16,
    /// True if the VMA is detached (6.4 to 6.14).
    pub detached: u16,
    /// Pointer to its semaphore (6.4 to 6.14).
    pub vm_lock: u16,
    /// References of faults, and a bit of writers (since 6.15).
    pub vm_refcnt: u16,
}

/// Places of the same fields in a VMA.
#[derive(Debug)]
pub struct VmaLayout {
    /// The lines, by their names in results.
    pub lines: [LineName; VMA_LINES],
    /// True if the lines suffice.
    pub fits: bool,
    /// Number of the 64 bytes of the structure that each represents.
    pub numbers: [u16; VMA_LINES],
    /// First address.
    pub vm_start: Field,
    /// First address after it.
    pub vm_end: Field,
    /// The space: 1 if the VMA is in use.
    pub vm_mm: Field,
    /// Flags.
    pub vm_flags: Field,
    /// True if there is an `anon_vma`.
    pub anon_vma: Field,
    /// The operations of the file: here the argument of `->map_pages` (`fault_around_order`).
    pub vm_ops: Field,
    /// First mapped page of the file.
    pub vm_pgoff: Field,
    /// The file, by number.
    pub vm_file: Field,
    /// `mm_lock_seq` while a writer holds the VMA exclusively.
    pub vm_lock_seq: Field,
    /// True if the VMA is detached.
    pub detached: Field,
    /// Pointer to its semaphore; or, if the semaphore is in the VMA, its count, then its owner.
    pub vm_lock: Field,
    /// References of faults, and a bit of writers.
    pub vm_refcnt: Field,
}

impl VmAreaStruct {
    /// The layout before any offset is known.
    pub const NOTHING: Self = Self {
        vm_start: ABSENT,
        vm_end: ABSENT,
        vm_mm: ABSENT,
        vm_flags: ABSENT,
        anon_vma: ABSENT,
        vm_ops: ABSENT,
        vm_pgoff: ABSENT,
        vm_file: ABSENT,
        vm_lock_seq: ABSENT,
        detached: ABSENT,
        vm_lock: ABSENT,
        vm_refcnt: ABSENT,
    };
}

impl VmaLayout {
    /// Creates the layout of these offsets. Fields that the kernel does not have and faults only
    /// read are next to those that a lookup reads, as in 6.4. A count is on a line of its own after
    /// the structure.
    pub const fn of(at: &VmAreaStruct) -> Self {
        let mut lines = StructLines::<VMA_LINES>::new();
        let vm_start = lines.put("vma.vm_start", &["vm_start"], at.vm_start);
        let vm_end = lines.put("vma.vm_end", &["vm_end"], at.vm_end);
        let vm_refcnt = lines.put("vma.vm_refcnt", &["vm_refcnt"], at.vm_refcnt);
        let vm_mm = lines.put("vma.vm_mm", &["vm_mm"], at.vm_mm);
        let vm_flags = lines.put("vma.vm_flags", &["vm_flags"], at.vm_flags);
        let vm_lock_seq =
            lines.put("vma.vm_lock_seq", &["vm_lock_seq"], or(at.vm_lock_seq, at.vm_start));
        let detached = lines.put("vma.detached", &["detached"], or(at.detached, at.vm_start));
        let vm_lock =
            lines.put("vma.vm_lock", &["vm_lock", "vm_lock.owner"], or(at.vm_lock, at.vm_start));
        let vm_file = lines.put("vma.vm_file", &["vm_file"], at.vm_file);
        let anon_vma = lines.put("vma.anon_vma", &["anon_vma"], at.anon_vma);
        let vm_pgoff = lines.put("vma.vm_pgoff", &["vm_pgoff"], at.vm_pgoff);
        let vm_ops = lines.put("vma.vm_ops", &["fault_around_order"], at.vm_ops);
        Self {
            lines: lines.names,
            fits: !lines.are_too_few,
            numbers: lines.numbers,
            vm_start,
            vm_end,
            vm_mm,
            vm_flags,
            anon_vma,
            vm_ops,
            vm_pgoff,
            vm_file,
            vm_lock_seq,
            detached,
            vm_lock,
            vm_refcnt,
        }
    }

    /// Returns the bytes of the lines that have fields of the structure.
    pub const fn bytes(&self) -> usize {
        let (mut lines, mut at) = (0, 0);
        while at < VMA_LINES {
            lines += (self.numbers[at] < ABSENT / LINE_BYTES) as usize;
            at += 1;
        }
        lines * LINE_BYTES as usize
    }
}

const fn or(offset: u16, otherwise: u16) -> u16 {
    if offset == ABSENT { otherwise } else { offset }
}
