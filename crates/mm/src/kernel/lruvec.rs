//! `struct mem_cgroup_per_node`: the fields of its lruvec that share a line.

use super::lines::{ABSENT, Field, StructLines};
use machine::LineName;

/// Most lines that faults and writers touch.
pub const LRUVEC_LINES: usize = 6;

/// Bytes of the head of a list, and of a word.
const HEAD: u16 = 16;
const WORD: u16 = 8;

/// Offsets in bytes of the fields that adding and removing folios touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemCgroupPerNode {
    /// `lruvec.lists`: the heads of five lists.
    pub lruvec_lists: u16,
    /// `lruvec.lru_lock`.
    pub lruvec_lru_lock: u16,
    /// Sizes of the lists, of the first zone.
    pub lru_zone_size: u16,
}

/// Places of the same fields in an lruvec here.
#[derive(Debug)]
pub struct LruvecLayout {
    /// The lines, by their names in results.
    pub lines: [LineName; LRUVEC_LINES],
    /// True if the lines suffice.
    pub fits: bool,
    /// First word of the lock.
    pub lock: Field,
    /// First word of the head of the list of inactive anonymous folios: the first folio, and then
    /// the last.
    pub inactive_anon: Field,
    /// The same for folios of files.
    pub inactive_file: Field,
    /// Size of the list of inactive anonymous folios.
    pub anon_size: Field,
    /// Size of that of files.
    pub file_size: Field,
}

impl MemCgroupPerNode {
    /// The layout before any offset is known.
    pub const NOTHING: Self =
        Self { lruvec_lists: ABSENT, lruvec_lru_lock: ABSENT, lru_zone_size: ABSENT };
}

impl LruvecLayout {
    /// Creates the layout of these offsets. Only lists that a storm changes are put on lines, each
    /// at its place in `enum lru_list`.
    pub const fn of(at: &MemCgroupPerNode) -> Self {
        let mut lines = StructLines::<LRUVEC_LINES>::new();
        let lock = lines.put("lruvec.lru_lock", &["lru_lock", "lru_lock.tail"], at.lruvec_lru_lock);
        let (lists, sizes) = (at.lruvec_lists, at.lru_zone_size);
        let anon: &[_] = &["inactive_anon.next", "inactive_anon.prev"];
        let inactive_anon = lines.put("lruvec.lists", anon, lists);
        let file: &[_] = &["inactive_file.next", "inactive_file.prev"];
        let inactive_file = lines.put("lruvec.lists", file, lists.saturating_add(2 * HEAD));
        let name = "lruvec.lru_zone_size";
        let anon_size = lines.put(name, &["inactive_anon"], sizes);
        let file_size = lines.put(name, &["inactive_file"], sizes.saturating_add(2 * WORD));
        let fits = !lines.are_too_few;
        Self { lines: lines.names, fits, lock, inactive_anon, inactive_file, anon_size, file_size }
    }
}
