//! Findings of the running kernel.

use document::run::{FileState, KernelEvents, KernelFaults};
use storm::KernelFindings;

/// Returns the events of their own storm; `None` if there were none.
pub(super) fn events(storm: &KernelFindings) -> Option<KernelEvents> {
    let found = storm.events.as_ref()?.as_ref().ok()?;
    let rusage_faults = storm.minor + storm.major;
    let per_fault = |waits: u64| waits as f64 / rusage_faults as f64;
    Some(KernelEvents {
        minor_faults: found.minor,
        major_faults: found.major,
        rusage_faults,
        rwsem_contentions_per_fault: found.rwsem_waits.filter(|_| rusage_faults > 0).map(per_fault),
    })
}

/// Adds one more storm.
pub(super) fn added(sum: Option<KernelFaults>, storm: &KernelFindings) -> KernelFaults {
    let files = storm.files.iter().map(|(name, facts)| {
        let (file_system, cached_share) = (facts.system.to_string(), facts.cached_share);
        (name.clone(), FileState { file_system, cached_share })
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
        events: None,
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
