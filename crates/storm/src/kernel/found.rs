//! Findings of a storm on the running kernel.

use super::events::RecordedEvents;
use super::files::FileFacts;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Findings of the running kernel alone.
#[derive(Debug, Clone)]
pub struct KernelFindings {
    /// Faults that it counts as minor (`ru_minflt` of the storming threads).
    pub minor: u64,
    /// Faults that it counts as major: they waited for I/O (`ru_majflt`).
    pub major: u64,
    /// Bounds of the number of faults that the touches can cause.
    pub expected: RangeInclusive<u64>,
    /// Bytes that a read fault of a file maps around it; none if debugfs cannot be read.
    pub fault_around_bytes: Option<u64>,
    /// True if huge pages were requested; else they are forbidden.
    pub huge_pages: bool,
    /// File system and cached share of each file, by its name.
    pub files: BTreeMap<String, FileFacts>,
    /// By how much the events of per-VMA locks grew in the whole system, by name; empty
    /// if the kernel does not count them.
    pub vma_lock_events: BTreeMap<String, u64>,
    /// Its events in the same storm, if they were recorded.
    pub events: RecordedEvents,
}
