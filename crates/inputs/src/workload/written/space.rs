//! Files and mappings that operations work on.

use super::check::Names;
use super::field::WrittenTable;
use super::file::FileTable;
use super::vma::VmaTable;
use ::workload::{WorkloadFile, WorkloadVma};

/// Files and mappings without mistakes, and all of their tables.
pub(super) struct Space<'d> {
    pub file_names: Names,
    pub files: &'d [Option<WorkloadFile>],
    pub file_entries: &'d [WrittenTable<FileTable>],
    pub vma_names: Names,
    pub vmas: &'d [Option<WorkloadVma>],
    pub vma_entries: &'d [WrittenTable<VmaTable>],
}
