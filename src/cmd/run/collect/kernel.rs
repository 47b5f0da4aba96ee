//! What the running kernel tells.

use crate::run::{KernelFaults, KernelFile};
use crate::storm::KernelStorm;

/// Adds one more storm.
pub(super) fn added(sum: Option<KernelFaults>, storm: &KernelStorm) -> KernelFaults {
    let files = storm.files.iter().map(|(name, facts)| {
        let (file_system, cached_share) = (facts.system.to_string(), facts.cached_share);
        (name.clone(), KernelFile { file_system, cached_share })
    });
    let mut sum = sum.unwrap_or(KernelFaults {
        minor_faults: 0,
        major_faults: 0,
        expected_min: 0,
        expected_max: 0,
        fault_around_bytes: storm.fault_around_bytes,
        huge_pages: storm.huge_pages,
        files: files.collect(),
        vma_lock_events: None,
    });
    sum.minor_faults += storm.minor;
    sum.major_faults += storm.major;
    sum.expected_min += storm.expected.start();
    sum.expected_max += storm.expected.end();
    for (name, count) in &storm.vma_lock_events {
        *sum.vma_lock_events.get_or_insert_default().entry(name.clone()).or_default() += count;
    }
    sum
}
