//! Files and mappings that operations work on.

use super::check::TableNames;
use super::file::FileTable;
use super::key::WrittenTable;
use super::vma::VmaTable;
use ::workload::{WorkloadFile, WorkloadVma};

/// Files and mappings without mistakes, and all of their tables.
pub(super) struct Targets<'d> {
    pub file_names: TableNames,
    pub files: &'d [Option<WorkloadFile>],
    pub file_entries: &'d [WrittenTable<FileTable>],
    pub vma_names: TableNames,
    pub vmas: &'d [Option<WorkloadVma>],
    pub vma_entries: &'d [WrittenTable<VmaTable>],
}
