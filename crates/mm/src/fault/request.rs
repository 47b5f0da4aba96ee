//! A touch that trapped.

use crate::addr::Vaddr;

/// Load or store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// A load.
    Read,
    /// A store.
    Write,
}

/// A touch that trapped. Two scalars, so that it is passed in registers: through
/// memory, narrow stores followed by one wide load cost the faults more than a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultRequest {
    /// Where.
    pub addr: Vaddr,
    flags: u8,
}

// As `FAULT_FLAG_WRITE` and `FAULT_FLAG_TRIED` of the kernel.
const WRITE: u8 = 1;
const TRIED: u8 = 1 << 1;
/// Ours: for the kind of the fault.
const WAITED: u8 = 1 << 2;

impl FaultRequest {
    /// The first attempt of a touch.
    #[inline(always)]
    pub fn new(addr: Vaddr, access: Access) -> Self {
        Self { addr, flags: if access == Access::Write { WRITE } else { 0 } }
    }

    /// How the page was touched.
    #[inline(always)]
    pub fn access(self) -> Access {
        if self.flags & WRITE != 0 { Access::Write } else { Access::Read }
    }

    /// Whether an attempt has waited for the page already.
    #[inline(always)]
    pub fn has_waited(self) -> bool {
        self.flags & WAITED != 0
    }

    /// Whether the fault has dropped its lock for a page, and keeps it the next time.
    pub fn has_tried(self) -> bool {
        self.flags & TRIED != 0
    }

    /// The attempt after one that waited for the page.
    pub fn after_wait(self) -> Self {
        Self { flags: self.flags | WAITED | TRIED, ..self }
    }

    /// The same, but the fault may drop its lock again.
    pub fn not_tried(self) -> Self {
        Self { flags: self.flags & !TRIED, ..self }
    }
}
