//! Whether a machine has the memory that a workload needs.

use toml::Spanned;

use super::check::Check;
use crate::diag::Diagnostic;
use crate::workload::units::approximate_size;
use crate::workload::wire::Document;
use crate::workload::{Limits, Workload};

/// Reports a workload that needs more than the machine has even for one
/// thread; more threads are the matter of the run that asks for them.
pub(super) fn check(
    workload: &Workload,
    document: &Document,
    limits: &Limits,
    check: &mut Check<'_>,
) {
    let needed = workload.memory(1);
    if needed.total_bytes() <= limits.memory_bytes {
        return;
    }
    let largest = workload.vmas.iter().enumerate().max_by_key(|(_, vma)| vma.total_pages());
    let Some((index, _)) = largest else { return };
    let entry = &document.vma[index];
    let span = entry.table.size.as_ref().map_or(entry.span.clone(), Spanned::span);
    let title = format!(
        "the storm needs {} of memory, this machine has {}",
        approximate_size(needed.total_bytes()),
        approximate_size(limits.memory_bytes)
    );
    check.push(
        Diagnostic::new(title)
            .at(span, "the largest part")
            .rule(format!(
                "{} for the pages that are touched, {} for metadata (about 64 bytes a page)",
                approximate_size(needed.frames_bytes),
                approximate_size(needed.metadata_bytes)
            ))
            .help("make it smaller, or touch fewer pages (order = \"one-per-table\", `touches`)"),
    );
}
