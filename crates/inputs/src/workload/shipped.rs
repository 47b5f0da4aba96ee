//! The workloads that come with the crate, held in the binary so that it runs
//! from any directory.

/// Names of the workloads that `faultstorm run` storms unless told otherwise.
pub const SEED: [&str; 4] =
    ["huge-anon", "file-fault-around", "file-no-fault-around", "private-write"];

/// Names the file of each shipped workload once.
macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../../workloads/", $name, ".toml")))),*]
    };
}

static SHIPPED: &[(&str, &str)] = shipped![
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
    "pft",
    "multi-fault",
];

/// Returns name and text of every shipped workload.
pub fn shipped() -> &'static [(&'static str, &'static str)] {
    SHIPPED
}
