//! What operations work on.

use super::check::Names;
use super::field::Entry;
use super::file::FileTable;
use super::vma::VmaTable;
use ::workload::{WorkloadFile, WorkloadVma};

/// Files and mappings, and how they were written.
pub(super) struct Space<'d> {
    pub file_names: Names,
    pub files: &'d [Option<WorkloadFile>],
    pub file_entries: &'d [Entry<FileTable>],
    pub vma_names: Names,
    pub vmas: &'d [Option<WorkloadVma>],
    pub vma_entries: &'d [Entry<VmaTable>],
}
