//! Rights that a protection gives a fault.

/// The use of `->map_pages` by a read fault in a file, before it calls `->fault` for its page
/// alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapPages {
    /// Called if the mapping maps pages around (Linux 7.2 `mm/memory.c`, `should_fault_around`).
    Around,
    /// Called also if the window is one page; `->fault` is not called.
    Only,
    /// Not called: it has been tried.
    Never,
}

/// Right of a fault to wait for a page, and what keeps the file open during the wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waits {
    /// None: the fault falls back if a page is not there at once.
    Never,
    /// After it has dropped its protection. The fault pins the file.
    Unprotected,
    /// Under its protection, which keeps the VMA, and so the file.
    Protected,
}
