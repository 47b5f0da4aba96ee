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

/// A touch that trapped. It is two scalars, so that it is passed in registers: in memory, narrow
/// stores before one wide load would cost a fault more than a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultRequest {
    /// Address of the touch.
    pub addr: Vaddr,
    flags: u8,
}

// As `FAULT_FLAG_WRITE` and `FAULT_FLAG_TRIED` of the kernel.
const WRITE: u8 = 1;
const TRIED: u8 = 1 << 1;
/// Not a flag of the kernel: decides the kind of the fault.
const WAITED: u8 = 1 << 2;

impl FaultRequest {
    /// Creates the first attempt of a touch.
    #[inline(always)]
    pub fn new(addr: Vaddr, access: Access) -> Self {
        Self { addr, flags: if access == Access::Write { WRITE } else { 0 } }
    }

    /// Returns the access.
    #[inline(always)]
    pub fn access(self) -> Access {
        if self.flags & WRITE != 0 { Access::Write } else { Access::Read }
    }

    /// Returns true if an earlier attempt has waited for the page.
    #[inline(always)]
    pub fn has_waited(self) -> bool {
        self.flags & WAITED != 0
    }

    /// Returns true if the fault has dropped its lock for a page once, and keeps it from then on.
    pub fn has_tried(self) -> bool {
        self.flags & TRIED != 0
    }

    /// Returns the request of the attempt after one that waited for the page.
    pub fn after_wait(self) -> Self {
        Self { flags: self.flags | WAITED | TRIED, ..self }
    }

    /// Returns the same request, but the fault may drop its lock again.
    pub fn not_tried(self) -> Self {
        Self { flags: self.flags & !TRIED, ..self }
    }
}
