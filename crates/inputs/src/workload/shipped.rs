//! The workloads that come with the crate.

use crate::named::{self, Shipped};

/// Names of the workloads that `faultstorm run` storms by default.
pub const SEED: [&str; 4] =
    ["huge-anon", "file-fault-around", "file-no-fault-around", "private-write"];

/// The workloads that come with the crate.
pub(super) const WORKLOADS: Shipped =
    Shipped { what: "workload", folder: "workloads", files: SHIPPED };

const SHIPPED: &[(&str, &str)] = named::shipped![
    "workloads":
    "huge-anon",
    "huge-anon-read",
    "file-fault-around",
    "file-no-fault-around",
    "private-write",
    "file-cold",
    "sparse-file",
    "vma-per-thread",
    "writers-disjoint",
    "writers-same-vma",
    "mmap-munmap-storm",
    "mprotect-storm",
    "dontneed-storm",
    "io-heavy",
    "many-mappings",
    "fork-storm",
    "shared-write",
    "stack-growth",
    "truncate-storm",
    "mremap-storm",
    "wis-page-fault1",
    "wis-page-fault2",
    "wis-page-fault3",
    "wis-mmap1",
    "wis-tlb-flush1",
    "wis-tlb-flush2",
    "pft",
    "multi-fault",
    "mthp",
    "file-large-folios",
];

/// Returns name and text of every shipped workload.
pub fn shipped() -> &'static [(&'static str, &'static str)] {
    SHIPPED
}
