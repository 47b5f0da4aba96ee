//! `struct zone`: the fields that share a line.

use super::lines::{ABSENT, Field, StructLines};
use machine::LineName;

/// Most lines of a zone that allocations touch.
pub const ZONE_LINES: usize = 6;

/// Bytes of a counter of `vm_stat`.
const COUNTER: u16 = 8;

/// Offsets in bytes of the fields that allocations and counts of pages touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zone {
    /// Flags, which each allocation reads.
    pub flags: u16,
    /// Lock of the free lists.
    pub lock: u16,
    /// `free_area[0].nr_free`: the free pages of order 0.
    pub nr_free: u16,
    /// First counter of `vm_stat`, `NR_FREE_PAGES`.
    pub vm_stat: u16,
}

/// Places of the same fields in a zone here.
#[derive(Debug)]
pub struct ZoneLayout {
    /// The lines, by their names in results.
    pub lines: [LineName; ZONE_LINES],
    /// True if the lines suffice.
    pub fits: bool,
    /// First word of the lock.
    pub lock: Field,
    /// Flags.
    pub flags: Field,
    /// Free pages of order 0.
    pub nr_free: Field,
    /// `NR_FREE_PAGES`.
    pub free_pages: Field,
    /// `NR_ZONE_INACTIVE_ANON`.
    pub inactive_anon: Field,
    /// `NR_ZONE_INACTIVE_FILE`.
    pub inactive_file: Field,
}

impl Zone {
    /// The layout before any offset is known.
    pub const NOTHING: Self =
        Self { flags: ABSENT, lock: ABSENT, nr_free: ABSENT, vm_stat: ABSENT };
}

impl ZoneLayout {
    /// Creates the layout of these offsets. Only counters of `vm_stat` that a storm changes are put
    /// on lines, each at its place in `enum zone_stat_item`.
    pub const fn of(at: &Zone) -> Self {
        let mut lines = StructLines::<ZONE_LINES>::new();
        let lock = lines.put("zone.lock", &["lock", "lock.tail"], at.lock);
        let flags = lines.put("zone.flags", &["flags"], at.flags);
        let nr_free = lines.put("zone.free_area", &["free_area[0].nr_free"], at.nr_free);
        let stat = at.vm_stat;
        let free_pages = lines.put("zone.vm_stat", &["NR_FREE_PAGES"], stat);
        let inactive_anon =
            lines.put("zone.vm_stat", &["NR_ZONE_INACTIVE_ANON"], stat.saturating_add(COUNTER));
        let inactive_file =
            lines.put("zone.vm_stat", &["NR_ZONE_INACTIVE_FILE"], stat.saturating_add(3 * COUNTER));
        let fits = !lines.are_too_few;
        Self {
            lines: lines.names,
            fits,
            lock,
            flags,
            nr_free,
            free_pages,
            inactive_anon,
            inactive_file,
        }
    }
}
